"""The one clock that machines compare: PostgreSQL's."""

from __future__ import annotations

import time
from datetime import UTC, datetime

from django.db import connection

_SECONDS = 10.0  # that the quickest answer holds


def now() -> datetime:
    """Return the database's time now, aware."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        [(moment,)] = cursor.fetchall()
    result: datetime = moment
    return result


class Follower:
    """The database's time between two looks at it, by this process' monotonic clock.

    The machine's own wall clock, which may be wrong or stepped, plays no part.
    """

    def __init__(self) -> None:
        self._ahead: float | None = None  # of the monotonic clock, in seconds
        self._until = 0.0

    def set(self, moment: datetime) -> None:
        """Take a moment that the database told just now.

        An answer that was long on its way makes its moment look late, so the quickest of ten
        seconds counts.
        """
        now = time.monotonic()
        ahead = moment.timestamp() - now
        if self._ahead is None or ahead > self._ahead or now > self._until:
            self._ahead, self._until = ahead, now + _SECONDS

    def now(self) -> datetime:
        """Return the database's time; it was set a few seconds ago at most."""
        return datetime.fromtimestamp(time.monotonic() + self._offset(), UTC)

    def monotonic(self, moment: datetime) -> float:
        """Return what this process' monotonic clock shows at a moment of the database's time."""
        return moment.timestamp() - self._offset()

    def _offset(self) -> float:
        if self._ahead is None:
            raise ValueError("set it first")
        return self._ahead
