from __future__ import annotations

from datetime import date, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from lineportal.accounts.models import OfficialAccount
from recipients import phones, suppression
from recipients.intake import Invalid


class Command(BaseCommand):
    help = "Never write to a number, for good or until a day."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("phone", help="national or with + and country code")
        parser.add_argument("--account", required=True, help="slug")
        parser.add_argument("--reason", required=True, help="why, for whoever asks later")
        parser.add_argument("--until", help="last day, YYYY-MM-DD, in the account's zone")

    def handle(self, *, phone: str, reason: str, until: str | None, **options: Any) -> str:
        account = OfficialAccount.objects.filter(slug=options["account"]).first()
        if account is None:
            raise CommandError(f"There is no account “{options['account']}”.")
        end = None
        if until:
            try:
                day = date.fromisoformat(until)
            except ValueError as error:
                raise CommandError("Give --until as YYYY-MM-DD.") from error
            end = datetime.combine(day, time.max, ZoneInfo(account.timezone))
        try:
            row = suppression.add(
                account,
                phone=phone,
                reason=reason,
                until=end,
                at=timezone.now(),
                by=None,
            )
        except Invalid as refusal:
            raise CommandError(str(refusal)) from refusal
        return f"{phones.mask(row.phone)} is suppressed."
