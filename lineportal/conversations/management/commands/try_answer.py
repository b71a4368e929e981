from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from lineportal.accounts.models import OfficialAccount
from lineportal.conversations import automat


class Command(BaseCommand):
    help = "Say what an account would do by itself, now, about a text; nothing is sent."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--account", required=True, help="slug")
        parser.add_argument("--text", required=True, help="what a customer writes")

    def handle(self, *, text: str, **options: Any) -> str:
        account = OfficialAccount.objects.filter(slug=options["account"]).first()
        if account is None:
            raise CommandError(f"There is no account “{options['account']}”.")
        plan = automat.plans([account.pk]).get(account.pk)
        if plan is None:
            return "off: nothing is said; stop words still count."
        decision = automat.decide(plan, text, at=timezone.now())
        lines = [decision.act or "nothing"]
        if decision.rule:
            lines.append(f"by the words: {decision.rule}")
        if decision.answer:
            lines.append(decision.answer.text)
        return "\n".join(lines)
