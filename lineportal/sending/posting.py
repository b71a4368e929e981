"""Posts of one road that are under way in this process, and results that wait to be written.

They outlive the turn that began them: a lane gives way while a slow provider still answers. No
database connection is held meanwhile, and results in hand outlive a restart of the database.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable

import aiohttp
from django.db import InterfaceError, OperationalError

from lineportal.providers.base import Outcome, OutgoingMessage, Provider, SendResult, WireRequest
from lineportal.sending.due import Claimed
from lineportal.sending.outbox import Sent

log = logging.getLogger(__name__)

CONNECTIONS = 512  # open at once per road and worker: 2,000 a second at a quarter second each
SOON_SECONDS = 0.005  # a post this early is not worth a timer
BUSY_SECONDS = 0.01  # for one round of the event loop
GATHER_SECONDS = 0.01  # results are written together when they come this close
AGAIN_SECONDS = 1.0  # between tries to write them
LAST_TRIES = 30  # when the process is told to stop: longer than a restart of the database

LOST_CONNECTION = (OperationalError, InterfaceError)
_TOO_SLOW = SendResult(
    Outcome.UNAVAILABLE, code="too_slow", detail="The worker was too slow; nothing was sent."
)


class Posting:
    """`write` records results and returns whether the road must wait: it is throttled, fails, or
    cannot be reached. `troubles` counts such times; who claimed before the last of them stops.
    """

    def __init__(
        self,
        provider: Provider,
        session: aiohttp.ClientSession,
        write: Callable[[list[Sent]], Awaitable[bool]],
    ) -> None:
        self.troubles = 0
        self._provider = provider
        self._session = session
        self._write = write
        self._held = 0  # connections, for posts that are under way or about to be
        self._left = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._results: list[Sent] = []
        self._came = asyncio.Event()
        self._is_closing = False
        self._recorder = asyncio.create_task(self._keep_recording())

    async def hold(self, count: int) -> None:
        """Take so many connections, as soon as they are free; one caller at a time."""
        while self._held + count > CONNECTIONS:
            self._left.clear()
            await self._left.wait()
        self._held += count

    async def caught_up(self) -> None:
        """Wait until the loop is through with what is ready: more posts at once are slower."""
        is_busy = True
        while is_busy:
            begin = time.monotonic()
            await asyncio.sleep(0)
            is_busy = time.monotonic() - begin > BUSY_SECONDS

    def leave(self, count: int) -> None:
        """Give back connections that were held."""
        self._held -= count
        self._left.set()

    def post(
        self,
        message: Claimed,
        drawn: OutgoingMessage,
        request: WireRequest,
        *,
        post_at: float,
        ends_at: float,
    ) -> None:
        """Post at `post_at` over a connection that is held; not after `ends_at` (monotonic)."""
        task = asyncio.create_task(self._post(message, drawn, request, post_at, ends_at))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def settle(self, sent: Sent) -> None:
        """Have a result written."""
        self._results.append(sent)
        self._came.set()

    async def close(self) -> None:
        """Wait for the posts under way, and write their results."""
        if self._tasks:
            await asyncio.wait(self._tasks)
        self._is_closing = True
        self._came.set()
        await self._recorder

    async def _post(
        self,
        message: Claimed,
        drawn: OutgoingMessage,
        request: WireRequest,
        post_at: float,
        ends_at: float,
    ) -> None:
        early = post_at - time.monotonic()
        if early > SOON_SECONDS:
            await asyncio.sleep(early)
        try:
            if time.monotonic() > ends_at:
                result = _TOO_SLOW
            else:
                result = await self._provider.send(self._session, drawn, request)
            self.settle(Sent(message, result))
        except Exception:
            self.troubles += 1
            log.exception("a provider raised; the sweep settles the message")
        finally:
            self.leave(1)

    async def _keep_recording(self) -> None:
        while not (self._is_closing and not self._results):
            await self._came.wait()
            if not self._is_closing:
                await asyncio.sleep(GATHER_SECONDS)
            self._came.clear()
            sent, self._results = self._results, []
            if sent:
                await self._record(sent)
            if self._is_closing or self._results:
                self._came.set()

    async def _record(self, sent: list[Sent]) -> None:
        tries = 0
        while True:
            try:
                if await self._write(sent):
                    self.troubles += 1
                return
            except LOST_CONNECTION as error:
                # Nothing more is posted whose answer might not be kept.
                self.troubles += 1
                tries = tries + 1 if self._is_closing else 0
                if tries > LAST_TRIES:
                    log.error("results of %d messages are lost; the sweep settles them", len(sent))
                    return
                log.warning("results of %d messages wait: %s", len(sent), type(error).__name__)
                await asyncio.sleep(AGAIN_SECONDS)
            except Exception:
                self.troubles += 1
                log.exception("results of %d messages are lost; the sweep settles them", len(sent))
                return
