"""When messages may leave a road: one row per road, so the rate holds over all workers together.

Who sends reserves slots just before it needs them: `next_at = max(next_at, soon) + n / rate`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import QuerySet

from lineportal.accounts.models import Road
from lineportal.sending.models import Pace

# Nobody reserves further ahead, so that a one-off message finds a slot soon.
HORIZON = timedelta(seconds=0.75)
STRETCH = timedelta(seconds=0.25)  # of slots that are reserved at a time, at most
SOON = timedelta(seconds=0.05)  # no slot comes earlier, for its message is begun first
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


def outlook(road: Road, *, at: datetime) -> tuple[float, float]:
    """Return the rate at which the next slots will be given, and in how many seconds.

    Seconds are 0 as long as slots can be reserved now.
    """
    pace = _pace(Pace.objects.all(), road, at=at)
    ahead = (pace.next_at - HORIZON - at).total_seconds()
    return _rate(road, pace, at=at), max(0.0, ahead)


def reserve(road: Road, *, wanted: int, at: datetime) -> Slots:
    """Reserve up to a quarter of a second's worth of slots; none when the next are far ahead.

    Call inside a short transaction: the road's row stays locked until it ends.
    """
    pace = _pace(Pace.objects.select_for_update(), road, at=at)
    rate = _rate(road, pace, at=at)
    begin_at = max(pace.next_at, at + SOON)
    if begin_at >= at + HORIZON:
        return Slots(0, begin_at, rate)
    count = max(1, min(wanted, int(rate * STRETCH.total_seconds())))
    seconds = count / rate
    Pace.objects.filter(pk=pace.pk).update(
        next_at=begin_at + timedelta(seconds=seconds),
        rate_per_second=min(_full(road), rate * _RECOVERY ** min(1.0, seconds)),
        changed_at=at,
    )
    return Slots(count, begin_at, rate)


def _pace(paces: QuerySet[Pace], road: Road, *, at: datetime) -> Pace:
    pace = paces.filter(road=road).first()
    if pace is None:
        fresh = Pace(road=road, next_at=at - _COLD_AFTER, rate_per_second=0, changed_at=at)
        Pace.objects.bulk_create([fresh], ignore_conflicts=True)
        pace = paces.get(road=road)
    return pace


def _full(road: Road) -> float:
    return road.rate_per_second * _SHARE


def _rate(road: Road, pace: Pace, *, at: datetime) -> float:
    if pace.next_at <= at - _COLD_AFTER:
        return max(_SLOWEST, _full(road) * _COLD)
    return min(pace.rate_per_second, _full(road))  # one that was lowered holds from here on


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
