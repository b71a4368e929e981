"""A file of recipients becomes people: received, read, judged, written, or refused as a whole.

It is read into a temporary table first (`staging`), then judged and written by one transaction
(`upsert`), so it is in or out, never half: whoever is killed before has changed nothing, and the
next worker begins again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from datetime import date, datetime, time, timedelta
from typing import BinaryIO
from zoneinfo import ZoneInfo

from django.contrib.auth.models import User
from django.db import IntegrityError, OperationalError, connection, transaction
from django.utils.translation import gettext as _

from lineportal.accounts import access
from lineportal.accounts.models import OfficialAccount
from lineportal.audit import chain
from recipients import columns, sheets, staging, uploads, upsert
from recipients.intake import Invalid
from recipients.models import RecipientImport

IMPORT = "recipients.import_recipient"
FILE_LIMIT = 1_000_000_000  # bytes
_RUN_LOCK = 0x696D7075  # "impu": the first half of the advisory lock of one import's run
_TRIES = 4  # of the writing, where others changed the same people meanwhile
_ABANDONED = timedelta(minutes=1)  # without anybody working on it

Progress = Callable[[int], None]
State = RecipientImport.State
Stage = RecipientImport.Stage


class NotWaiting(Exception):
    """The import is not one that waits for a person's word."""


@transaction.atomic
def receive(
    account: OfficialAccount,
    *,
    name: str,
    file: BinaryIO,
    at: datetime,
    by: User | None,
    as_of: datetime | None = None,
    source_text: str = "",
    is_dry_run: bool = False,
    mapping: Mapping[str, str] | None = None,
    tag: str = "",
    is_kept: bool = True,
) -> RecipientImport:
    """Take a file to be imported; `by` None is an operator at the shell. `run` does the work.

    `mapping` says what columns mean (see `columns`), and is remembered for the account; without it,
    what was said before counts. `is_kept` False leaves the content with the caller, who gives it to
    `run`. Raises PermissionDenied, Invalid.
    """
    if by is not None:
        access.require(by, IMPORT, account)
    if as_of and as_of > at:
        raise Invalid("as_of", _("The file's date lies in the future; give the real one."))
    digest, size = uploads.digest(file)
    if size > FILE_LIMIT:
        raise Invalid("file", too_large())
    if mapping:
        _check_mapping(mapping)
        columns.remember(account, mapping, at=at)
    job = RecipientImport.objects.create(
        account=account,
        file_name=name[-255:],
        file_sha256=digest,
        size=size,
        mapping=columns.remembered(account),
        header=_header(file),
        tag=_read_tag(tag),
        as_of=as_of,
        source_text=source_text[:200],
        is_dry_run=is_dry_run,
        started_by=by,
        created_at=at,
    )
    if is_kept:
        uploads.keep(job, file)
    return job


def too_large() -> str:
    """Return the sentence for a file over the limit."""
    return _("The file is larger than %(limit)s MB; split it.") % {"limit": FILE_LIMIT // 1_000_000}


def read_as_of(text: str, *, account: OfficialAccount) -> datetime:
    """Return the moment a file speaks of: a date (its beginning, account's zone) or ISO time.

    Raises ValueError.
    """
    zone = ZoneInfo(account.timezone)
    if len(text) == len("YYYY-MM-DD"):
        moment = datetime.combine(date.fromisoformat(text), time.min, zone)
    else:
        moment = datetime.fromisoformat(text)
        moment = moment if moment.tzinfo else moment.replace(tzinfo=zone)
    if not 1900 <= moment.year < 9999:
        raise ValueError(text)  # the first and last years have no UTC
    return moment


def needs_meanings(job: RecipientImport) -> bool:
    """Return whether a person must say first which column holds the phone or LINE user id."""
    return (
        job.state == State.QUEUED
        and job.header is not None
        and not columns.is_enough(job.header, job.mapping)
    )


@transaction.atomic
def set_meanings(
    job: RecipientImport, mapping: Mapping[str, str], *, by: User, at: datetime
) -> RecipientImport:
    """Say what a file's columns mean, and remember it; return the import that `run` is to do.

    That is the same one while it waits, and another dry run after a dry run. Raises Invalid,
    NotWaiting.
    """
    access.require(by, IMPORT, job.account_id)
    job = RecipientImport.objects.select_for_update().get(pk=job.pk)
    if not can_be_given_meanings(job):
        raise NotWaiting(_("This import has begun; its columns cannot be changed any more."))
    _check_mapping(mapping)
    try:
        columns.read(job.header or [], {**job.mapping, **mapping})
    except sheets.UnreadableFile as error:
        raise Invalid("mapping", str(error)) from error
    columns.remember(job.account, mapping, at=at)
    if job.state == State.FINISHED:
        job = _again(job, is_dry_run=True, by=by, at=at)
    job.mapping = columns.remembered(job.account)
    job.save(update_fields=["mapping"])
    return job


def can_be_given_meanings(job: RecipientImport) -> bool:
    """Return whether a person may (still) say what the columns mean."""
    return job.header is not None and (job.state == State.QUEUED or can_be_applied(job))


def can_be_applied(job: RecipientImport) -> bool:
    """Return whether this is a finished dry run whose file is still kept."""
    return job.is_dry_run and job.state == State.FINISHED and job.parts.exists()


def earlier_of_same_file(job: RecipientImport) -> RecipientImport | None:
    """Return the last import before this one that took a file of the same bytes, if there is."""
    return (
        RecipientImport.objects.filter(
            account_id=job.account_id, file_sha256=job.file_sha256, state=State.FINISHED,
            is_dry_run=False, pk__lt=job.pk,
        )
        .order_by("-pk")
        .first()
    )  # fmt: skip


@transaction.atomic
def apply(dry_run: RecipientImport, *, by: User, at: datetime) -> RecipientImport:
    """Make a real import of a dry run's file, for `run` to do. Raises NotWaiting."""
    access.require(by, IMPORT, dry_run.account_id)
    return _again(
        RecipientImport.objects.select_for_update().get(pk=dry_run.pk),
        is_dry_run=False, by=by, at=at,
    )  # fmt: skip


def _again(
    dry_run: RecipientImport, *, is_dry_run: bool, by: User, at: datetime
) -> RecipientImport:
    if not (dry_run.is_dry_run and dry_run.state == State.FINISHED):
        raise NotWaiting(_("Only a finished dry run can be imported."))
    job = RecipientImport.objects.create(
        account_id=dry_run.account_id,
        **{
            name: getattr(dry_run, name)
            for name in ("file_name", "file_sha256", "size", "mapping", "header", "tag", "as_of",
                         "source_text")
        },
        is_dry_run=is_dry_run,
        started_by=by,
        created_at=at,
    )  # fmt: skip
    if not uploads.hand_over(dry_run, job):
        raise NotWaiting(_("The file is not kept any more; choose it again."))
    return job


@transaction.atomic
def discard(dry_run: RecipientImport, *, by: User, at: datetime) -> None:
    """Forget a dry run's file. Raises NotWaiting."""
    access.require(by, IMPORT, dry_run.account_id)
    if not can_be_applied(RecipientImport.objects.select_for_update().get(pk=dry_run.pk)):
        raise NotWaiting(_("This import keeps no file that could be discarded."))
    uploads.drop(dry_run)
    chain.write(
        "recipients.import_discard", subject=dry_run, by=by, at=at, account_id=dry_run.account_id
    )


def run(
    job: RecipientImport,
    *,
    at: datetime,
    progress: Progress | None = None,
    file: BinaryIO | None = None,
) -> RecipientImport:
    """Import a received file; a second call on a finished one, or beside another, does nothing.

    A file that cannot be used as a whole ends as `failed`, with nothing imported. `file` is the
    content of an import that was received without keeping it.
    """
    with _alone(job) as is_mine:
        job = RecipientImport.objects.select_related("account", "started_by").get(pk=job.pk)
        if not is_mine or job.state in (State.FINISHED, State.FAILED):
            return job
        job.state, job.started_at = State.RUNNING, job.started_at or at
        job.stage, job.percent, job.rows_read = Stage.READING, 0, 0
        job.save(update_fields=["state", "started_at", "stage", "percent", "rows_read"])
        try:
            with nullcontext(file) if file is not None else uploads.opened(job) as content:
                found = _read(job, content, progress)
        except sheets.UnreadableFile as refusal:
            _fail(job, refusal, at=at)
            return job
        _at_stage(job, Stage.JUDGING)
        for rest in reversed(range(_TRIES)):
            try:
                return _take(job, found, at=at)
            except (IntegrityError, OperationalError):
                # Somebody else added one of these people, or waited for us as we for them.
                if not rest or connection.in_atomic_block:
                    raise
    raise AssertionError("one of the tries returns or raises")


def abandoned(*, at: datetime) -> list[int]:
    """Return the ids of imports that nobody works on though they are to be done.

    Those whose content is with a caller who is gone end as failed here: nothing was changed.
    """
    rows = RecipientImport.objects.filter(
        state__in=(State.QUEUED, State.RUNNING), created_at__lt=at - _ABANDONED
    )
    found = []
    for job in rows:
        if needs_meanings(job):
            continue
        with _alone(job) as is_mine:
            if not is_mine:
                continue
        if job.parts.exists():
            found.append(job.pk)
        else:
            _fail(
                job,
                sheets.UnreadableFile(
                    _("The import was ended before its time; nothing was changed. Run it again.")
                ),
                at=at,
            )
    return found


def _read(job: RecipientImport, content: BinaryIO, progress: Progress | None) -> columns.Columns:
    sheet = sheets.begin(content)
    found = columns.read(sheet.header, job.mapping)
    job.encoding, job.header = sheet.encoding or sheet.kind, sheet.header

    def told(rows: int) -> None:
        share = sheet.share_read()
        job.rows_read, job.percent = rows, None if share is None else int(100 * min(share, 1))
        job.save(update_fields=["rows_read", "percent", "encoding", "header"])
        if progress:
            progress(rows)

    staging.stage(sheet, found, country=job.account.country, progress=told)
    return found


@transaction.atomic
def _take(job: RecipientImport, found: columns.Columns, *, at: datetime) -> RecipientImport:
    counts = upsert.take(job, found, at=at)
    job.created, job.updated = counts.created, counts.updated
    job.unchanged, job.refused = counts.unchanged, counts.refused
    job.rows = job.rows_read = counts.created + counts.updated + counts.unchanged + counts.refused
    staging.keep_refusals(job)
    job.state = State.FINISHED
    if not job.is_dry_run:
        uploads.drop(job)
    _end(job, at=at)
    return job


@transaction.atomic
def _fail(job: RecipientImport, refusal: sheets.UnreadableFile, *, at: datetime) -> None:
    about_columns = RecipientImport.Problem.COLUMNS
    job.problem_kind = about_columns if refusal.is_about_columns else RecipientImport.Problem.FILE
    job.state, job.problem, job.rows_read = State.FAILED, str(refusal), 0
    uploads.drop(job)
    _end(job, at=at)


def _end(job: RecipientImport, *, at: datetime) -> None:
    job.stage, job.percent, job.finished_at = "", None, at
    job.save()
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


def _at_stage(job: RecipientImport, stage: Stage) -> None:
    job.stage, job.percent = stage, None
    job.save(update_fields=["stage", "percent"])


@contextmanager
def _alone(job: RecipientImport) -> Iterator[bool]:
    """Hold the import's own lock, which goes with the connection of who is killed."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s, %s)", [_RUN_LOCK, job.pk % 2**31])
        is_mine = bool(cursor.fetchone()[0])
    try:
        yield is_mine
    finally:
        if is_mine and connection.is_usable():
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(%s, %s)", [_RUN_LOCK, job.pk % 2**31])


def _header(file: BinaryIO) -> list[str] | None:
    """Return the names in row 1; None where the file cannot be read, as its run will say."""
    try:
        return sheets.begin(file).header
    except sheets.UnreadableFile:
        return None


def _check_mapping(mapping: Mapping[str, str]) -> None:
    limit = sheets.NAME_LIMIT
    if not all(
        isinstance(text, str) and 0 < len(text.strip()) <= limit and "\0" not in text
        for pair in mapping.items()
        for text in pair
    ):
        raise Invalid(
            "mapping",
            _("Give the columns' meanings as names and texts of at most %(limit)d characters.")
            % {"limit": limit},
        )


def _read_tag(text: str) -> str:
    text = text.strip()
    if len(text) > 50:  # as long as the tags of a person
        raise Invalid("tag", _("A tag has at most 50 characters; shorten it."))
    return text
