from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from lineportal.accounts.models import OfficialAccount
from lineportal.conversations import linking
from recipients import intake, link_codes
from recipients.models import Recipient


class Command(BaseCommand):
    help = "Make a code by which a customer links their number in the chat; it is shown once."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("phone", help="national or with + and country code")
        parser.add_argument("--account", required=True, help="slug")

    def handle(self, *, phone: str, **options: Any) -> str:
        account = OfficialAccount.objects.filter(slug=options["account"]).first()
        if account is None:
            raise CommandError(f"There is no account “{options['account']}”.")
        try:
            number = intake.read_phone(account, phone)
            person = Recipient.objects.filter(account=account, phone=number.e164).first()
            if person is None:
                raise CommandError("We hold nobody with this number; add the person first.")
            issued = link_codes.issue(person, at=timezone.now(), by=None)
        except (intake.Invalid, link_codes.TooManyCodes) as refusal:
            raise CommandError(str(refusal)) from refusal
        until = issued.row.expires_at.strftime("%Y-%m-%d %H:%M")
        return f"{issued.shown}, good until {until} UTC, once. {linking.address(account)}"
