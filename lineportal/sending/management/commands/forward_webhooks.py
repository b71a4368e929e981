from __future__ import annotations

from datetime import datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from lineportal.accounts.models import OfficialAccount
from lineportal.sending import clock, forwarding
from lineportal.sending.models import Forwarding
from recipients.intake import Invalid


class Command(BaseCommand):
    help = "Pass an account's webhooks on to a bot that the company has already."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("slug", help="the account's short name")
        parser.add_argument("--provider", default="", help="whose webhooks; LINE's when left out")
        act = parser.add_mutually_exclusive_group()
        act.add_argument("--to", metavar="URL", help="pass them on to this address")
        act.add_argument("--off", action="store_true", help="stop that, and drop what waits")
        act.add_argument("--again", action="store_true", help="try all that waits now")
        act.add_argument("--show", action="store_true", help="say how it goes (the default)")

    def handle(self, *, slug: str, provider: str, **options: Any) -> str:
        account = OfficialAccount.objects.filter(slug=slug).first()
        if account is None:
            raise CommandError(f"There is no account “{slug}”.")
        at = clock.now()
        try:
            if options["to"] is not None:
                made = forwarding.pass_on(
                    account, url=options["to"], by=None, at=at, provider=provider
                )
                return f"Webhooks of {made.provider} are passed on to {made.url} from now on."
            if options["off"]:
                stopped = forwarding.stop(account, by=None, at=at, provider=provider)
                return f"Webhooks of {stopped.provider} are not passed on any more."
            if options["again"]:
                count = forwarding.try_again(account, by=None, at=at, provider=provider)
                return f"{count} webhooks wait; the workers try them now."
            return _state(forwarding.of(account, provider), at=at)
        except (Invalid, forwarding.NotPassedOn) as refusal:
            raise CommandError(str(refusal)) from refusal


def _state(kept: Forwarding, *, at: datetime) -> str:
    figures = forwarding.figures(kept, at=at)
    lines = [
        f"Webhooks of {kept.provider} are passed on to {kept.url}."
        if kept.is_on
        else f"Webhooks of {kept.provider} are not passed on.",
        f"Waiting: {figures.waiting}"
        + (
            f", the oldest since {figures.oldest_at:%Y-%m-%d %H:%M} UTC."
            if figures.oldest_at
            else "."
        ),
        f"Given up in 30 days: {figures.given_up}.",
    ]
    if kept.tried_at:
        lines.append(f"Last try: {kept.tried_at:%Y-%m-%d %H:%M} UTC, {forwarding.words(kept)}.")
    if rest := forwarding.rests_for(kept, at=at):
        lines.append(f"The bot fails; it is tried again in {int(rest.total_seconds()) + 1} s.")
    return "\n".join(lines)
