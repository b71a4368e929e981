from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from lineportal.providers import PROVIDERS
from lineportal.sending import checking, clock
from lineportal.sending.management import given
from recipients.intake import Invalid


class Command(BaseCommand):
    help = (
        "Look whether an account is set up, here and at its providers: a line for each thing, ok,"
        " bad or unknown; exit status 1 if anything is bad."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("slug", help="the account's")
        parser.add_argument("--service", default="", help="lon or oa; both when left out")

    def handle(self, *, slug: str, service: str, **options: Any) -> None:
        account = given.account(slug)
        try:
            found = checking.check(account, service=service, at=clock.now(), by=None)
        except Invalid as refusal:
            raise CommandError(str(refusal)) from refusal
        for each in found:
            self.stdout.write(f"{each.result:<8} {_where(each)}{each.sentence}")
        if bad := checking.bad(found):
            raise CommandError(f"{bad} of {len(found)} checks are bad.")


def _where(finding: checking.Finding) -> str:
    if not finding.provider:
        return ""
    kind = PROVIDERS.get(finding.provider)
    return f"{finding.service}, {kind.title if kind else finding.provider}: "
