"""Post what is to be passed on: the exact bytes that came, with what vouches for them.

One worker at a time serves a forwarding; no database connection is held while a bot answers.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable

import aiohttp

from lineportal.providers import http
from lineportal.providers.base import Outcome, SendResult
from lineportal.sending import clock, forwards
from lineportal.sending.forwards import Taken, Tried
from lineportal.sending.models import BotAnswer
from lineportal.sending.posting import AGAIN_SECONDS, LOST_CONNECTION
from lineportal.sending.sender import InDatabase

log = logging.getLogger(__name__)

ANSWER_SECONDS = 2.0  # LINE's own limit for a bot
AT_ONCE = 32  # posts to one bot
CONNECTIONS = 512  # to all bots together, per worker
TURN_SECONDS = 1.0
LOOK_SECONDS = 0.2  # between looks for more while posts are under way
# Longer than that somebody else may hold what was posted.
RECORD_TRIES = int(forwards.LEASE.total_seconds() / AGAIN_SECONDS)

_ANSWER_LIMIT = 4_096  # bytes that are read, so that the connection can be used again


class Passer:
    """What a worker process keeps to pass webhooks on: the connections to the bots."""

    def __init__(self) -> None:
        self._session: aiohttp.ClientSession | None = None

    async def run(
        self,
        forwarding_id: int,
        in_database: InDatabase,
        *,
        may_go_on: Callable[[], bool] = lambda: True,
    ) -> bool:
        """Pass on what is due; return whether more may be, as another job needs the place.

        `may_go_on` is asked after about a second, and again and again then.
        """
        turn_ends_at = time.monotonic() + TURN_SECONDS
        under_way: set[asyncio.Task[Tried]] = set()
        tried: list[Tried] = []
        try:
            while True:
                gives_way = time.monotonic() > turn_ends_at and not may_go_on()
                room = 0 if gives_way else AT_ONCE - len(under_way)
                taken = await _step(forwarding_id, tried, room, in_database)
                tried = []
                under_way |= {asyncio.create_task(self._post(each)) for each in taken}
                if not under_way:
                    return gives_way
                done, under_way = await asyncio.wait(
                    under_way, timeout=LOOK_SECONDS, return_when=asyncio.FIRST_COMPLETED
                )
                tried = [post.result() for post in done]
        finally:
            if under_way:  # the database is away, or the process ends: leases end by themselves
                await asyncio.wait(under_way)

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()

    async def _post(self, taken: Taken) -> Tried:
        if self._session is None:
            self._session = http.session(connections=CONNECTIONS)
        answer = await http.request(
            self._session,
            "POST",
            taken.url,
            data=taken.body,
            headers=taken.headers,
            total_seconds=ANSWER_SECONDS,
            connect_seconds=ANSWER_SECONDS,
            answer_limit=_ANSWER_LIMIT,
        )
        if isinstance(answer, SendResult):
            return Tried(taken.pk, taken.tries, _failure(answer))
        if 200 <= answer.status < 300:
            word = BotAnswer.TAKEN
        elif 300 <= answer.status < 400:
            word = BotAnswer.REDIRECTED
        else:
            word = BotAnswer.TURNED_DOWN
        return Tried(taken.pk, taken.tries, word, answer.status)


def _failure(result: SendResult) -> BotAnswer:
    if result.outcome is Outcome.UNCERTAIN:
        return BotAnswer.BROKE_OFF if http.is_broken(result) else BotAnswer.TOO_SLOW
    return BotAnswer.UNREACHABLE


async def _step(
    forwarding_id: int, tried: list[Tried], room: int, in_database: InDatabase
) -> list[Taken]:
    tries_left = RECORD_TRIES if tried else 1
    while True:
        try:
            return await in_database(_step_now, forwarding_id, tried, room)
        except LOST_CONNECTION as error:
            tries_left -= 1
            if not tries_left:
                raise
            log.warning("results of %d forwards wait: %s", len(tried), type(error).__name__)
            await asyncio.sleep(AGAIN_SECONDS)


# --- in the database, in a thread


def _step_now(forwarding_id: int, tried: list[Tried], room: int) -> list[Taken]:
    return forwards.step(forwarding_id, tried, room=room, at=clock.now())
