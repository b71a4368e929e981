from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from lineportal.accounts.models import OfficialAccount
from lineportal.sending import audience, campaigns
from recipients import eligibility, intake, phones, provenance, reassign
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
        at = timezone.now()
        if chosen:
            found = audience.explain(person, chosen, at=at)
            verdict, rule, reason = found.verdict, found.rule, found.reason
        else:
            verdict, rule = eligibility.verdict(
                person, eligibility.Asked("lon", "transactional", at)
            )
            reason = audience.sentence(verdict, rule)
        self.stdout.write(f"{phones.mask(number.e164)}: {verdict}{f' ({rule})' if rule else ''}")
        self.stdout.write(reason)
        self.stdout.write(
            f"consent {person.consent} ({person.consent_source}), friend status"
            f" {person.friend_status} ({person.friend_source}), rules {eligibility.VERSION}"
        )
        self.stdout.write(f"LON consent: {provenance.consent(person, at=at)}")
        self.stdout.write(f"friend status: {provenance.friend_status(person, at=at)}")
        for former in reassign.former_owners(person):
            self.stdout.write(
                f"before {person.phone_since:%Y-%m-%d}: recipient {former.pk}'s number"
            )
