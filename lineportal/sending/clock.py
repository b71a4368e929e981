"""The one clock that machines compare: PostgreSQL's."""

from __future__ import annotations

import time
from datetime import datetime, timedelta

from django.db import connection


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
        self._moment: datetime | None = None
        self._seen_at = 0.0

    def set(self, moment: datetime) -> None:
        """Take a moment that the database told just now."""
        self._moment, self._seen_at = moment, time.monotonic()

    def now(self) -> datetime:
        """Return the database's time; it was set a few seconds ago at most."""
        if self._moment is None:
            raise ValueError("set it first")
        return self._moment + timedelta(seconds=time.monotonic() - self._seen_at)
