"""How many requests are open at once: more for a slow provider, few for a busy process."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import cast
from uuid import uuid4

import aiohttp
import pytest

from lineportal.providers import http
from lineportal.providers.base import (
    FaultScope,
    Outcome,
    OutgoingMessage,
    Provider,
    SendResult,
    WireRequest,
)
from lineportal.sending.due import Claimed
from lineportal.sending.outbox import Sent
from lineportal.sending.posting import CONNECTIONS, POSTERS, Posting

POSTS = 300
ACCEPTED = SendResult(Outcome.ACCEPTED, http_status=200)


class Slow:
    """A provider whose answers take as long as `answer` does; counts the open requests."""

    def __init__(
        self, answer: Callable[[], Awaitable[None]], result: SendResult = ACCEPTED
    ) -> None:
        self.open = 0
        self.most = 0
        self.sent = 0
        self._answer = answer
        self._result = result

    async def send(
        self, _session: aiohttp.ClientSession, _message: OutgoingMessage, _request: WireRequest
    ) -> SendResult:
        self.sent += 1
        self.open += 1
        self.most = max(self.most, self.open)
        await self._answer()
        self.open -= 1
        return self._result


class Writes:
    def __init__(self) -> None:
        self.ids: list[int] = []
        self.codes: Counter[str] = Counter()

    async def write(self, sent: list[Sent]) -> bool:
        self.ids += [each.message.id for each in sent]
        self.codes.update(each.result.code for each in sent)
        return False


def posting(provider: Slow, writes: Writes) -> Posting:
    session = cast("aiohttp.ClientSession", None)
    return Posting(cast("Provider", provider), session, writes.write)


async def post(posting: Posting, count: int, *, ends_at: float | None = None) -> None:
    now = time.monotonic()
    for n in range(count):
        await posting.hold(1)
        posting.post(
            Claimed(n, 1, None, "lon", "+66812345678", {}, uuid4(), ""),
            OutgoingMessage("lon", "+66812345678", "{}", uuid4(), "u"),
            WireRequest("POST", "/", {}, b""),
            post_at=now,
            ends_at=now + 60 if ends_at is None else ends_at,
        )


async def posted(
    answer: Callable[[], Awaitable[None]],
    result: SendResult = ACCEPTED,
    *,
    count: int = POSTS,
    ends_at: float | None = None,
) -> tuple[Slow, Writes]:
    provider, writes = Slow(answer, result), Writes()
    work = posting(provider, writes)
    await post(work, count, ends_at=ends_at)
    await work.close()
    return provider, writes


async def at_once() -> None:
    pass


def test_more_requests_are_open_while_the_provider_is_slow() -> None:
    async def run() -> tuple[Slow, Writes]:
        all_wait = asyncio.Barrier(POSTS)

        async def answer() -> None:
            async with asyncio.timeout(30):
                await all_wait.wait()

        return await posted(answer)

    provider, writes = asyncio.run(run())

    assert POSTERS < provider.most <= CONNECTIONS
    assert sorted(writes.ids) == list(range(POSTS))


def test_no_more_are_open_while_the_process_itself_is_what_posts_wait_for() -> None:
    async def answer() -> None:
        for _n in range(5):
            time.sleep(0.001)  # noqa: ASYNC251 - what a busy event loop is
            await asyncio.sleep(0)

    provider, writes = asyncio.run(posted(answer))

    assert provider.most <= POSTERS
    assert sorted(writes.ids) == list(range(POSTS))


def test_what_was_begun_too_long_ago_is_not_posted() -> None:
    provider, writes = asyncio.run(posted(at_once, count=3, ends_at=time.monotonic() - 1))

    assert provider.most == 0
    assert sorted(writes.ids) == [0, 1, 2]


@pytest.mark.parametrize(
    ("result", "is_bad_for_all"),
    [
        (ACCEPTED, False),
        (SendResult(Outcome.REFUSED, http_status=422), False),
        (SendResult(Outcome.THROTTLED, http_status=429), True),
        (SendResult(Outcome.FAULT, http_status=401, scope=FaultScope.ACCOUNT), True),
        (SendResult(Outcome.FAULT, http_status=400, scope=FaultScope.TEMPLATE), True),
        (SendResult(Outcome.FAULT, code="no_value", scope=FaultScope.MESSAGE), False),
        (SendResult(Outcome.UNCERTAIN, http_status=500), False),
        (http.failure(ConnectionRefusedError()), True),
        (http.failure(aiohttp.ServerDisconnectedError()), True),
        (http.failure(aiohttp.ServerTimeoutError()), False),
    ],
)
def test_what_waits_is_held_back_when_it_would_fare_no_better(
    result: SendResult, is_bad_for_all: bool
) -> None:
    provider, writes = asyncio.run(posted(at_once, result))

    assert (provider.sent < POSTS) == is_bad_for_all
    assert writes.codes["held_back"] == POSTS - provider.sent
    assert sorted(writes.ids) == list(range(POSTS))
