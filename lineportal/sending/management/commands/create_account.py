from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from lineportal.sending import routing
from recipients.intake import Invalid


class Command(BaseCommand):
    help = "Make an Official Account with its road to LINE; prints its webhook address."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("slug", help="the short name that commands and API use")
        parser.add_argument("--name", required=True, help="as people read it")
        parser.add_argument("--country", required=True, help="TH, TW or JP")
        parser.add_argument("--provider", required=True, help="line")
        parser.add_argument("--service", default="", help="lon or oa; both when left out")
        parser.add_argument("--timezone", default="", help="the country's own when left out")
        parser.add_argument("--api-base-url", default="", help="the provider's own when left out")
        parser.add_argument("--rate", type=int, help="messages a second, at most 2000")
        parser.add_argument(
            "--credential",
            nargs="+",
            action="extend",
            default=[],
            metavar="NAME=VALUE",
            help="NAME=@FILE reads the value from a file, away from the shell's history",
        )

    def handle(self, *, slug: str, credential: list[str], **options: Any) -> str:
        try:
            account = routing.open_account(
                slug=slug,
                name=options["name"],
                country=options["country"].upper(),
                provider=options["provider"],
                service=options["service"],
                timezone=options["timezone"],
                api_base_url=options["api_base_url"],
                rate_per_second=options["rate"],
                given=dict(map(_pair, credential)),
                at=timezone.now(),
                by=None,
            )
        except (Invalid, routing.AccountExists) as refusal:
            raise CommandError(str(refusal)) from refusal
        return f"Webhook address to enter at the provider: {routing.webhook_url(account)}"


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise CommandError("Give each credential as name=value or name=@file.")
    if value.startswith("@"):
        try:
            value = Path(value[1:]).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise CommandError(f"The file for the credential “{name}” cannot be read.") from error
    return name, value
