"""What delivery events and silence do to messages. A late event wins over everything before it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from django.db import connection

from lineportal.accounts.models import OfficialAccount
from lineportal.providers.base import Event
from lineportal.sending.models import Message
from lineportal.sending.statuses import SOURCES, Status


def apply(account: OfficialAccount, events: Iterable[Event], *, at: datetime) -> int:
    """Mark the messages of these delivery events delivered; return how many moved.

    An event is matched by tag and account; a tag of an earlier attempt counts too. Repeats and
    events for what is delivered already match no row.
    """
    delivered = {
        event.reference: event.occurred_at
        for event in events
        if event.kind == "delivered" and event.reference
    }
    if not delivered:
        return 0
    with connection.cursor() as cursor:
        cursor.execute(
            """
            WITH given AS (
                SELECT * FROM unnest(%(references)s::uuid[], %(moments)s::timestamptz[])
                    AS given (reference, occurred_at)
            ), matched AS (
                SELECT message.id, given.occurred_at FROM given
                JOIN sending_message message ON message.reference = given.reference
                UNION ALL
                SELECT attempt.message_id, given.occurred_at FROM given
                JOIN sending_attempt attempt ON attempt.reference = given.reference
            )
            UPDATE sending_message message SET status = 'delivered', changed_at = %(at)s,
                delivered_at = matched.occurred_at, claim = NULL, leased_until = NULL,
                accepted_at = COALESCE(message.accepted_at, matched.occurred_at)
            FROM (SELECT id, min(occurred_at) AS occurred_at FROM matched GROUP BY id) matched
            WHERE message.id = matched.id AND message.account_id = %(account)s
              AND message.attempts > 0 AND message.status = ANY(%(sources)s)
            """,
            {
                "references": list(delivered),
                "moments": list(delivered.values()),
                "account": account.pk,
                "at": at,
                "sources": [status.value for status in SOURCES[Status.DELIVERED]],
            },
        )
        return int(cursor.rowcount)


def expire(
    *,
    at: datetime,
    account_ids: Iterable[int] | None = None,
    changed_at: datetime | None = None,
) -> int:
    """Close notifications that LINE took 24 hours ago without reporting delivery.

    `account_ids` limits it to some accounts. Not delivered, cause unknown: a late event still wins.
    """
    rows = Message.objects.filter(
        status__in=SOURCES[Status.EXPIRED], service="lon", expires_at__lte=at
    )
    if account_ids is not None:
        rows = rows.filter(account_id__in=account_ids)
    return rows.update(status=Status.EXPIRED, changed_at=changed_at or at)
