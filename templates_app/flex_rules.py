"""What LINE requires of a Flex container, so that a wrong one is refused before review. Pure.

From LINE's OpenAPI file, schemas FlexBubble, FlexCarousel and FlexComponent, and the Messaging
API reference on sizes: 12 bubbles in a carousel, 30 KB for a bubble, 50 KB for a carousel. Only
what LINE would answer 400 to is refused: properties that are unknown to us pass.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from django.utils.translation import gettext as _

BUBBLES_LIMIT = 12
BUBBLE_BYTES = 30 * 1024
CAROUSEL_BYTES = 50 * 1024
DEPTH_LIMIT = 20
BLOCKS = ("header", "hero", "body", "footer")
_LAYOUTS = ("horizontal", "vertical", "baseline")
# What each component cannot be without; a text has its words in `text` or in spans.
_REQUIRED: dict[str, tuple[str, ...]] = {
    "box": ("layout", "contents"),
    "button": ("action",),
    "image": ("url",),
    "video": ("url", "previewUrl", "altContent"),
    "icon": ("url",),
    "text": (),
    "span": (),
    "separator": (),
    "filler": (),
}


def problems(container: Mapping[str, Any]) -> dict[str, str]:
    """Return a sentence for each place that LINE would refuse; places are as `body.contents[2]`."""
    found = dict(_of_container(container))
    is_bubble = container.get("type") == "bubble"
    limit = BUBBLE_BYTES if is_bubble else CAROUSEL_BYTES
    if not found and (size := len(json.dumps(container, ensure_ascii=False).encode())) > limit:
        found["flex"] = _("This has %(size)d bytes; LINE takes %(limit)d. Make it smaller.") % {
            "size": size,
            "limit": limit,
        }
    return found


def _of_container(container: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    if container.get("type") == "bubble":
        yield from _of_bubble(container, "flex")
        return
    bubbles = container.get("contents")
    if not isinstance(bubbles, list) or not 0 < len(bubbles) <= BUBBLES_LIMIT:
        yield "flex.contents", _("A carousel has 1 to %(most)d bubbles.") % {"most": BUBBLES_LIMIT}
        return
    for n, bubble in enumerate(bubbles):
        place = f"flex.contents[{n}]"
        if isinstance(bubble, Mapping) and bubble.get("type") == "bubble":
            yield from _of_bubble(bubble, place)
        else:
            yield place, _("Give an object of type bubble.")


def _of_bubble(bubble: Mapping[str, Any], place: str) -> Iterator[tuple[str, str]]:
    if not any(block in bubble for block in BLOCKS):
        yield place, _("A bubble needs a header, hero, body or footer.")
    for block in BLOCKS:
        if block not in bubble:
            continue
        given = bubble[block]
        if block != "hero" and not (isinstance(given, Mapping) and given.get("type") == "box"):
            yield f"{place}.{block}", _("Give a box here: an object of type box.")
        else:
            yield from _of_component(given, f"{place}.{block}", 1)


def _of_component(node: Any, place: str, depth: int) -> Iterator[tuple[str, str]]:
    kind = node.get("type") if isinstance(node, Mapping) else None
    if not isinstance(node, Mapping) or not isinstance(kind, str) or kind not in _REQUIRED:
        yield (
            place,
            _("Unknown component; known are: %(known)s.") % {"known": ", ".join(sorted(_REQUIRED))},
        )
        return
    if depth > DEPTH_LIMIT:
        yield place, _("Boxes stand in boxes too deeply here; make it flatter.")
        return
    if missing := [name for name in _REQUIRED[kind] if name not in node]:
        yield (
            place,
            _("A %(kind)s needs %(missing)s.")
            % {
                "kind": kind,
                "missing": ", ".join(missing),
            },
        )
        return
    if kind == "box":
        if node["layout"] not in _LAYOUTS:
            yield place, _("The layout of a box is horizontal, vertical or baseline.")
        if not isinstance(node["contents"], list):
            yield place, _("The contents of a box are a list.")
    elif kind == "text" and not _has_words(node):
        yield place, _("A text needs words: in “text”, or as spans in “contents”.")
    elif kind == "button" and not isinstance(node["action"], Mapping):
        yield place, _("The action of a button is an object.")
    if isinstance(contents := node.get("contents"), list):
        for n, inner in enumerate(contents):
            yield from _of_component(inner, f"{place}.contents[{n}]", depth + 1)


def _has_words(node: Mapping[str, Any]) -> bool:
    if isinstance(node.get("text"), str) and node["text"]:
        return True
    return isinstance(node.get("contents"), list) and bool(node["contents"])
