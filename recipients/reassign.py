"""A number that its operator gave to somebody else: one person is closed, another is opened.

Nothing of the former owner is inherited: the new row's `phone_since` bars what was observed before.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.contrib.auth.models import User
from django.db import transaction
from django.utils.translation import gettext as _

from lineportal.accounts import access
from lineportal.audit import chain
from recipients import consent, erasure, intake, link_codes, linking, siblings
from recipients.models import LinkEnd, Recipient, Source

REASSIGN = "recipients.reassign_recipient"
REASON_LIMIT = 200  # characters


@dataclass(frozen=True, slots=True)
class Reassigned:
    """Who had the number in an account, and who has it now."""

    former: Recipient
    now: Recipient


@transaction.atomic
def reassign(
    recipient: Recipient,
    *,
    at: datetime,
    by: User | None,
    reason: str,
    everywhere: bool = True,
    source: Source = Source.RECORDS,
) -> Sequence[Reassigned]:
    """Take the number from its former owner and open a new person who has not chosen.

    `everywhere`: in every account that the user may touch; else in the recipient's alone. The
    recipient's own account comes first. `by` None is an operator at the shell. What waits in the
    outbox is `sending.reissued`'s, which calls this. Raises PermissionDenied, Invalid.
    """
    if by is not None:
        access.require(by, REASSIGN, recipient.account_id)
    reason = reason.strip()
    if not reason or len(reason) > REASON_LIMIT or "\0" in reason:
        raise intake.Invalid(
            "reason",
            _("Give the reason in at most %(limit)d characters; auditors will read it.")
            % {"limit": REASON_LIMIT},
        )
    siblings.hold(recipient.phone)
    phone = consent.locked(recipient).phone
    if phone is None:
        raise intake.Invalid("phone", _("This person has no number that could be another's now."))
    made = [
        _hand_over(row, at=at, by=by, source=source)
        for row in _rows(recipient, phone, by=by, everywhere=everywhere)
    ]
    made.sort(key=lambda each: each.former.pk != recipient.pk)
    for each in made:
        chain.write(
            "recipient.reassign",
            subject=each.former,
            by=by,
            at=at,
            account_id=each.former.account_id,
            to=each.now.pk,
            is_closed=each.former.closed_at is not None,
            # Free text may name somebody; whoever has it can prove that it is the one.
            reason_digest=erasure.digest(reason),
        )
    return made


def former_owners(recipient: Recipient) -> Sequence[Recipient]:
    """Return who had the person's number in the account before, the newest first."""
    if not recipient.phone or not recipient.phone_since:
        return []
    rows = Recipient.objects.filter(
        account_id=recipient.account_id, former_phone=recipient.phone
    ).exclude(pk=recipient.pk)
    return list(rows.order_by("-pk")[:10])


def owner_now(recipient: Recipient) -> Recipient | None:
    """Return who has the number in the account that was the person's before."""
    if not recipient.former_phone:
        return None
    return Recipient.objects.filter(
        account_id=recipient.account_id, phone=recipient.former_phone
    ).first()


def _rows(
    recipient: Recipient, phone: str, *, by: User | None, everywhere: bool
) -> Sequence[Recipient]:
    rows = Recipient.objects.filter(phone=phone)
    if not everywhere:
        rows = rows.filter(pk=recipient.pk)
    elif by is not None:
        rows = access.limited(rows, by)
    return list(rows.order_by("pk"))  # locked by the caller


def _hand_over(former: Recipient, *, at: datetime, by: User | None, source: Source) -> Reassigned:
    phone, country = former.phone, former.phone_country
    # A LINE user was linked to whoever had the number then.
    linking.end_all([former.pk], at=at, by=by, reason=LinkEnd.REASSIGNED)
    link_codes.forget(former)
    former.former_phone, former.phone, former.phone_country = phone, None, ""
    former.phone_since = None
    former.updated_at = at
    if former.line_user_id is None:
        former.closed_at = at
    former.save(
        update_fields=[
            "former_phone", "phone", "phone_country", "phone_since", "closed_at", "updated_at",
        ]
    )  # fmt: skip
    now = Recipient.objects.create(
        account_id=former.account_id,
        phone=phone,
        phone_country=country,
        phone_since=at,
        created_at=at,
        updated_at=at,
    )
    consent.open_anew(
        now,
        consent.Statement(
            source=source,
            observed_at=at,
            is_dated=True,
            told_at=at,
            reference=f"reassigned from {former.pk}",
            by=by,
        ),
    )
    return Reassigned(former, now)
