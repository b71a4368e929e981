from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from lineportal.accounts.models import OfficialAccount
from lineportal.sending import clock, stops


class Command(BaseCommand):
    help = "Lift the stop of an account, or of the whole site."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--account", help="slug; the whole site when left out")

    def handle(self, *, account: str | None, **options: Any) -> str:
        found = OfficialAccount.objects.filter(slug=account).first() if account else None
        if account and found is None:
            raise CommandError(f"There is no account “{account}”.")
        held = stops.in_force().filter(account=found).first()
        if held is None:
            raise CommandError(f"{found or 'The whole site'} is not stopped.")
        try:
            stops.lift(held.pk, by=None, at=clock.now())
        except stops.NotStopped as refusal:
            raise CommandError(str(refusal)) from refusal
        return f"{found or 'The whole site'} may send again."
