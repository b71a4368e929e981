"""What people say and do in the chat, as LINE's events tell it.

https://developers.line.biz/en/reference/messaging-api/#message-event; what is not as documented
there is left out, for a message of a customer is kept whatever else is wrong with it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lineportal.providers.base import Said

KINDS = frozenset({"text", "sticker", "image", "video", "audio", "file", "location"})
_ID_LIMIT = 100  # characters; LINE's ids have 18 digits
_TEXT_LIMIT = 10_000  # characters; LINE's texts have 5,000
_WORDS_LIMIT = 200
# What a chat shows of these beside their text.
_FACTS = {
    "sticker": ("packageId", "stickerId", "stickerResourceType"),
    "location": ("latitude", "longitude"),
    "video": ("duration",),
    "audio": ("duration",),
}
_MOST_BYTES = 2**63 - 1  # of what a column takes


def read(item: Mapping[str, Any]) -> Said:
    """Return what a message, postback, edit or unsend event says."""
    if item["type"] == "postback":
        return _pressed(_mapping(item, "postback"))
    if item["type"] == "unsend":
        return Said("other", message_id=text(_mapping(item, "unsend"), "messageId", _ID_LIMIT))
    message = _mapping(item, "message")
    told = text(message, "type", 20)
    kind = told if told in KINDS else "other"
    return Said(
        kind,
        message_id=text(message, "id", _ID_LIMIT),
        text=_words(kind, message),
        file_name=text(message, "fileName", 1_000),
        claimed_size=_bytes(message.get("fileSize")),
        quote_token=text(message, "quoteToken", _WORDS_LIMIT),
        facts=_facts(kind, message),
    )


def nonce(item: Mapping[str, Any]) -> str:
    """Return the nonce of a linking that succeeded; blank: it failed."""
    link = _mapping(item, "link")
    return text(link, "nonce", 255) if link.get("result") == "ok" else ""


def is_unblocked(item: Mapping[str, Any]) -> bool:
    """Return whether a follow was an unblocking; LINE says that this is not always right."""
    return _mapping(item, "follow").get("isUnblocked") is True


def text(said: Mapping[str, Any], name: str, limit: int) -> str:
    """Return a text of the event, cut at a limit; blank where there is none."""
    value = said.get(name)
    return value[:limit] if isinstance(value, str) else ""


def _pressed(postback: Mapping[str, Any]) -> Said:
    # A chosen date, or the rich menu that was switched to.
    params = postback.get("params")
    chosen = (
        {name: value for name, value in params.items() if isinstance(value, str)}
        if isinstance(params, Mapping)
        else {}
    )
    return Said("button", data=text(postback, "data", _WORDS_LIMIT * 2), facts=chosen)


def _words(kind: str, message: Mapping[str, Any]) -> str:
    if kind == "location":
        parts = (text(message, name, _WORDS_LIMIT) for name in ("title", "address"))
        return "\n".join(filter(None, parts))
    if kind == "sticker" and not message.get("text"):
        listed = message.get("keywords")
        keywords = listed if isinstance(listed, list) else []
        return ", ".join(each for each in keywords if isinstance(each, str))[:_WORDS_LIMIT]
    return text(message, "text", _TEXT_LIMIT)


def _facts(kind: str, message: Mapping[str, Any]) -> dict[str, Any]:
    found = {
        name: value
        for name in _FACTS.get(kind, ())
        if isinstance(value := message.get(name), str | int | float)
    }
    if quoted := text(message, "quotedMessageId", _ID_LIMIT):
        found["quoted"] = quoted
    provider = message.get("contentProvider")
    # A file that lies at somebody else's address: it is named, and never fetched.
    if isinstance(provider, Mapping) and provider.get("type") == "external":
        found["elsewhere"] = True
    return found


def _bytes(value: Any) -> int | None:
    is_number = isinstance(value, int) and not isinstance(value, bool)
    return value if is_number and 0 <= value <= _MOST_BYTES else None


def _mapping(item: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = item.get(name)
    return value if isinstance(value, Mapping) else {}
