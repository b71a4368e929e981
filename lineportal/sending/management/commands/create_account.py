from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from lineportal.providers import PROVIDERS
from lineportal.sending import opening, routing
from lineportal.sending.management import given
from recipients.intake import Invalid


class Command(BaseCommand):
    help = (
        "Make an Official Account with its road to LINE, by LINE itself or by a partner; prints"
        " the webhook address to enter at the provider. add_road gives it a second road."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("slug", help="the short name that commands and API use")
        parser.add_argument("--name", required=True, help="as people read it")
        parser.add_argument("--country", required=True, help="TH, TW or JP")
        parser.add_argument("--provider", required=True, help=" or ".join(PROVIDERS))
        parser.add_argument(
            "--service",
            default="",
            help="lon or oa; when left out both for line, else the first that is served",
        )
        parser.add_argument("--timezone", default="", help="the country's own when left out")
        parser.add_argument("--api-base-url", default="", help="the provider's own when left out")
        parser.add_argument(
            "--rate", type=int, help="messages a second; the provider's usual when left out"
        )
        given.add_credentials(parser)

    def handle(self, *, slug: str, credential: list[str], **options: Any) -> str:
        try:
            account = opening.open_account(
                slug=slug,
                name=options["name"],
                country=options["country"].upper(),
                provider=options["provider"],
                service=options["service"],
                timezone=options["timezone"],
                api_base_url=options["api_base_url"],
                rate_per_second=options["rate"],
                given=given.credentials(credential),
                at=timezone.now(),
                by=None,
            )
        except (Invalid, routing.AccountExists) as refusal:
            raise CommandError(str(refusal)) from refusal
        return given.addresses(account)
