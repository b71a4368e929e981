from __future__ import annotations

import shutil
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone
from tqdm import tqdm

from lineportal.accounts.models import OfficialAccount
from recipients import imports, repairs
from recipients.intake import Invalid
from recipients.models import RecipientImport

_ROWS_SHOWN = 100


class Command(BaseCommand):
    help = "Import recipients from a CSV or XLSX file."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, help="CSV or XLSX, headings in row 1")
        parser.add_argument("--account", required=True, help="slug")
        parser.add_argument("--as-of", help="the date the file speaks of: YYYY-MM-DD or ISO time")
        parser.add_argument("--dry-run", action="store_true", help="count, and change nothing")
        parser.add_argument(
            "--map",
            nargs="+",
            action="extend",
            default=[],
            metavar="COLUMN=MEANING",
            help="what a column of row 1 means: phone, line_user_id, consent, friend_status, an"
            " attribute's name, or - for none; remembered for the account",
        )
        parser.add_argument("--tag", default="", help="a tag for everyone in the file")
        parser.add_argument("--source", default="", help="where the file comes from")
        parser.add_argument(
            "--refused", type=Path, metavar="FILE", help="write the refused rows to this .xlsx file"
        )

    def handle(self, *, file: Path, dry_run: bool, source: str, **options: Any) -> None:
        account = OfficialAccount.objects.filter(slug=options["account"]).first()
        if account is None:
            raise CommandError(f"There is no account “{options['account']}”.")
        mapping = _mapping(options["map"])
        try:
            content = file.open("rb")
        except OSError as error:
            raise CommandError(f"The file {file} cannot be read.") from error
        with content:
            try:
                job = imports.receive(
                    account,
                    name=file.name,
                    file=content,
                    at=timezone.now(),
                    by=None,
                    as_of=_moment(options["as_of"], account) if options["as_of"] else None,
                    source_text=source,
                    is_dry_run=dry_run,
                    mapping=mapping,
                    tag=options["tag"],
                    is_kept=False,
                )
            except Invalid as refusal:
                raise CommandError(str(refusal)) from refusal
            with tqdm(total=job.size, unit="B", unit_scale=True, file=sys.stderr,
                      desc="Importing") as bar:  # fmt: skip

                def show(rows: int) -> None:
                    bar.n = min(content.tell(), job.size)
                    bar.set_postfix_str(f"{rows} rows")

                job = imports.run(job, at=timezone.now(), progress=show, file=content)
        if job.state == RecipientImport.State.FAILED:
            raise CommandError(f"Nothing was imported. {job.problem}")
        for row in job.refusals.order_by("row")[:_ROWS_SHOWN]:
            column = f", column {row.column}" if row.column else ""
            self.stdout.write(f"row {row.row}{column}: {row.reason}")
        if job.refused > _ROWS_SHOWN:
            self.stdout.write(f"... and {job.refused - _ROWS_SHOWN} more refused rows.")
        if options["refused"] and job.refused:
            self._write_refused(job, options["refused"])
        if not job.created + job.updated:
            self.stdout.write("The file changes nothing.")
        self.stdout.write(
            f"{'Dry run, nothing changed: ' if dry_run else ''}{job.rows} rows: {job.created}"
            f" created, {job.updated} updated, {job.unchanged} unchanged, {job.refused} refused."
            f" Read as {job.encoding}."
        )

    def _write_refused(self, job: RecipientImport, path: Path) -> None:
        with repairs.workbook(job, by=None, at=timezone.now()) as rows:
            try:
                with path.open("wb") as file:
                    shutil.copyfileobj(rows, file)
            except OSError as error:
                raise CommandError(f"The file {path} cannot be written.") from error
        self.stdout.write(f"The refused rows are in {path}.")


def _mapping(pairs: list[str]) -> dict[str, str]:
    mapping = {}
    for pair in pairs:
        name, separator, meaning = pair.rpartition("=")
        if not separator or not name or not meaning:
            raise CommandError("Give --map as COLUMN=MEANING, for example --map Mobile=phone.")
        mapping[name] = meaning
    return mapping


def _moment(text: str, account: OfficialAccount) -> datetime:
    try:
        return imports.read_as_of(text, account=account)
    except ValueError as error:
        raise CommandError("Give --as-of as YYYY-MM-DD, or as ISO time.") from error
