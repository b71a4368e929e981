from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.core.exceptions import PermissionDenied
from django.core.management.base import BaseCommand, CommandError, CommandParser

from lineportal.sending import campaigns, clock, freezing, quota, retries
from lineportal.sending.management.commands.start_campaign import shell_user
from lineportal.sending.models import Campaign
from recipients.intake import Invalid


class Command(BaseCommand):
    help = "Start, pause, resume or cancel a campaign, or send again what failed by our fault."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("campaign_id", type=int, help="as start_campaign printed it")
        parser.add_argument(
            "act",
            choices=("start", "pause", "resume", "cancel", "retry"),
            help="a second key is turned in the console or by the API, by a person",
        )

    def handle(self, *, campaign_id: int, act: str, **options: Any) -> str:
        campaign = Campaign.objects.filter(pk=campaign_id).first()
        if campaign is None:
            raise CommandError(f"There is no campaign {campaign_id}.")
        by, at = shell_user(), clock.now()
        try:
            if act == "retry":
                n = retries.retry_failed(campaign, by=by, at=at)
                return f"{n} messages are queued again."
            acts: dict[str, Callable[..., Campaign]] = {
                "start": campaigns.start,
                "pause": campaigns.pause,
                "resume": campaigns.resume,
                "cancel": campaigns.cancel,
            }
            campaign = acts[act](campaign, by=by, at=at)
            freezing.write_all(campaign.pk, at=at)
        except (
            campaigns.WrongState,
            quota.OverQuota,
            retries.NothingToRetry,
            Invalid,
            PermissionDenied,
        ) as refusal:
            raise CommandError(str(refusal)) from refusal
        campaign.refresh_from_db()
        return f"Campaign {campaign.pk} is {campaign.state}."
