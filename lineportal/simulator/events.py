"""Webhook events as LINE writes them, and the signature over a webhook's raw body."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from dataclasses import dataclass
from typing import Any

from lineportal.simulator.files import File

Event = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Place:
    """Where something is, in degrees; title and address may be blank."""

    title: str
    address: str
    latitude: float
    longitude: float


_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def delivery(data: str, *, at: float) -> Event:
    """Return a delivery completion event; it has no source, no message id and no reply token."""
    return {"type": "delivery", "delivery": {"data": data}, **_common(at)}


def follow(user_id: str, *, is_unblocked: bool, reply_token: str, at: float) -> Event:
    """Return the event of somebody who became a friend, or unblocked the account."""
    return {
        "type": "follow",
        "follow": {"isUnblocked": is_unblocked},
        "replyToken": reply_token,
        "source": _user(user_id),
        **_common(at),
    }


def unfollow(user_id: str, *, at: float) -> Event:
    """Return the event of somebody who blocked the account, friend or not."""
    return {"type": "unfollow", "source": _user(user_id), **_common(at)}


def message(user_id: str, content: Event, *, reply_token: str, at: float) -> Event:
    """Return the event of somebody who said something, such as text() or file()."""
    return {
        "type": "message",
        "message": content,
        "replyToken": reply_token,
        "source": _user(user_id),
        **_common(at),
    }


def text(message_id: str, words: str) -> Event:
    """Return what a message event holds of a text."""
    return {
        "type": "text",
        "id": message_id,
        "quoteToken": secrets.token_urlsafe(32),
        "text": words,
    }


def file(message_id: str, sent: File) -> Event:
    """Return what a message event holds of a file; its bytes are asked for by the id."""
    said: Event = {"type": sent.kind, "id": message_id}
    if sent.kind == "file":
        return said | {"fileName": sent.name, "fileSize": len(sent.data)}
    said["contentProvider"] = {"type": "line"}
    if sent.kind != "image":
        said["duration"] = 1_000
    if sent.kind != "audio":
        said["quoteToken"] = secrets.token_urlsafe(32)
    return said


def sticker(message_id: str, package_id: str, sticker_id: str, keywords: list[str]) -> Event:
    """Return what a message event holds of a sticker."""
    return {
        "type": "sticker",
        "id": message_id,
        "quoteToken": secrets.token_urlsafe(32),
        "packageId": package_id,
        "stickerId": sticker_id,
        "stickerResourceType": "STATIC",
        "keywords": keywords,
    }


def location(message_id: str, place: Place) -> Event:
    """Return what a message event holds of a place."""
    named = {"title": place.title, "address": place.address}
    return {
        "type": "location",
        "id": message_id,
        **{name: words for name, words in named.items() if words},
        "latitude": place.latitude,
        "longitude": place.longitude,
    }


def edited(user_id: str, message_id: str, words: str, *, at: float) -> Event:
    """Return the event of somebody who wrote a message anew.

    LINE's reference has it, LINE's OpenAPI file does not yet.
    """
    return {
        "type": "messageEdited",
        "message": text(message_id, words),
        "source": _user(user_id),
        **_common(at),
    }


def postback(user_id: str, data: str, *, reply_token: str, at: float) -> Event:
    """Return the event of somebody who pressed a button with postback data."""
    return {
        "type": "postback",
        "postback": {"data": data},
        "replyToken": reply_token,
        "source": _user(user_id),
        **_common(at),
    }


def unsend(user_id: str, message_id: str, *, at: float) -> Event:
    """Return the event of somebody who took back a message; it can be answered by no reply."""
    return {
        "type": "unsend",
        "unsend": {"messageId": message_id},
        "source": _user(user_id),
        **_common(at),
    }


def account_link(user_id: str, nonce: str, *, is_ok: bool, reply_token: str, at: float) -> Event:
    """Return the event of somebody who tied their LINE account to one of the company's."""
    return {
        "type": "accountLink",
        "link": {"result": "ok" if is_ok else "failed", "nonce": nonce},
        "replyToken": reply_token,
        "source": _user(user_id),
        **_common(at),
    }


def redelivered(event: Event) -> Event:
    """Return the same event as LINE sends it again: only `isRedelivery` differs."""
    return {**event, "deliveryContext": {"isRedelivery": True}}


def signature(secret: str, raw: bytes) -> str:
    """Return what X-Line-Signature holds: base64 of HMAC-SHA256 of the raw body.

    https://developers.line.biz/en/docs/messaging-api/verify-webhook-signature/
    """
    return base64.b64encode(hmac.digest(secret.encode(), raw, hashlib.sha256)).decode()


def _user(user_id: str) -> Event:
    return {"type": "user", "userId": user_id}


def _common(at: float) -> Event:
    return {
        "webhookEventId": _ulid(at),
        "deliveryContext": {"isRedelivery": False},
        "timestamp": int(at * 1_000),
        "mode": "active",
    }


def _ulid(at: float) -> str:
    """Return a ULID: 48 bits of milliseconds and 80 random bits, in Crockford's base 32."""
    value = int(at * 1_000) << 80 | secrets.randbits(80)
    return "".join(_CROCKFORD[value >> shift & 31] for shift in range(125, -1, -5))
