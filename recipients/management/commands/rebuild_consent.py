from __future__ import annotations

import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from lineportal.accounts.models import OfficialAccount
from recipients import rebuild


class Command(BaseCommand):
    help = "Work out consent, friend status, legal bases and opt-outs anew from the ledger."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--check", action="store_true", help="change nothing; exit status 1 if anything differs"
        )
        parser.add_argument("--account", help="slug; all accounts when left out")

    def handle(self, *, check: bool, **options: Any) -> None:
        account = None
        if options["account"]:
            account = OfficialAccount.objects.filter(slug=options["account"]).first()
            if account is None:
                raise CommandError(f"There is no account “{options['account']}”.")
        mended = 0 if check else rebuild.mend(at=timezone.now(), by=None, account=account)
        left = 0
        for each in rebuild.differences(account):
            left += 1
            self.stdout.write(
                f"recipient {each.recipient_id}: {each.field}: held {each.held or 'nothing'},"
                f" the ledger says {each.ledger_says or 'nothing'}"
            )
        if mended:
            self.stdout.write(f"{mended:,} differences were mended.")
        if not left:
            self.stdout.write("What is held follows from the ledger.")
            return
        self.stdout.write(
            f"{left:,} differences."
            if check
            else f"Records that do not continue the one before: {left:,}. The ledger never changes."
        )
        sys.exit(1)
