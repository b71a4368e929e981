from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from lineportal.sending import clock, roads
from lineportal.sending.management import given
from recipients.intake import Invalid


class Command(BaseCommand):
    help = (
        "Store a road's new credentials; what webhooks were verified with before stays valid for"
        " 72 hours."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("slug", help="the account's")
        parser.add_argument(
            "--service",
            default="",
            help="lon or oa; when left out both, if they go by one provider and sender",
        )
        given.add_credentials(parser, "; those left out stay, NAME= takes one away")

    def handle(self, *, slug: str, service: str, credential: list[str], **options: Any) -> str:
        account, new = given.account(slug), given.credentials(credential)
        at = clock.now()
        try:
            if service:
                changed = [
                    roads.replace_credentials(account, service=service, given=new, at=at, by=None)
                ]
            else:
                changed = roads.replace_all_credentials(account, given=new, at=at, by=None)
        except (Invalid, roads.NoRoad) as refusal:
            raise CommandError(str(refusal)) from refusal
        return "\n".join(f"{road} has new credentials." for road in changed)
