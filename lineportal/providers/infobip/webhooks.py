"""What Infobip tells: delivery reports, pushed or fetched, and what people do and write (LINE OA).

One reader for all of them, as bodies have one shape: `{"results": [...]}`.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from lineportal.providers.base import Event, UnreadableWebhook
from lineportal.providers.infobip import pages, said, statuses

_USER_ID = re.compile("U[0-9a-f]{32}")
_OUR_ID = re.compile("[0-9a-f]{8}(-?)[0-9a-f]{4}\\1[0-9a-f]{4}\\1[0-9a-f]{4}\\1[0-9a-f]{12}", re.I)
_OF_A_PERSON = frozenset({"said", "unsent", "linked"})
# What reading a result of another shape than Infobip documents can raise.
_UNREADABLE = (ValueError, KeyError, TypeError, AttributeError, OverflowError, OSError,
               RecursionError)  # fmt: skip


def events(body: bytes) -> list[Event]:
    """Return the events of a body; see Provider.events. Raises UnreadableWebhook."""
    items, problem = pages.listed(body, "results")
    found = []
    for item in items:
        try:
            found.append(_inbound(item) if "message" in item else _report(item))
        except _UNREADABLE as error:
            problem = problem or type(error).__name__
    if problem:
        raise UnreadableWebhook(problem, found)
    return found


def reference_of(message_id: Any) -> UUID | None:
    """Return our reference; None for an id that is not ours."""
    text = message_id if isinstance(message_id, str) else ""
    return UUID(text) if _OUR_ID.fullmatch(text) else None


def _report(item: Mapping[str, Any]) -> Event:
    status = item["status"]
    if not isinstance(status, Mapping):
        raise TypeError("status")
    canonical = _canonical(item)
    to = _text(item.get("to"))
    reading = statuses.read(status, item.get("error"), hidden=(to, f"+{to}") if to else ())
    named = [_text(item.get("messageId")), reading.meaning.kind, reading.code, item.get("doneAt")]
    return Event(
        # The same report may be pushed and fetched; Infobip gives it no id of its own.
        event_id=_hashed(json.dumps(named) if named[0] else canonical),
        kind=reading.meaning.kind,
        occurred_at=_when(item),
        reference=reference_of(item.get("messageId")),
        payload=_without(to, {name: value for name, value in item.items() if name != "to"}),
        code=reading.code,
        detail=reading.detail,
        scope=reading.meaning.scope,
        sender=_text(item.get("sender")),
    )


def _inbound(item: Mapping[str, Any]) -> Event:
    message = item["message"]
    kind, canonical = _text(message["type"]), _canonical(item)
    stamp, user_id = message.get("timestamp"), _text(item.get("sender"))
    is_person = bool(_USER_ID.fullmatch(user_id))
    named = [_text(item.get("messageId")), kind, str(stamp)]
    means = said.kind_of(kind)
    if means in _OF_A_PERSON and not is_person:  # in a group it is said to all of it, not to us
        means = "other"
    return Event(
        # What is taken back has the id of what it was.
        event_id=_hashed(json.dumps(named) if named[0] else canonical),
        kind=means,
        occurred_at=(
            _instant(item["receivedAt"])
            if stamp is None
            else datetime.fromtimestamp(int(stamp) / 1000, UTC)
        ),
        line_user_id=user_id if is_person else "",
        payload={name: value for name, value in item.items() if name != "sender" or is_person},
        sender=_text(item.get("to")),
        said=said.read(item) if means in ("said", "unsent") else None,
        nonce=said.nonce(message) if means == "linked" else "",
        reply_token=said.reply_token(message),
    )


def _when(report: Mapping[str, Any]) -> datetime:
    """Return when it was done; the time of reading where no time is told that can be read."""
    for name in ("doneAt", "sentAt"):
        with contextlib.suppress(*_UNREADABLE):
            return _instant(report[name])
    return datetime.now(UTC)


def _instant(text: str) -> datetime:
    """Return `2023-09-26T10:52:15.457+0000` in UTC."""
    moment = datetime.fromisoformat(text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)


def _without(address: str, payload: dict[str, Any]) -> Mapping[str, Any]:
    """Return the payload without the number or id, wherever Infobip's words repeat it."""
    text = json.dumps(payload, ensure_ascii=False)
    if not address or address not in text:
        return payload
    hidden: dict[str, Any] = json.loads(text.replace(address, "***"))
    return hidden


def _canonical(item: Mapping[str, Any]) -> str:
    text = json.dumps(item, sort_keys=True, ensure_ascii=False, allow_nan=False)
    text.encode()  # raises for half of a surrogate pair
    # PostgreSQL stores no NUL; two backslashes are the text of one.
    if "\\u0000" in text.replace("\\\\", ""):
        raise ValueError("NUL")
    return text


def _hashed(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
