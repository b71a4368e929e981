"""What a new statement about a person's consent or friendship changes, and its ledger entry.

The newest statement wins, by when it was observed; nothing older or undated loosens a refusal or
a block, and once a person has chosen, "not set" never comes back (LINE, notification messages).
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import datetime

from django.contrib.auth.models import User
from django.utils.translation import gettext as _

from recipients.models import Consent, ConsentRecord, FriendStatus, Recipient, Source

CONSENT = ConsentRecord.Subject.CONSENT
FRIEND = ConsentRecord.Subject.FRIEND

# On equal dates the more careful value wins.
CARE: dict[str, int] = {
    Consent.AGREED: 0,
    Consent.NOT_SET: 1,
    Consent.REJECTED: 2,
    FriendStatus.FRIEND: 0,
    FriendStatus.NOT_FRIEND: 1,
    FriendStatus.BLOCKED: 2,
}
BARRED = {Consent.REJECTED.value, FriendStatus.BLOCKED.value}


class Decision(enum.Enum):
    APPLY = "apply"
    KEEP = "keep"  # says what we hold, or is older than what we hold
    CONFLICT = "conflict"  # would loosen a refusal or block without the right to


class Conflict(Exception):
    """The statement contradicts a newer or firmer one that we hold."""


@dataclass(frozen=True, slots=True)
class Statement:
    """Where a value comes from, and when it was true."""

    source: Source
    observed_at: datetime
    is_dated: bool  # False: observed_at is only when we were told
    told_at: datetime
    reference: str = ""  # "import:4 row 17", an event id
    by: User | None = None


def judge(
    value: str, *, held: str, held_observed_at: datetime | None, statement: Statement
) -> Decision:
    """Return what the statement of a value does to the value held.

    `held_observed_at` None means that the value held is only assumed.
    """
    at = statement.observed_at
    is_newer = held_observed_at is None or at > held_observed_at
    if value == held:
        return Decision.APPLY if statement.is_dated and is_newer else Decision.KEEP
    if value == Consent.NOT_SET:
        return Decision.CONFLICT
    if held_observed_at is None or held == Consent.NOT_SET:
        return Decision.APPLY
    if held in BARRED:
        return Decision.APPLY if statement.is_dated and is_newer else Decision.CONFLICT
    if not statement.is_dated or is_newer:
        return Decision.APPLY
    if at == held_observed_at and CARE[value] > CARE[held]:
        return Decision.APPLY
    return Decision.KEEP


def conflict_sentence(value: str, *, held: str) -> str:
    """Return why a value was not taken, in words for the one who gave it."""
    if value == Consent.NOT_SET:
        return _("consent is “%(held)s” already and never returns to “not set”") % {"held": held}
    return _("we hold “%(held)s”; only a newer, dated statement can change that to “%(value)s”") % {
        "held": held,
        "value": value,
    }


def take(recipient: Recipient, subject: str, value: str, statement: Statement) -> bool:
    """Apply one statement to a recipient that the caller has locked; return whether it changed.

    Writes the ledger; LINE's consent is also set on the phone's rows of every account.
    Raises Conflict. The caller saves nothing.
    """
    held, observed_at = _held(recipient, subject)
    decision = judge(value, held=held, held_observed_at=observed_at, statement=statement)
    if decision is Decision.CONFLICT:
        raise Conflict(conflict_sentence(value, held=held))
    if decision is Decision.KEEP:
        return False
    _set(recipient, subject, value, statement)
    if subject == CONSENT and recipient.phone:
        others = Recipient.objects.select_for_update().filter(phone=recipient.phone)
        for other in others.exclude(pk=recipient.pk).order_by("pk"):
            spread(other, value, statement)
    return True


def spread(other: Recipient, value: str, statement: Statement) -> None:
    """Set LINE's consent on another account's row of the same phone, unless that is newer."""
    decision = judge(
        value,
        held=other.consent,
        held_observed_at=other.consent_observed_at,
        statement=statement,
    )
    if decision is Decision.APPLY:
        _set(other, CONSENT, value, statement)


def entry(recipient: Recipient, subject: str, value: str, statement: Statement) -> ConsentRecord:
    """Return the unsaved ledger entry for a change from what the recipient holds now."""
    return ConsentRecord(
        recipient=recipient,
        subject=subject,
        value=value,
        previous=_held(recipient, subject)[0],
        observed_at=statement.observed_at,
        is_dated=statement.is_dated,
        recorded_at=statement.told_at,
        source=statement.source,
        source_reference=statement.reference[:100],
        recorded_by=statement.by,
    )


def assign(recipient: Recipient, subject: str, value: str, statement: Statement) -> list[str]:
    """Set a value and where it comes from on the object; return the names of the fields set."""
    prefix = "consent" if subject == CONSENT else "friend"
    field = "consent" if subject == CONSENT else "friend_status"
    setattr(recipient, field, value)
    setattr(recipient, f"{prefix}_source", statement.source)
    setattr(recipient, f"{prefix}_observed_at", statement.observed_at)
    return [field, f"{prefix}_source", f"{prefix}_observed_at"]


def _set(recipient: Recipient, subject: str, value: str, statement: Statement) -> None:
    entry(recipient, subject, value, statement).save(force_insert=True)
    recipient.save(update_fields=assign(recipient, subject, value, statement))


def _held(recipient: Recipient, subject: str) -> tuple[str, datetime | None]:
    if subject == CONSENT:
        return recipient.consent, recipient.consent_observed_at
    return recipient.friend_status, recipient.friend_observed_at
