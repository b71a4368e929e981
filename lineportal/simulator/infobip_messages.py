"""A message as Infobip took it: what it says to LINE, and when it may go.

https://www.infobip.com/docs/api/channels/line
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from lineportal.simulator import chat
from lineportal.simulator.clock import DAY
from lineportal.simulator.clock import written as iso
from lineportal.simulator.infobip_bubble import as_line
from lineportal.simulator.infobip_requests import UNITS, WEEKDAYS
from lineportal.simulator.partners import Event, new_mark

LONGEST_VALIDITY = 2 * DAY  # longer ones are cut to this
# The fields of types other than TEXT are documented nowhere; LINE's own names are passed on.
_PASSED_ON = (
    "fileName", "fileSize", "duration", "packageId", "stickerId", "keywords", "title", "address",
    "latitude", "longitude",
)  # fmt: skip
_SPEED_UNITS = {"MINUTE": 60.0, "HOUR": 3_600.0, "DAY": DAY}


@dataclass(slots=True, eq=False)
class Sent:
    """One message to one destination, as Infobip took it."""

    n: int
    service: str  # line or line-oa
    sender: str
    bulk_id: str
    message_id: str
    to: str
    accepted_at: float
    expires_at: float
    content: dict[str, Any]
    reply_token: str | None
    url: str | None  # where its reports are pushed; None: where the sender's are
    notify: bool  # whether they are pushed at all
    echoed: dict[str, Any]  # what the report repeats of the request
    mark: str = field(default_factory=partial(new_mark, "infobip"))
    sent_at: float | None = None
    outcome: str | None = None
    concluded_at: float | None = None
    reports: int = 0

    def shown(self) -> dict[str, Any]:
        """Return the message as JSON."""
        return {
            "n": self.n,
            "service": self.service,
            "sender": self.sender,
            "bulk_id": self.bulk_id,
            "message_id": self.message_id,
            "to": self.to,
            "accepted_at": iso(self.accepted_at),
            "expires_at": iso(self.expires_at),
            "sent_at": None if self.sent_at is None else iso(self.sent_at),
            "outcome": self.outcome,
            "concluded_at": None if self.concluded_at is None else iso(self.concluded_at),
            "reports": self.reports,
        }


def gap(limit: Mapping[str, Any] | None) -> float:
    """Return the seconds from one message to the next under a limit of the sending speed."""
    if not limit:
        return 0.0
    amount: int = limit["amount"]
    return _SPEED_UNITS[limit.get("timeUnit") or "MINUTE"] / amount


def opening(message: Mapping[str, Any], at: float) -> float:
    """Return when the message's delivery window is open next; times are UTC."""
    window = (message.get("options") or {}).get("deliveryTimeWindow")
    if not window:
        return at
    opens, lasts = 0.0, DAY
    if window.get("from"):
        opens, closes = (
            60.0 * (60 * window[n]["hour"] + window[n]["minute"]) for n in ("from", "to")
        )
        lasts = (closes - opens) % DAY
    midnight = at - at % DAY
    for day in range(-1, 8):  # yesterday's may reach past midnight
        start = midnight + day * DAY
        weekday = WEEKDAYS[(int(start // DAY) + 3) % 7]  # 1 January 1970 was a Thursday
        if weekday in window["days"] and at < start + opens + lasts:
            return max(at, start + opens)
    return at


def line_messages(sent: Sent) -> list[dict[str, Any]]:
    """Return the message objects that LINE is handed."""
    content = sent.content
    parts = content.get("parts") if content["type"] == "MULTIPART" else [content]
    return [_line_message(part) for part in parts or ()]


def _line_message(part: dict[str, Any]) -> dict[str, Any]:
    kind = "flex" if part["type"] == "LINE_NOTIFICATION" else part["type"].lower()
    message = {**part, "type": kind}
    if "url" in part:
        message["originalContentUrl"] = message.pop("url")
    if "thumbnailUrl" in part:
        message["previewImageUrl"] = message.pop("thumbnailUrl")
    for name in ("contents", "template", "actions"):
        if name in part:
            message[name] = as_line(part[name])
    return message


def read(
    service: str, message: Mapping[str, Any], destination: Mapping[str, Any], **given: Any
) -> Sent:
    """Return one message to one destination, out of a request that has been found right.

    `given` is n, bulk_id, message_id, accepted_at, begins and default_validity.
    """
    options, webhooks = message.get("options") or {}, message.get("webhooks") or {}
    lasts, validity = given.pop("default_validity"), options.get("validityPeriod")
    if validity:
        lasts = validity["amount"] * UNITS[validity.get("timeUnit") or "MINUTES"]
    delivery = webhooks.get("delivery") or {}
    echoed = {
        "callbackData": webhooks.get("callbackData"),
        "platform": options.get("platform"),
        "campaignReferenceId": options.get("campaignReferenceId"),
    }
    return Sent(
        service=service,
        sender=message["sender"],
        to=destination["to"],
        expires_at=given.pop("begins") + min(lasts, LONGEST_VALIDITY),
        content=message["content"],
        reply_token=message.get("replyToken"),
        url=delivery.get("url"),
        notify=delivery.get("notify") is not False,
        echoed={name: value for name, value in echoed.items() if value is not None},
        **given,
    )


def ids(event: Event) -> dict[str, str]:
    """Return what a result is called that is about a message of a person's.

    How Infobip names the message that was taken back is documented nowhere; `pairedMessageId` is
    what its reference has for a result that belongs to another.
    """
    if event["type"] == "message":
        return {"messageId": _id(event["message"]["id"])}
    if event["type"] == "unsend":
        return {"pairedMessageId": _id(event["unsend"]["messageId"])}
    return {}


def _id(message_id: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_URL, message_id))


def heard(event: Event, *, media: str) -> dict[str, Any] | None:
    """Return an event of LINE's as Infobip passes it on, None where it is none it does here.

    Files lie under the address `media`. That somebody had blocked the account before is not passed
    on.
    """
    timestamp = {"timestamp": event["timestamp"]}
    answerable = timestamp | {"replyToken": event.get("replyToken")}
    message = event.get("message") or {}
    if event["type"] == "follow":
        return {"type": "FOLLOW", **answerable}
    if event["type"] in ("unfollow", "unsend"):
        return {"type": event["type"].upper(), **timestamp}
    if event["type"] == "message" and message.get("type") == "text":
        return {"type": "TEXT", **answerable, "text": message["text"]}
    if event["type"] == "message" and message.get("type") in chat.SAID:
        said = {"type": message["type"].upper(), **answerable}
        if message["type"] in ("image", "video", "audio", "file"):
            said["url"] = f"{media}/{message['id']}"
        return said | {name: message[name] for name in _PASSED_ON if name in message}
    if event["type"] == "postback":
        return {"type": "POSTBACK", **answerable, "data": event["postback"]["data"]}
    return None
