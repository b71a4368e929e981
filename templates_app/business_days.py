"""Business days of an account's country: no weekends, no public holidays, make-up days counted.

The `holidays` library knows them, Taiwan's working Saturdays among them.
"""

from __future__ import annotations

import bisect
import functools
from datetime import date, timedelta

import holidays


def is_one(country: str, day: date) -> bool:
    """Return whether people of this country work on this day."""
    return day.toordinal() in _working_set(country, day.year)


def since(country: str, begin: date, end: date) -> int:
    """Return how many business days have begun after the day `begin`, up to `end` with it.

    From Friday to Monday it is one; on the same day, or before it, none.
    """
    if end <= begin:
        return 0
    return sum(
        bisect.bisect_right(_working(country, year), end.toordinal())
        - bisect.bisect_right(_working(country, year), begin.toordinal())
        for year in range(begin.year, end.year + 1)
    )


@functools.cache
def _working(country: str, year: int) -> tuple[int, ...]:
    calendar = holidays.country_holidays(country, years=year)
    first = date(year, 1, 1)
    days = (first + timedelta(days=n) for n in range(366))
    return tuple(
        day.toordinal() for day in days if day.year == year and calendar.is_working_day(day)
    )


@functools.cache
def _working_set(country: str, year: int) -> frozenset[int]:
    return frozenset(_working(country, year))
