"""What our own use of a person's data rests on, for each purpose, and marketing they opted out of.

Both are ours, and apart from LINE's setting. The ledger is written first, then what follows from
it; a withdrawal or opt-out is loosened only as `consent.judge` allows.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.contrib.auth.models import User
from django.db import transaction
from django.utils.translation import gettext as _

from lineportal import logs
from lineportal.accounts import access
from lineportal.audit import chain
from recipients import consent, intake, siblings
from recipients.models import (
    Consent,
    ConsentRecord,
    LegalBasis,
    LegalBasisKind,
    MarketingOptOut,
    Recipient,
    Source,
)

GIVEN, WITHDRAWN = ConsentRecord.Given.GIVEN, ConsentRecord.Given.WITHDRAWN
OPTED_OUT, ENDED = ConsentRecord.OptedOut.OPTED_OUT, ConsentRecord.OptedOut.ENDED
PURPOSE_LIMIT = 200  # characters
# Who can speak for the person: they themselves, in LINE's chat too, or the system of ours where
# they said it.
_SPEAKERS = (Source.PERSON, Source.API, Source.LINE)


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """What a withdrawal changed; what was withdrawn before is not among it."""

    bases: int
    is_opted_out: bool
    is_consent_rejected: bool


@transaction.atomic
def record(
    recipient: Recipient,
    *,
    purpose: str,
    basis: str,
    statement: consent.Statement,
) -> bool:
    """Record on what we rest for a purpose; return whether anything changed.

    Raises PermissionDenied, Invalid, Conflict. `statement.by` None is an operator at the shell.
    """
    recipient = _locked(recipient, statement.by)
    purpose = _read_purpose(purpose, is_needed=True)
    if basis not in LegalBasisKind.values:
        raise intake.Invalid(
            "basis", _("Give one of: %(words)s.") % {"words": ", ".join(LegalBasisKind.values)}
        )
    held = LegalBasis.objects.filter(recipient=recipient, purpose=purpose).first()
    if not _judge(recipient, GIVEN, _given(held, basis, statement), statement):
        _nothing_to_prove(statement)
        return False
    entry = _entry(recipient, GIVEN, purpose, basis, _held_basis(held), statement)
    LegalBasis.objects.update_or_create(
        recipient=recipient,
        purpose=purpose,
        defaults={
            "basis": basis,
            "wording_version": statement.wording_version,
            "source": statement.source,
            "given_at": statement.observed_at,
            "withdrawn_at": None,
        },
    )
    _audit("recipient.basis", recipient, statement, basis=basis, record=entry.pk)
    return True


@transaction.atomic
def opt_out(recipient: Recipient, *, purpose: str = "", statement: consent.Statement) -> bool:
    """Record that the person wants no marketing, of a purpose or at all; return whether it is new.

    Raises PermissionDenied, Invalid, Conflict.
    """
    recipient = _locked(recipient, statement.by)
    entry = _opt_out(recipient, _read_purpose(purpose), statement)
    if entry is None:
        _nothing_to_prove(statement)
        return False
    _audit("recipient.opt_out", recipient, statement, record=entry.pk)
    return True


@transaction.atomic
def end_opt_out(recipient: Recipient, *, purpose: str = "", statement: consent.Statement) -> None:
    """End an opt-out by a newer, dated word of the person.

    Raises PermissionDenied, Invalid, and Conflict where there is none or it is not theirs to end.
    """
    recipient = _locked(recipient, statement.by)
    purpose = _read_purpose(purpose)
    if statement.source not in _SPEAKERS or not statement.is_dated:
        raise consent.Conflict(
            _("only the person's own word ends an opt-out; give when they said it")
        )
    held = MarketingOptOut.objects.filter(
        recipient=recipient, purpose=purpose, ended_at__isnull=True
    ).first()
    if held is None:
        raise consent.Conflict(_("no opt-out of this purpose is in force"))
    _judge(recipient, ENDED, (OPTED_OUT.value, held.opted_out_at, False), statement)
    entry = _entry(recipient, ENDED, purpose, "", OPTED_OUT.value, statement)
    held.ended_at = statement.observed_at
    held.save(update_fields=["ended_at"])
    _audit("recipient.opt_out_ended", recipient, statement, record=entry.pk)


@transaction.atomic
def withdraw(
    recipient: Recipient, *, purpose: str | None = None, statement: consent.Statement
) -> Withdrawn:
    """Withdraw what the person agreed to, for a purpose or for all.

    1. What rests on their consent to us ends. 2. They get no more marketing. 3. Without a purpose,
    LINE's notification messages count as rejected too. It only tightens, so it needs no date; a
    second time changes nothing. Raises PermissionDenied, Invalid.
    """
    recipient = _locked(recipient, statement.by)
    about = _read_purpose(purpose or "")
    bases = LegalBasis.objects.filter(
        recipient=recipient, basis=LegalBasisKind.CONSENT, withdrawn_at__isnull=True
    )
    if about:
        bases = bases.filter(purpose=about)
    ended = 0
    for held in bases.order_by("purpose"):
        if _judge(recipient, WITHDRAWN, (GIVEN.value, held.given_at, False), statement):
            _entry(recipient, WITHDRAWN, held.purpose, held.basis, GIVEN.value, statement)
            held.withdrawn_at, held.source = statement.observed_at, statement.source
            held.save(update_fields=["withdrawn_at", "source"])
            ended += 1
    is_opted_out = _opt_out(recipient, about, statement) is not None
    is_rejected = not about and consent.take(
        recipient, consent.CONSENT, Consent.REJECTED, statement
    )
    if not (ended or is_opted_out or is_rejected):
        _nothing_to_prove(statement)
    _audit(
        "recipient.withdraw",
        recipient,
        statement,
        bases=ended,
        is_opted_out=is_opted_out,
        is_consent_rejected=is_rejected,
    )
    return Withdrawn(ended, is_opted_out, is_rejected)


def _locked(recipient: Recipient, by: User | None) -> Recipient:
    if by is not None:
        access.require(by, intake.CHANGE, recipient.account_id)
    siblings.hold(recipient.phone)
    recipient = consent.locked(recipient)
    if recipient.erased_at:
        raise intake.Invalid("recipient", _("This person asked to be forgotten; nothing is kept."))
    return recipient


def _read_purpose(purpose: str, *, is_needed: bool = False) -> str:
    read = purpose.strip()
    if is_needed and not read:
        raise intake.Invalid("purpose", _("Give the purpose, such as “newsletter”."))
    if "\0" in read or len(read) > PURPOSE_LIMIT:
        raise intake.Invalid(
            "purpose",
            _("Name the purpose in at most %(limit)d characters.") % {"limit": PURPOSE_LIMIT},
        )
    if logs.masked(read) != read:  # it stays in the ledger for ever
        raise intake.Invalid("purpose", _("Name the purpose without numbers or ids of anybody."))
    return read


# What is held (value, since when), and whether the same value now comes with other particulars.
_Held = tuple[str, datetime | None, bool]


def _given(held: LegalBasis | None, basis: str, statement: consent.Statement) -> _Held:
    if held is None:
        return "", None, False
    differs = (held.basis, held.wording_version) != (basis, statement.wording_version)
    return _held_basis(held), held.withdrawn_at or held.given_at, differs


def _held_basis(held: LegalBasis | None) -> str:
    if held is None:
        return ""
    return WITHDRAWN.value if held.withdrawn_at else GIVEN.value


def _judge(recipient: Recipient, value: str, held: _Held, statement: consent.Statement) -> bool:
    """Return whether to apply the statement; raises Conflict."""
    word, observed_at, differs = held
    decision = consent.judge(
        value,
        held=word,
        held_observed_at=observed_at,
        statement=statement,
        since=recipient.phone_since,
        differs=differs,
    )
    if decision is consent.Decision.CONFLICT:
        raise consent.Conflict(
            consent.conflict_sentence(
                value, held=word, observed_at=statement.observed_at, since=recipient.phone_since
            )
        )
    return decision is consent.Decision.APPLY


def _opt_out(
    recipient: Recipient, purpose: str, statement: consent.Statement
) -> ConsentRecord | None:
    row = MarketingOptOut.objects.filter(recipient=recipient, purpose=purpose).first()
    held: _Held = ("", None, False)
    if row:
        word = ENDED if row.ended_at else OPTED_OUT
        held = (word.value, row.ended_at or row.opted_out_at, False)
    if not _judge(recipient, OPTED_OUT, held, statement):
        return None
    entry = _entry(recipient, OPTED_OUT, purpose, "", held[0], statement)
    MarketingOptOut.objects.update_or_create(
        recipient=recipient,
        purpose=purpose,
        defaults={
            "opted_out_at": statement.observed_at,
            "source": statement.source,
            "ended_at": None,
        },
    )
    return entry


def _entry(
    recipient: Recipient,
    value: str,
    purpose: str,
    basis: str,
    previous: str,
    statement: consent.Statement,
) -> ConsentRecord:
    subject = consent.BASIS if basis else consent.MARKETING
    made = consent.record(
        recipient,
        subject,
        value,
        statement,
        previous=previous,
        purpose=purpose,
        legal_basis=basis,
    )
    made.save(force_insert=True)
    if statement.evidence:
        consent.keep_evidence(made, statement.evidence)
    return made


def _nothing_to_prove(statement: consent.Statement) -> None:
    if statement.evidence:
        raise intake.Invalid(
            "evidence",
            _("This is held already, so there is no record that it could prove; give when it was"
              " observed."),
        )  # fmt: skip


def _audit(
    action: str, recipient: Recipient, statement: consent.Statement, **facts: object
) -> None:
    """Append to the chain; a purpose is free text, which only the ledger keeps."""
    if statement.evidence:
        facts["evidence_sha256"] = statement.evidence.sha256
    chain.write(
        action,
        subject=recipient,
        by=statement.by,
        at=statement.told_at,
        account_id=recipient.account_id,
        **facts,
    )
