"""Events of LINE's chat as LINE writes them, and a conversation that they made."""

from __future__ import annotations

import itertools
import json
from datetime import UTC, datetime, timedelta
from typing import Any

from django.http import HttpResponse
from django.test import Client

from lineportal.accounts.models import OfficialAccount
from lineportal.conversations.models import Conversation
from lineportal.providers.line import signature
from lineportal.sending import inbox
from tests.line import SECRET

NOON = datetime(2026, 11, 25, 5, 0, tzinfo=UTC)  # in Bangkok
ANNA = "U" + "a" * 32
BEN = "U" + "b" * 32
_numbers = itertools.count(1)


def event(kind: str, at: datetime, *, user: str = ANNA, **details: Any) -> dict[str, Any]:
    """Return an event of one person, under an id of its own."""
    return {
        "type": kind,
        "webhookEventId": f"01J{next(_numbers):023d}",
        "deliveryContext": {"isRedelivery": False},
        "timestamp": int(at.timestamp() * 1000),
        "mode": "active",
        "source": {"type": "user", "userId": user},
        **details,
    }


def text(
    words: str, at: datetime = NOON, *, user: str = ANNA, message_id: str = "", **details: Any
) -> dict[str, Any]:
    """Return the event of a text; its reply token is made of its number."""
    number = next(_numbers)
    message = {
        "type": "text", "id": message_id or f"6000{number:014d}", "text": words,
        "quoteToken": f"quote{number}",
    }  # fmt: skip
    token = {"replyToken": f"token{number}"}
    return event("message", at, user=user, message=message, **token, **details)


def message(kind: str, at: datetime = NOON, *, user: str = ANNA, **message: Any) -> dict[str, Any]:
    """Return the event of a message of another kind than text."""
    number = next(_numbers)
    said = {"type": kind, "id": f"6000{number:014d}", **message}
    return event("message", at, user=user, message=said, replyToken=f"token{number}")


def unsend(message_id: str, at: datetime, *, user: str = ANNA) -> dict[str, Any]:
    return event("unsend", at, user=user, unsend={"messageId": message_id})


def edit(message_id: str, words: str, at: datetime, *, user: str = ANNA) -> dict[str, Any]:
    said = {"type": "text", "id": message_id, "text": words}
    return event("messageEdited", at, user=user, message=said)


def post(account: OfficialAccount, *events: dict[str, Any]) -> HttpResponse:
    """Have LINE post these events, without reading them yet."""
    body = json.dumps({"destination": "U" + "0" * 32, "events": list(events)}).encode()
    return Client().post(
        f"/webhooks/line/{account.webhook_id}/",
        body,
        content_type="application/json",
        headers={"X-Line-Signature": signature(body, SECRET)},
    )


def hear(account: OfficialAccount, *events: dict[str, Any], at: datetime | None = None) -> None:
    """Have LINE post these events, and read the inbox."""
    assert post(account, *events).status_code == 200
    inbox.read(at=at or NOON + timedelta(seconds=1))


def with_(account: OfficialAccount, user: str = ANNA) -> Conversation:
    """Return the conversation with a person."""
    return Conversation.objects.get(account=account, recipient__line_user_id=user)
