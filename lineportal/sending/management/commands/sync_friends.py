from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connections

from lineportal.accounts.credentials import UnreadableCredentials
from lineportal.providers.base import BadCredentials
from lineportal.sending import clock, followers
from lineportal.sending.management import given
from lineportal.sending.models import FriendSync
from recipients.intake import Invalid


class Command(BaseCommand):
    help = (
        "Ask LINE who the friends of an account are, page by page, and record them as friends. A"
        " run that stopped is taken up where it was, for 24 hours."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--account", required=True, help="the account's slug")
        parser.add_argument("--restart", action="store_true", help="begin anew, whatever stopped")

    def handle(self, *, account: str, restart: bool, **options: Any) -> None:
        try:
            sync = followers.start(given.account(account), at=clock.now(), by=None, restart=restart)
            if sync.pages:
                self.stdout.write(f"Goes on after {sync.pages} pages.")
            done = asyncio.run(followers.run(sync.pk, self._in_database))
        except (followers.NotListed, Invalid, BadCredentials, UnreadableCredentials) as refusal:
            raise CommandError(str(refusal)) from refusal
        self.stdout.write(_words(done))
        if done.state != FriendSync.State.FINISHED:
            raise CommandError(done.problem or "It is not finished.")

    async def _in_database(self, function: Callable[..., Any], *args: Any, **kw: Any) -> Any:
        def run() -> Any:
            try:
                return function(*args, **kw)
            finally:
                connections.close_all()

        return await asyncio.to_thread(run)


def _words(sync: FriendSync) -> str:
    told = (
        f"{sync.seen:,} friends on {sync.pages:,} pages: {sync.created:,} new people,"
        f" {sync.changed:,} became friends."
    )
    if sync.unlisted:
        told += (
            f" {sync.unlisted:,} whom we hold as friends were not listed and stay so: LINE leaves"
            " out who never agreed to show their profile."
        )
    return told
