from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from lineportal.accounts.models import OfficialAccount
from recipients import link_files
from recipients.intake import Invalid


class Command(BaseCommand):
    help = "Link numbers to LINE users from a CSV or XLSX file: phone, line_user_id, linked_at."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("path", help="the file")
        parser.add_argument("--account", required=True, help="slug")
        parser.add_argument("--dry-run", action="store_true", help="check every row, link nothing")

    def handle(self, *, path: str, dry_run: bool, **options: Any) -> str:
        account = OfficialAccount.objects.filter(slug=options["account"]).first()
        if account is None:
            raise CommandError(f"There is no account “{options['account']}”.")
        try:
            with Path(path).open("rb") as file:
                taken = link_files.take(
                    account, file, at=timezone.now(), by=None, reference="file",
                    is_dry_run=dry_run,
                )  # fmt: skip
        except OSError as error:
            raise CommandError(f"The file cannot be read: {error.strerror}.") from error
        except Invalid as refusal:
            raise CommandError(str(refusal)) from refusal
        would = "would be " if dry_run else ""
        return f"{taken.made} {would}linked, {taken.known} known before."
