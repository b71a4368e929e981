"""Calls that come at the same time go out as one request; each gets its own answer.

Every caller waits for itself: one that is cancelled leaves the batch, and the batch goes on for the
others. What is gathered belongs to one event loop, session and address.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

import aiohttp

from lineportal.providers.outcomes import Outcome, SendResult

GATHER_SECONDS = 0.01  # how long the first of a batch waits for others


@dataclass(slots=True)
class Entry:
    """One message of a batch; `wire` is the JSON text of it, as a request of one holds it."""

    message_id: str
    address: str
    path: str
    wire: bytes
    ends_at: float  # of the caller's time, by the provider's clock


@dataclass(slots=True)
class _Gathering:
    loop: asyncio.AbstractEventLoop
    is_full: asyncio.Event = field(default_factory=asyncio.Event)
    waiting: list[tuple[Entry, asyncio.Future[SendResult]]] = field(default_factory=list)
    is_posting: bool = False
    task: asyncio.Task[None] | None = None


_Key = tuple[asyncio.AbstractEventLoop, aiohttp.ClientSession, str]


class Batches:
    """`post` sends entries of one address in one request and returns their results in order."""

    def __init__(
        self,
        post: Callable[[aiohttp.ClientSession, Sequence[Entry]], Awaitable[list[SendResult]]],
        *,
        size: int,
    ) -> None:
        self._post = post
        self._size = size
        self._gathering: dict[_Key, _Gathering] = {}

    async def send(self, session: aiohttp.ClientSession, entry: Entry) -> SendResult:
        """Send the entry with the others that come now; return its own result."""
        if self._size == 1:
            [result] = await self._post(session, [entry])
            return result
        group, answer = self._join(session, entry)
        try:
            return await answer
        except asyncio.CancelledError:
            # Nobody waits for this request any more; one that gathers still may get others.
            if group.is_posting and group.task and all(each.done() for _e, each in group.waiting):
                group.task.cancel()
            raise

    def _join(
        self, session: aiohttp.ClientSession, entry: Entry
    ) -> tuple[_Gathering, asyncio.Future[SendResult]]:
        loop = asyncio.get_running_loop()
        key = (loop, session, entry.path)
        group = self._gathering.get(key)
        if group is None:
            for old in [each for each in self._gathering if each[0].is_closed()]:
                del self._gathering[old]
            group = self._gathering[key] = _Gathering(loop)
            group.task = loop.create_task(self._run(key, group))
            loop.call_later(GATHER_SECONDS, group.is_full.set)
        answer: asyncio.Future[SendResult] = loop.create_future()
        group.waiting.append((entry, answer))
        if len(group.waiting) >= self._size:
            self._end(key, group)
            group.is_full.set()
        return group, answer

    def _end(self, key: _Key, group: _Gathering) -> None:
        """Let the next caller begin another batch."""
        if self._gathering.get(key) is group:
            del self._gathering[key]

    async def _run(self, key: _Key, group: _Gathering) -> None:
        try:
            await group.is_full.wait()
            self._end(key, group)
            waiting = [pair for pair in group.waiting if not pair[1].done()]
            if not waiting:
                return
            group.is_posting = True
            results = await self._post(key[1], [entry for entry, _answer in waiting])
            for (_entry, answer), result in zip(waiting, results, strict=True):
                if not answer.done():
                    answer.set_result(result)
        finally:
            self._end(key, group)
            for _entry, answer in group.waiting:
                if not answer.done():
                    answer.set_result(_interrupted(was_posting=group.is_posting))


def _interrupted(*, was_posting: bool) -> SendResult:
    if was_posting:
        return SendResult(
            Outcome.UNCERTAIN,
            code="interrupted",
            detail="The request was interrupted before its answer was read.",
        )
    return SendResult(
        Outcome.UNAVAILABLE, code="interrupted", detail="Interrupted; nothing was sent."
    )
