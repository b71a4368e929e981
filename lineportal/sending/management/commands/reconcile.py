from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from lineportal.sending import clock, reconcile
from lineportal.sending.models import Campaign


class Command(BaseCommand):
    help = "Compare the counts of campaigns with their rows; show, keep and mend differences."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--campaign", type=int, help="one of them; else all that were ever started"
        )

    def handle(self, *, campaign: int | None, **options: Any) -> str:
        started = Campaign.objects.filter(frozen_at__isnull=False)
        if campaign is not None:
            started = started.filter(pk=campaign)
            if not started.exists():
                raise CommandError(f"There is no started campaign {campaign}.")
        checked = differing = 0
        for each in started.order_by("pk").iterator():
            checked += 1
            for found in reconcile.reconcile(each, at=clock.now()):
                differing += 1
                rule = f" ({found.rule})" if found.rule else ""
                self.stdout.write(
                    f"Campaign {each.pk}: {found.tallied} counted as {found.status}{rule},"
                    f" {found.counted} rows; mended."
                )
        return f"{checked} campaigns checked, {differing} differences."
