from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from lineportal.accounts.models import OfficialAccount
from lineportal.sending import reissued
from recipients import intake, phones
from recipients.models import Recipient


class Command(BaseCommand):
    help = "Say that a number is another person's now: close its former owner, open the new one."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("phone", help="national or with + and country code")
        parser.add_argument("--account", required=True, help="slug of one that holds the number")
        parser.add_argument("--reason", required=True, help="how this is known, for auditors")
        parser.add_argument(
            "--only-here", action="store_true", help="leave the other accounts' persons as they are"
        )

    def handle(self, *, phone: str, reason: str, only_here: bool, **options: Any) -> str:
        account = OfficialAccount.objects.filter(slug=options["account"]).first()
        if account is None:
            raise CommandError(f"There is no account “{options['account']}”.")
        try:
            number = intake.read_phone(account, phone)
            person = Recipient.objects.filter(account=account, phone=number.e164).first()
            if person is None:
                raise CommandError(f"We hold nobody with {phones.mask(number.e164)}.")
            made = reissued.take(
                person, at=timezone.now(), by=None, reason=reason, everywhere=not only_here
            )
        except intake.Invalid as refusal:
            raise CommandError(str(refusal)) from refusal
        now = ", ".join(f"recipient {each.former.pk} → {each.now.pk}" for each in made)
        return f"{phones.mask(number.e164)} is another person's now: {now}."
