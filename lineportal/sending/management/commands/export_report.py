from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from lineportal.sending import exports
from lineportal.sending.models import Campaign


class Command(BaseCommand):
    help = "Write one CSV row per message of a campaign, the excluded ones with their rule."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("campaign_id", type=int, help="as start_campaign printed it")
        parser.add_argument("--out", type=Path, help="a file; standard output when left out")

    def handle(self, *, campaign_id: int, out: Path | None, **options: Any) -> str | None:
        campaign = Campaign.objects.select_related("template").filter(pk=campaign_id).first()
        if campaign is None:
            raise CommandError(f"There is no campaign {campaign_id}.")
        if out is None:
            for line in exports.lines(campaign, at=timezone.now()):
                self.stdout.write(line, ending="")
            return None
        part = out.with_name(f"{out.name}.part")  # a stopped export leaves no half file
        try:
            with part.open("w", encoding="utf-8", newline="") as file:
                n = exports.write(campaign, file, at=timezone.now())
            os.replace(part, out)
        except OSError as error:
            raise CommandError(f"The file {out} cannot be written.") from error
        return f"{n} messages written to {out}."
