"""The virtual clock: starts at real time, runs on with it, and can be set forward.

Inside the simulator an instant is a float, seconds since 1970 UTC; outside it is ISO 8601 text.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from functools import lru_cache

DAY = 86_400.0
_UTC_PLUS_9 = 9 * 3_600


class Clock:
    """Virtual time; it never runs backwards."""

    def __init__(self) -> None:
        self._ahead = 0.0

    def now(self) -> float:
        """Return the virtual instant, in seconds since 1970 UTC."""
        return time.time() + self._ahead

    def forward_to(self, at: float) -> None:
        """Set the clock to `at`, which may not lie before now."""
        self._ahead += max(0.0, at - self.now())


def written(at: float) -> str:
    """Return the instant as ISO 8601 text in UTC with milliseconds."""
    text = datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")


def day(at: float) -> str:
    """Return the instant's day in UTC+9 as yyyyMMdd, the day that LINE counts by."""
    return _day(int(at + _UTC_PLUS_9) // 86_400)


def month(at: float) -> str:
    """Return the instant's month in UTC+9 as yyyyMM."""
    return day(at)[:6]


@lru_cache(maxsize=1_000)
def _day(number: int) -> str:
    return datetime.fromtimestamp(number * 86_400, UTC).strftime("%Y%m%d")
