"""Real servers on free ports that answer, break off, hang or talk nonsense, as they are told."""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

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


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])
