from __future__ import annotations

import json
from datetime import date, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db.models import Max, Min

from lineportal.audit import chain
from lineportal.audit.models import AuditEntry


class Command(BaseCommand):
    help = "Write a range of the audit chain as JSON lines that can be verified offline."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--from", dest="first", required=True, help="first day, YYYY-MM-DD")
        parser.add_argument("--to", dest="last", required=True, help="last day, YYYY-MM-DD, UTC")

    def handle(self, *, first: str, last: str, **options: Any) -> None:
        try:
            begin, end = date.fromisoformat(first), date.fromisoformat(last)
        except ValueError as error:
            raise CommandError("Give --from and --to as YYYY-MM-DD.") from error
        utc = ZoneInfo("UTC")
        if end < begin:
            raise CommandError("--to lies before --from; swap them.")
        asked = AuditEntry.objects.filter(
            at__gte=datetime.combine(begin, time.min, utc),
            at__lte=datetime.combine(end, time.max, utc),
        ).aggregate(first=Min("number"), last=Max("number"))
        # Acts that ran side by side may stand in another order than their times; a chain with a
        # gap cannot be verified, so everything between the first and last number goes out.
        entries = AuditEntry.objects.filter(
            number__gte=asked["first"] or 0, number__lte=asked["last"] or -1
        ).order_by("number")
        for entry in entries.iterator(chunk_size=5_000):
            line = {**chain.content(entry), "hash": entry.hash}
            self.stdout.write(json.dumps(line, ensure_ascii=False, sort_keys=True))
