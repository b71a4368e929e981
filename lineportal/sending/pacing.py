"""When messages may leave a road: one row per road, so the rate holds over all workers together.

A claim reserves its slots in its own transaction: `next_at = max(next_at, now) + n / rate`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from lineportal.accounts.models import Road
from lineportal.sending.models import Pace

# Nobody reserves further ahead, so that a one-off message finds a slot soon.
HORIZON = timedelta(seconds=1)
STRETCH = timedelta(seconds=0.5)  # of slots that one claim takes at most
# Slots are cut a little short of the configured rate: a late worker may bunch two slices, and the
# other side counts by its own clock.
_SHARE = 0.97
_RECOVERY = 1.25  # a slowed road speeds up by this with every second of slots it uses
_COLD_AFTER = timedelta(minutes=1)  # without use; then it starts at a third, full in 5 seconds
_COLD = 1 / 3
_STORM = timedelta(seconds=1)
_SLOWEST = 1.0  # messages a second


@dataclass(frozen=True, slots=True)
class Slots:
    """Permission to send: how many, from when, and how fast."""

    count: int
    begin_at: datetime
    rate_per_second: float


def reserve(road: Road, *, wanted: int, at: datetime) -> Slots:
    """Reserve up to half a second's worth of slots; none when the coming second is taken already.

    Call inside the claim's transaction: the road's row stays locked until it ends.
    """
    pace = Pace.objects.select_for_update().filter(road=road).first()
    if pace is None:
        fresh = Pace(road=road, next_at=at - _COLD_AFTER, rate_per_second=0, changed_at=at)
        Pace.objects.bulk_create([fresh], ignore_conflicts=True)
        pace = Pace.objects.select_for_update().get(road=road)
    full = road.rate_per_second * _SHARE
    rate = min(pace.rate_per_second, full)  # a rate that an operator lowered holds from here on
    if pace.next_at <= at - _COLD_AFTER:
        rate = max(_SLOWEST, full * _COLD)
    begin_at = max(pace.next_at, at)
    if begin_at >= at + HORIZON:
        return Slots(0, begin_at, rate)
    count = max(1, min(wanted, int(rate * STRETCH.total_seconds())))
    seconds = count / rate
    pace.next_at = begin_at + timedelta(seconds=seconds)
    pace.rate_per_second = min(full, rate * _RECOVERY ** min(1.0, seconds))
    pace.changed_at = at
    pace.save()
    return Slots(count, begin_at, rate)


def give_back(road: Road, *, unused: int, slots: Slots, at: datetime) -> None:
    """Return slots that no message was found for, so that an idle look costs the road nothing.

    Call in the transaction that reserved them: the row is still locked, the slots are its last.
    """
    pace = Pace.objects.get(road=road)
    pace.next_at -= timedelta(seconds=unused / slots.rate_per_second)
    if unused == slots.count:
        pace.rate_per_second = slots.rate_per_second  # what was not used teaches nothing
    pace.save(update_fields=["next_at", "rate_per_second"])


def hold(road: Road, *, at: datetime) -> None:
    """The provider cannot be reached: leave it alone for a second; its rate is not the cause."""
    pace = Pace.objects.select_for_update().get(road=road)
    pace.next_at = max(pace.next_at, at + HORIZON)
    pace.save(update_fields=["next_at"])


def slow_down(road: Road, *, at: datetime, retry_after_seconds: float | None) -> None:
    """The provider said "too fast": halve the rate, and wait as long as it asks, or a second.

    A storm of such answers within a second is one: they speak of the same burst.
    """
    pace = Pace.objects.select_for_update().get(road=road)
    if pace.slowed_at is None or pace.slowed_at <= at - _STORM:
        pace.rate_per_second = max(_SLOWEST, pace.rate_per_second / 2)
        pace.slowed_at = at
    pace.next_at = max(pace.next_at, at + timedelta(seconds=retry_after_seconds or 1))
    pace.changed_at = at
    pace.save()
