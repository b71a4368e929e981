"""A provider beside the real ones: it asks for every kind of setting that one may ask for.

It speaks to whatever server it is given; its webhooks are vouched for by a shared word.
"""

from __future__ import annotations

import contextlib
import json
import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

import aiohttp

from lineportal.providers import http
from lineportal.providers.base import (
    BadSignature,
    Check,
    Event,
    Outcome,
    OutgoingMessage,
    Provider,
    SendResult,
    Serves,
    Setting,
    WireRequest,
)

KEY, WORD, PASSWORD = "elsewhere-key-0001", "elsewhere-word", "elsewhere-password"
GIVEN = {
    "api_key": KEY,
    "from": "thai-post-elsewhere",
    "webhook_user": WORD,
    "webhook_password": PASSWORD,
}


class Elsewhere(Provider):
    name = "elsewhere"
    title = "Elsewhere & Co"
    api = "https://api.elsewhere.example"
    own_hosts = re.compile("([a-z0-9-]+[.])?elsewhere[.]example")
    serves: ClassVar = {
        "lon": Serves(("TH",), frozenset({"bubble"}), has_receipts=True),
        "oa": Serves(("TH", "TW"), frozenset({"text"}), has_receipts=True),
    }
    settings = (
        Setting("api_key", "API key", is_required=True, help="From the page of keys."),
        Setting("from", "Sender name", is_required=True, is_secret=False),
        Setting("webhook_user", "User", is_secret=False),
        Setting("webhook_password", "Password"),
        Setting("style", "Style", is_secret=False, default="plain", choices=("plain", "loud")),
    )
    sender_setting = "from"
    key_setting = "api_key"
    webhook_settings = frozenset({"webhook_user", "webhook_password"})
    ceiling_per_second = 100
    default_rate = 20

    def wire(self, message: OutgoingMessage) -> WireRequest:
        return WireRequest("POST", "/send", {}, json.dumps({"to": message.address}).encode())

    async def send(
        self,
        session: aiohttp.ClientSession,
        message: OutgoingMessage,
        request: WireRequest | None = None,
    ) -> SendResult:
        return SendResult(Outcome.ACCEPTED)

    @staticmethod
    def verify(
        body: bytes, headers: Mapping[str, str], signers: Sequence[Mapping[str, str]]
    ) -> None:
        words = {signer.get("webhook_password") for signer in signers} - {None, ""}
        if headers.get("X-Word") not in words:
            raise BadSignature

    @staticmethod
    def events(body: bytes) -> list[Event]:
        return []

    async def check(
        self, session: aiohttp.ClientSession, *, service: str, webhook_url: str
    ) -> list[Check]:
        answer = await http.request(
            session, "GET", f"{self.base}/me", headers={}, total_seconds=self.total_seconds,
            connect_seconds=self.connect_seconds,
        )  # fmt: skip
        if isinstance(answer, SendResult):
            return [Check("key", None, f"{self.title} did not answer.")]
        is_known = answer.status == 200
        return [
            Check("key", is_known, "The key is known." if is_known else "The key is not known."),
            Check("address", None, f"Enter {webhook_url} for {service} there."),
        ]

    def pulls_reports(self) -> bool:
        return not self.given["webhook_password"]


@contextlib.contextmanager
def answering(status: int) -> Iterator[str]:
    """Serve its API on this machine, with one status for all; the address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
