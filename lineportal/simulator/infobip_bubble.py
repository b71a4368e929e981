"""The bubbles Infobip takes: LINE's Flex in upper case; and the same as LINE writes it.

The one of official notifications and the one of LINE OA are two specifications of Infobip's, and
differ: see docs/simulator.md. https://www.infobip.com/docs/api/channels/line
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lineportal.simulator.shapes import (
    Shape,
    Violations,
    anything,
    flag,
    listed,
    number,
    record,
    text,
    variant,
    whole,
    word,
)

FREE = text()
URL = text(most=1_000)
_COLOUR = text(like=r"#([0-9a-fA-F]{3}|[0-9a-fA-F]{6})", hint="must be a colour such as #06C755")
_SIDES = ("Top", "Bottom", "Start", "End")
_OFFSETS: dict[str, Shape] = {f"offset{side}": FREE for side in _SIDES}
_PADDINGS: dict[str, Shape] = {f"padding{side}": FREE for side in ("All", *_SIDES)}

_POSITION = word("RELATIVE", "ABSOLUTE")
_ALIGN = word("START", "END", "CENTER")
_GRAVITY = word("TOP", "BOTTOM", "CENTER")
_WEIGHT = word("BOLD", "REGULAR")
_LAYOUT = word("HORIZONTAL", "VERTICAL", "BASELINE")
_ASPECT_MODE = word("COVER", "FIT")
_BUBBLE_SIZE = word("NANO", "MICRO", "KILO", "MEGA", "GIGA")
_DIRECTION = word("LEFT_TO_RIGHT", "RIGHT_TO_LEFT")
_SPAN_STYLE = word("NORMAL", "ITALIC")
_DECORATION = word("NONE", "UNDERLINE", "LINE_THROUGH")
_BUTTON_STYLES = ("LINK", "PRIMARY", "SECONDARY")
_SIZES = ("XXS", "XS", "SM", "MD", "LG", "XL", "XXL", "XXXL", "XXXXL", "XXXXXL")
_OA_SIZE = word(*_SIZES)
_OA_SPACING = word("NONE", "XS", "SM", "MD", "LG", "XL", "XXL")
_OA_BORDER = word("NONE", "LIGHT", "NORMAL", "MEDIUM", "SEMI_BOLD", "BOLD")

_LABEL = text(most=20)
_ALT_URI = record({"desktop": URL})


def _action(**fields: Shape) -> Shape:
    # What an action has beside its type is required, but for these two.
    required = [name for name in fields if name not in ("altUri", "displayText")]
    return record({"type": FREE, **fields}, *required)


LON_ACTION = variant(
    {
        "URI": _action(label=_LABEL, uri=URL, altUri=_ALT_URI),
        "POSTBACK": _action(label=_LABEL, data=text(most=1_000), altUri=_ALT_URI),
    }
)
_PICKER_BOUNDS: dict[str, Shape] = {"initial": FREE, "max": FREE, "min": FREE}
OA_ACTION = variant(
    {
        "URI": _action(label=_LABEL, uri=URL, altUri=_ALT_URI),
        "POSTBACK": _action(label=_LABEL, data=text(most=300), displayText=text(most=300)),
        "MESSAGE": _action(label=_LABEL, text=text(most=300)),
        "DATETIMEPICKER": record(
            {
                "type": FREE,
                "label": _LABEL,
                "data": text(most=300),
                "mode": word("DATE", "TIME", "DATETIME"),
                **_PICKER_BOUNDS,
            },
            "label",
            "data",
            "mode",
        ),
        "CAMERA": _action(label=_LABEL),
        "CAMERAROLL": _action(label=_LABEL),
        "LOCATION": _action(label=_LABEL),
    }
)


def _block_styles(colour: Shape, *blocks: str) -> Shape:
    block = record({"backgroundColor": colour, "separator": flag, "separatorColor": colour})
    return record(dict.fromkeys(blocks, block))


def _lon_button_style(value: Any, where: str, found: Violations) -> None:
    # The specification names the bubble's own style here, which no button can have.
    (word(*_BUTTON_STYLES) if isinstance(value, str) else anything)(value, where, found)


def _lon_component(value: Any, where: str, found: Violations) -> None:
    _LON_COMPONENTS(value, where, found)


def _oa_component(value: Any, where: str, found: Violations) -> None:
    _OA_COMPONENTS(value, where, found)


def _lon(kind: str, fields: Mapping[str, Shape], *required: str) -> Shape:
    return record({"type": word(kind), **fields}, *required)


def _oa(kind: str, fields: Mapping[str, Shape], *required: str) -> Shape:
    return record({"type": word(kind), **fields}, "type", *required)


_LON_FLEX = whole(0, 20)
_LON_SPAN = _lon(
    "SPAN",
    {
        "text": FREE,
        "color": FREE,
        "size": FREE,
        "weight": _WEIGHT,
        "style": _SPAN_STYLE,
        "decoration": _DECORATION,
    },
    "text",
)
LON_BOX = _lon(
    "BOX",
    {
        "layout": _LAYOUT,
        "flex": _LON_FLEX,
        "position": _POSITION,
        "action": LON_ACTION,
        "contents": listed(_lon_component),
        "backgroundColor": FREE,
        "borderColor": FREE,
        "borderWidth": FREE,
        "cornerRadius": FREE,
        "width": FREE,
        "height": FREE,
        "margin": FREE,
        "spacing": FREE,
        **_PADDINGS,
        **_OFFSETS,
    },
    "layout",
)
_PLACED: dict[str, Shape] = {"margin": FREE, "position": _POSITION, **_OFFSETS}
_LON_COMPONENTS = variant(
    {
        "BOX": LON_BOX,
        "BUTTON": _lon(
            "BUTTON",
            {
                "action": LON_ACTION,
                "flex": _LON_FLEX,
                "height": word("SMALL", "MEDIUM"),
                "style": _lon_button_style,
                "color": FREE,
                "gravity": _GRAVITY,
                **_PLACED,
            },
            "action",
        ),
        "ICON": _lon("ICON", {"url": FREE, "size": FREE, "aspectRatio": FREE, **_PLACED}, "url"),
        "IMAGE": _lon(
            "IMAGE",
            {
                "url": FREE,
                "flex": _LON_FLEX,
                "align": _ALIGN,
                "gravity": _GRAVITY,
                "size": FREE,
                "aspectRatio": FREE,
                "aspectMode": _ASPECT_MODE,
                "backgroundColor": FREE,
                "action": LON_ACTION,
                **_PLACED,
            },
            "url",
        ),
        "SEPARATOR": _lon("SEPARATOR", {"margin": FREE, "color": FREE}),
        "TEXT": _lon(
            "TEXT",
            {
                "text": FREE,
                "contents": listed(variant({"SPAN": _LON_SPAN})),
                "flex": _LON_FLEX,
                "size": FREE,
                "align": _ALIGN,
                "gravity": _GRAVITY,
                "wrap": flag,
                "maxLines": whole(0),
                "color": FREE,
                "weight": _WEIGHT,
                "action": LON_ACTION,
                **_PLACED,
            },
        ),
        "SPAN": _LON_SPAN,
    }
)
LON_CONTAINER = variant(
    {
        "BUBBLE": _lon(
            "BUBBLE",
            {
                "size": _BUBBLE_SIZE,
                "direction": _DIRECTION,
                "header": LON_BOX,
                "body": LON_BOX,
                "footer": LON_BOX,
                "style": _block_styles(FREE, "header", "body", "footer"),
                "action": LON_ACTION,
            },
        )
    }
)

_OA_FLEX = whole(0, 10)
_OA_PLACED: dict[str, Shape] = {"margin": _OA_SPACING, "position": _POSITION, **_OFFSETS}
_OA_SPAN = _oa(
    "SPAN",
    {
        "text": text(least=1),
        "color": _COLOUR,
        "size": _OA_SIZE,
        "position": _POSITION,
        "weight": _WEIGHT,
        "style": _SPAN_STYLE,
        "decoration": _DECORATION,
    },
    "text",
)
OA_BOX = _oa(
    "BOX",
    {
        "layout": _LAYOUT,
        "contents": listed(_oa_component, least=1),
        "flex": _OA_FLEX,
        "position": _POSITION,
        "action": OA_ACTION,
        "backgroundColor": FREE,
        "borderColor": FREE,
        "borderWidth": _OA_BORDER,
        "cornerRadius": _OA_SPACING,
        "width": FREE,
        "height": FREE,
        "margin": _OA_SPACING,
        "spacing": _OA_SPACING,
        **_PADDINGS,
        **_OFFSETS,
    },
    "layout",
    "contents",
)
_OA_COMPONENTS = variant(
    {
        "BOX": OA_BOX,
        "BUTTON": _oa(
            "BUTTON",
            {
                "action": OA_ACTION,
                "flex": _OA_FLEX,
                "height": word("SM", "MD"),
                "style": word(*_BUTTON_STYLES),
                "color": _COLOUR,
                "gravity": _GRAVITY,
                **_OA_PLACED,
            },
            "action",
        ),
        "FILLER": _oa("FILLER", {}),
        "ICON": _oa(
            "ICON",
            {"url": text(least=1), "size": _OA_SIZE, "aspectRatio": FREE, **_OA_PLACED},
            "url",
        ),
        "IMAGE": _oa(
            "IMAGE",
            {
                "url": text(least=1),
                "flex": _OA_FLEX,
                "align": _ALIGN,
                "gravity": _GRAVITY,
                "size": word(*_SIZES, "FULL"),
                "aspectRatio": FREE,
                "aspectMode": _ASPECT_MODE,
                "backgroundColor": _COLOUR,
                "action": OA_ACTION,
                **_OA_PLACED,
            },
            "url",
        ),
        "SEPARATOR": _oa("SEPARATOR", {"margin": _OA_SPACING, "color": _COLOUR}),
        "SPACER": _oa("SPACER", {"size": _OA_SPACING}),
        "TEXT": _oa(
            "TEXT",
            {
                "text": FREE,
                "contents": listed(variant({"SPAN": _OA_SPAN})),
                "flex": _OA_FLEX,
                "margin": _OA_SPACING,
                "size": _OA_SIZE,
                "align": _ALIGN,
                "gravity": _GRAVITY,
                "wrap": flag,
                "maxLines": whole(0),
                "color": _COLOUR,
                "weight": _WEIGHT,
                "action": OA_ACTION,
            },
        ),
        "SPAN": _OA_SPAN,
    }
)
_OA_BUBBLE = _oa(
    "BUBBLE",
    {
        "size": _BUBBLE_SIZE,
        "direction": _DIRECTION,
        "header": OA_BOX,
        "hero": _oa_component,
        "body": OA_BOX,
        "footer": OA_BOX,
        "styles": _block_styles(_COLOUR, "header", "hero", "body", "footer"),
        "action": OA_ACTION,
    },
)
OA_CONTAINER = variant(
    {
        "BUBBLE": _OA_BUBBLE,
        "CAROUSEL": _oa(
            "CAROUSEL",
            {"contents": listed(variant({"BUBBLE": _OA_BUBBLE}), least=1, most=10)},
            "contents",
        ),
    }
)
LATITUDE, LONGITUDE = number(-90, 90), number(-180, 180)

_LINE_WORDS = {
    "LEFT_TO_RIGHT": "ltr",
    "RIGHT_TO_LEFT": "rtl",
    "LINE_THROUGH": "line-through",
    "SEMI_BOLD": "semi-bold",
    "SMALL": "sm",
    "MEDIUM": "md",
    "CAMERAROLL": "cameraRoll",
}
_WORDS = frozenset(
    {
        "type", "size", "direction", "layout", "position", "align", "gravity", "aspectMode",
        "height", "width", "style", "weight", "decoration", "mode", "margin", "spacing",
        "cornerRadius", *_PADDINGS, *_OFFSETS,
    }
)  # fmt: skip


def as_line(value: Any, name: str = "") -> Any:
    """Return a bubble as LINE writes it, so that a person's phone shows what LINE would show."""
    if isinstance(value, dict):
        return {_line_name(key, one): as_line(one, key) for key, one in value.items()}
    if isinstance(value, list):
        return [as_line(one) for one in value]
    if isinstance(value, str) and name == "borderWidth":
        return "medium" if value == "MEDIUM" else _LINE_WORDS.get(value, value.lower())
    if isinstance(value, str) and name in _WORDS:
        return _LINE_WORDS.get(value, value.lower())
    return value


def _line_name(name: str, value: Any) -> str:
    return "styles" if name == "style" and isinstance(value, dict) else name
