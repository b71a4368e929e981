"""Friend status from LINE's own events, in the order of LINE's timestamps however they arrive."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from lineportal.accounts.models import OfficialAccount
from recipients import consent
from recipients.models import FriendStatus, Recipient, Source

STATUS_AFTER = {"follow": FriendStatus.FRIEND, "unfollow": FriendStatus.BLOCKED}


@transaction.atomic
def apply(
    account: OfficialAccount,
    *,
    line_user_id: str,
    event: str,
    occurred_at: datetime,
    event_id: str,
    at: datetime,
) -> bool:
    """Apply a "follow" or "unfollow" (which means: blocked); return whether anything changed.

    Somebody never seen before is recorded: an unfollow may come from a stranger (LINE).
    """
    statement = consent.Statement(
        source=Source.LINE,
        observed_at=occurred_at,
        is_dated=True,
        told_at=at,
        reference=event_id,
    )
    Recipient.objects.bulk_create(
        [Recipient(account=account, line_user_id=line_user_id, created_at=at, updated_at=at)],
        ignore_conflicts=True,
    )
    recipient = Recipient.objects.select_for_update().get(
        account=account, line_user_id=line_user_id
    )
    try:
        return consent.take(recipient, consent.FRIEND, STATUS_AFTER[event], statement)
    except consent.Conflict:
        return False  # an older follow does not lift a newer block
