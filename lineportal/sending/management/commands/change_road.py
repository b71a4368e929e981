from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from lineportal.sending import clock, roads
from lineportal.sending.management import given
from recipients.intake import Invalid


class Command(BaseCommand):
    help = "Change a road's pace, or its address at the provider; workers follow at once."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("slug", help="the account's")
        parser.add_argument("--service", required=True, help="lon or oa")
        parser.add_argument(
            "--api-base-url", help="stays when left out; blank for the provider's own"
        )
        parser.add_argument("--rate", type=int, help="messages a second; stays when left out")

    def handle(
        self,
        *,
        slug: str,
        service: str,
        api_base_url: str | None,
        rate: int | None,
        **options: Any,
    ) -> str:
        if api_base_url is None and rate is None:
            raise CommandError("Give --rate, --api-base-url or both.")
        try:
            road = roads.change(
                given.account(slug),
                service=service,
                api_base_url=api_base_url,
                rate_per_second=rate,
                at=clock.now(),
                by=None,
            )
        except (Invalid, roads.NoRoad) as refusal:
            raise CommandError(str(refusal)) from refusal
        address = road.api_base_url or "the provider's own address"
        return f"{road} goes to {address}, {road.rate_per_second} messages a second."
