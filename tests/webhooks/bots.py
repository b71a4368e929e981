"""Bots of a company, as real HTTP servers on free ports: each does what it is told, and keeps all.

They answer from a thread of their own, so that a test's loop and database are not theirs.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

PATIENCE = 30  # seconds until a test that waits for nothing fails


@dataclass
class Got:
    """One POST as it arrived."""

    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Bot:
    """A running bot; `status` and `headers` are its answer to what comes next.

    While `holds` is set it answers nothing; `arrived` is set when something came. `statuses` are
    given out one by one before that.
    """

    url: str = ""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    statuses: list[int] = field(default_factory=list)
    got: list[Got] = field(default_factory=list)
    holds: bool = False
    arrived: threading.Event = field(default_factory=threading.Event)
    released: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def bodies(self) -> list[bytes]:
        return [each.body for each in self.got]


@contextlib.contextmanager
def running() -> Iterator[Bot]:
    bot = Bot()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            with bot.lock:
                bot.got.append(Got(self.path, dict(self.headers.items()), body))
                status = bot.statuses.pop(0) if bot.statuses else bot.status
            bot.arrived.set()
            if bot.holds:
                bot.released.wait(PATIENCE)
            with contextlib.suppress(OSError):  # who posted may be gone
                self.send_response(status)
                for name, value in bot.headers.items():
                    self.send_header(name, value)
                said = b"" if status == 204 else b"{}"  # 204 has no body, or it is no HTTP
                if said:
                    self.send_header("Content-Length", str(len(said)))
                self.end_headers()
                self.wfile.write(said)

        def log_message(self, *_words: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    bot.url = f"http://127.0.0.1:{server.server_port}/bot"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield bot
    finally:
        bot.released.set()
        server.shutdown()
        thread.join()
        server.server_close()
