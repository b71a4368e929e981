"""What the tests hold in their hands: a client of the simulator and a webhook receiver."""

from __future__ import annotations

import hashlib
import http.client
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import quote, urlsplit

CHANNEL = "2000000001"
SECRET = "8c570fa6dd201bb328f1c1eac23a96d8"
TOKEN = "a-long-lived-token"
PHONE = "+66855538125"
USER = "U" + "a" * 32
TAG = "order-000000000001"
FLEXIBLE = "/bot/pnp/push"
TEMPLATED = "/v2/bot/message/pnp/templated/push"
PUSH = "/v2/bot/message/push"
REPLY = "/v2/bot/message/reply"
MULTICAST = "/v2/bot/message/multicast"
HOUR, DAY = 3_600, 86_400
# The beginnings of files, by the kind of message that LINE makes of them.
FILES = {
    "image": b"\xff\xd8\xff\xe0 a picture",
    "video": b"\x00\x00\x00\x18ftypmp42 a video",
    "audio": b"\x00\x00\x00\x18ftypM4A  a voice",
    "file": b"<html><script>alert(1)</script>",
}


@dataclass(frozen=True)
class Answer:
    """Status, headers (names in lower case) and body of an answer."""

    status: int
    headers: dict[str, str]
    body: Any


def hashed(phone: str) -> str:
    """What LINE wants in `to`."""
    return hashlib.sha256(phone.encode()).hexdigest()


def text(words: str = "hello") -> dict[str, str]:
    """A text message object."""
    return {"type": "text", "text": words}


class Line:
    """Talks to one simulator, on one kept connection."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._netloc = urlsplit(url).netloc

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        token: str | None = TOKEN,
        headers: dict[str, str] | None = None,
        raw: bytes | None = None,
        timeout: float = 5,
        as_bytes: bool = False,
    ) -> Answer:
        """Make one request; `raw` goes as it is, `body` as JSON."""
        sent = {"Content-Type": "application/json", **(headers or {})}
        if token:
            sent["Authorization"] = f"Bearer {token}"
        data = raw if raw is not None else None if body is None else json.dumps(body).encode()
        connection = http.client.HTTPConnection(self._netloc, timeout=timeout)
        try:
            connection.request(method, path, body=data, headers=sent)
            response = connection.getresponse()
            content = response.read()
        finally:
            connection.close()
        names = {name.lower(): value for name, value in response.getheaders()}
        if as_bytes:
            return Answer(response.status, names, content)
        is_json = names.get("content-type", "").startswith("application/json")
        return Answer(response.status, names, json.loads(content) if is_json else content.decode())

    def control(self, method: str, path: str, body: Any = None) -> Any:
        """Steer the simulator; the answer must be 200."""
        answer = self.call(method, f"/simulator/{path}", body, token=None, timeout=20)
        assert answer.status == 200, answer.body
        return answer.body

    def channel(self, channel_id: str = CHANNEL, **settings: Any) -> Any:
        """Add or change a channel."""
        given = {"channel_secret": SECRET, "channel_access_token": TOKEN, **settings}
        return self.control("PUT", f"channels/{channel_id}", given)

    def person(self, **settings: Any) -> None:
        """Add or change the person of these tests."""
        self.control("PUT", "people", [{"phone": PHONE, "line_user_id": USER, **settings}])

    def seen(self, who: str = PHONE) -> Any:
        """What the simulator knows of a person."""
        return self.control("GET", f"people/{quote(who)}")

    def chat(self, who: str = PHONE) -> list[Any]:
        """What the phone shows, oldest first."""
        entries: list[Any] = self.control("GET", f"people/{quote(who)}/chat")["entries"]
        return entries

    def kinds(self, who: str = PHONE) -> list[str]:
        """The kinds of what the phone shows, oldest first."""
        return [entry["kind"] for entry in self.chat(who)]

    def awaiting(self, who: str = PHONE) -> Any:
        """What LINE's dialogue waits for."""
        return self.control("GET", f"people/{quote(who)}/chat")["awaiting"]

    def code(self, who: str = PHONE) -> str:
        """The code of the newest SMS on the phone."""
        sms = [entry["text"] for entry in self.chat(who) if entry["kind"] == "sms_code"][-1]
        return str(sms).rstrip(".")[-6:]

    def refused(self, what: str, who: str = PHONE, **given: Any) -> str:
        """Try something that a person cannot do; gives the sentence that says why."""
        answer = self.call("POST", f"/simulator/people/{quote(who)}/{what}", given, token=None)
        assert answer.status == 400, answer.body
        return str(answer.body["error"])

    def act(self, what: str, who: str = PHONE, **given: Any) -> Any:
        """Let a person do something."""
        return self.control("POST", f"people/{quote(who)}/{what}", given)

    def advance(self, seconds: float) -> Any:
        """Set the clock forward."""
        return self.control("POST", "clock", {"advance_seconds": seconds})

    def notify(
        self,
        phone: str = PHONE,
        *,
        tag: str | None = TAG,
        path: str = FLEXIBLE,
        **sent: Any,
    ) -> Answer:
        """Send a notification message."""
        body: dict[str, Any] = {"to": hashed(phone)}
        if path == FLEXIBLE:
            body["messages"] = [text()]
        else:
            body["templateKey"] = "shipment_completed_ja"
        headers = {"X-Line-Delivery-Tag": tag} if tag else {}
        return self.call("POST", path, body, headers=headers, **sent)

    def push(self, to: str = USER, *, key: str | None = None, **sent: Any) -> Answer:
        """Send a two-way message."""
        headers = {"X-Line-Retry-Key": key} if key else {}
        return self.call("POST", PUSH, {"to": to, "messages": [text()]}, headers=headers, **sent)

    def reply(self, reply_token: str, words: str = "hello", **sent: Any) -> Answer:
        """Answer an event."""
        body = {"replyToken": reply_token, "messages": [text(words)]}
        return self.call("POST", REPLY, body, **sent)

    def multicast(self, *to: str, key: str | None = None, **sent: Any) -> Answer:
        """Send one message to many."""
        headers = {"X-Line-Retry-Key": key} if key else {}
        body = {"to": list(to), "messages": [text()]}
        return self.call("POST", MULTICAST, body, headers=headers, **sent)

    def requests(self, query: str = "") -> list[Any]:
        """The log of the LINE side."""
        listed: list[Any] = self.control("GET", f"requests{query}")
        return listed


@dataclass
class Inbox:
    """The webhook endpoint of the business; answers with `statuses`, then 200 for good."""

    url: str = ""
    statuses: list[int] = field(default_factory=list)
    slow_seconds: float = 0
    posts: list[tuple[dict[str, str], bytes]] = field(default_factory=list)

    @property
    def bodies(self) -> list[Any]:
        """The JSON bodies received."""
        return [json.loads(raw) for _, raw in self.posts]

    @property
    def events(self) -> list[Any]:
        """The events received, in order."""
        return [event for body in self.bodies for event in body["events"]]

    @property
    def delivered(self) -> list[str]:
        """The tags of the delivery events received, in order."""
        return [e["delivery"]["data"] for e in self.events if e["type"] == "delivery"]


@contextmanager
def receiving() -> Iterator[Inbox]:
    """Run a webhook endpoint on a free port."""
    inbox = Inbox()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            raw = self.rfile.read(int(self.headers["Content-Length"]))
            inbox.posts.append(({k.lower(): v for k, v in self.headers.items()}, raw))
            time.sleep(inbox.slow_seconds)
            self.send_response(inbox.statuses.pop(0) if inbox.statuses else 200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *args: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        def handle_error(self, *args: object) -> None:
            pass  # the simulator gives up on slow answers, as it should

    server = Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    inbox.url = f"http://127.0.0.1:{server.server_address[1]}/webhooks/line/abc/"
    try:
        yield inbox
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def eventually(condition: Callable[[], object], within: float = 5) -> bool:
    """Whether the condition comes true in time."""
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.01)
    return False
