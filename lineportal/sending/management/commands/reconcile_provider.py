from __future__ import annotations

import argparse
import asyncio
from datetime import date
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from lineportal.accounts.models import OfficialAccount, Road, Service
from lineportal.sending import clock, counting
from lineportal.sending.models import CountState, DayCount

_COLUMNS = "{:<5} {:<10} {:>12} {:>12} {:>12}  {}"


class Command(BaseCommand):
    help = (
        "Compare what we hold of an account's days with its providers' own counts; exit 1 when"
        " something differs beyond the tolerance."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("slug", help="of the account")
        parser.add_argument(
            "--day",
            type=_day,
            help="YYYY-MM-DD, where the provider counts; the last seven days when left out",
        )
        parser.add_argument(
            "--service", choices=Service.values, help="one road of the account; else each"
        )

    def handle(
        self, *, slug: str, day: date | None, service: str | None, **options: Any
    ) -> str | None:
        account = OfficialAccount.objects.filter(slug=slug).first()
        if account is None:
            raise CommandError(f"There is no account “{slug}”.")
        roads = Road.objects.filter(account=account).order_by("service")
        if service:
            roads = roads.filter(service=service)
        if not roads:
            raise CommandError(f"The account has no road for {service or 'any service'}.")
        counts = [count for road in roads for count in self._counted(road, day)]
        if not counts:
            return "There is no day to compare."
        self.stdout.write(
            _COLUMNS.format("road", "day", "ours", "provider's", "difference", "state").rstrip()
        )
        for count in counts:
            self.stdout.write(_line(count))
        differing = [count for count in counts if count.state == CountState.DIFFERS]
        if differing:
            raise CommandError(
                f"{len(differing)} of {len(counts)} days differ beyond the tolerance of the"
                " account's sending policy.",
                returncode=1,
            )
        return None

    def _counted(self, road: Road, day: date | None) -> list[DayCount]:
        try:
            plan = counting.plan(road.pk, at=clock.now(), day=day)
        except counting.NotOver as refusal:
            raise CommandError(str(refusal)) from refusal
        if plan.problem:
            self.stderr.write(f"{road.service}: {plan.problem}")
        told = asyncio.run(counting.ask(plan))
        kept = counting.keep(plan.road, told, at=clock.now())
        return [count for count in kept if day is None or count.day == day]


def _line(count: DayCount) -> str:
    theirs, difference = "–", "–"
    if count.theirs is not None and count.difference is not None:
        theirs, difference = f"{count.theirs:,}", f"{count.difference:+,}"
    state = str(CountState(count.state).label)
    return _COLUMNS.format(
        count.service, count.day.isoformat(), f"{count.ours:,}", theirs, difference,
        f"{state}: {count.problem}" if count.problem else state,
    )  # fmt: skip


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError("give a date such as 2026-11-24") from error
