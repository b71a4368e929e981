from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from lineportal.accounts.models import OfficialAccount
from lineportal.conversations import canned
from lineportal.conversations.models import CannedAnswer
from recipients.intake import Invalid


class Command(BaseCommand):
    help = "Write a canned answer, or change the one that has this shortcut already."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("shortcut", help="letters, digits, hyphens or underscores")
        parser.add_argument("--account", required=True, help="slug")
        parser.add_argument("--title", help="for colleagues; needed for a new one")
        parser.add_argument("--text", help="goes to customers; needed for a new one")
        parser.add_argument("--retire", action="store_true", help="take it out of use")

    def handle(self, *, shortcut: str, retire: bool, **options: Any) -> str:
        account = OfficialAccount.objects.filter(slug=options["account"]).first()
        if account is None:
            raise CommandError(f"There is no account “{options['account']}”.")
        values: dict[str, Any] = {
            name: options[name] for name in ("title", "text") if options[name] is not None
        }
        held = CannedAnswer.objects.filter(account=account, shortcut=shortcut).first()
        now = timezone.now()
        try:
            if held is None:
                values |= {"shortcut": shortcut, "is_on": not retire}
                canned.keep(account, by=None, at=now, values=values)
                return f"{shortcut} is written."
            canned.change(held, by=None, at=now, changes={**values, "is_on": not retire})
        except Invalid as refusal:
            raise CommandError(f"{refusal.field}: {refusal}") from refusal
        return f"{shortcut} is {'retired' if retire else 'changed, and in use'}."
