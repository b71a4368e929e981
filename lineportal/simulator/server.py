"""Run the LINE simulator: alone until it is told to stop, or in a thread of a test."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import uvloop
from aiohttp import web

from lineportal.simulator import control, line_api
from lineportal.simulator.clock import Clock
from lineportal.simulator.webhooks import Sender
from lineportal.simulator.world import World


@dataclass(frozen=True, slots=True)
class Running:
    url: str


def application(sender: Sender) -> web.Application:
    app = web.Application(client_max_size=line_api.BODY_LIMIT * 4, middlewares=[control.say_why])
    app[line_api.WORLD] = World(Clock(), sender.emit)
    app[control.SENDER] = sender
    app.add_routes([*line_api.routes(), *control.routes()])
    return app


async def serve(host: str, port: int, *, ready: Callable[[str], None], stop: asyncio.Event) -> None:
    """Serve until `stop` is set; calls `ready` with the address once it listens."""
    sender = Sender()
    runner = web.AppRunner(application(sender), access_log=None, shutdown_timeout=1)
    await runner.setup()
    await sender.start()
    listener = socket.create_server((host, port), backlog=1024)
    try:
        await web.SockSite(runner, listener).start()
        ready(f"http://{host}:{listener.getsockname()[1]}")
        await stop.wait()
    finally:
        await sender.stop()
        await runner.cleanup()


def run(host: str, port: int, *, ready: Callable[[str], None]) -> None:
    """Serve until SIGTERM or SIGINT."""

    async def main() -> None:
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        await serve(host, port, ready=ready, stop=stop)

    uvloop.run(main())


@contextlib.contextmanager
def running(*, host: str = "127.0.0.1", port: int = 0) -> Iterator[Running]:
    """Serve in a thread, on a free port by default, while the block runs."""
    loop = uvloop.new_event_loop()
    stop = asyncio.Event()
    listening = threading.Event()
    address: list[str] = []

    def ready(url: str) -> None:
        address.append(url)
        listening.set()

    thread = threading.Thread(
        target=lambda: loop.run_until_complete(serve(host, port, ready=ready, stop=stop)),
        name="line-simulator",
    )
    thread.start()
    try:
        if not listening.wait(10):
            raise TimeoutError("The simulator did not begin to listen within 10 seconds.")
        yield Running(address[0])
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()
        loop.close()
