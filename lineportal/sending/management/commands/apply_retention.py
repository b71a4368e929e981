from __future__ import annotations

from collections import Counter
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from lineportal.accounts.models import OfficialAccount
from lineportal.sending import clock, retention


class Command(BaseCommand):
    help = "Empty now what accounts keep for longer than they ask; workers do it every hour."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--account", help="slug; without it all accounts")

    def handle(self, *, account: str | None, **options: Any) -> str:
        found = OfficialAccount.objects.filter(slug=account).first() if account else None
        if account and found is None:
            raise CommandError(f"There is no account “{account}”.")
        counts: Counter[str] = Counter()
        for batch in retention.batches(at=clock.now(), account=found):
            counts[batch.kind] += batch.rows
        lines = [f"{kind}: {rows}" for kind, rows in counts.items() if rows]
        return "Emptied " + ", ".join(lines) + "." if lines else "There is nothing to empty."
