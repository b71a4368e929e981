from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from lineportal.accounts.models import OfficialAccount
from recipients import bases, consent, intake, phones
from recipients.models import Recipient, Source


class Command(BaseCommand):
    help = "Withdraw what a person agreed to: for one purpose, or all of it."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("phone", help="national or with + and country code")
        parser.add_argument("--account", required=True, help="slug")
        parser.add_argument(
            "--purpose", help="this one alone; else all, LINE's notification messages included"
        )
        parser.add_argument("--evidence", default="", help="what they said, in words")

    def handle(self, *, phone: str, purpose: str | None, evidence: str, **options: Any) -> str:
        account = OfficialAccount.objects.filter(slug=options["account"]).first()
        if account is None:
            raise CommandError(f"There is no account “{options['account']}”.")
        try:
            number = intake.read_phone(account, phone)
            person = Recipient.objects.filter(account=account, phone=number.e164).first()
            if person is None:
                raise CommandError(f"We hold nobody with {phones.mask(number.e164)}.")
            statement = intake.statement(
                source=Source.RECORDS,
                at=timezone.now(),
                by=None,
                given=intake.read_evidence(evidence),
            )
            done = bases.withdraw(person, purpose=purpose, statement=statement)
        except (intake.Invalid, consent.Conflict) as refusal:
            raise CommandError(str(refusal)) from refusal
        changed = [
            words
            for words, is_so in (
                (f"{done.bases} legal bases ended", bool(done.bases)),
                ("no more marketing", done.is_opted_out),
                ("LON consent is rejected", done.is_consent_rejected),
            )
            if is_so
        ]
        return f"{phones.mask(number.e164)}: {', '.join(changed) or 'was withdrawn before'}."
