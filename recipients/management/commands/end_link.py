from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from lineportal.accounts.models import OfficialAccount
from recipients import linking
from recipients.models import Link


class Command(BaseCommand):
    help = "End the link of a number to a LINE user."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("link", type=int, help="the link's number, as its page shows it")
        parser.add_argument("--account", required=True, help="slug")

    def handle(self, *, link: int, **options: Any) -> str:
        account = OfficialAccount.objects.filter(slug=options["account"]).first()
        found = Link.objects.filter(account=account, pk=link).first() if account else None
        if found is None:
            raise CommandError("There is no such link in this account.")
        try:
            linking.end(found, at=timezone.now(), by=None)
        except linking.AlreadyEnded as refusal:
            raise CommandError(str(refusal)) from refusal
        return f"Link {found.pk} has ended."
