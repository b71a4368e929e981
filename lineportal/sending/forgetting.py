"""Forget a person in everything sent to them, together with their record."""

from __future__ import annotations

from datetime import datetime

from django.contrib.auth.models import User
from django.db import transaction

from lineportal.sending.models import CampaignRow, Message, WebhookDelivery, WebhookEvent
from lineportal.sending.statuses import SOURCES, Status, Verdict
from recipients import eligibility, erasure
from recipients.models import Recipient


@transaction.atomic
def erase(recipient: Recipient, *, at: datetime, by: User | None) -> Recipient:
    """Erase the person and their messages' addresses and values; what is queued is skipped."""
    line_user_id = recipient.line_user_id
    recipient = erasure.erase(recipient, at=at, by=by)
    messages = Message.objects.filter(recipient=recipient)
    messages.filter(status__in=SOURCES[Status.SKIPPED]).update(
        status=Status.SKIPPED,
        verdict=Verdict.EXCLUDED,
        rule="erased",
        rules_version=eligibility.VERSION,
        changed_at=at,
    )
    messages.update(address="", values={}, erased_at=at)
    CampaignRow.objects.filter(recipient=recipient).update(values={}, item="")
    if line_user_id:
        events = WebhookEvent.objects.filter(
            account_id=recipient.account_id, line_user_id=line_user_id
        )
        # The raw bodies name the person too; what they said stands in their events.
        WebhookDelivery.objects.filter(
            pk__in=events.values("delivery"), read_at__isnull=False
        ).update(body=b"")
        events.update(line_user_id="", payload={})
    return recipient
