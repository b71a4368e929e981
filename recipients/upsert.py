"""Write a batch of file rows as recipients: judged in Python, written by a few statements.

Two look-ups find whom we hold; new people go in by one insert, changed ones by one update, and
every change of consent or friend status into the ledger.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from django.utils.translation import gettext as _

from lineportal.accounts.models import OfficialAccount
from recipients import consent, erasure, sheets
from recipients.file_rows import Person, Refused
from recipients.models import ConsentRecord, Recipient, RecipientImport, Source

BATCH = 2_000  # rows

# The rows of this file that were taken, by phone and by LINE user id.
Seen = dict[str, tuple[int, Person]]


@dataclass(slots=True)
class Counts:
    """What became of the rows: (row, column, reason) for the refused ones."""

    created: int = 0
    updated: int = 0
    unchanged: int = 0
    refusals: list[tuple[int, str, str]] = field(default_factory=list)


@dataclass(slots=True)
class _Batch:
    """What one batch will write."""

    created: list[Recipient] = field(default_factory=list)
    changed: dict[int, Recipient] = field(default_factory=dict)
    ledger: list[ConsentRecord] = field(default_factory=list)


def take(
    job: RecipientImport,
    sheet: sheets.Sheet,
    people: list[tuple[int, Person]],
    counts: Counts,
    *,
    seen: Seen,
    at: datetime,
) -> None:
    """Judge a batch of (row number, person) and write it; what is refused leaves nothing."""
    known = Recipient.objects.select_for_update().filter(account=job.account)
    by_phone = {
        row.phone: row for row in known.filter(phone__in=[p.phone for _n, p in people if p.phone])
    }
    by_user_id = {
        row.line_user_id: row
        for row in known.filter(line_user_id__in=[p.line_user_id for _n, p in people])
    }
    # One row object per person, whichever key found it.
    for row in by_user_id.values():
        if row.phone in by_phone:
            by_user_id[row.line_user_id] = by_phone[row.phone]
    erased = erasure.erased_among(
        job.account,
        phones=[p.phone for _n, p in people if p.phone],
        line_user_ids=[p.line_user_id for _n, p in people if p.line_user_id],
    )
    elsewhere = _consent_elsewhere(job.account, [p.phone for _n, p in people if p.phone])
    batch = _Batch()
    for number, person in people:
        try:
            if _is_repeated(person, seen):
                counts.unchanged += 1
                continue
            if person.phone in erased or person.line_user_id in erased:
                raise Refused(
                    sheet.letter("phone" if person.phone in erased else "line_user_id"),
                    _("this person asked to be forgotten and is not imported again"),
                )
            held = by_phone.get(person.phone) or by_user_id.get(person.line_user_id)
            _check_identity(person, held, by_user_id, sheet)
            statement = _statement(job, number, at=at)
            if held is None:
                inherited = elsewhere.get(person.phone or "")
                _create(job, person, inherited, statement, batch, sheet, at=at)
                counts.created += 1
            elif _update(held, person, statement, batch, sheet, at=at):
                counts.updated += 1
            else:
                counts.unchanged += 1
        except Refused as refusal:
            counts.refusals.append((number, refusal.column, str(refusal)))
            continue
        keys = {person.phone, person.line_user_id}
        if held is not None:  # a later row may name the same person by the other key
            keys |= {held.phone, held.line_user_id}
        for key in keys:
            if key:
                seen.setdefault(key, (number, person))
    _write(job, batch, at=at)


def _is_repeated(person: Person, seen: Seen) -> bool:
    """Return whether an earlier row said the same; raises Refused where it said something else."""
    first = seen.get(person.phone or "") or seen.get(person.line_user_id or "")
    if first is None:
        return False
    number, earlier = first
    if earlier != person:
        raise Refused(
            "",
            _("the same person as in row %(row)d, with other details; keep one of the two")
            % {"row": number},
        )
    return True


def _consent_elsewhere(account: OfficialAccount, numbers: list[str]) -> dict[str, Recipient]:
    """LINE's consent belongs to the phone: what other accounts know of these numbers."""
    rows = Recipient.objects.filter(phone__in=numbers, consent_observed_at__isnull=False).exclude(
        account=account
    )
    return {row.phone or "": row for row in rows.order_by("consent_observed_at")}


def _check_identity(
    person: Person,
    held: Recipient | None,
    by_user_id: dict[str | None, Recipient],
    sheet: sheets.Sheet,
) -> None:
    if held is None:
        return
    other = by_user_id.get(person.line_user_id)
    if other is not None and other.pk != held.pk:
        raise Refused(
            sheet.letter("line_user_id"),
            _("the phone number and the LINE user id belong to two people we hold"),
        )
    if person.line_user_id and held.line_user_id and person.line_user_id != held.line_user_id:
        raise Refused(
            sheet.letter("line_user_id"),
            _("we hold another LINE user id for this person; a row cannot change it"),
        )
    if person.phone and held.phone and person.phone != held.phone:
        raise Refused(
            sheet.letter("phone"),
            _("we hold another phone number for this LINE user id; a row cannot change it"),
        )


def _statement(job: RecipientImport, row: int, *, at: datetime) -> consent.Statement:
    return consent.Statement(
        source=Source.IMPORT,
        observed_at=job.as_of or at,
        is_dated=job.as_of is not None,
        told_at=at,
        reference=f"import:{job.pk} row {row}",
        by=job.started_by,
    )


def _create(
    job: RecipientImport,
    person: Person,
    inherited: Recipient | None,
    statement: consent.Statement,
    batch: _Batch,
    sheet: sheets.Sheet,
    *,
    at: datetime,
) -> None:
    recipient = Recipient(
        account=job.account,
        phone=person.phone,
        phone_country=person.phone_country,
        line_user_id=person.line_user_id,
        attributes=dict(person.attributes),
        created_at=at,
        updated_at=at,
    )
    entries: list[ConsentRecord] = []
    if inherited is not None and inherited.consent_observed_at is not None:
        known = consent.Statement(
            source=Source(inherited.consent_source),
            observed_at=inherited.consent_observed_at,
            is_dated=True,
            told_at=at,
            reference=f"recipient:{inherited.pk}",
        )
        entries.append(consent.entry(recipient, consent.CONSENT, inherited.consent, known))
        consent.assign(recipient, consent.CONSENT, inherited.consent, known)
    _judge(recipient, person, statement, entries, sheet)
    batch.created.append(recipient)
    batch.ledger += entries


def _update(
    held: Recipient,
    person: Person,
    statement: consent.Statement,
    batch: _Batch,
    sheet: sheets.Sheet,
    *,
    at: datetime,
) -> bool:
    entries: list[ConsentRecord] = []
    _judge(held, person, statement, entries, sheet)
    attributes = {**held.attributes, **dict(person.attributes)}
    is_changed = bool(entries) or attributes != held.attributes
    held.attributes = attributes
    if person.phone and not held.phone:
        held.phone, held.phone_country, is_changed = (
            person.phone,
            person.phone_country,
            True,
        )
    if person.line_user_id and not held.line_user_id:
        held.line_user_id, is_changed = person.line_user_id, True
    if is_changed:
        held.updated_at = at
        batch.changed[held.pk] = held
        batch.ledger += entries
    return is_changed


def _judge(
    recipient: Recipient,
    person: Person,
    statement: consent.Statement,
    entries: list[ConsentRecord],
    sheet: sheets.Sheet,
) -> None:
    """Set what the row says of consent and friendship; both are judged before either is set."""
    said = [
        (
            consent.CONSENT,
            person.consent,
            recipient.consent,
            recipient.consent_observed_at,
        ),
        (
            consent.FRIEND,
            person.friend_status,
            recipient.friend_status,
            recipient.friend_observed_at,
        ),
    ]
    changes = []
    for subject, value, held, observed_at in said:
        if value is None:
            continue
        decision = consent.judge(
            value, held=held, held_observed_at=observed_at, statement=statement
        )
        if decision is consent.Decision.CONFLICT:
            column = sheet.letter("consent" if subject == consent.CONSENT else "friend_status")
            raise Refused(column, consent.conflict_sentence(value, held=held))
        # A new person's word that equals what would be assumed is still a statement.
        if decision is consent.Decision.APPLY or (recipient._state.adding and observed_at is None):
            changes.append((subject, value))
    for subject, value in changes:
        entries.append(consent.entry(recipient, subject, value, statement))
        consent.assign(recipient, subject, value, statement)


def _write(job: RecipientImport, batch: _Batch, *, at: datetime) -> None:
    Recipient.objects.bulk_create(batch.created, batch_size=BATCH)
    Recipient.objects.bulk_update(
        batch.changed.values(),
        [
            "phone", "phone_country", "line_user_id", "attributes", "updated_at",
            "consent", "consent_source", "consent_observed_at",
            "friend_status", "friend_source", "friend_observed_at",
        ],
        batch_size=500,
    )  # fmt: skip
    for record in batch.ledger:
        record.recipient_id = record.recipient.pk
    ConsentRecord.objects.bulk_create(batch.ledger, batch_size=BATCH)
    _spread_consent(job, batch.ledger)


def _spread_consent(job: RecipientImport, ledger: Iterable[ConsentRecord]) -> None:
    """Set LINE's consent on the rows that other accounts hold of the same phones."""
    records = {
        record.recipient.phone: record
        for record in ledger
        if record.subject == consent.CONSENT and record.recipient.phone
    }
    others = (
        Recipient.objects.select_for_update()
        .filter(phone__in=records)
        .exclude(account=job.account)
        .order_by("pk")
    )
    for other in others:
        record = records[str(other.phone)]
        statement = consent.Statement(
            source=Source(record.source),
            observed_at=record.observed_at,
            is_dated=record.is_dated,
            told_at=record.recorded_at,
            reference=record.source_reference,
            by=record.recorded_by,
        )
        consent.spread(other, record.value, statement)
