"""What 8x8 documents of an official notification, and the first thing that is wrong with one.

https://developer.8x8.com/connect/docs/line/official-notification-lon
"""

from __future__ import annotations

import re
from typing import Any

from lineportal.simulator.channels import is_web_address
from lineportal.simulator.shapes import Shape, Violations, flag, listed, record, text, word

LONGEST_TEXT = 500  # of everything that is read, together
MOST_IN_BATCH = 10_000
ICONS = (
    "userPlus", "chatEllipsis", "phone", "note", "gear", "bell", "checkCircle", "slashCircle",
    "search", "link", "wallet", "store", "mapMarker", "idCard", "utensils", "medicalKit", "train",
    "planeDeparture", "questionCircle", "infoCircle", "boxCheck", "calendarCheck", "calendar",
    "file", "envelope", "usdCircle", "thbCircle", "usdCircleSend", "thbCircleSend", "invoice",
    "couponStar", "coupon", "creditCard", "starCard", "shoppingBag", "megaphone", "shieldCheck",
    "history",
)  # fmt: skip
# How the value of the emphasis is spelt; 8x8's schema and its guide differ.
SPELLINGS = {"Content": ("Content",), "content": ("content",), "both": ("Content", "content")}

_CALLING_CODES = {"TH": "66", "TW": "886", "JP": "81"}
_NUMBER = re.compile(r"\+?[1-9][0-9]{6,14}")
_NATIONAL = re.compile(r"0[1-9][0-9]{5,12}")
_FREE = text()
_ROW = record({"label": _FREE, "content": _FREE})
_USER = record({"msisdn": _FREE, "country": _FREE, "channelUserId": _FREE})
_FALLBACK = record({"text": _FREE, "source": _FREE, "encoding": _FREE})

Problem = tuple[int, str]


def _message(spelling: str) -> Shape:
    emphasis: dict[str, Shape] = {"label": _FREE, **dict.fromkeys(SPELLINGS[spelling], _FREE)}
    content: dict[str, Shape] = {
        "title": _FREE,
        "company": _FREE,
        "icon": word(*ICONS),
        "greeting": _FREE,
        "emphasis": record(emphasis),
        "list": listed(_ROW),
        "explanation": _FREE,
        "actions": listed(record({"title": _FREE, "url": _FREE})),
    }
    return record(
        {
            "user": _USER,
            "clientMessageId": _FREE,
            "dlrCallbackUrl": _FREE,
            "content": record(content),
            "smsFallback": _FALLBACK,
        }
    )


_MESSAGES = {spelling: _message(spelling) for spelling in SPELLINGS}
_BATCH = record(
    {
        "clientBatchId": _FREE,
        "messages": listed(lambda value, where, found: None),
        "includeMessagesInResponse": flag,
    }
)


def number_of(user: Any) -> str | None:
    """Return the recipient's number in E.164 with its plus sign, None where there is none."""
    if not isinstance(user, dict) or not isinstance(user.get("msisdn"), str):
        return None
    given, country = user["msisdn"], user.get("country")
    if _NUMBER.fullmatch(given):
        return given if given.startswith("+") else f"+{given}"
    if isinstance(country, str) and country in _CALLING_CODES and _NATIONAL.fullmatch(given):
        return f"+{_CALLING_CODES[country]}{given[1:]}"
    return None


def problem_of(message: Any, spelling: str) -> Problem | None:
    """Return 8x8's code and sentence for the first thing wrong with a message, None if nothing."""
    found = Violations()
    _MESSAGES[spelling](message, "", found)
    if found.found:
        where, what = found.found[0]
        return 1000, f"Invalid parameter: {where or 'the body'} {what}"
    user, content = message.get("user"), message.get("content")
    fallback = message.get("smsFallback") or {}
    checks: tuple[tuple[bool, int, str], ...] = (
        (user is None, 3001, "Missed User"),
        (not (user or {}).get("msisdn"), 3002, "Missed MSISDN"),
        (number_of(user) is None, 1002, "Invalid MSISDN format (not E.164 international number)"),
        (content is None, 3004, "Missed Content"),
        (written_length(content) > LONGEST_TEXT, 3006, "Too long text"),
        (len(message.get("clientMessageId") or "") > 50, 3009, "Too long ClientMessageId"),
        (not _is_address(message.get("dlrCallbackUrl")), 3020, "Invalid DR Callback URL"),
        (len(fallback.get("source") or "") > 16, 3011, "Too long SMS Source"),
        (
            fallback.get("encoding") not in (None, "AUTO", "GSM7", "UCS2"),
            1003,
            "Invalid Encoding",
        ),
    )
    return next(((code, text) for is_wrong, code, text in checks if is_wrong), None)


def problem_of_batch(body: Any) -> Problem | None:
    """Return what is wrong with a batch as such; its messages are looked at one by one."""
    found = Violations()
    _BATCH(body, "", found)
    messages = body.get("messages") if isinstance(body, dict) else None
    if not messages and isinstance(body, dict):
        return 3012, "Missed messages"
    if found.found:
        where, what = found.found[0]
        return 1000, f"Invalid parameter: {where or 'the body'} {what}"
    if len(body.get("clientBatchId") or "") > 100:
        return 3014, "Too long ClientBatchId"
    if len(body["messages"]) > MOST_IN_BATCH:
        return 3013, "Too much messages"
    return None


def written_length(content: Any) -> int:
    """Return how many characters of a notification can be read; addresses and icons are not."""
    return sum(map(len, _texts(content)))


def as_line(content: dict[str, Any]) -> dict[str, Any]:
    """Return the notification as a LINE message, so that a phone can show it."""
    emphasis = content.get("emphasis") or {}
    value = emphasis.get("Content") or emphasis.get("content")
    lines = [
        _line(content.get("company"), size="sm", color="#888888"),
        _line(content.get("title"), weight="bold", size="xl"),
        _line(content.get("greeting")),
        _line(emphasis.get("label"), size="sm", color="#888888"),
        _line(value, weight="bold", size="xxl"),
    ]
    lines += [
        {
            "type": "box",
            "layout": "horizontal",
            "contents": [
                one for one in (_line(row.get("label")), _line(row.get("content"))) if one
            ],
        }
        for row in content.get("list") or ()
    ]
    lines.append(_line(content.get("explanation")))
    bubble: dict[str, Any] = {
        "type": "bubble",
        "body": {
            "type": "box",
            "layout": "vertical",
            "contents": [line for line in lines if line],
        },
    }
    buttons = [_button(action) for action in content.get("actions") or () if action.get("url")]
    if buttons:
        bubble["footer"] = {"type": "box", "layout": "vertical", "contents": buttons}
    alt_text = content.get("title") or content.get("company") or "Notification"
    return {"type": "flex", "altText": alt_text, "contents": bubble}


def _button(action: dict[str, Any]) -> dict[str, Any]:
    url = action["url"]
    return {
        "type": "button",
        "action": {"type": "uri", "label": action.get("title") or url, "uri": url},
    }


def _line(words: str | None, **style: str) -> dict[str, Any] | None:
    return {"type": "text", "text": words, "wrap": True, **style} if words else None


def _texts(value: Any, name: str = "") -> list[str]:
    if isinstance(value, dict):
        return [found for key, one in value.items() for found in _texts(one, key)]
    if isinstance(value, list):
        return [found for one in value for found in _texts(one, name)]
    return [value] if isinstance(value, str) and name not in ("url", "icon") else []


def _is_address(value: str | None) -> bool:
    return value is None or is_web_address(value)
