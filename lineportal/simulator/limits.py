"""How long and how many the parts of a message object may be.

https://developers.line.biz/en/reference/messaging-api/#message-objects
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from lineportal.simulator.findings import Findings, signs

BUBBLE_BYTES = 30 * 1_024
CAROUSEL_BYTES = 50 * 1_024
QUICK_REPLIES = 13
LABEL = 20
POSTBACK_DATA = 300
SENDER_NAME = 20
PLACE = 100  # title and address of a location
MEDIA_URL = 2_000
TITLE = 40

_MEDIA = ("originalContentUrl", "previewImageUrl")


def check(message: dict[str, Any], where: str, findings: Findings) -> None:
    """Note what is too long or too many in one message object whose type is known."""
    for name in _MEDIA:
        if message.get(name):
            _check_media(message[name], f"{where}.{name}", findings)
    if message.get("quickReply") is not None:
        _check_quick_reply(message["quickReply"], f"{where}.quickReply", findings)
    if message.get("sender") is not None:
        _check_sender(message["sender"], f"{where}.sender", findings)
    special = _BY_KIND.get(str(message["type"]))
    if special is not None:
        special(message, where, findings)


def check_weight(message: Any, where: str, findings: Findings) -> None:
    """Note a Flex message that is too large, written as short as JSON can be."""
    contents = message.get("contents") if isinstance(message, dict) else None
    if not isinstance(contents, dict) or message.get("type") != "flex":
        return
    is_carousel = contents.get("type") == "carousel"
    most = CAROUSEL_BYTES if is_carousel else BUBBLE_BYTES
    written = json.dumps(contents, ensure_ascii=False, separators=(",", ":"))
    if len(written.encode("utf-8", "surrogatepass")) > most:
        findings.add(f"Must be {most // 1_024} KB at most", f"{where}.contents")


def _check_media(url: Any, where: str, findings: Findings) -> None:
    try:
        is_https = isinstance(url, str) and urlsplit(url).scheme == "https"
    except ValueError:
        is_https = False
    if not is_https:
        findings.add("Must be an https address", where)
    elif len(url) > MEDIA_URL:
        findings.add(f"Length must be between 0 and {MEDIA_URL}", where)


def _check_quick_reply(quick: Any, where: str, findings: Findings) -> None:
    if not isinstance(quick, dict):
        findings.add("Must be an object", where)
        return
    findings.bounds(quick, "items", where, QUICK_REPLIES)
    for number, item in enumerate(_listed(quick, "items")):
        action = item.get("action") if isinstance(item, dict) else None
        if not isinstance(action, dict):
            findings.add("May not be null", f"{where}.items[{number}].action")
        else:
            _check_action(action, f"{where}.items[{number}].action", findings)


def _check_sender(sender: Any, where: str, findings: Findings) -> None:
    name = sender.get("name") if isinstance(sender, dict) else None
    if isinstance(name, str) and signs(name) > SENDER_NAME:
        findings.add(f"Length must be between 0 and {SENDER_NAME}", f"{where}.name")


def _check_location(message: dict[str, Any], where: str, findings: Findings) -> None:
    for name in ("title", "address"):
        if message.get(name):
            findings.needs_text(message, name, where, PLACE)


def _check_template(message: dict[str, Any], where: str, findings: Findings) -> None:
    template, where = message.get("template"), f"{where}.template"
    if not isinstance(template, dict):
        if template is not None:
            findings.add("Must be an object", where)
        return
    match template.get("type"):
        case "buttons":
            _check_panel(template, where, findings, text=160, actions=4)
        case "confirm":
            _check_panel(template, where, findings, text=240, actions=2)
        case "carousel":
            findings.bounds(template, "columns", where, 10)
            for number, column in enumerate(_listed(template, "columns")):
                at = f"{where}.columns[{number}]"
                if isinstance(column, dict):
                    _check_panel(column, at, findings, text=120, actions=3)
                else:
                    findings.add("Must be an object", at)
        case "image_carousel":
            findings.bounds(template, "columns", where, 10)
        case _:
            kinds = "[buttons, confirm, carousel, image_carousel]"
            findings.add(f"Must be one of the following values: {kinds}", f"{where}.type")


def _check_panel(
    panel: dict[str, Any], where: str, findings: Findings, *, text: int, actions: int
) -> None:
    """Check a text with actions below it; the text is shorter beside a title or picture."""
    has_more = bool(panel.get("title") or panel.get("thumbnailImageUrl"))
    findings.needs_text(panel, "text", where, 60 if has_more else text)
    if panel.get("title"):
        findings.needs_text(panel, "title", where, TITLE)
    findings.bounds(panel, "actions", where, actions)
    for number, action in enumerate(_listed(panel, "actions")):
        if isinstance(action, dict):
            _check_action(action, f"{where}.actions[{number}]", findings)
        else:
            findings.add("May not be null", f"{where}.actions[{number}]")


def _check_action(action: dict[str, Any], where: str, findings: Findings) -> None:
    label = action.get("label")
    if isinstance(label, str) and signs(label) > LABEL:
        findings.add(f"Length must be between 0 and {LABEL}", f"{where}.label")
    if action.get("type") == "postback":
        findings.needs_text(action, "data", where, POSTBACK_DATA)


def _listed(holder: dict[str, Any], name: str) -> list[Any]:
    value = holder.get(name)
    return value if isinstance(value, list) else []


_BY_KIND: dict[str, Callable[[dict[str, Any], str, Findings], None]] = {
    "location": _check_location,
    "template": _check_template,
}
