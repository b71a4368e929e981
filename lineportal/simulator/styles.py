"""Flex properties as CSS: each value is one LINE documents, or it is left out.

Sizes are those of LINE's reference. Nothing a message holds is copied into a style unless it
matches a pattern that leaves no room for anything but a colour or a length.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

SEPARATOR = "#d4d6da"

_COLOR = re.compile(r"#(?:[0-9A-Fa-f]{6}|[0-9A-Fa-f]{8})")
_LENGTH = re.compile(r"-?[0-9]{1,4}(?:\.[0-9]{1,2})?(?:px|%)")
_PIXELS = re.compile(r"[0-9]{1,3}(?:\.[0-9]{1,2})?px")
_RATIO = re.compile(r"([1-9][0-9]{0,4}):([1-9][0-9]{0,4})")
_ANGLE = re.compile(r"[0-9]{1,3}(?:\.[0-9]{1,2})?deg")
_PERCENT = re.compile(r"[0-9]{1,3}(?:\.[0-9]{1,2})?%")

_SPACES = {
    "none": "0px",
    "xs": "2px",
    "sm": "4px",
    "md": "8px",
    "lg": "12px",
    "xl": "16px",
    "xxl": "20px",
}
_TEXTS = {
    "xxs": "11px",
    "xs": "13px",
    "sm": "14px",
    "md": "16px",
    "lg": "19px",
    "xl": "22px",
    "xxl": "29px",
    "3xl": "35px",
    "4xl": "48px",
    "5xl": "74px",
}
_IMAGES = {
    "xxs": "40px",
    "xs": "60px",
    "sm": "80px",
    "md": "100px",
    "lg": "120px",
    "xl": "140px",
    "xxl": "160px",
    "3xl": "180px",
    "4xl": "200px",
    "5xl": "220px",
    "full": "100%",
}
_BORDERS = {
    "none": "0px",
    "light": "0.5px",
    "normal": "1px",
    "medium": "2px",
    "semi-bold": "3px",
    "bold": "4px",
}
_ALIGNED = {"start": "start", "end": "end", "center": "center"}
_PLACED = {
    "top": "flex-start",
    "bottom": "flex-end",
    "center": "center",
    "flex-start": "flex-start",
    "flex-end": "flex-end",
    "space-between": "space-between",
    "space-around": "space-around",
    "space-evenly": "space-evenly",
}
_SIDES = {
    "All": "padding",
    "Top": "padding-top",
    "Bottom": "padding-bottom",
    "Start": "padding-inline-start",
    "End": "padding-inline-end",
}
_OFFSETS = {
    "offsetTop": "top",
    "offsetBottom": "bottom",
    "offsetStart": "inset-inline-start",
    "offsetEnd": "inset-inline-end",
}


class Style:
    """The declarations of one element."""

    def __init__(self) -> None:
        self._declared: dict[str, str] = {}

    def put(self, name: str, value: str | None) -> Style:
        """Declare the property, unless there is no value."""
        if value is not None:
            self._declared[name] = value
        return self

    def __str__(self) -> str:
        return ";".join(f"{name}:{value}" for name, value in self._declared.items())


def color(value: Any) -> str | None:
    """Return a colour as LINE writes them: #RRGGBB or #RRGGBBAA."""
    return value if isinstance(value, str) and _COLOR.fullmatch(value) else None


def space(value: Any) -> str | None:
    """Return a distance: one of LINE's words, pixels or a share."""
    return _length(value, _SPACES)


def text_size(value: Any) -> str | None:
    """Return the size of a text or icon."""
    if isinstance(value, str) and value not in _TEXTS and not _PIXELS.fullmatch(value):
        return None
    return _length(value, _TEXTS)


def image_width(value: Any) -> str | None:
    """Return the width of an image; LINE's own is medium."""
    return _length(value, _IMAGES) or _IMAGES["md"]


def is_small(value: Any) -> bool:
    """Whether an image of this size has no room for its name."""
    width = image_width(value) or ""
    return width.endswith("px") and float(width.removesuffix("px")) < 100


def align(value: Any) -> str | None:
    """Return how a text stands in its line."""
    return _word(value, _ALIGNED)


def centred(value: Any) -> str | None:
    """Return the margins that put a picture where it is aligned; LINE's own is the middle."""
    return {"start": "0 auto", "end": "auto 0"}.get(str(value), "auto")


def ratio(value: Any) -> str | None:
    """Return width to height, such as 20:13, in CSS."""
    found = _RATIO.fullmatch(value) if isinstance(value, str) else None
    # LINE: the height cannot be more than three times the width.
    if found is None or int(found[2]) > 3 * int(found[1]):
        return None
    return f"{found[1]}/{found[2]}"


def of_words(node: Mapping[str, Any], style: Style) -> Style:
    """Declare size, colour, weight, slant and line of a text or span."""
    style.put("font-size", text_size(node.get("size")))
    style.put("color", color(node.get("color")))
    style.put("font-weight", {"bold": "700", "regular": "400"}.get(str(node.get("weight"))))
    style.put("font-style", "italic" if node.get("style") == "italic" else None)
    lines = {"underline": "underline", "line-through": "line-through", "none": "none"}
    return style.put("text-decoration", lines.get(str(node.get("decoration"))))


def of_box(node: Mapping[str, Any], style: Style) -> None:
    """Declare what is a box's own: its colours, edges, sizes, and how it places its contents."""
    style.put("background-color", color(node.get("backgroundColor")))
    style.put("background-image", _gradient(node.get("background")))
    style.put("border-radius", space(node.get("cornerRadius")))
    if width := _length(node.get("borderWidth"), _BORDERS):
        style.put("border", f"{width} solid {color(node.get('borderColor')) or 'transparent'}")
    for name, own in (
        ("width", "width"),
        ("height", "height"),
        ("max-width", "maxWidth"),
        ("max-height", "maxHeight"),
    ):
        style.put(name, _length(node.get(own), {}))
    for side, name in _SIDES.items():
        style.put(name, space(node.get(f"padding{side}")))
    style.put("justify-content", _word(node.get("justifyContent"), _PLACED))
    style.put("align-items", _word(node.get("alignItems"), _PLACED))


def in_box(node: Mapping[str, Any], *, is_row: bool, gap: str | None) -> Style:
    """Return how a part shares the room of the box it is in; `gap` is before it."""
    style, kind = Style(), node.get("type")
    share = node.get("flex")
    if isinstance(share, bool) or not isinstance(share, int) or not 0 <= share <= 1_000:
        if kind in ("filler", "spacer"):
            share = 1
        elif kind in ("icon", "separator") or node.get("width") is not None:
            share = 0
        else:
            share = 1 if is_row else 0
    style.put("flex", f"{share} {share} 0" if share and is_row else f"{share} 0 auto")
    side = "margin-inline-start" if is_row else "margin-top"
    style.put(side, space(node.get("margin")) or gap)
    if is_row:
        style.put("align-self", _word(node.get("gravity"), _PLACED))
    if node.get("position") == "absolute":
        style.put("position", "absolute")
    for own, name in _OFFSETS.items():
        style.put(name, space(node.get(own)))
    return style


def _gradient(value: Any) -> str | None:
    if not isinstance(value, Mapping) or value.get("type") != "linearGradient":
        return None
    angle, first, last = value.get("angle"), value.get("startColor"), value.get("endColor")
    if not (isinstance(angle, str) and _ANGLE.fullmatch(angle) and color(first) and color(last)):
        return None
    stops = [str(first)]
    if middle := color(value.get("centerColor")):
        where = value.get("centerPosition")
        is_known = isinstance(where, str) and _PERCENT.fullmatch(where)
        stops.append(f"{middle} {where if is_known else '50%'}")
    return f"linear-gradient({angle},{','.join([*stops, str(last)])})"


def _length(value: Any, words: Mapping[str, str]) -> str | None:
    if not isinstance(value, str):
        return None
    return words.get(value) or (value if _LENGTH.fullmatch(value) else None)


def _word(value: Any, words: Mapping[str, str]) -> str | None:
    return words.get(value) if isinstance(value, str) else None
