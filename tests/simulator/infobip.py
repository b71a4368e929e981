"""A company that sends by Infobip, for the tests: requests as Infobip documents them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from tests.simulator.driving import PHONE, USER, Answer, Inbox, Line

SENDER, KEY = "OFFICIAL-ACCOUNT-ID-123", "003026bbc133714df1834b8638bb496e-8f4b"
DIGITS = PHONE.removeprefix("+")
LON, LINE_OA = "/line/1/messages", "/line-oa/1/messages"


def bubble(text: str = "Your parcel is here.") -> dict[str, Any]:
    """An upper-case bubble with one text."""
    words = {"type": "TEXT", "text": text, "weight": "BOLD", "size": "lg", "wrap": True}
    return {
        "type": "BUBBLE",
        "body": {"type": "BOX", "layout": "VERTICAL", "paddingTop": "xl", "contents": [words]},
    }


def notification(*to: str, ids: tuple[str, ...] = (), **more: Any) -> dict[str, Any]:
    """One message to these destinations."""
    destinations = [{"to": number} for number in to or (DIGITS,)]
    for destination, message_id in zip(destinations, ids, strict=False):
        destination["messageId"] = message_id
    return {
        "sender": SENDER,
        "destinations": destinations,
        "content": {"type": "LINE_NOTIFICATION", "altText": "Parcel", "contents": bubble()},
        **more,
    }


def words(*to: str, **more: Any) -> dict[str, Any]:
    """One two-way message."""
    return {
        "sender": SENDER,
        "destinations": [{"to": user_id} for user_id in to or (USER,)],
        "content": {"type": "TEXT", "text": "Hello"},
        **more,
    }


@dataclass
class Company:
    """Talks to Infobip's side of one simulator."""

    line: Line

    def sender(self, name: str = SENDER, **settings: Any) -> Any:
        """Add or change a sender."""
        return self.line.control("PUT", f"infobip/senders/{name}", {"api_key": KEY, **settings})

    def conduct(self, **settings: Any) -> Any:
        """Switch how Infobip behaves."""
        return self.line.control("PUT", "infobip", settings)

    def call(self, method: str, path: str, body: Any = None, *, key: str = KEY) -> Answer:
        """Make one request with the account's key."""
        headers = {"Authorization": f"App {key}"} if key else {}
        return self.line.call(method, path, body, token=None, headers=headers)

    def send(self, *messages: Any, path: str = LON, **options: Any) -> Answer:
        """Send messages; without any, one notification."""
        body: dict[str, Any] = {"messages": list(messages or (notification(),))}
        if options:
            body["options"] = options
        return self.call("POST", path, body)

    def status(self, *messages: Any, path: str = LON) -> str:
        """The status with which the first message was answered."""
        answer = self.send(*messages, path=path)
        assert answer.status == 200, answer.body
        return str(answer.body["messages"][0]["status"]["name"])

    def violations(self, *messages: Any, path: str = LON, **options: Any) -> dict[str, str]:
        """What is wrong with a request; it must be refused."""
        answer = self.send(*messages, path=path, **options)
        assert answer.status == 400, answer.body
        return {v["property"]: v["violation"] for v in answer.body["violations"]}

    def fetched(self, query: str = "", *, service: str = "line") -> list[Any]:
        """The reports that wait to be fetched."""
        answer = self.call("GET", f"/{service}/1/reports{query}")
        assert answer.status == 200, answer.body
        results: list[Any] = answer.body["results"]
        return results


def pushed(inbox: Inbox) -> list[Any]:
    """The results of all webhooks received."""
    return [result for _, raw in inbox.posts for result in json.loads(raw)["results"]]
