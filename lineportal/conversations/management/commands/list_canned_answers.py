from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from lineportal.accounts.models import OfficialAccount
from lineportal.conversations.models import CannedAnswer


class Command(BaseCommand):
    help = "List the canned answers of an account: shortcut, whether in use, title, text."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--account", required=True, help="slug")

    def handle(self, **options: Any) -> str:
        account = OfficialAccount.objects.filter(slug=options["account"]).first()
        if account is None:
            raise CommandError(f"There is no account “{options['account']}”.")
        rows = CannedAnswer.objects.filter(account=account).order_by("shortcut")
        return "\n".join(
            "\t".join(
                (each.shortcut, "in use" if each.is_on else "retired", each.title,
                 " ".join(each.text.split()))
            )
            for each in rows
        ) or "There is none yet."  # fmt: skip
