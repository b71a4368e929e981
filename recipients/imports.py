"""Import a file of recipients: every row is created, updated, unchanged or refused with a reason.

The whole file goes in by one transaction, so it is in or out, never half. Rows are read and
judged in batches: two look-ups, one insert and one update each.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, time
from itertools import islice
from zoneinfo import ZoneInfo

from django.contrib.auth.models import User
from django.db import transaction
from django.utils.translation import gettext as _

from lineportal.accounts import access
from lineportal.accounts.models import OfficialAccount
from lineportal.audit import chain
from recipients import consent, erasure, phones, sheets, words
from recipients.intake import Invalid
from recipients.models import (
    ConsentRecord,
    ErasedPhone,
    ImportRefusal,
    Recipient,
    RecipientImport,
    Source,
)

IMPORT = "recipients.import_recipient"
BATCH = 2_000  # rows
FILE_LIMIT = 100 * 1024 * 1024  # bytes
_KEYS = ("phone", "line_user_id", "consent", "friend_status")

Progress = Callable[[int], None]


class _DryRun(Exception):
    """Rolls a dry run back, once everything has been counted."""


class _Refused(Exception):
    def __init__(self, column: str, reason: str) -> None:
        super().__init__(reason)
        self.column = column


@dataclass(frozen=True, slots=True)
class Person:
    """What one row says, once read; two rows that say the same are equal."""

    phone: str | None
    phone_country: str
    line_user_id: str | None
    consent: str | None
    friend_status: str | None
    attributes: tuple[tuple[str, str], ...]


@dataclass(slots=True)
class _Counts:
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


@transaction.atomic
def receive(
    account: OfficialAccount,
    *,
    name: str,
    content: bytes,
    at: datetime,
    by: User | None,
    as_of: datetime | None = None,
    source_text: str = "",
    is_dry_run: bool = False,
) -> RecipientImport:
    """Keep a file to be imported; `by` None is an operator at the shell.

    Raises PermissionDenied, Invalid. `run` does the work.
    """
    if by is not None:
        access.require(by, IMPORT, account)
    if as_of and as_of > at:
        raise Invalid("as_of", _("The file's date lies in the future; give the real one."))
    if len(content) > FILE_LIMIT:
        raise Invalid(
            "file",
            _("The file is larger than %(limit)d MB; split it.") % {"limit": 100},
        )
    return RecipientImport.objects.create(
        account=account,
        file_name=name[-255:],
        file_sha256=hashlib.sha256(content).hexdigest(),
        file=content,
        as_of=as_of,
        source_text=source_text[:200],
        is_dry_run=is_dry_run,
        started_by=by,
        created_at=at,
    )


def read_as_of(text: str, *, account: OfficialAccount) -> datetime:
    """Return the moment a file speaks of: a date (its beginning, account's zone) or ISO time.

    Raises ValueError.
    """
    zone = ZoneInfo(account.timezone)
    if len(text) == len("YYYY-MM-DD"):
        return datetime.combine(date.fromisoformat(text), time.min, zone)
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=zone)


def run(job: RecipientImport, *, at: datetime, progress: Progress | None = None) -> RecipientImport:
    """Import a received file; a second call on a finished one does nothing.

    A file that cannot be read as a whole ends as `failed`, with nothing imported.
    """
    with transaction.atomic():
        job = (
            RecipientImport.objects.select_for_update(of=("self",))
            .select_related("account", "started_by")
            .get(pk=job.pk)
        )
        if job.state in (RecipientImport.State.FINISHED, RecipientImport.State.FAILED):
            return job
        counts = _Counts()
        try:
            sheet = sheets.open_sheet(io.BytesIO(bytes(job.file or b"")))
            sheets.recipient_columns(sheet)
            job.encoding = sheet.encoding or sheet.kind
            with transaction.atomic():
                _take_all(job, sheet, counts, at=at, progress=progress)
                if job.is_dry_run:
                    raise _DryRun
        except sheets.UnreadableFile as refusal:
            job.state, job.problem = RecipientImport.State.FAILED, str(refusal)
        except _DryRun:
            job.state = RecipientImport.State.FINISHED
        else:
            job.state = RecipientImport.State.FINISHED
        _finish(job, counts, at=at)
    return job


def _finish(job: RecipientImport, counts: _Counts, *, at: datetime) -> None:
    job.created, job.updated, job.unchanged = (
        counts.created,
        counts.updated,
        counts.unchanged,
    )
    job.refused = len(counts.refusals)
    job.rows = job.rows_read = job.created + job.updated + job.unchanged + job.refused
    job.started_at, job.finished_at = job.started_at or at, at
    job.file = None
    job.save()
    ImportRefusal.objects.bulk_create(
        [
            ImportRefusal(recipient_import=job, row=row, column=column, reason=reason)
            for row, column, reason in sorted(counts.refusals)
        ],
        batch_size=BATCH,
    )
    chain.write(
        "recipients.import",
        subject=job,
        by=job.started_by,
        at=at,
        account_id=job.account_id,
        file_sha256=job.file_sha256,
        state=job.state,
        rows=job.rows,
        created=job.created,
        updated=job.updated,
        unchanged=job.unchanged,
        refused=job.refused,
        dry_run=job.is_dry_run,
    )


def _take_all(
    job: RecipientImport,
    sheet: sheets.Sheet,
    counts: _Counts,
    *,
    at: datetime,
    progress: Progress | None,
) -> None:
    seen: dict[str, tuple[int, Person]] = {}
    done = 0
    for rows in _batches(sheet.rows()):
        people: list[tuple[int, Person]] = []
        for row in rows:
            try:
                person = read_row(row, sheet, country=job.account.country)
                if first := _repeated(person, seen):
                    _check_repeat(first, person)
                    counts.unchanged += 1
                    continue
            except _Refused as refusal:
                counts.refusals.append((row.number, refusal.column, str(refusal)))
                continue
            for key in (person.phone, person.line_user_id):
                if key:
                    seen.setdefault(key, (row.number, person))
            people.append((row.number, person))
        _take_batch(job, sheet, people, counts, at=at)
        done += len(rows)
        if progress:
            progress(done)


def read_row(row: sheets.Row, sheet: sheets.Sheet, *, country: str) -> Person:
    """Return what a row says of a person; one bad cell refuses the whole row."""
    if row.problem:
        raise _Refused(row.problem_column, row.problem)
    said: dict[str, str] = {}
    phone: phones.Phone | None = None
    for name, read in (
        ("line_user_id", words.line_user_id),
        ("consent", words.consent),
        ("friend_status", words.friend_status),
    ):
        if name in row.cells:
            try:
                said[name] = read(row.cells[name])
            except (words.UnknownWord, words.UnreadableUserId) as error:
                raise _Refused(sheet.letter(name), str(error)) from error
    if "phone" in row.cells:
        try:
            phone = phones.read(row.cells["phone"], country=country)
        except phones.UnreadablePhone as error:
            raise _Refused(sheet.letter("phone"), str(error)) from error
    if phone is None and "line_user_id" not in said:
        column = sheet.letter("phone") or sheet.letter("line_user_id")
        raise _Refused(column, _("the row has neither a phone number nor a LINE user id"))
    return Person(
        phone=phone.e164 if phone else None,
        phone_country=phone.country if phone else "",
        line_user_id=said.get("line_user_id"),
        consent=said.get("consent"),
        friend_status=said.get("friend_status"),
        attributes=tuple(
            (name, cell) for name, cell in sorted(row.cells.items()) if name not in _KEYS
        ),
    )


def _batches(rows: Iterator[sheets.Row]) -> Iterator[list[sheets.Row]]:
    while batch := list(islice(rows, BATCH)):
        yield batch


def _repeated(person: Person, seen: dict[str, tuple[int, Person]]) -> tuple[int, Person] | None:
    return seen.get(person.phone or "") or seen.get(person.line_user_id or "")


def _check_repeat(first: tuple[int, Person], person: Person) -> None:
    number, earlier = first
    if earlier != person:
        raise _Refused(
            "",
            _("the same person as in row %(row)d, with other details; keep one of the two")
            % {"row": number},
        )


def _take_batch(
    job: RecipientImport,
    sheet: sheets.Sheet,
    people: list[tuple[int, Person]],
    counts: _Counts,
    *,
    at: datetime,
) -> None:
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
    erased = _erased(job.account, [p.phone for _n, p in people if p.phone])
    elsewhere = _consent_elsewhere(job.account, [p.phone for _n, p in people if p.phone])
    batch = _Batch()
    for number, person in people:
        try:
            if person.phone in erased:
                raise _Refused(
                    sheet.letter("phone"),
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
        except _Refused as refusal:
            counts.refusals.append((number, refusal.column, str(refusal)))
    _write(job, batch, at=at)


def _erased(account: OfficialAccount, numbers: list[str]) -> set[str]:
    digests = {erasure.digest(number): number for number in numbers}
    found = ErasedPhone.objects.filter(account=account, digest__in=digests)
    return {digests[digest] for digest in found.values_list("digest", flat=True)}


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
        raise _Refused(
            sheet.letter("line_user_id"),
            _("the phone number and the LINE user id belong to two people we hold"),
        )
    if person.line_user_id and held.line_user_id and person.line_user_id != held.line_user_id:
        raise _Refused(
            sheet.letter("line_user_id"),
            _("we hold another LINE user id for this person; a row cannot change it"),
        )
    if person.phone and held.phone and person.phone != held.phone:
        raise _Refused(
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
    if inherited is not None:
        recipient.consent = inherited.consent
        recipient.consent_source = inherited.consent_source
        recipient.consent_observed_at = inherited.consent_observed_at
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
            raise _Refused(column, consent.conflict_sentence(value, held=held))
        # A new person's word that equals what would be assumed is still a statement.
        if decision is consent.Decision.APPLY or (recipient.pk is None and observed_at is None):
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
        record = records[other.phone]
        statement = consent.Statement(
            source=Source(record.source),
            observed_at=record.observed_at,
            is_dated=record.is_dated,
            told_at=record.recorded_at,
            reference=record.source_reference,
            by=record.recorded_by,
        )
        consent.spread(other, record.value, statement)
