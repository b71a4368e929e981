"""What we hold of a provider's day: the messages that people got on it, as far as we were told.

A day is the provider's own, from midnight in the zone that it counts in.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta, timezone
from typing import Any

from django.db import connection

from lineportal.accounts.models import Road
from lineportal.providers import PROVIDERS

# A message that was sent again may be told delivered twice, the first time so long after its start.
_AGAIN = timedelta(days=8)


def zone(road: Road) -> timezone:
    """Return the zone whose midnights begin a day of the road; UTC where its provider has none."""
    hours = PROVIDERS[road.provider].counts_in_zone
    return timezone(timedelta(hours=hours)) if hours is not None else UTC


def begin(road: Road, day: date) -> datetime:
    """Return the moment at which a day of the road begins."""
    return datetime.combine(day, time(), tzinfo=zone(road))


def ours(road: Road, days: Iterable[date]) -> dict[date, int]:
    """Return how many messages of each day we hold.

    Those that were reported delivered on it, of every attempt; where a service has no receipts,
    those that the provider took.
    """
    begins = {day: begin(road, day) for day in days}
    if not begins:
        return {}
    served = PROVIDERS[road.provider].serves.get(road.service)
    column = "delivered_at" if served is None or served.has_receipts else "accepted_at"
    given: dict[str, Any] = {
        "account": road.account_id,
        "service": road.service,
        "days": list(begins),
        "begins": list(begins.values()),
    }
    with connection.cursor() as cursor:
        # Each day by itself, off the index of that moment.
        cursor.execute(
            f"""
            SELECT given.day, (
                SELECT count(*) FROM sending_message message
                WHERE message.account_id = %(account)s AND message.service = %(service)s
                  AND message.{column} >= given.begins
                  AND message.{column} < given.begins + interval '24 hours')
            FROM unnest(%(days)s::date[], %(begins)s::timestamptz[]) AS given (day, begins)
            """,
            given,
        )
        counts: dict[date, int] = dict(cursor.fetchall())
        if column == "delivered_at":
            cursor.execute(
                _AGAIN_SQL,
                {
                    **given,
                    "from": min(begins.values()) - _AGAIN,
                    "to": max(begins.values()) + timedelta(days=1),
                },
            )
            for day, n in cursor.fetchall():
                counts[day] += n
    return counts


# A message sent again by a person has one `delivered_at`, but each of its attempts may have arrived
# and been counted. Of what was told delivered, the one that the message shows is left out here.
_AGAIN_SQL = """
    WITH again AS MATERIALIZED (
        SELECT DISTINCT message.id, message.reference, message.delivered_at
        FROM sending_attempt attempt
        JOIN sending_message message ON message.id = attempt.message_id
        WHERE attempt.outcome IN ('accepted', 'uncertain')
          AND attempt.started_at >= %(from)s AND attempt.started_at < %(to)s
          AND message.account_id = %(account)s AND message.service = %(service)s
          AND message.delivered_at IS NOT NULL
    ), tags AS MATERIALIZED (
        SELECT id, reference, delivered_at FROM again
        UNION
        SELECT again.id, attempt.reference, again.delivered_at
        FROM again JOIN sending_attempt attempt ON attempt.message_id = again.id
    ), told AS (
        SELECT tags.id, tags.delivered_at, min(event.occurred_at) AS told_at
        FROM tags JOIN sending_webhookevent event ON event.reference = tags.reference
        WHERE event.account_id = %(account)s AND event.kind = 'delivered'
        GROUP BY tags.id, tags.reference, tags.delivered_at
    ), counted AS (
        SELECT told_at, row_number() OVER (
            PARTITION BY id ORDER BY (told_at = delivered_at) DESC, told_at) AS number
        FROM told
    )
    SELECT given.day, count(*)
    FROM unnest(%(days)s::date[], %(begins)s::timestamptz[]) AS given (day, begins)
    JOIN counted ON counted.told_at >= given.begins
        AND counted.told_at < given.begins + interval '24 hours'
    WHERE counted.number > 1
    GROUP BY given.day
"""
