"""LINE's message objects as Infobip takes them: Flex with its words in upper case.

Infobip's two specifications (LINE 3.210, LINE OA 3.245) differ in what they know and how they say
it, so each has a table. Nothing but words is changed: what a table does not hold cannot be sent.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

from lineportal.providers.base import CannotWire
from lineportal.providers.infobip.shapes import (
    Flag,
    Listed,
    Number,
    Record,
    Shape,
    Text,
    Variant,
    Walk,
    Words,
)

ALT_TEXT_LIMIT = 400
LABEL_LIMIT = 20
URI_LIMIT = 1000
TEXT_LIMIT = 5000
_NO_LIMIT = 2**31 - 1

_FREE = Text()
_COLOUR = Text(pattern="#([0-9A-Fa-f]{3}|[0-9A-Fa-f]{6})", hint="a colour such as #06C755")
_POSITION = Words("relative", "absolute")
_ALIGN = Words("start", "end", "center")
_GRAVITY = Words("top", "bottom", "center")
_WEIGHT = Words("bold", "regular")
_LAYOUT = Words("horizontal", "vertical", "baseline")
_ASPECT_MODE = Words("cover", "fit")
_BUBBLE_SIZE = Words("nano", "micro", "kilo", "mega", "giga")
_DIRECTION = Words(ltr="LEFT_TO_RIGHT", rtl="RIGHT_TO_LEFT")
_SPAN_STYLE = Words("normal", "italic")
_DECORATION = Words("none", "underline").of({"line-through": "LINE_THROUGH"})
# The LON specification points at a bubble's own style here, by a clash of names; LINE OA's has
# these words.
LON_BUTTON_STYLE = Words("link", "primary", "secondary")

_SPACES = ("none", "xs", "sm", "md", "lg", "xl", "xxl")
_SPACE = Words(*_SPACES)
_SIZED = Words(*_SPACES, rest=r"-?\d+(\.\d+)?(px|%)")
_BORDER = Words("none", "light", "normal", "medium", "bold").of({"semi-bold": "SEMI_BOLD"})
_TEXT_SIZE = Words("xxs", "xs", "sm", "md", "lg", "xl", "xxl").of(
    {"3xl": "XXXL", "4xl": "XXXXL", "5xl": "XXXXXL"}
)
_SIDES = ("Top", "Bottom", "Start", "End")
_LABEL = Text(LABEL_LIMIT)
_URI = Text(URI_LIMIT)
_ALT_URI = Record({"desktop": _URI})


def _kind(name: str, fields: Mapping[str, Shape], *required: str, there: str = "") -> Record:
    words = Words().of({name: there or name.upper()})
    return Record({"type": words, **fields}, required=("type", *required))


def _offsets(shape: Shape) -> dict[str, Shape]:
    return {f"offset{side}": shape for side in _SIDES}


def _paddings(shape: Shape) -> dict[str, Shape]:
    return {f"padding{side}": shape for side in ("All", *_SIDES)}


def _styles(colour: Shape, *blocks: str) -> Record:
    block = Record({"backgroundColor": colour, "separator": Flag(), "separatorColor": colour})
    return Record(dict.fromkeys(blocks, block))


def _uri_action() -> Record:
    return _kind("uri", {"label": _LABEL, "uri": _URI, "altUri": _ALT_URI}, "label", "uri")


def _lon_message() -> Shape:
    action = Variant(
        {
            "uri": _uri_action(),
            "postback": _kind(
                "postback", {"label": _LABEL, "data": Text(1000), "altUri": _ALT_URI},
                "label", "data",
            ),
        }
    )  # fmt: skip
    flex = Number(0, 20)
    placed: dict[str, Shape] = {"margin": _FREE, "position": _POSITION, **_offsets(_FREE)}
    part = Variant()
    span = _kind(
        "span",
        {"text": _FREE, "color": _FREE, "size": _FREE, "weight": _WEIGHT, "style": _SPAN_STYLE,
         "decoration": _DECORATION},
        "text",
    )  # fmt: skip
    box = _kind(
        "box",
        {"layout": _LAYOUT, "contents": Listed(part), "flex": flex, "action": action,
         "spacing": _FREE, "backgroundColor": _FREE, "borderColor": _FREE, "borderWidth": _FREE,
         "cornerRadius": _FREE, "width": _FREE, "height": _FREE, **_paddings(_FREE), **placed},
        "layout",
    )  # fmt: skip
    part.kinds.update(
        {
            "box": box,
            "button": _kind(
                "button",
                {"action": action, "flex": flex, "height": Words(sm="SMALL", md="MEDIUM"),
                 "style": LON_BUTTON_STYLE, "color": _FREE, "gravity": _GRAVITY, **placed},
                "action",
            ),
            "icon": _kind("icon", {"url": _FREE, "size": _FREE, "aspectRatio": _FREE, **placed},
                          "url"),
            "image": _kind(
                "image",
                {"url": _FREE, "flex": flex, "align": _ALIGN, "gravity": _GRAVITY, "size": _FREE,
                 "aspectRatio": _FREE, "aspectMode": _ASPECT_MODE, "backgroundColor": _FREE,
                 "action": action, **placed},
                "url",
            ),
            "separator": _kind("separator", {"margin": _FREE, "color": _FREE}),
            "text": _kind(
                "text",
                {"text": _FREE, "contents": Listed(Variant({"span": span})), "flex": flex,
                 "size": _FREE, "align": _ALIGN, "gravity": _GRAVITY, "wrap": Flag(),
                 "maxLines": Number(0, _NO_LIMIT), "color": _FREE, "weight": _WEIGHT,
                 "action": action, **placed},
            ),
            "span": span,
        }
    )  # fmt: skip
    block = Variant({"box": box})
    bubble = Record(
        {"type": Words("bubble"), "size": _BUBBLE_SIZE, "direction": _DIRECTION, "header": block,
         "body": block, "footer": block, "styles": _styles(_FREE, "header", "body", "footer"),
         "action": action},
        required=("type",),
        renamed={"styles": "style"},
    )  # fmt: skip
    message = Variant(
        {
            "flex": _kind(
                "flex",
                {"altText": Text(ALT_TEXT_LIMIT), "contents": Variant({"bubble": bubble})},
                "altText", "contents", there="LINE_NOTIFICATION",
            )
        }
    )  # fmt: skip
    message.names["flex"] = "LINE_NOTIFICATION"
    return message


def _oa_message() -> Shape:
    data = Text(300)
    action = Variant(
        {
            "uri": _uri_action(),
            "postback": _kind("postback", {"label": _LABEL, "data": data, "displayText": Text(300)},
                              "label", "data"),
            "message": _kind("message", {"label": _LABEL, "text": Text(300)}, "label", "text"),
            "datetimepicker": _kind(
                "datetimepicker",
                {"label": _LABEL, "data": data, "mode": Words("date", "time", "datetime"),
                 "initial": _FREE, "max": _FREE, "min": _FREE},
                "label", "data", "mode",
            ),
            "camera": _kind("camera", {"label": _LABEL}, "label"),
            "cameraRoll": _kind("cameraRoll", {"label": _LABEL}, "label"),
            "location": _kind("location", {"label": _LABEL}, "label"),
        }
    )  # fmt: skip
    flex = Number(0, 10)
    placed: dict[str, Shape] = {"margin": _SPACE, "position": _POSITION, **_offsets(_SIZED)}
    part = Variant()
    span = _kind(
        "span",
        {"text": _FREE, "color": _COLOUR, "size": _TEXT_SIZE, "weight": _WEIGHT,
         "style": _SPAN_STYLE, "decoration": _DECORATION},
        "text",
    )  # fmt: skip
    box = _kind(
        "box",
        {"layout": _LAYOUT, "contents": Listed(part, least=1), "flex": flex, "action": action,
         "spacing": _SPACE, "backgroundColor": _FREE, "borderColor": _FREE,
         "borderWidth": _BORDER, "cornerRadius": _SPACE, "width": _FREE, "height": _FREE,
         **_paddings(_SIZED), **placed},
        "layout", "contents",
    )  # fmt: skip
    part.kinds.update(
        {
            "box": box,
            "button": _kind(
                "button",
                {"action": action, "flex": flex, "height": Words("sm", "md"),
                 "style": Words("link", "primary", "secondary"), "color": _COLOUR,
                 "gravity": _GRAVITY, **placed},
                "action",
            ),
            "filler": _kind("filler", {}),
            "icon": _kind(
                "icon", {"url": _FREE, "size": _TEXT_SIZE, "aspectRatio": _FREE, **placed}, "url"
            ),
            "image": _kind(
                "image",
                {"url": _FREE, "flex": flex, "align": _ALIGN, "gravity": _GRAVITY,
                 "size": _TEXT_SIZE.of({"full": "FULL"}), "aspectRatio": _FREE,
                 "aspectMode": _ASPECT_MODE, "backgroundColor": _COLOUR, "action": action,
                 **placed},
                "url",
            ),
            "separator": _kind("separator", {"margin": _SPACE, "color": _COLOUR}),
            "spacer": _kind("spacer", {"size": _SPACE}),
            "text": _kind(
                "text",
                {"text": _FREE, "contents": Listed(Variant({"span": span})), "flex": flex,
                 "margin": _SPACE, "size": _TEXT_SIZE, "align": _ALIGN, "gravity": _GRAVITY,
                 "wrap": Flag(), "maxLines": Number(0, _NO_LIMIT), "color": _COLOUR,
                 "weight": _WEIGHT, "action": action},
            ),
            "span": span,
        }
    )  # fmt: skip
    block = Variant({"box": box})
    bubble = _kind(
        "bubble",
        {"size": _BUBBLE_SIZE, "direction": _DIRECTION, "header": block, "hero": part,
         "body": block, "footer": block,
         "styles": _styles(_COLOUR, "header", "hero", "body", "footer"), "action": action},
    )  # fmt: skip
    carousel = _kind(
        "carousel", {"contents": Listed(Variant({"bubble": bubble}), least=1, most=10)}, "contents"
    )
    container = Variant({"bubble": bubble, "carousel": carousel})
    return Variant(
        {
            "text": _kind("text", {"text": Text(TEXT_LIMIT)}, "text"),
            "flex": _kind("flex", {"altText": Text(ALT_TEXT_LIMIT), "contents": container},
                          "altText", "contents"),
        }
    )  # fmt: skip


@functools.cache
def _table(service: str) -> Shape:
    return _lon_message() if service == "lon" else _oa_message()


def recased(
    message: Mapping[str, Any], *, service: str, with_button_style: bool = True
) -> dict[str, Any]:
    """Return LINE's message object as Infobip's `content`. Raises CannotWire, naming the place."""
    left_out: tuple[Shape, ...] = () if with_button_style else (LON_BUTTON_STYLE,)
    walk = Walk(left_out=left_out)
    content: dict[str, Any] = _table(service).said(message, "", walk)
    if walk.problems:
        raise CannotWire(f"Infobip cannot say this message: {walk.problems[0]}")
    return content


def restored(content: Mapping[str, Any], *, service: str) -> dict[str, Any]:
    """Return the message object of LINE's that this content was. Raises CannotWire."""
    walk = Walk(is_back=True)
    message: dict[str, Any] = _table(service).said(content, "", walk)
    if walk.problems:
        raise CannotWire(f"This is no message that LINE could show: {walk.problems[0]}")
    return message


def problems(drawing: Mapping[str, Any], *, service: str) -> list[str]:
    """Return what of an approved drawing Infobip cannot say, whatever the values will be."""
    walk = Walk(is_template=True)
    _table(service).said(drawing, "", walk)
    return walk.problems
