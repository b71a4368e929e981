"""Posts of one road that are under way in this process, and results that wait to be written.

They outlive the turn that began them: a lane gives way while a slow provider still answers. No
database connection is held meanwhile, and results in hand outlive a restart of the database.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import aiohttp
from django.db import InterfaceError, OperationalError

from lineportal.providers import http
from lineportal.providers.base import Outcome, OutgoingMessage, Provider, SendResult, WireRequest
from lineportal.sending import breakers
from lineportal.sending.due import Claimed
from lineportal.sending.outbox import Sent

log = logging.getLogger(__name__)

CONNECTIONS = 512  # open at once per road and worker: 2,000 a second at a quarter second each
POSTERS = 64  # requests open at once as long as the provider is quick; each more costs time
READY = 512  # messages that may be begun before a poster is free for them
SOON_SECONDS = 0.005  # a post this early is not worth a timer
WATCH_SECONDS = 0.01  # between looks at posts that wait for a poster
BUSY_SECONDS = 0.004  # that a look comes late: the processor is what posts wait for
GATHER_SECONDS = 0.02  # results are written together when they come this close
AGAIN_SECONDS = 1.0  # between tries to write them
LAST_TRIES = 30  # when the process is told to stop: longer than a restart of the database

LOST_CONNECTION = (OperationalError, InterfaceError)
HELD_BACK = SendResult(
    Outcome.UNAVAILABLE, code="held_back", detail="The road was held back; nothing was sent."
)
_TOO_SLOW = SendResult(
    Outcome.UNAVAILABLE, code="too_slow", detail="The worker was too slow; nothing was sent."
)


@dataclass(slots=True)
class _Post:
    message: Claimed
    drawn: OutgoingMessage
    request: WireRequest
    post_at: float  # monotonic, and so is the next
    ends_at: float


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
        self._held = 0  # messages that are begun, or about to be
        self._left = asyncio.Event()
        self._waiting: deque[_Post] = deque()  # in the order of their slots
        self._is_waiting = asyncio.Event()
        self._most = POSTERS
        self._posters: set[asyncio.Task[None]] = set()
        self._results: list[Sent] = []
        self._came = asyncio.Event()
        self._is_closing = False
        self._recorder = asyncio.create_task(self._keep_recording())
        self._watch = asyncio.create_task(self._keep_watching())

    async def hold(self, count: int) -> None:
        """Take room for so many messages, as soon as there is; one caller at a time."""
        while self._held + count > self._most + READY:
            self._left.clear()
            await self._left.wait()
        self._held += count

    def leave(self, count: int) -> None:
        """Give back room that was held."""
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
        """Post at `post_at`, not after `ends_at` (monotonic); room for it is held."""
        self._waiting.append(_Post(message, drawn, request, post_at, ends_at))
        self._is_waiting.set()
        self._start_poster()

    def settle(self, sent: Sent) -> None:
        """Have a result written."""
        self._results.append(sent)
        self._came.set()

    async def close(self) -> None:
        """Wait for the posts under way, and write their results."""
        while self._waiting or self._posters:
            if self._waiting:
                self._start_poster()
            await asyncio.wait(self._posters)
        self._watch.cancel()
        self._is_closing = True
        self._came.set()
        await self._recorder

    def _start_poster(self) -> None:
        if len(self._posters) < self._most:
            poster = asyncio.create_task(self._keep_posting())
            self._posters.add(poster)
            poster.add_done_callback(self._posters.discard)

    async def _keep_posting(self) -> None:
        while self._waiting and len(self._posters) <= self._most:
            post = self._waiting.popleft()
            early = post.post_at - time.monotonic()
            if early > SOON_SECONDS:
                await asyncio.sleep(early)
            try:
                if time.monotonic() > post.ends_at:
                    result = _TOO_SLOW
                else:
                    result = await self._provider.send(self._session, post.drawn, post.request)
                self.settle(Sent(post.message, result))
                if breakers.is_shared(result) or http.is_broken(result):
                    self._hold_back()
            except Exception:
                self.troubles += 1
                log.exception("a provider raised; the sweep settles the message")
            finally:
                self.leave(1)

    def _hold_back(self) -> None:
        """Do not post what waits: it would fare no better."""
        for post in self._waiting:
            self.settle(Sent(post.message, HELD_BACK))
        self.leave(len(self._waiting))
        self._waiting.clear()

    async def _keep_watching(self) -> None:
        """Open more requests while posts are late for want of them, not of the processor."""
        while True:
            await self._is_waiting.wait()
            look_at = time.monotonic() + WATCH_SECONDS
            await asyncio.sleep(WATCH_SECONDS)
            now = time.monotonic()
            if not self._waiting:
                self._is_waiting.clear()
            elif now - look_at > BUSY_SECONDS:
                self._most = max(POSTERS, self._most - self._most // 8)
            elif self._waiting[0].post_at < now:
                self._most = min(CONNECTIONS, self._most + self._most // 4)
                for _n in range(min(len(self._waiting), self._most - len(self._posters))):
                    self._start_poster()

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
