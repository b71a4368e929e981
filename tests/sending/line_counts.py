"""LINE's daily counts as a test sets them, over real HTTP, in the shapes that LINE documents."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

TOKEN = "eyJhbGciOiJIUzI1NiJ9.one-that-everybody-gets"
PATHS = {
    "/v2/bot/message/delivery/pnp": "flexible",
    "/v2/bot/message/delivery/pnp/templated": "templated",
    "/v2/bot/message/delivery/push": "push",
}


@dataclass
class Counts:
    """What is told of (kind, day); "unready" for the others. `status` other than 200: a refusal."""

    url: str = ""
    told: dict[tuple[str, str], int] = field(default_factory=dict)
    status: int = 200
    message: str = ""
    asked: list[tuple[str, str]] = field(default_factory=list)
    # Where set, each answer waits for all of these callers: so that they ask at the same moment.
    together: threading.Barrier | None = None

    def tell(self, day: date, n: int, *, kind: str = "flexible", other: int = 0) -> None:
        """Say that LINE counted so many; of notifications the other kind is told too."""
        self.told[kind, f"{day:%Y%m%d}"] = n
        if kind != "push":
            rest = "templated" if kind == "flexible" else "flexible"
            self.told[rest, f"{day:%Y%m%d}"] = other

    def days_asked(self) -> list[str]:
        """Return the days that were asked for since the last call, each once."""
        found = list(dict.fromkeys(day for _kind, day in self.asked))
        self.asked.clear()
        return found

    def answer(self, path: str, day: str) -> tuple[int, Any]:
        """Return what LINE says of a day."""
        kind = PATHS[path]
        self.asked.append((kind, day))
        if self.together is not None:
            self.together.wait(timeout=20)
        if self.status != 200:
            return self.status, {"message": self.message}
        if (kind, day) in self.told:
            return 200, {"status": "ready", "success": self.told[kind, day]}
        return 200, {"status": "unready"}


@contextlib.contextmanager
def serving() -> Iterator[Counts]:
    """Serve counts, and tokens for everybody, on a free port."""
    counts = Counts()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self._say(200, {"token_type": "Bearer", "access_token": TOKEN, "expires_in": 900})

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            self._say(*counts.answer(parts.path, parse_qs(parts.query)["date"][0]))

        def log_message(self, *arguments: Any) -> None:
            pass

        def _say(self, status: int, body: Any) -> None:
            raw = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        counts.url = f"http://127.0.0.1:{server.server_address[1]}"
        try:
            yield counts
        finally:
            server.shutdown()
            thread.join()
