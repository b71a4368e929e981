"""What every provider promises, tried against real servers that misbehave in every way."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import aiohttp
import pytest
from aiohttp import web

from lineportal.providers import http
from lineportal.providers.base import Outcome, OutgoingMessage, Provider, SendResult

PHONE = "+66812345678"
REFERENCE = UUID("0123456789abcdef0123456789abcdef")
TOTAL_SECONDS = 0.6
CONNECT_SECONDS = 0.25
Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]
Conduct = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


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
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        await web.SockSite(runner, listener).start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}", seen
        finally:
            await runner.cleanup()


@contextlib.asynccontextmanager
async def listening(conduct: Conduct) -> AsyncIterator[tuple[int, list[None]]]:
    """Listen on a free port; each connection is noted and given to `conduct`, below HTTP."""
    connections: list[None] = []
    tasks: set[asyncio.Task[None]] = set()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append(None)
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            await conduct(reader, writer)
        except (asyncio.CancelledError, OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.transport.abort()

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1], connections
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks)


async def read_request(reader: asyncio.StreamReader) -> None:
    head = await reader.readuntil(b"\r\n\r\n")
    length = re.search(rb"content-length: (\d+)", head, re.IGNORECASE)
    await reader.readexactly(int(length.group(1)) if length else 0)


def saying(words: bytes, *, then_hang: bool = False) -> Conduct:
    """Read the request, write these bytes as they are, then close or keep silent."""

    async def conduct(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(words)
        await writer.drain()
        if then_hang:
            await asyncio.sleep(5)
        writer.close()
        await writer.wait_closed()

    return conduct


async def reset_at_once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.transport.get_extra_info("socket").setsockopt(
        socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0"
    )


async def never_read(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(5)


UNCLEAR: dict[str, Conduct] = {
    "reset before reading": reset_at_once,
    "hang before reading": never_read,
    "closed without an answer": saying(b""),
    "hang after reading": saying(b"", then_hang=True),
    "half a status line": saying(b"HTTP/1.1 20"),
    "half the headers": saying(b"HTTP/1.1 200 OK\r\nContent-Ty"),
    "half the headers, then silence": saying(b"HTTP/1.1 200 OK\r\nX-A: b\r\n", then_hang=True),
    "not HTTP": saying(b"\x00\xff SSH-2.0-garbage\r\n\r\n"),
}
# The status line and headers are whole: the provider has decided, whatever becomes of the body.
BROKEN_BODY: dict[str, bytes] = {
    "cut": b"Content-Length: 500\r\n\r\n{",
    "no JSON": b"Content-Length: 4\r\n\r\n\xff\x00<<",
    "no gzip": b"Content-Encoding: gzip\r\nContent-Length: 4\r\n\r\nzzzz",
    "deep JSON": b"Content-Length: 200000\r\n\r\n" + b"[" * 200_000,
    "no text encoding": b"Content-Type: text/x; charset=hex\r\nContent-Length: 2\r\n\r\n{}",
}


def answering(status: int, **details: Any) -> Answer:
    async def answer(request: web.Request) -> web.StreamResponse:
        return web.json_response(details.get("body", {}), status=status,
                                 headers=details.get("headers"))  # fmt: skip

    return answer


async def drop(request: web.Request) -> web.StreamResponse:
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


def session(connections: int = 8) -> aiohttp.ClientSession:
    return http.session(connections=connections)


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


class ProviderContract:
    """A provider's tests subclass this and say how it is built and what they send."""

    secrets: tuple[str, ...]
    message: OutgoingMessage

    def build(self, base_url: str) -> Provider:
        """Return the provider with the short time-outs above."""
        raise NotImplementedError

    @pytest.fixture(autouse=True)
    def _nothing_leaks(self, caplog: pytest.LogCaptureFixture) -> Any:
        """No log record of any test here may hold a secret or the number."""
        caplog.set_level(logging.DEBUG)
        yield
        self.assert_hidden(caplog.text)

    def assert_hidden(self, text: str) -> None:
        for hidden in (PHONE, PHONE[1:], *self.secrets):
            assert hidden not in text

    def sent(self, answer: Answer) -> tuple[SendResult, Seen]:
        """Send one message to a server that answers so."""

        async def run() -> tuple[SendResult, Seen]:
            async with serving(answer) as (url, seen), session() as client:
                return await self.build(url).send(client, self.message), seen

        return asyncio.run(run())

    def sent_below_http(self, conduct: Conduct, scheme: str = "http") -> tuple[SendResult, int]:
        """Send one message to such a listener; return the result and how often it was called."""

        async def run() -> tuple[SendResult, int]:
            async with listening(conduct) as (port, connections), session() as client:
                provider = self.build(f"{scheme}://127.0.0.1:{port}")
                return await provider.send(client, self.message), len(connections)

        return asyncio.run(run())

    @pytest.mark.parametrize("case", UNCLEAR)
    def test_what_may_have_been_sent_is_uncertain_and_posted_once(self, case: str) -> None:
        result, connections = self.sent_below_http(UNCLEAR[case])

        assert (result.outcome, connections) == (Outcome.UNCERTAIN, 1)
        assert result.detail
        self.assert_hidden(repr(result))

    @pytest.mark.parametrize("status", [201, 204, 301, 302, 307, 308, 418, 500, 502, 503, 504, 599])
    def test_an_answer_that_nobody_documents_is_uncertain_and_is_not_followed(
        self, status: int
    ) -> None:
        result, seen = self.sent(answering(status, headers={"Location": "/elsewhere"}))

        assert (result.outcome, result.http_status) == (Outcome.UNCERTAIN, status)
        assert len(seen.requests) == 1

    @pytest.mark.parametrize("case", BROKEN_BODY)
    @pytest.mark.parametrize(("status", "outcome"), [(200, Outcome.ACCEPTED),
                                                     (500, Outcome.UNCERTAIN)])  # fmt: skip
    def test_whole_headers_decide_though_the_body_is_broken(
        self, case: str, status: int, outcome: Outcome
    ) -> None:
        head = f"HTTP/1.1 {status} Whatever\r\n".encode()

        result, connections = self.sent_below_http(saying(head + BROKEN_BODY[case]))

        assert (result.outcome, result.http_status, connections) == (outcome, status, 1)

    def test_a_body_without_end_is_not_read_to_its_end(self) -> None:
        async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await read_request(reader)
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 9999999999\r\n\r\n")
            while True:
                writer.write(b"x" * 65_536)
                await writer.drain()

        async def run() -> float:
            async with listening(endless) as (port, _connections), session() as client:
                provider = self.build(f"http://127.0.0.1:{port}")
                began = asyncio.get_running_loop().time()
                result = await provider.send(client, self.message)
                assert result.outcome is Outcome.ACCEPTED
                return asyncio.get_running_loop().time() - began

        assert asyncio.run(run()) < TOTAL_SECONDS / 2

    @pytest.mark.parametrize("scheme", ["http", "https"])
    def test_a_closed_port_got_nothing(self, scheme: str) -> None:
        self.assert_unsent_to(f"{scheme}://127.0.0.1:{closed_port()}")

    def test_a_name_that_does_not_exist_got_nothing(self) -> None:
        self.assert_unsent_to("http://nowhere.invalid")

    def assert_unsent_to(self, base_url: str) -> None:
        async def run() -> SendResult:
            async with session() as client:
                return await self.build(base_url).send(client, self.message)

        result = asyncio.run(run())
        assert result.outcome is Outcome.UNAVAILABLE
        self.assert_hidden(repr(result))

    def test_a_failed_handshake_sent_nothing(self) -> None:
        async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read(1)
            writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            await writer.drain()

        result, connections = self.sent_below_http(plain, "https")

        assert (result.outcome, connections) == (Outcome.UNAVAILABLE, 1)

    def test_a_handshake_without_end_sent_nothing(self) -> None:
        result, _connections = self.sent_below_http(never_read, "https")

        assert result.outcome is Outcome.UNAVAILABLE

    def test_without_a_free_connection_nothing_is_sent(self) -> None:
        async def slow(request: web.Request) -> web.StreamResponse:
            await asyncio.sleep(CONNECT_SECONDS + 0.15)
            return web.json_response({})

        async def run() -> tuple[list[SendResult], Seen]:
            async with serving(slow) as (url, seen), session(connections=1) as client:
                provider = self.build(url)
                both = (provider.send(client, self.message) for _ in range(2))
                return list(await asyncio.gather(*both)), seen

        results, seen = asyncio.run(run())
        assert [r.outcome for r in results] == [Outcome.ACCEPTED, Outcome.UNAVAILABLE]
        assert len(seen.requests) == 1

    def test_on_a_closed_session_nothing_is_sent(self) -> None:
        async def run() -> SendResult:
            client = session()
            await client.close()
            return await self.build("http://127.0.0.1:9").send(client, self.message)

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

    def test_a_connection_that_the_server_closed_while_idle_is_not_used_again(self) -> None:
        ok = b"HTTP/1.1 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\n{}"

        async def run() -> tuple[list[SendResult], int]:
            async with listening(saying(ok)) as (port, connections), session() as client:
                provider = self.build(f"http://127.0.0.1:{port}")
                results = []
                for _ in range(3):
                    results.append(await provider.send(client, self.message))
                    await asyncio.sleep(0.05)
                return results, len(connections)

        results, connections = asyncio.run(run())
        assert [r.outcome for r in results] == [Outcome.ACCEPTED] * 3
        assert connections == 3

    def test_the_bytes_of_the_preview_are_the_bytes_posted(self) -> None:
        _result, seen = self.sent(answering(200))

        wire = self.build("http://127.0.0.1:9").wire(self.message)
        [(path, headers, body)] = seen.requests
        assert (path, body) == (wire.path, wire.body)
        assert wire.headers.items() <= headers.items()

    @pytest.mark.parametrize("status", [200, 400, 401, 422, 429, 500])
    def test_no_secret_or_number_comes_back(self, status: int) -> None:
        spaced = f"{PHONE[:3]} (0){PHONE[3:5]}-{PHONE[5:8]}.{PHONE[8:]}"
        words = f"no: {PHONE} {spaced} {' '.join(self.secrets)}"

        result, _seen = self.sent(answering(status, body={"message": words}))

        assert result.detail.startswith("no: ***")
        self.assert_hidden(repr(result))
        assert PHONE[-4:] not in result.detail

    @pytest.mark.parametrize("status", [200, 400, 429, 500])
    def test_whatever_comes_back_can_be_stored(self, status: int) -> None:
        head = f"HTTP/1.1 {status} Whatever\r\nx-line-request-id: a\xff\r\nRetry-After: inf\r\n"
        body = rb'{"message": "a\u0000b\ud800c", "details": [7, {"message": null}]}'
        length = f"Content-Length: {len(body)}\r\n\r\n"

        result, _connections = self.sent_below_http(
            saying(head.encode("latin-1") + length.encode() + body)
        )

        assert result.http_status == status
        assert (result.detail + result.request_id).isprintable()
        assert (result.retry_after_seconds or 0) < 86_400
