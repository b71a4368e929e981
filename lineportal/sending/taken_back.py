"""What its sender took back or wrote anew is not kept in what the provider posted either."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from django.db import connection

from lineportal.conversations.models import ChatMessage
from lineportal.providers.base import Event
from lineportal.sending import forwards
from lineportal.sending.models import WebhookDelivery

_WITH_WORDS = frozenset({"said", "edited"})


def empty(told: Iterable[tuple[int, int, Event]]) -> None:
    """Empty the payloads and bodies that hold words that are gone, in any order of events.

    Each event comes with its account and the delivery that brought it, repeats too, as their
    bodies hold the words again. A body that still goes to the company's bot is emptied after that.
    """
    events = [one for one in told if one[2].said is not None and one[2].said.message_id]
    if not events:
        return
    if not (gone := _gone(events)):
        return
    bodies = {
        delivery_id
        for account_id, delivery_id, event in events
        if event.kind in _WITH_WORDS
        and event.said is not None
        and (key := (account_id, event.line_user_id, event.said.message_id)) in gone
        and ((until := gone[key]) is None or event.occurred_at < until)
    }
    bodies |= _empty_payloads(gone)
    bodies -= forwards.keep_until_passed_on(bodies)
    WebhookDelivery.objects.filter(pk__in=bodies).update(body=b"")


def _gone(
    events: Iterable[tuple[int, int, Event]],
) -> dict[tuple[int, str, str], datetime | None]:
    """Return messages whose words are gone; with a time, those from before it only."""
    named = {(pk, event.said.message_id) for pk, _of, event in events if event.said is not None}
    rows = ChatMessage.objects.filter(
        account__in={pk for pk, _id in named}, provider_message_id__in={of for _pk, of in named}
    ).values_list(
        "account_id", "conversation__recipient__line_user_id", "provider_message_id",
        "unsent_at", "edited_at",
    )  # fmt: skip
    return {
        (pk, user or "", str(of)): None if unsent_at else edited_at
        for pk, user, of, unsent_at, edited_at in rows
        if (unsent_at or edited_at) and (pk, of) in named
    }


def _empty_payloads(gone: dict[tuple[int, str, str], datetime | None]) -> set[int]:
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE sending_webhookevent event SET payload = '{}'
            FROM unnest(%s::bigint[], %s::text[], %s::text[], %s::timestamptz[])
                AS gone (account_id, line_user_id, message_id, until)
            WHERE event.account_id = gone.account_id AND event.line_user_id = gone.line_user_id
              AND event.line_user_id <> '' AND event.kind IN ('said', 'edited')
              AND gone.message_id IN (event.payload #>> '{message,id}',
                                      event.payload ->> 'messageId')
              AND (gone.until IS NULL OR event.occurred_at < gone.until)
            RETURNING event.delivery_id
            """,
            [
                [pk for pk, _user, _of in gone],
                [user for _pk, user, _of in gone],
                [of for _pk, _user, of in gone],
                list(gone.values()),
            ],
        )
        return {pk for (pk,) in cursor.fetchall() if pk is not None}
