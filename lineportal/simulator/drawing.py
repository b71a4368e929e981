"""Message objects as a phone shows them: words and Flex drawn, all else as boxes with its name."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from lineportal.simulator import flex
from lineportal.simulator.flex import nodes
from lineportal.simulator.markup import Html, joined, tag
from lineportal.simulator.taps import Taps, link_to

_MOST_CHARACTERS = 5_000
_ADDRESS = re.compile(r"https?://[^\s<>\"'|\\^`{}]+")
_PLACEHOLDER = re.compile(r"\{([A-Za-z0-9_]{1,20})\}")

# Requests may have two megabytes; a chat of such would be a page that no browser shows.
_LARGEST_DRAWING = 300_000

HUGE = "This message is too large to be drawn here."
UNKNOWN = "This message has a shape that is not drawn here."
GONE = "This message is no longer kept by the simulator."


def body(content: Any, kind: str, taps: Taps) -> list[Html]:
    """Return what one request sent, object by object; `kind` is LINE's name of the count.

    `content` is the body of the request as it was kept, None when it no longer is.
    """
    if not isinstance(content, Mapping):
        return [tag("div", GONE, class_="named lone")]
    if kind == "templated":
        return [_templated(content, taps)]
    drawn = [_object(each, taps) for each in list(nodes(content.get("messages")))[:5]]
    if sum(map(len, drawn)) > _LARGEST_DRAWING:
        return [tag("div", HUGE, class_="named lone")]
    return drawn or [tag("div", UNKNOWN, class_="named lone")]


def words(text: Any) -> Html:
    """Return a text with its web addresses as links."""
    whole = str(text)[:_MOST_CHARACTERS]
    pieces: list[str] = []
    end = 0
    for found in _ADDRESS.finditer(whole):
        address = link_to(found[0])
        if address is None:
            continue
        link = tag("a", address, href=address, target="_blank", rel="noopener noreferrer")
        pieces += [whole[end : found.start()], link]
        end = found.end()
    return joined([*pieces, whole[end:]])


def _object(message: Mapping[str, Any], taps: Taps) -> Html:
    kind = str(message.get("type"))
    match kind:
        case "text":
            drawn = tag("div", words(message.get("text", "")), class_="says", dir="auto")
        case "textV2":
            drawn = tag("div", _substituted(message), class_="says", dir="auto")
        case "flex":
            drawn = flex.container(message.get("contents"), taps)
        case "template":
            drawn = _template(message.get("template"), taps)
        case "location":
            title, address = message.get("title", ""), message.get("address", "")
            drawn = _card(tag("strong", str(title)[:100]), tag("span", str(address)[:200]))
        case _:
            drawn = tag("div", kind[:50], class_="named lone")
    return joined([drawn, _quick_replies(message.get("quickReply"), taps)])


def _substituted(message: Mapping[str, Any]) -> Html:
    """Return a text whose {names} are mentions and emoji."""
    found = message.get("substitution")
    known: Mapping[str, Any] = found if isinstance(found, Mapping) else {}
    pieces = _PLACEHOLDER.split(str(message.get("text", ""))[:_MOST_CHARACTERS])
    shown: list[str] = [words(pieces[0])]
    for name, after in zip(pieces[1::2], pieces[2::2], strict=True):
        what = known.get(name)
        kind = what.get("type") if isinstance(what, Mapping) else None
        shown += [f"{{{name}}}" if kind is None else tag("mark", str(kind)[:20]), words(after)]
    return joined(shown)


def _template(value: Any, taps: Taps) -> Html:
    """Return a template message: buttons, confirm, or a carousel of columns."""
    template: Mapping[str, Any] = value if isinstance(value, Mapping) else {}
    columns = list(nodes(template.get("columns")))[:10]
    if columns:
        cards = [_column(each, taps) for each in columns]
        return tag("div", *cards, class_="carousel", tabindex=0, role="group")
    return _column(template, taps)


def _column(column: Mapping[str, Any], taps: Taps) -> Html:
    parts: list[Html] = []
    if column.get("thumbnailImageUrl") or column.get("imageUrl"):
        parts.append(tag("div", "image", class_="named picture", style="aspect-ratio:3/2"))
    if title := column.get("title"):
        parts.append(tag("strong", str(title)[:100]))
    if text := column.get("text"):
        parts.append(tag("span", str(text)[:200]))
    single = column.get("action")
    actions = [*nodes(column.get("actions")), *([single] if isinstance(single, Mapping) else [])]
    for action in actions[:4]:
        label = tag("bdi", str(action.get("label") or action.get("text") or "?"))
        parts.append(taps.wrapped(action, label, "button small", "color:#42659a"))
    return _card(*parts)


def _templated(content: Mapping[str, Any], taps: Taps) -> Html:
    """Return a message made of catalogue keys, by its keys: LINE's wording for them is its own."""
    found = content.get("body")
    given: Mapping[str, Any] = found if isinstance(found, Mapping) else {}
    rows = []
    emphasized = given.get("emphasizedItem")
    if isinstance(emphasized, Mapping):
        rows.append(tag("div", *_keyed(emphasized), class_="emphasized"))
    rows += [tag("div", *_keyed(each), class_="keyed") for each in nodes(given.get("items"))][:15]
    buttons = [
        taps.wrapped(
            {"type": "uri", "uri": each.get("url")},
            tag("bdi", str(each.get("buttonKey", ""))[:100]),
            "button small",
            "color:#42659a",
        )
        for each in list(nodes(given.get("buttons")))[:2]
    ]
    return tag(
        "div",
        tag("div", "OFFICIAL NOTIFICATION", tag("small", "powered by LINE"), class_="official"),
        tag("div", tag("strong", str(content.get("templateKey", ""))[:100]), *rows, class_="keys"),
        *buttons,
        tag("div", "Shown by its keys; LINE puts its own words to them.", class_="fixed"),
        class_="bubble bubble-mega",
    )


def _keyed(item: Mapping[str, Any]) -> tuple[Html, Html]:
    key, content = str(item.get("itemKey", ""))[:100], str(item.get("content", ""))[:300]
    return tag("span", key, class_="key"), tag("bdi", content)


def _quick_replies(value: Any, taps: Taps) -> Html | None:
    listed = value.get("items") if isinstance(value, Mapping) else None
    chips = []
    for item in list(nodes(listed))[:13]:
        action = item.get("action")
        if isinstance(action, Mapping):
            label = tag("bdi", str(action.get("label") or action.get("text") or "?")[:100])
            chips.append(taps.wrapped(action, label, "chip"))
    return tag("div", *chips, class_="chips") if chips else None


def _card(*parts: Html) -> Html:
    return tag("div", tag("div", *parts, class_="card"), class_="bubble bubble-kilo")
