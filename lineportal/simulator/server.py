"""Starts the simulator: as a program until a signal, or inside a test for as long as it needs.

with server.running() as simulator:
    requests go to simulator.url
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from functools import partial
from queue import SimpleQueue

from aiohttp import web

from lineportal.simulator import (
    account_link,
    control,
    eight_by_eight_api,
    infobip_api,
    line_api,
    page,
    partner_control,
    phone,
)
from lineportal.simulator.world import World

_new_event_loop: Callable[[], asyncio.AbstractEventLoop] = asyncio.new_event_loop
with contextlib.suppress(ImportError):  # uvloop is not made for every platform
    import uvloop

    _new_event_loop = uvloop.new_event_loop

DEFAULT_PORT = 8099
# Control bodies hold people by the hundred thousand; LINE's own limit is checked apart.
_LARGEST_BODY = 512 * 1024 * 1024


class CannotListen(Exception):
    """The address cannot be listened on; the text is one sentence that says what to do."""


@dataclass(frozen=True, slots=True)
class Running:
    """A simulator that is listening."""

    host: str
    port: int

    @property
    def url(self) -> str:
        """The base address, without a slash at its end."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"


def serve(host: str, port: int, announce: Callable[[str], None]) -> None:
    """Listen until SIGTERM or SIGINT; `announce` gets the base address once that is so.

    Port 0 is any free port. Raises CannotListen.
    """

    async def until_signalled() -> None:
        stopped = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stopped.set)
        async with _listening(host, port, World()) as running:
            announce(running.url)
            await stopped.wait()

    with asyncio.Runner(loop_factory=_new_event_loop) as runner:
        runner.run(until_signalled())


@contextlib.contextmanager
def running(
    *, host: str = "127.0.0.1", port: int = 0, keep_requests: int = 1_000_000
) -> Iterator[Running]:
    """Run a simulator in a thread of this process; gives where it listens.

    Raises CannotListen.
    """
    started: SimpleQueue[tuple[Running, Callable[[], object]] | CannotListen | None] = SimpleQueue()

    async def until_stopped() -> None:
        stopped = asyncio.Event()
        stop = partial(asyncio.get_running_loop().call_soon_threadsafe, stopped.set)
        async with _listening(host, port, World(keep_requests=keep_requests)) as handle:
            started.put((handle, stop))
            await stopped.wait()

    def run() -> None:
        try:
            with asyncio.Runner(loop_factory=_new_event_loop) as runner:
                runner.run(until_stopped())
        except CannotListen as refusal:
            started.put(refusal)
        finally:
            started.put(None)  # whatever happened, the caller waits for word

    thread = threading.Thread(target=run, name="line-simulator", daemon=True)
    thread.start()
    outcome = started.get()
    if outcome is None or isinstance(outcome, CannotListen):
        thread.join()
        raise outcome or CannotListen("The simulator stopped while it started.")
    handle, stop = outcome
    try:
        yield handle
    finally:
        stop()
        thread.join()


@contextlib.asynccontextmanager
async def _listening(host: str, port: int, world: World) -> AsyncIterator[Running]:
    app = web.Application(client_max_size=_LARGEST_BODY)
    # The control side's last route takes every address under /simulator/ that is not known.
    app.add_routes([*partner_control.routes(world), *control.routes(world)])
    app.add_routes([*phone.routes(world), *account_link.routes(world)])
    app.add_routes([*line_api.routes(world), *infobip_api.routes(world)])
    app.add_routes(eight_by_eight_api.routes(world))

    async def home(request: web.Request) -> web.Response:
        return web.Response(text=page.drawn(world), content_type="text/html")

    async def healthz(request: web.Request) -> web.Response:
        return web.json_response({"status": "ok"})

    app.add_routes([web.get("/", home), web.get("/healthz", healthz)])
    # Requests that hang on order are not waited for.
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await world.notifier.start()
    await world.courier.start()
    clockwork = asyncio.create_task(world.run_on())
    try:
        site = web.TCPSite(runner, host, port, backlog=1_024)
        try:
            await site.start()
        except (OSError, OverflowError):
            raise CannotListen(
                f"The simulator cannot listen on {host}, port {port}: it is in use or not allowed;"
                " choose another with --port, or 0 for any free one."
            ) from None
        running = Running(host, runner.addresses[0][1])
        world.url = running.url
        yield running
    finally:
        clockwork.cancel()
        await asyncio.gather(clockwork, return_exceptions=True)
        await world.notifier.stop()
        await world.courier.stop()
        await runner.cleanup()
