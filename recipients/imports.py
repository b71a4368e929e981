"""Import a file of recipients: every row is created, updated, unchanged or refused with a reason.

The whole file goes in by one transaction, so it is in or out, never half. Rows are read and
judged in batches: two look-ups, one insert and one update each.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Iterator
from datetime import date, datetime, time
from itertools import islice
from zoneinfo import ZoneInfo

from django.contrib.auth.models import User
from django.db import transaction
from django.utils.translation import gettext as _

from lineportal.accounts import access
from lineportal.accounts.models import OfficialAccount
from lineportal.audit import chain
from recipients import sheets, upsert
from recipients.file_rows import Person, Refused, read_row
from recipients.intake import Invalid
from recipients.models import ImportRefusal, RecipientImport
from recipients.upsert import BATCH, Counts

IMPORT = "recipients.import_recipient"
FILE_LIMIT = 100 * 1024 * 1024  # bytes

Progress = Callable[[int], None]


class _DryRun(Exception):
    """Rolls a dry run back, once everything has been counted."""


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
        moment = datetime.combine(date.fromisoformat(text), time.min, zone)
    else:
        moment = datetime.fromisoformat(text)
        moment = moment if moment.tzinfo else moment.replace(tzinfo=zone)
    if not 1900 <= moment.year < 9999:
        raise ValueError(text)  # the first and last years have no UTC
    return moment


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
        counts = Counts()
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


def _finish(job: RecipientImport, counts: Counts, *, at: datetime) -> None:
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
    counts: Counts,
    *,
    at: datetime,
    progress: Progress | None,
) -> None:
    seen: upsert.Seen = {}
    done = 0
    for rows in _batches(sheet.rows()):
        people: list[tuple[int, Person]] = []
        for row in rows:
            try:
                person = read_row(row, sheet, country=job.account.country)
            except Refused as refusal:
                counts.refusals.append((row.number, refusal.column, str(refusal)))
                continue
            people.append((row.number, person))
        upsert.take(job, sheet, people, counts, seen=seen, at=at)
        done += len(rows)
        if progress:
            progress(done)


def _batches(rows: Iterator[sheets.Row]) -> Iterator[list[sheets.Row]]:
    while batch := list(islice(rows, BATCH)):
        yield batch
