"""What people write and do in the chat, as Infobip passes it on from LINE.

https://www.infobip.com/docs/api/channels/line; the fields of most types are documented nowhere, so
several spellings are read, and what is not found is left out: the payload is kept beside it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lineportal.providers.base import Said

FRIENDS = {"FOLLOW": "follow", "UNFOLLOW": "unfollow"}
_MESSAGES = {
    "TEXT": "text",
    "IMAGE": "image",
    "VIDEO": "video",
    "AUDIO": "audio",
    "FILE": "file",
    "LOCATION": "location",
    "STICKER": "sticker",
}
_FACTS = ("packageId", "stickerId", "latitude", "longitude", "duration")
_ID_LIMIT = 100  # characters, as of LINE's own
_WORDS_LIMIT = 200
_TEXT_LIMIT = 10_000
_URL_LIMIT = 2_000
_MOST_BYTES = 2**63 - 1  # of what a column takes


def kind_of(told: str) -> str:
    """Return the kind of event that a type of Infobip's is."""
    if told in _MESSAGES or told == "POSTBACK":
        return "said"
    return FRIENDS.get(told) or {"UNSEND": "unsent", "ACCOUNT_LINK": "linked"}.get(told, "other")


def read(item: Mapping[str, Any]) -> Said | None:
    """Return what a result says; None where it says nothing."""
    message = item["message"]
    told = message["type"]
    if told == "UNSEND":
        # Of the message that is gone; the result's own id is that of this news where both are told.
        gone = _text(message, _ID_LIMIT, "messageId", "unsendMessageId", "id")
        paired = _text(item, _ID_LIMIT, "pairedMessageId", "messageId")
        return Said("other", message_id=gone or paired)
    if told == "POSTBACK":
        data = _text(message, _WORDS_LIMIT * 2, "data", "postbackData", "payload")
        inner = data or _text(_mapping(message, "postback"), _WORDS_LIMIT * 2, "data")
        words = _text(message, _WORDS_LIMIT, "displayText", "text")
        return Said("button", data=inner, text=words, facts=_chosen(message))
    if told not in _MESSAGES:
        return None
    kind = _MESSAGES[told]
    return Said(
        kind,
        message_id=_text(item, _ID_LIMIT, "messageId"),
        text=_words(kind, message),
        file_name=_text(message, 1_000, "fileName", "filename", "name") if kind == "file" else "",
        claimed_size=_bytes(message),
        content_url=_text(message, _URL_LIMIT, "url", "contentUrl", "mediaUrl"),
        facts=_facts(message),
    )


def nonce(message: Mapping[str, Any]) -> str:
    """Return the nonce of a linking that succeeded; blank: it failed, or nobody says."""
    link = _mapping(message, "link") or message
    result = _text(link, 20, "result", "status").lower()
    return _text(link, 255, "nonce") if result in ("ok", "success", "succeeded") else ""


def reply_token(message: Mapping[str, Any]) -> str:
    """Return the token to answer with; blank where there is none."""
    return _text(message, _WORDS_LIMIT, "replyToken")


def _words(kind: str, message: Mapping[str, Any]) -> str:
    if kind == "location":
        parts = (_text(message, _WORDS_LIMIT, name) for name in ("title", "address"))
        return "\n".join(filter(None, parts))
    if kind == "sticker":
        listed = message.get("keywords")
        words = listed if isinstance(listed, list) else []
        said = ", ".join(each for each in words if isinstance(each, str))[:_WORDS_LIMIT]
        return _text(message, _WORDS_LIMIT, "text") or said
    return _text(message, _TEXT_LIMIT, "text", "caption")


def _facts(message: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: value
        for name in _FACTS
        if isinstance(value := message.get(name), str | int | float) and not isinstance(value, bool)
    }


def _chosen(message: Mapping[str, Any]) -> dict[str, Any]:
    """Return the date that was chosen, or the rich menu that was switched to."""
    params = _mapping(message, "params")
    return {name: value for name, value in params.items() if isinstance(value, str)}


def _bytes(message: Mapping[str, Any]) -> int | None:
    for name in ("fileSize", "size", "contentLength"):
        value = message.get(name)
        if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _MOST_BYTES:
            return value
    return None


def _text(said: Mapping[str, Any], limit: int, *names: str) -> str:
    for name in names:
        value = said.get(name)
        if isinstance(value, str) and value:
            return value[:limit]
    return ""


def _mapping(said: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = said.get(name)
    return value if isinstance(value, Mapping) else {}
