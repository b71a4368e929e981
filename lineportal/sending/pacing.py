"""When messages may leave a road: one row per road, so the rate holds over all workers together.

A claim reserves its slots in its own transaction: `next_at = max(next_at, now) + n / rate`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from lineportal.accounts.models import Road
from lineportal.sending.models import Pace

HORIZON = timedelta(seconds=1)  # nobody reserves further ahead, so that a pause bites at once
_RECOVERY = 1.25  # a throttled road speeds up by this with every second of slots it uses
_SLOWEST = 1.0  # messages a second


@dataclass(frozen=True, slots=True)
class Slots:
    """Permission to send: how many, from when, and how fast."""

    count: int
    begin_at: datetime
    rate_per_second: float


def reserve(road: Road, *, wanted: int, at: datetime) -> Slots:
    """Reserve up to a second's worth of slots; none when the coming second is taken already.

    Call inside the claim's transaction: the road's row stays locked until it ends.
    """
    Pace.objects.bulk_create(
        [
            Pace(
                road=road,
                next_at=at,
                rate_per_second=road.rate_per_second,
                changed_at=at,
            )
        ],
        ignore_conflicts=True,
    )
    pace = Pace.objects.select_for_update().get(road=road)
    begin_at = max(pace.next_at, at)
    if begin_at >= at + HORIZON:
        return Slots(0, begin_at, pace.rate_per_second)
    # A rate that an operator lowered holds from here on.
    rate = min(pace.rate_per_second, float(road.rate_per_second))
    count = max(1, min(wanted, int(rate)))
    pace.next_at = begin_at + timedelta(seconds=count / rate)
    share = min(1.0, count / rate)
    pace.rate_per_second = min(float(road.rate_per_second), rate * (1 + (_RECOVERY - 1) * share))
    pace.changed_at = at
    pace.save()
    return Slots(count, begin_at, rate)


def give_back(road: Road, *, unused: int, slots: Slots, at: datetime) -> None:
    """Return slots that no message was found for, so that an idle look costs the road nothing.

    Call in the transaction that reserved them: the row is still locked, the slots are its last.
    """
    pace = Pace.objects.get(road=road)
    pace.next_at -= timedelta(seconds=unused / slots.rate_per_second)
    pace.save(update_fields=["next_at"])


def hold(road: Road, *, at: datetime) -> None:
    """The provider cannot be reached: leave it alone for a second; its rate is not the cause."""
    pace = Pace.objects.select_for_update().get(road=road)
    pace.next_at = max(pace.next_at, at + HORIZON)
    pace.save(update_fields=["next_at"])


def slow_down(road: Road, *, at: datetime, retry_after_seconds: float | None) -> None:
    """The provider said "too fast": halve the rate, and wait as long as it asks, or a second."""
    pace = Pace.objects.select_for_update().get(road=road)
    pace.rate_per_second = max(_SLOWEST, pace.rate_per_second / 2)
    pace.next_at = max(pace.next_at, at + timedelta(seconds=retry_after_seconds or 1))
    pace.changed_at = at
    pace.save()
