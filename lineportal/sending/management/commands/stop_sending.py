from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from lineportal.accounts.models import OfficialAccount
from lineportal.sending import clock, stops
from recipients.intake import Invalid


class Command(BaseCommand):
    help = "Stop everything of an account, or of the whole site; allow_sending lifts it."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--account", help="slug; the whole site when left out")
        parser.add_argument("--reason", required=True, help="shown to everybody who waits")

    def handle(self, *, account: str | None, reason: str, **options: Any) -> str:
        found = OfficialAccount.objects.filter(slug=account).first() if account else None
        if account and found is None:
            raise CommandError(f"There is no account “{account}”.")
        try:
            stops.stop(found, by=None, at=clock.now(), reason=reason)
        except (Invalid, stops.AlreadyStopped) as refusal:
            raise CommandError(str(refusal)) from refusal
        return f"{found or 'The whole site'} is stopped."
