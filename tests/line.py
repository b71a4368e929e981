"""The LINE simulator as tests drive it, over its own HTTP."""

from __future__ import annotations

import json
import urllib.request
from typing import Any

CHANNEL = "1650000001"
SECRET = "8c570fa6dd201bb328f1c1eac23a96d8"


class Line:
    def __init__(self, url: str) -> None:
        self.url = url

    def call(self, method: str, path: str, body: Any = None) -> Any:
        request = urllib.request.Request(  # noqa: S310 - our own simulator
            f"{self.url}/simulator/{path}",
            method=method,
            data=json.dumps(body).encode() if body is not None else None,
            headers={"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=30) as response:  # noqa: S310
            return json.loads(response.read() or b"null")

    def reset(self) -> None:
        self.call("POST", "reset", {})

    def channel(self, channel: str = CHANNEL, **details: Any) -> None:
        self.call("PUT", f"channels/{channel}", {"channel_secret": SECRET, **details})

    def people(self, *people: dict[str, Any]) -> None:
        self.call("PUT", "people", list(people))

    def person(self, name: str) -> Any:
        return self.call("GET", f"people/{name}")

    def requests(self, path: str = "/") -> list[dict[str, Any]]:
        found = self.call("GET", "requests")
        return [entry for entry in found if entry["path"].startswith(path)]

    def sends(self) -> list[dict[str, Any]]:
        """Return the requests that would write to somebody."""
        return [entry for entry in self.requests() if entry["path"].endswith("/push")]

    def fault(self, kind: str, **details: Any) -> None:
        self.call("POST", "faults", {"kind": kind, **details})

    def advance(self, seconds: float) -> None:
        self.call("POST", "clock", {"advance_seconds": seconds})
