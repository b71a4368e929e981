from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from lineportal.accounts.models import OfficialAccount
from lineportal.sending import forgetting
from recipients import intake, phones
from recipients.intake import Invalid
from recipients.models import Recipient


class Command(BaseCommand):
    help = "Forget a person: counts stay, what is queued is skipped, re-import is barred."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("phone", help="national or with + and country code")
        parser.add_argument("--account", required=True, help="slug")
        parser.add_argument("--reason", default="", help="for auditors; name nobody in it")

    def handle(self, *, phone: str, **options: Any) -> str:
        account = OfficialAccount.objects.filter(slug=options["account"]).first()
        if account is None:
            raise CommandError(f"There is no account “{options['account']}”.")
        try:
            number = intake.read_phone(account, phone)
        except Invalid as refusal:
            raise CommandError(str(refusal)) from refusal
        person = Recipient.objects.filter(account=account, phone=number.e164).first()
        if person is None:
            raise CommandError(f"We hold nobody with {phones.mask(number.e164)}.")
        forgetting.erase(person, at=timezone.now(), by=None, reason=options["reason"])
        return f"The person with {phones.mask(number.e164)} is forgotten."
