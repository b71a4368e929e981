"""Checks what LINE checks of a message: message objects, and bodies made of catalogue keys.

https://developers.line.biz/en/reference/messaging-api/#message-objects
https://developers.line.biz/en/reference/line-notification-messages/
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from lineportal.simulator import limits
from lineportal.simulator.channels import Catalogue
from lineportal.simulator.findings import Findings

MESSAGE_FIELDS: dict[str, tuple[str, ...]] = {
    "text": ("text",),
    "textV2": ("text",),
    "sticker": ("packageId", "stickerId"),
    "image": ("originalContentUrl", "previewImageUrl"),
    "video": ("originalContentUrl", "previewImageUrl"),
    "audio": ("originalContentUrl", "duration"),
    "location": ("title", "address", "latitude", "longitude"),
    "imagemap": ("baseUrl", "altText", "baseSize", "actions"),
    "template": ("altText", "template"),
    "flex": ("altText", "contents"),
    "coupon": ("couponId",),
}
# Notification messages carry no media.
NOTIFICATION_TYPES = frozenset({"text", "textV2", "flex", "template", "location"})
FLEX_COMPONENTS = frozenset(
    {"box", "button", "image", "video", "icon", "text", "span", "separator", "filler"}
)
TEXT_LIMIT = 5_000
ALT_TEXT_LIMIT = 1_500
URL_LIMIT = 1_000

_UNIT = re.compile(r"[A-Za-z0-9_]{1,30}")
_DEEPEST = 20  # boxes in boxes


def check_objects(
    body: dict[str, Any], findings: Findings, *, notification: bool, size: int
) -> None:
    """Check `messages`: one to five message objects, in a body of `size` bytes."""
    value = body.get("messages")
    if not isinstance(value, list) or not 1 <= len(value) <= 5:
        findings.add("Size must be between 1 and 5", "messages")
        return
    for number, message in enumerate(value):
        _check_object(message, f"messages[{number}]", findings, notification=notification)
        if size > limits.BUBBLE_BYTES:  # smaller bodies hold no larger bubble
            limits.check_weight(message, f"messages[{number}]", findings)


def check_silence(body: dict[str, Any], findings: Findings) -> None:
    """Check `notificationDisabled`: true or false, where it is given."""
    value = body.get("notificationDisabled")
    if value is not None and not isinstance(value, bool):
        findings.add("Must be true or false", "notificationDisabled")


def check_units(body: dict[str, Any], findings: Findings) -> None:
    """Check `customAggregationUnits`: at most one name of 1 to 30 letters, digits, underscores."""
    value = body.get("customAggregationUnits")
    if value is None:
        return
    if not isinstance(value, list) or len(value) > 1:
        findings.add("Size must be between 0 and 1", "customAggregationUnits")
        return
    for number, unit in enumerate(value):
        if not isinstance(unit, str) or not _UNIT.fullmatch(unit):
            findings.add(
                "Invalid characters are included in custom aggregation unit",
                f"customAggregationUnits[{number}]",
            )


def check_templated(value: Any, findings: Findings, catalogue: Catalogue | None) -> None:
    """Check `body` of a templated message against the limits and the catalogue, if any."""
    if value is None:
        return
    if not isinstance(value, dict):
        findings.add("Must be an object", "body")
        return
    emphasized = value.get("emphasizedItem")
    parts: list[tuple[str, Any, int]] = []
    if emphasized is not None:
        parts.append(("body.emphasizedItem", emphasized, 15))
    parts += [(where, item, 300) for where, item in _listed(value, "items", 15, findings)]
    seen: set[str] = set()
    for where, item, most in parts:
        key = _keyed(item, "itemKey", where, findings)
        if not isinstance(item, dict):
            continue
        findings.needs_text(item, "content", where, most)
        if key and key in seen:
            # LINE names the emphasized item when that is one of the two.
            if emphasized is not None and key == parts[0][1].get("itemKey"):
                where = "body.emphasizedItem"
            findings.add(
                "Duplicate itemKey in items or between emphasizedItem and items are not allowed:"
                f" {key}",
                f"{where}.itemKey",
            )
        seen.add(key)
        if key and catalogue and key not in catalogue.items:
            findings.invalid_keys += 1
            findings.add(f"The specified item key does not exist: {key}", f"{where}.itemKey")
    _check_buttons(value, findings, catalogue)


def _check_buttons(value: dict[str, Any], findings: Findings, catalogue: Catalogue | None) -> None:
    seen: set[str] = set()
    for where, button in _listed(value, "buttons", 2, findings):
        key = _keyed(button, "buttonKey", where, findings)
        if not isinstance(button, dict):
            continue
        url = findings.needs_text(button, "url", where, URL_LIMIT)
        if url and not _is_link(url):
            findings.add("Invalid uri scheme", f"{where}.url")
        if key and key in seen:
            findings.add(
                f"Duplicate buttonKey in buttons are not allowed: {key}",
                f"{where}.buttonKey",
            )
        seen.add(key)
        if key and catalogue and key not in catalogue.buttons:
            findings.invalid_keys += 1
            findings.add(f"The specified button key does not exist: {key}", f"{where}.buttonKey")


def _listed(
    value: dict[str, Any], name: str, most: int, findings: Findings
) -> Iterator[tuple[str, Any]]:
    listed = value.get(name)
    if listed is None:
        return
    if not isinstance(listed, list) or len(listed) > most:
        findings.add(f"Size must be between 0 and {most}", f"body.{name}")
        return
    for number, one in enumerate(listed):
        yield f"body.{name}[{number}]", one


def _keyed(item: Any, name: str, where: str, findings: Findings) -> str:
    if not isinstance(item, dict):
        findings.add("Must be an object", where)
        return ""
    return findings.needs_text(item, name, where, 100)


def _check_object(message: Any, where: str, findings: Findings, *, notification: bool) -> None:
    if not isinstance(message, dict):
        findings.add("Must be an object", where)
        return
    kind = message.get("type")
    if not isinstance(kind, str) or kind not in MESSAGE_FIELDS:
        findings.add("Must be one of the following values: [" + _kinds() + "]", f"{where}.type")
        return
    if notification and kind not in NOTIFICATION_TYPES:
        findings.add("This message type cannot be sent to phone numbers", f"{where}.type")
    for name in MESSAGE_FIELDS[kind]:
        if message.get(name) is None or message[name] == "":
            findings.add("May not be empty", f"{where}.{name}")
    for name, most in (("text", TEXT_LIMIT), ("altText", ALT_TEXT_LIMIT)):
        if message.get(name):
            findings.needs_text(message, name, where, most)
    limits.check(message, where, findings)
    if kind == "flex" and message.get("contents") is not None:
        _check_container(message["contents"], f"{where}.contents", findings)


def _kinds() -> str:
    return ", ".join(MESSAGE_FIELDS)


def _check_container(value: Any, where: str, findings: Findings) -> None:
    if not isinstance(value, dict):
        findings.add("Must be an object", where)
    elif value.get("type") == "carousel":
        bubbles = value.get("contents")
        if not isinstance(bubbles, list) or not 1 <= len(bubbles) <= 12:
            findings.add("Size must be between 1 and 12", f"{where}.contents")
            return
        for number, bubble in enumerate(bubbles):
            _check_bubble(bubble, f"{where}.contents[{number}]", findings)
    else:
        _check_bubble(value, where, findings)


def _check_bubble(bubble: Any, where: str, findings: Findings) -> None:
    if not isinstance(bubble, dict) or bubble.get("type") != "bubble":
        findings.add("Must be one of the following values: [bubble, carousel]", f"{where}.type")
        return
    for name in ("header", "body", "footer"):
        section = bubble.get(name)
        if section is None:
            continue
        if not isinstance(section, dict) or section.get("type") != "box":
            findings.add("Must be a box", f"{where}.{name}")
        else:
            _check_component(section, f"{where}.{name}", findings, depth=0)


def _check_component(part: Any, where: str, findings: Findings, *, depth: int) -> None:
    if depth > _DEEPEST:
        findings.add("Too deeply nested", where)
        return
    kind = part.get("type") if isinstance(part, dict) else None
    if not isinstance(kind, str) or kind not in FLEX_COMPONENTS:
        findings.add("Unknown component type", f"{where}.type")
        return
    if kind == "box":
        if part.get("layout") not in ("horizontal", "vertical", "baseline"):
            findings.add("Must be horizontal, vertical or baseline", f"{where}.layout")
        inner = part.get("contents")
        if not isinstance(inner, list):
            findings.add("Must be a list", f"{where}.contents")
            return
        for number, component in enumerate(inner):
            _check_component(component, f"{where}.contents[{number}]", findings, depth=depth + 1)
    elif kind in ("text", "span") and not part.get("contents"):
        findings.needs_text(part, "text", where, TEXT_LIMIT)
    elif kind in ("image", "icon"):
        findings.needs_text(part, "url", where, 2_000)
    if kind == "button" and not isinstance(part.get("action"), dict):
        findings.add("May not be null", f"{where}.action")
    elif isinstance(part.get("action"), dict):
        _check_action(part["action"], f"{where}.action", findings)


def _check_action(action: dict[str, Any], where: str, findings: Findings) -> None:
    if not isinstance(action.get("type"), str):
        findings.add("May not be empty", f"{where}.type")
    elif action["type"] == "uri":
        uri = findings.needs_text(action, "uri", where, URL_LIMIT)
        if uri and not _is_link(uri):
            findings.add("Invalid uri scheme", f"{where}.uri")


def _is_link(text: str) -> bool:
    try:
        return urlsplit(text).scheme in ("http", "https", "line", "tel")
    except ValueError:
        return False
