"""When messages may leave a road: one row per road, so the rate holds over all workers together.

Who sends reserves slots just before it needs them: `next_at = max(next_at, soon) + n / rate`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection

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


# One statement, for slots are reserved many times a second and others wait for the row meanwhile.
# A road that was not used for long starts slowly; one that was lowered holds from now on.
_NOW = """
    SELECT road_id, greatest(next_at, %(at)s + %(soon)s) AS begin_at,
        CASE WHEN next_at <= %(at)s - %(cold_after)s THEN greatest(%(slowest)s, %(full)s * %(cold)s)
             ELSE least(rate_per_second, %(full)s) END AS rate
    FROM sending_pace WHERE road_id = %(road)s
"""
_RESERVE = f"""
    WITH pace AS ({_NOW} FOR UPDATE),
    slots AS (
        SELECT *, CASE WHEN begin_at >= %(at)s + %(horizon)s THEN 0
                       ELSE greatest(1, least(%(wanted)s, floor(rate * %(stretch)s))) END AS n
        FROM pace
    ), used AS (
        UPDATE sending_pace SET next_at = begin_at + n / rate * interval '1 second',
            rate_per_second = least(%(full)s, rate * power(%(recovery)s, least(1.0, n / rate))),
            changed_at = %(at)s
        FROM slots WHERE sending_pace.road_id = slots.road_id AND n > 0
    )
    SELECT n::integer, begin_at, rate FROM slots
"""


def outlook(road: Road, *, at: datetime) -> tuple[float, float]:
    """Return the rate at which the next slots will be given, and in how many seconds.

    Seconds are 0 as long as slots can be reserved now.
    """
    begin_at, rate = _asked(f"SELECT begin_at, rate FROM ({_NOW}) AS pace", road, at=at)
    return rate, max(0.0, (begin_at - HORIZON - at).total_seconds())


def reserve(road: Road, *, wanted: int, at: datetime) -> Slots:
    """Reserve up to a quarter of a second's worth of slots; none when the next are far ahead.

    Call outside of a longer transaction: the road's row stays locked until it ends.
    """
    return Slots(*_asked(_RESERVE, road, at=at, wanted=wanted))


def _asked(sql: str, road: Road, *, at: datetime, wanted: int = 0) -> tuple[Any, ...]:
    given: dict[str, Any] = {
        "road": road.pk,
        "at": at,
        "soon": SOON,
        "horizon": HORIZON,
        "stretch": STRETCH.total_seconds(),
        "cold_after": _COLD_AFTER,
        "cold": _COLD,
        "slowest": _SLOWEST,
        "recovery": _RECOVERY,
        "full": road.rate_per_second * _SHARE,
        "wanted": wanted,
    }
    with connection.cursor() as cursor:
        while (row := cursor.execute(sql, given).fetchone()) is None:
            # With a rate of its own: who asks for a moment just before does not find it cold.
            cold = max(_SLOWEST, given["full"] * _COLD)
            fresh = Pace(road=road, next_at=at, rate_per_second=cold, changed_at=at)
            Pace.objects.bulk_create([fresh], ignore_conflicts=True)
    return tuple(row)


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
