"""What events, reports and silence do to messages. A late event wins over everything before it.

A delivery also shows that its person can be reached; it says nothing of what they agreed to.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db import connection

from lineportal.providers.base import Event, FaultScope
from lineportal.sending.models import Message
from lineportal.sending.outbox import DELIVERY_LIFE
from lineportal.sending.statuses import SOURCES, Status

_BATCH = 20_000  # messages expired at once
_DETAIL_LIMIT = 300  # characters
_SETTLING = frozenset({"accepted", "refused", "failed", "expired"})
KINDS = _SETTLING | {"delivered"}  # of events that tell what became of a message
_MOVES = ", ".join(
    f"('{source.value}', '{target.value}')"
    for target in map(Status, sorted(_SETTLING))
    for source in sorted(SOURCES[target])
)


@dataclass(frozen=True, slots=True)
class Fault:
    """A provider reported, after it took a message, that our account or template is wrong.

    `template_id` None: the whole account, for this service.
    """

    account_id: int
    service: str
    template_id: int | None
    code: str
    detail: str


def apply(told: Iterable[tuple[int, Event]], *, at: datetime) -> int:
    """Mark the messages of the delivery events among these delivered; return how many moved.

    Each event comes with the id of the account that was told. It is matched by tag and account; a
    tag of an earlier attempt counts too. Repeats and events for what is delivered match no row.
    """
    delivered = [
        {
            "account_id": account_id,
            "reference": str(event.reference),
            "occurred_at": event.occurred_at.isoformat(),
        }
        for account_id, event in told
        if event.kind == "delivered" and event.reference
    ]
    if not delivered:
        return 0
    with connection.cursor() as cursor:
        # Locked in the order of ids, as those who record what was sent do, and by id alone: who
        # waited for a person's sending again finds the message without its tag, and still moves it.
        cursor.execute(
            """
            WITH given AS MATERIALIZED (
                SELECT * FROM json_to_recordset(%(delivered)s)
                    AS given (account_id bigint, reference uuid, occurred_at timestamptz)
            ), matched AS MATERIALIZED (
                SELECT id, account_id, min(occurred_at) AS occurred_at FROM (
                    SELECT message.id, given.account_id, given.occurred_at FROM given
                    JOIN sending_message message ON message.reference = given.reference
                    UNION ALL
                    SELECT attempt.message_id, given.account_id, given.occurred_at FROM given
                    JOIN sending_attempt attempt ON attempt.reference = given.reference
                ) every GROUP BY id, account_id
            ), locked AS MATERIALIZED (
                SELECT message.id, matched.occurred_at
                FROM sending_message message JOIN matched ON matched.id = message.id
                WHERE message.account_id = matched.account_id
                ORDER BY message.id FOR UPDATE OF message
            ), moved AS (
                UPDATE sending_message message SET status = 'delivered', changed_at = %(at)s,
                    delivered_at = locked.occurred_at, leased_until = NULL,
                    accepted_at = COALESCE(message.accepted_at, locked.occurred_at)
                FROM locked
                WHERE message.id = locked.id
                  AND message.attempts > 0 AND message.status = ANY(%(sources)s)
                RETURNING message.id, message.recipient_id, message.delivered_at,
                    message.erased_at
            ), reached AS (
                -- Sorted, so that all messages are locked before the first of these, and these in
                -- the order of ids.
                INSERT INTO recipients_reachability AS held (recipient_id, reached_at, message_id)
                SELECT DISTINCT ON (recipient_id) recipient_id, delivered_at, id FROM moved
                WHERE erased_at IS NULL
                ORDER BY recipient_id, delivered_at DESC, id
                ON CONFLICT (recipient_id) DO UPDATE
                SET reached_at = EXCLUDED.reached_at, message_id = EXCLUDED.message_id
                WHERE held.reached_at < EXCLUDED.reached_at
            )
            SELECT count(*) FROM moved
            """,
            {
                "delivered": json.dumps(delivered),
                "at": at,
                "sources": [status.value for status in SOURCES[Status.DELIVERED]],
            },
        )
        [(moved,)] = cursor.fetchall()
        return int(moved)


def settle(told: Iterable[tuple[int, Event]], *, at: datetime) -> list[Fault]:
    """Move messages by what a provider reports of them short of delivery; return the faults.

    A report is matched by the reference of the current attempt and by account: how an earlier one
    ended says nothing of this one. Of several reports of a message the latest that ends it counts.
    Repeats, and reports about what is delivered or was taken back, match no row.
    """
    latest: dict[tuple[int, str], Event] = {}
    # "Accepted" may be told late, as of a repeat; it takes nothing back.
    in_order = sorted(told, key=lambda one: (one[1].kind != "accepted", one[1].occurred_at))
    for account_id, event in in_order:
        if event.kind in _SETTLING and event.reference:
            latest[account_id, str(event.reference)] = event
    if not latest:
        return []
    given = [
        {
            "account_id": account_id,
            "reference": reference,
            "status": event.kind,
            "occurred_at": event.occurred_at.isoformat(),
            "detail": f"{event.code} {event.detail}".strip()[:_DETAIL_LIMIT],
        }
        for (account_id, reference), event in latest.items()
    ]
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            WITH given AS MATERIALIZED (
                SELECT * FROM json_to_recordset(%(given)s) AS given (account_id bigint,
                    reference uuid, status text, occurred_at timestamptz, detail text)
            ), locked AS MATERIALIZED (
                SELECT message.id, given.status, given.occurred_at, given.detail
                FROM given JOIN sending_message message ON message.reference = given.reference
                WHERE message.account_id = given.account_id
                ORDER BY message.id FOR UPDATE OF message
            )
            UPDATE sending_message message SET status = locked.status, changed_at = %(at)s,
                leased_until = NULL,
                detail = CASE locked.detail WHEN '' THEN message.detail ELSE locked.detail END,
                accepted_at = COALESCE(message.accepted_at,
                    CASE locked.status WHEN 'accepted' THEN locked.occurred_at END),
                -- Whoever sends it may die before saying so.
                expires_at = COALESCE(message.expires_at, CASE WHEN message.service = 'lon'
                    AND locked.status = 'accepted' THEN %(expires_at)s::timestamptz END)
            FROM locked
            WHERE message.id = locked.id AND message.attempts > 0
              AND (message.status, locked.status) IN ({_MOVES})
            RETURNING message.account_id, message.reference, message.service, message.template_id
            """,
            {"given": json.dumps(given), "at": at, "expires_at": at + DELIVERY_LIFE},
        )
        moved = cursor.fetchall()
    faults = {
        Fault(account_id, service, template_id if of_template else None, each.code, each.detail)
        for account_id, reference, service, template_id in moved
        if (each := latest[account_id, str(reference)]).kind == "failed"
        and each.scope is not FaultScope.MESSAGE
        for of_template in [each.scope is FaultScope.TEMPLATE]
    }
    return sorted(faults, key=lambda fault: (fault.account_id, fault.service, fault.code))


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
    expired = 0
    while True:  # by parts: nobody waits for the locks of a million rows
        part = rows.order_by("pk").values("pk")[:_BATCH]
        n = Message.objects.filter(pk__in=part, status__in=SOURCES[Status.EXPIRED]).update(
            status=Status.EXPIRED, changed_at=changed_at or at
        )
        expired += n
        if n < _BATCH:
            return expired
