"""What a new statement about a person's consent or friendship changes, and its ledger entry.

The newest statement wins, by when it was observed; nothing older or undated loosens a refusal or
a block, and once a person has chosen, "not set" never comes back (LINE, notification messages).
"""

from __future__ import annotations

import enum
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.contrib.auth.models import User
from django.db.models import Max, Q, QuerySet
from django.utils.translation import gettext as _

from recipients import evidence
from recipients.models import Consent, ConsentRecord, FriendStatus, Link, Recipient, Source

CONSENT = ConsentRecord.Subject.CONSENT
FRIEND = ConsentRecord.Subject.FRIEND
BASIS = ConsentRecord.Subject.BASIS
MARKETING = ConsentRecord.Subject.MARKETING
FRIEND_FIELDS = ("friend_status", "friend_source", "friend_observed_at")

# On equal dates the more careful value wins.
CARE: dict[str, int] = {
    Consent.AGREED: 0,
    Consent.NOT_SET: 1,
    Consent.REJECTED: 2,
    FriendStatus.FRIEND: 0,
    FriendStatus.NOT_FRIEND: 1,
    FriendStatus.BLOCKED: 2,
    ConsentRecord.Given.GIVEN: 0,
    ConsentRecord.Given.WITHDRAWN: 2,
    ConsentRecord.OptedOut.ENDED: 0,
    ConsentRecord.OptedOut.OPTED_OUT: 2,
}
BARRED = {
    Consent.REJECTED.value,
    FriendStatus.BLOCKED.value,
    ConsentRecord.Given.WITHDRAWN.value,
    ConsentRecord.OptedOut.OPTED_OUT.value,
}


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
    wording_version: str = ""  # of the text that the person agreed to or refused
    evidence: evidence.Evidence | None = None


def judge(
    value: str,
    *,
    held: str,
    held_observed_at: datetime | None,
    statement: Statement,
    since: datetime | None = None,
    differs: bool = False,
) -> Decision:
    """Return what the statement of a value does to the value held.

    `held_observed_at` None means that the value held is only assumed. `since`: from when the
    number is this person's, see `reassign`; what was observed before is of another person.
    `differs`: the same value with other particulars, such as another legal basis.
    """
    at = statement.observed_at
    is_newer = held_observed_at is None or at > held_observed_at
    if since is not None and at < since:
        return Decision.CONFLICT
    if value == held and not differs:
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


def conflict_sentence(
    value: str, *, held: str, observed_at: datetime | None = None, since: datetime | None = None
) -> str:
    """Return why a value was not taken, in words for the one who gave it."""
    if since is not None and observed_at is not None and observed_at < since:
        return reissued_sentence(since.date().isoformat())
    if value == Consent.NOT_SET:
        return _("consent is “%(held)s” already and never returns to “not set”") % {"held": held}
    return _("we hold “%(held)s”; only a newer, dated statement can change that to “%(value)s”") % {
        "held": held,
        "value": value,
    }


def reissued_sentence(day: str) -> str:
    """Return why nothing is taken from before the day when the number was re-issued."""
    return _("the number was re-issued on %(day)s; what was said before is of its former owner") % {
        "day": day
    }


def phone_since(phone: str) -> datetime | None:
    """Return since when a number is its owner's of now; None if it was never re-issued.

    Whoever gives a person a number sets `Recipient.phone_since` to this.
    """
    moments = Recipient.objects.filter(phone=phone).aggregate(since=Max("phone_since"))
    since: datetime | None = moments["since"]
    return since


def locked(recipient: Recipient) -> Recipient:
    """Return the person's row as it is now, locked with all that a statement of theirs reaches.

    That is the phone's rows of every account, and the number linked to a LINE user; in the order
    of ids, so that two who change the same people do not wait for each other.
    """
    # Asked before, as a subquery beside an "or" would read every row.
    reached = Q(pk__in=[recipient.pk, *numbers_of([recipient.pk])])
    if recipient.phone:
        reached |= Q(phone=recipient.phone)
    rows = Recipient.objects.filter(reached)
    found = {row.pk: row for row in rows.order_by("pk").select_for_update()}
    return found[recipient.pk]


def take(recipient: Recipient, subject: str, value: str, statement: Statement) -> bool:
    """Apply one statement to a recipient that the caller has locked; return whether it changed.

    Writes the ledger; LINE's consent is also set on the phone's rows of every account, and a LINE
    user's friend status on the number linked to them.
    Raises Conflict. The caller saves nothing.
    """
    held, observed_at = _held(recipient, subject)
    since = recipient.phone_since
    decision = judge(
        value, held=held, held_observed_at=observed_at, statement=statement, since=since
    )
    if decision is Decision.CONFLICT:
        raise Conflict(
            conflict_sentence(value, held=held, observed_at=statement.observed_at, since=since)
        )
    if decision is Decision.KEEP:
        return False
    record = _set(recipient, subject, value, statement)
    if statement.evidence:
        keep_evidence(record, statement.evidence)
    if subject == CONSENT and recipient.phone:
        others = Recipient.objects.select_for_update().filter(phone=recipient.phone)
        for other in others.exclude(pk=recipient.pk).order_by("pk"):
            spread(other, value, statement)
    if subject == FRIEND:
        linked = Recipient.objects.filter(pk__in=numbers_of([recipient.pk]))
        for phone in linked.select_for_update():
            if made := stated(phone, value, statement):
                made.save(force_insert=True)
                phone.save(update_fields=FRIEND_FIELDS)
    return True


def numbers_of(users: Iterable[int] | QuerySet[Any, Any]) -> QuerySet[Link, int]:
    """Return the rows' ids of the numbers linked to these LINE users, for a query."""
    links = Link.objects.filter(user_recipient__in=users, ended_at__isnull=True)
    return links.values_list("phone_recipient", flat=True)


def stated(phone: Recipient, value: str, statement: Statement) -> ConsentRecord | None:
    """Set a LINE user's friend status on the locked row of their number; return its unsaved entry.

    None where what the number holds is newer or more careful. LINE drops what goes to the number of
    who blocked, too. `spreading` says the same of a whole file.
    """
    if phone.phone_since is not None:
        # What was known before the number was this person's is true of them since then.
        observed_at = max(statement.observed_at, phone.phone_since)
        statement = replace(statement, observed_at=observed_at)
    decision = judge(
        value,
        held=phone.friend_status,
        held_observed_at=phone.friend_observed_at,
        statement=statement,
    )
    if decision is not Decision.APPLY:
        return None
    made = entry(phone, FRIEND, value, statement)
    assign(phone, FRIEND, value, statement)
    return made


def spread(other: Recipient, value: str, statement: Statement) -> None:
    """Set LINE's consent on another account's row of the same phone, unless that is newer.

    Evidence stays with the person of whom it was given; this row's entry carries its digest.
    """
    decision = judge(
        value,
        held=other.consent,
        held_observed_at=other.consent_observed_at,
        statement=statement,
        since=other.phone_since,
    )
    if decision is Decision.APPLY:
        _set(other, CONSENT, value, statement)


def open_anew(recipient: Recipient, statement: Statement) -> None:
    """Record that a number has a new owner, who has not chosen: nothing of before is inherited."""
    _set(recipient, CONSENT, Consent.NOT_SET, statement)


def entry(recipient: Recipient, subject: str, value: str, statement: Statement) -> ConsentRecord:
    """Return the unsaved ledger entry for a change from what the recipient holds now."""
    return record(recipient, subject, value, statement, previous=_held(recipient, subject)[0])


def record(
    recipient: Recipient,
    subject: str,
    value: str,
    statement: Statement,
    *,
    previous: str,
    purpose: str = "",
    legal_basis: str = "",
) -> ConsentRecord:
    """Return an unsaved ledger entry of any subject."""
    return ConsentRecord(
        recipient=recipient,
        subject=subject,
        purpose=purpose,
        legal_basis=legal_basis,
        value=value,
        previous=previous,
        observed_at=statement.observed_at,
        is_dated=statement.is_dated,
        recorded_at=statement.told_at,
        source=statement.source,
        source_reference=statement.reference[:100],
        recorded_by=statement.by,
        wording_version=statement.wording_version,
        evidence_sha256=statement.evidence.sha256 if statement.evidence else "",
    )


def keep_evidence(record: ConsentRecord, given: evidence.Evidence) -> None:
    """Keep the evidence of a statement with its record, unless the person has the same already."""
    same = ConsentRecord.objects.filter(
        recipient_id=record.recipient_id, evidence_sha256=given.sha256, evidence__isnull=False
    )
    if not same.exists():
        evidence.keep(record, given)


def assign(recipient: Recipient, subject: str, value: str, statement: Statement) -> list[str]:
    """Set a value and where it comes from on the object; return the names of the fields set."""
    prefix = "consent" if subject == CONSENT else "friend"
    field = "consent" if subject == CONSENT else "friend_status"
    setattr(recipient, field, value)
    setattr(recipient, f"{prefix}_source", statement.source)
    setattr(recipient, f"{prefix}_observed_at", statement.observed_at)
    return [field, f"{prefix}_source", f"{prefix}_observed_at"]


def _set(recipient: Recipient, subject: str, value: str, statement: Statement) -> ConsentRecord:
    made = entry(recipient, subject, value, statement)
    made.save(force_insert=True)
    recipient.save(update_fields=assign(recipient, subject, value, statement))
    return made


def _held(recipient: Recipient, subject: str) -> tuple[str, datetime | None]:
    if subject == CONSENT:
        return recipient.consent, recipient.consent_observed_at
    return recipient.friend_status, recipient.friend_observed_at
