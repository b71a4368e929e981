from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from lineportal.accounts.models import OfficialAccount
from lineportal.sending import audience, campaigns
from recipients import intake, phones, reassign
from recipients.intake import Invalid
from recipients.models import Recipient


class Command(BaseCommand):
    help = "Say whether a person would get a message, and why."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("phone", help="national or with + and country code")
        parser.add_argument("--account", required=True, help="slug")
        parser.add_argument("--template", help="key or id; a notification in general when left out")

    def handle(self, *, phone: str, template: str | None, **options: Any) -> None:
        account = OfficialAccount.objects.filter(slug=options["account"]).first()
        if account is None:
            raise CommandError(f"There is no account “{options['account']}”.")
        try:
            number = intake.read_phone(account, phone)
            chosen = campaigns.approved_template(account, template) if template else None
        except (Invalid, campaigns.WrongState) as refusal:
            raise CommandError(str(refusal)) from refusal
        person = Recipient.objects.filter(account=account, phone=number.e164).first()
        if person is None:
            raise CommandError(
                f"We hold nobody with {phones.mask(number.e164)}; a first message would record"
                " the person as not set and not a friend."
            )
        found = audience.explain(person, chosen, at=timezone.now())
        rule = f" ({found.rule})" if found.rule else ""
        self.stdout.write(f"{phones.mask(number.e164)}: {found.verdict}{rule}")
        self.stdout.write(found.reason)
        for former in reassign.former_owners(person):
            self.stdout.write(
                f"before {person.phone_since:%Y-%m-%d}: recipient {former.pk}'s number"
            )
        self.stdout.write("\nDecided on:")
        for fact in found.inputs:
            told = [fact.value, fact.source]
            if fact.observed_at and fact.age is not None:
                told.append(f"{fact.observed_at:%Y-%m-%d %H:%M} UTC, {fact.age.days} days ago")
            self.stdout.write(f"  {fact.label}: {' · '.join(filter(None, told))}")
        self.stdout.write(f"\nRules {found.rules_version}, in order:")
        for read in found.reading:
            self.stdout.write(f"  {read.rule}: {read.label}")
