"""What every provider promises, tried against a real server that misbehaves in every way."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import aiohttp
import pytest
from aiohttp import web

from lineportal.providers.base import Outcome, OutgoingMessage, SendResult

PHONE = "+66812345678"
REFERENCE = UUID("0123456789abcdef0123456789abcdef")
Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass
class Seen:
    """What the server got: path, headers and raw body of each request."""

    requests: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)


@contextlib.asynccontextmanager
async def serving(answer: Answer) -> AsyncIterator[tuple[str, Seen]]:
    """Serve on a free port; every POST is noted, then answered."""
    seen = Seen()

    async def handle(request: web.Request) -> web.StreamResponse:
        seen.requests.append((request.path, dict(request.headers), await request.read()))
        return await answer(request)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handle)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        await web.SockSite(runner, listener).start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}", seen
        finally:
            await runner.cleanup()


def answering(status: int, **details: Any) -> Answer:
    async def answer(request: web.Request) -> web.StreamResponse:
        return web.json_response(details.get("body", {}), status=status,
                                 headers=details.get("headers"))  # fmt: skip

    return answer


async def drop(request: web.Request) -> web.StreamResponse:
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


async def hang(request: web.Request) -> web.StreamResponse:
    await asyncio.sleep(5)
    return web.Response()


def session() -> aiohttp.ClientSession:
    """Return a session like the product's, with short time-outs."""
    return aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=0.4, sock_connect=0.3))


class ProviderContract:
    """A provider's tests subclass this and say how it is built and what they send."""

    secrets: tuple[str, ...]
    message: OutgoingMessage

    def build(self, base_url: str) -> Any:
        raise NotImplementedError

    def sent(self, answer: Answer) -> tuple[SendResult, Seen]:
        """Send one message to a server that answers so."""

        async def run() -> tuple[SendResult, Seen]:
            async with serving(answer) as (url, seen), session() as client:
                return await self.build(url).send(client, self.message), seen

        return asyncio.run(run())

    def sent_to(self, base_url: str) -> SendResult:
        async def run() -> SendResult:
            async with session() as client:
                result: SendResult = await self.build(base_url).send(client, self.message)
                return result

        return asyncio.run(run())

    @pytest.mark.parametrize("answer", [drop, hang, answering(500), answering(302), answering(599)])
    def test_what_may_have_been_sent_is_uncertain_and_posted_once(self, answer: Answer) -> None:
        result, seen = self.sent(answer)

        assert result.outcome is Outcome.UNCERTAIN
        assert len(seen.requests) == 1

    @pytest.mark.parametrize(
        "base_url", ["http://127.0.0.1:9", "http://nowhere.invalid", "https://127.0.0.1:9"]
    )
    def test_what_was_surely_not_sent_may_be_tried_again(self, base_url: str) -> None:
        assert self.sent_to(base_url).outcome is Outcome.UNAVAILABLE

    def test_a_failed_handshake_sent_nothing(self) -> None:
        async def run() -> SendResult:
            async with serving(answering(200)) as (url, _seen), session() as client:
                provider = self.build(url.replace("http://", "https://"))
                result: SendResult = await provider.send(client, self.message)
                return result

        assert asyncio.run(run()).outcome is Outcome.UNAVAILABLE

    def test_a_dropped_connection_is_not_silently_posted_again(self) -> None:
        async def run() -> tuple[list[SendResult], Seen]:
            count = 0

            async def second_is_dropped(request: web.Request) -> web.StreamResponse:
                nonlocal count
                count += 1
                return await (answering(200) if count == 1 else drop)(request)

            async with serving(second_is_dropped) as (url, seen), session() as client:
                provider = self.build(url)
                return [await provider.send(client, self.message) for _ in range(2)], seen

        results, seen = asyncio.run(run())
        assert [r.outcome for r in results] == [Outcome.ACCEPTED, Outcome.UNCERTAIN]
        assert len(seen.requests) == 2

    def test_the_bytes_of_the_preview_are_the_bytes_posted(self) -> None:
        _result, seen = self.sent(answering(200))

        wire = self.build("http://127.0.0.1:9").wire(self.message)
        [(path, headers, body)] = seen.requests
        assert (path, body) == (wire.path, wire.body)
        assert wire.headers.items() <= headers.items()

    @pytest.mark.parametrize("status", [200, 400, 401, 422, 429, 500])
    def test_no_secret_or_number_comes_back_or_into_a_log(
        self, status: int, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.DEBUG)
        words = f"no: {PHONE} {' '.join(self.secrets)}"

        result, _seen = self.sent(answering(status, body={"message": words}))

        for hidden in (PHONE, PHONE[1:], *self.secrets):
            assert hidden not in result.detail
            assert hidden not in caplog.text
