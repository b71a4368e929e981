from __future__ import annotations

from datetime import datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.timezone import is_naive

from lineportal.accounts.models import Road
from lineportal.sending import clock, receipts, routing


class Command(BaseCommand):
    help = "Close what LINE accepted over 24 hours ago without reporting delivery."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--now",
            help="another time than now, in ISO form; only for accounts whose provider is on this"
            " machine, such as the simulator",
        )

    def handle(self, *, now: str | None, **options: Any) -> str:
        if now is None:
            return f"{receipts.expire(at=clock.now())} messages expired."
        try:
            at = datetime.fromisoformat(now)
        except ValueError as error:
            raise CommandError("Give --now as 2026-11-24T09:00:00+07:00.") from error
        if not 2000 <= at.year < 9999:
            raise CommandError("Give --now as 2026-11-24T09:00:00+07:00.")
        if is_naive(at):
            raise CommandError("Give --now with its zone, such as +07:00.")
        local = [
            road.account_id
            for road in Road.objects.filter(service="lon")
            if routing.is_loopback(road)
        ]
        if not local:
            raise CommandError("--now is for accounts whose provider address is this machine.")
        n = receipts.expire(at=at, account_ids=local, changed_at=clock.now())
        return f"{n} messages expired."
