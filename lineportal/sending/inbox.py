"""The webhook inbox: store first, understand later, apply each event once per account."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from lineportal.accounts.models import OfficialAccount
from lineportal.providers import PROVIDERS
from lineportal.providers.base import Event, UnreadableWebhook
from lineportal.sending import lanes, receipts
from lineportal.sending.models import WebhookDelivery, WebhookEvent
from recipients import friendship

_BATCH = 100  # deliveries


@transaction.atomic
def store(account: OfficialAccount, *, provider: str, body: bytes, at: datetime) -> WebhookDelivery:
    """Keep a verified raw body and have a worker read it."""
    delivery = WebhookDelivery.objects.create(
        account=account, provider=provider, body=body, received_at=at
    )
    lanes.wake_inbox()
    return delivery


def read(*, at: datetime) -> int:
    """Read stored deliveries in order; return how many. Unreadable ones are kept and flagged."""
    done = 0
    while True:
        with transaction.atomic():
            unread = list(
                WebhookDelivery.objects.select_for_update(skip_locked=True, of=("self",))
                .select_related("account")
                .filter(read_at__isnull=True)
                .order_by("pk")[:_BATCH]
            )
            for delivery in unread:
                _read_one(delivery, at=at)
        if not unread:
            return done
        done += len(unread)


def _read_one(delivery: WebhookDelivery, *, at: datetime) -> None:
    try:
        events = PROVIDERS[delivery.provider].events(bytes(delivery.body))
    except UnreadableWebhook as problem:
        delivery.problem = f"signed, but not understood ({problem})"[:200]
        events = problem.readable
    fresh = _new(delivery, events)
    receipts.apply(delivery.account, [event for event, _row in fresh], at=at)
    for event, row in fresh:
        row.effect = _apply(delivery.account, event, at=at)
    WebhookEvent.objects.bulk_create([row for _event, row in fresh])
    delivery.read_at = at
    delivery.save(update_fields=["read_at", "problem"])


def _new(delivery: WebhookDelivery, events: list[Event]) -> list[tuple[Event, WebhookEvent]]:
    """Return the events that this account has not had before, each once."""
    known = set(
        WebhookEvent.objects.filter(
            account=delivery.account, event_id__in=[event.event_id for event in events]
        ).values_list("event_id", flat=True)
    )
    fresh: dict[str, Event] = {}
    for event in events:
        if event.event_id not in known:
            fresh.setdefault(event.event_id, event)
    return [
        (
            event,
            WebhookEvent(
                delivery=delivery,
                account=delivery.account,
                event_id=event.event_id,
                kind=event.kind,
                occurred_at=event.occurred_at,
                reference=event.reference,
                line_user_id=event.line_user_id,
                payload=dict(event.payload),
            ),
        )
        for event in fresh.values()
    ]


def _apply(account: OfficialAccount, event: Event, *, at: datetime) -> str:
    if event.kind == "delivered":
        return "receipt" if event.reference else "unknown tag"
    if event.kind in friendship.STATUS_AFTER and event.line_user_id:
        changed = friendship.apply(
            account,
            line_user_id=event.line_user_id,
            event=event.kind,
            occurred_at=event.occurred_at,
            event_id=event.event_id,
            at=at,
        )
        return "friend status" if changed else "nothing new"
    return "kept"
