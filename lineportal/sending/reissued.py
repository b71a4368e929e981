"""Take what waits for a number's former owner out of the outbox, when the number is re-issued.

The claim would skip it too, as its person has no number any more; this reaches what a worker holds
already and is about to post.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.contrib.auth.models import User
from django.db import transaction

from lineportal.sending.models import Message
from lineportal.sending.statuses import SOURCES, Status, Verdict
from recipients import eligibility, reassign
from recipients.models import Recipient, Source


@transaction.atomic
def take(
    recipient: Recipient,
    *,
    at: datetime,
    by: User | None,
    reason: str,
    everywhere: bool = True,
    source: Source = Source.RECORDS,
) -> Sequence[reassign.Reassigned]:
    """Reassign the number, as `reassign.reassign` does, and skip the former owners' notifications.

    Raises PermissionDenied, Invalid.
    """
    made = reassign.reassign(
        recipient, at=at, by=by, reason=reason, everywhere=everywhere, source=source
    )
    Message.objects.filter(
        recipient__in=[each.former for each in made],
        service=eligibility.LON,
        status__in=SOURCES[Status.SKIPPED],
    ).update(
        status=Status.SKIPPED,
        verdict=Verdict.EXCLUDED,
        rule="no_phone",
        rules_version=eligibility.VERSION,
        changed_at=at,
    )
    return made
