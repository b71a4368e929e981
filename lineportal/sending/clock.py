"""The one clock that machines compare: PostgreSQL's."""

from __future__ import annotations

from datetime import datetime

from django.db import connection


def now() -> datetime:
    """Return the database's time now, aware."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        [(moment,)] = cursor.fetchall()
    result: datetime = moment
    return result
