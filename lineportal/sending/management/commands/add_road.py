from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from lineportal.providers import PROVIDERS
from lineportal.sending import clock, roads, routing
from lineportal.sending.management import given
from recipients.intake import Invalid


class Command(BaseCommand):
    help = (
        "Give an account a road for its other service, by the same provider or another one; prints"
        " the webhook address to enter at each provider of the account."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("slug", help="the account's")
        parser.add_argument("--service", required=True, help="lon or oa")
        parser.add_argument("--provider", required=True, help=" or ".join(PROVIDERS))
        parser.add_argument("--api-base-url", default="", help="the provider's own when left out")
        parser.add_argument(
            "--rate", type=int, help="messages a second; the provider's usual when left out"
        )
        given.add_credentials(parser)

    def handle(self, *, slug: str, credential: list[str], **options: Any) -> str:
        account = given.account(slug)
        try:
            roads.add(
                account,
                service=options["service"],
                provider=options["provider"],
                given=given.credentials(credential),
                api_base_url=options["api_base_url"],
                rate_per_second=options["rate"],
                at=clock.now(),
                by=None,
            )
        except (Invalid, roads.RoadExists, routing.AccountExists) as refusal:
            raise CommandError(str(refusal)) from refusal
        return given.addresses(account)
