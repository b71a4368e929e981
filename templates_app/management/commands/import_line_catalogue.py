from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction
from django.utils import timezone

from lineportal.accounts.models import Country
from templates_app import catalogue_import

_LISTED = 200  # problems of one file


class Command(BaseCommand):
    help = "Take in an edition of LINE's catalogue of template, item and button keys."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", help="CSV, XLSX, or a table pasted from LINE's page")
        parser.add_argument("--country", required=True, help=", ".join(Country.values))
        parser.add_argument("--edition", required=True, help="its name, such as the day it is of")
        parser.add_argument("--source", default="", help="where the tables were taken from")
        parser.add_argument("--dry-run", action="store_true", help="say what it would change")

    def handle(self, *, file: str, **options: Any) -> str:
        try:
            held = Path(file).read_bytes()
        except OSError as error:
            raise CommandError(f"“{file}” cannot be read: {error.strerror}.") from error
        with transaction.atomic():
            try:
                edition, summary = catalogue_import.load(
                    held,
                    country=options["country"].upper(),
                    name=options["edition"],
                    source=options["source"],
                    by=None,
                    at=timezone.now(),
                )
            except catalogue_import.Refused as refusal:
                raise CommandError(self._told(refusal)) from refusal
            if options["dry_run"]:
                transaction.set_rollback(True)
        return f"{edition}: {summary}" + (" Nothing was kept." if options["dry_run"] else "")

    def _told(self, refusal: catalogue_import.Refused) -> str:
        """Return the one problem, or list the problems one a line and return how many there are."""
        problems = refusal.problems
        if len(problems) == 1:
            return problems[0]
        for problem in problems[:_LISTED]:
            self.stderr.write(problem)
        told = f"The file has {len(problems):,} problems; nothing was changed."
        return told if len(problems) <= _LISTED else f"{told} The first {_LISTED} are listed."
