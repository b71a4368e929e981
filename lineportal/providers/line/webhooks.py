"""LINE's webhooks: whether LINE signed a body, and the events in it, in our words.

Types and fields that we do not know are kept: LINE adds some without notice.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from lineportal.providers.base import BadSignature, Event, UnreadableWebhook
from lineportal.providers.line import said

USER_ID = re.compile("U[0-9a-f]{32}")
_KINDS = {
    "delivery": "delivered",
    "follow": "follow",
    "unfollow": "unfollow",
    "message": "said",
    "postback": "said",
    "messageEdited": "edited",
    "unsend": "unsent",
    "accountLink": "linked",
}
_OF_A_PERSON = frozenset({"said", "edited", "unsent", "linked"})
_TAG = re.compile(
    "[0-9a-f]{8}(-?)[0-9a-f]{4}\\1[0-9a-f]{4}\\1[0-9a-f]{4}\\1[0-9a-f]{12}", re.IGNORECASE
)
_EVENT_ID = re.compile("[!-~]{1,64}")  # LINE's are ULIDs of 26
# What reading an event of another shape than LINE documents can raise.
_UNREADABLE = (ValueError, KeyError, TypeError, AttributeError, OverflowError, OSError,
               RecursionError)  # fmt: skip


def signature(body: bytes, secret: str) -> str:
    """Return LINE's webhook signature: base64 of HMAC-SHA256 over the raw body."""
    return base64.b64encode(hmac.new(secret.encode(), body, hashlib.sha256).digest()).decode()


def verify(body: bytes, headers: Mapping[str, str], signers: Sequence[Mapping[str, str]]) -> None:
    """Raise BadSignature unless one of the channel secrets signed the raw body."""
    lowered = {name.lower(): value for name, value in headers.items()}
    given = lowered.get("x-line-signature", "").encode(errors="replace")
    # A blank secret is none: anybody could sign with it.
    is_signed = [
        hmac.compare_digest(signature(body, secret).encode(), given)
        for signer in signers
        if (secret := signer.get("channel_secret"))
    ]
    if not any(is_signed):
        raise BadSignature


def events(body: bytes) -> list[Event]:
    """Return the events of a verified body; types we do not know come as "other"."""
    try:
        items = json.loads(body)["events"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise UnreadableWebhook(type(error).__name__) from error
    if not isinstance(items, list):
        raise UnreadableWebhook("events is not a list")
    found, problem = [], ""
    for item in items:
        try:
            found.append(_event(item))
        except _UNREADABLE as error:
            problem = type(error).__name__
    if problem:
        raise UnreadableWebhook(problem, found)
    return found


def _event(item: Mapping[str, Any]) -> Event:
    kind = _KINDS.get(str(item["type"]), "other")
    reference = None
    if kind == "delivered":
        reference = _uuid(str(item["delivery"]["data"]))
    canonical = json.dumps(item, sort_keys=True, ensure_ascii=False, allow_nan=False).encode()
    # LINE sends no NUL, and PostgreSQL stores none; two backslashes are the text of one.
    if b"\\u0000" in canonical.replace(b"\\\\", b""):
        raise ValueError("NUL")
    event_id = str(item.get("webhookEventId") or "")
    if not _EVENT_ID.fullmatch(event_id):
        event_id = hashlib.sha256(canonical).hexdigest()
    source = item.get("source") or {}
    told = source.get("userId")
    user_id = told if isinstance(told, str) and USER_ID.fullmatch(told) else ""
    # What is said in a group is said to all of it, and not to us.
    if kind in _OF_A_PERSON and not (user_id and source.get("type") == "user"):
        kind = "other"
    return Event(
        event_id=event_id,
        kind=kind,
        occurred_at=datetime.fromtimestamp(int(item["timestamp"]) / 1000, UTC),
        reference=reference,
        line_user_id=user_id,
        payload=dict(item),
        said=said.read(item) if kind in ("said", "edited", "unsent") else None,
        nonce=said.nonce(item) if kind == "linked" else "",
        is_unblocked=kind == "follow" and said.is_unblocked(item),
        reply_token=said.text(item, "replyToken", 200),
        is_standby=item.get("mode") == "standby",
    )


def _uuid(text: str) -> UUID | None:
    """Return our tag; None for one that is not ours, or for the phone hash."""
    return UUID(text) if _TAG.fullmatch(text) else None
