"""LINE's Flex bubbles as HTML, near enough to judge words and build by; nothing is fetched.

Sizes are those of LINE's reference, "Flex Message layout". What is not known is shown as a grey
box with its name, so that no part of a message is left out of the picture.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from django.utils.html import escape, format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _

from templates_app.content import PLACEHOLDER

_COLOR = re.compile(r"#[0-9A-Fa-f]{6}([0-9A-Fa-f]{2})?")
_RATIO = re.compile(r"[1-9]\d{0,3}:[1-9]\d{0,3}")
_LENGTH = re.compile(r"\d{1,4}(\.\d{1,2})?(px|%)")
_SPACE = {"none": "0", "xs": "2px", "sm": "4px", "md": "8px", "lg": "12px", "xl": "16px",
          "xxl": "20px"}  # fmt: skip
_TEXT = {"xxs": "11px", "xs": "13px", "sm": "14px", "md": "16px", "lg": "19px", "xl": "22px",
         "xxl": "29px", "3xl": "35px", "4xl": "48px", "5xl": "74px"}  # fmt: skip
_BORDER = {"none": "0", "light": "0.5px", "normal": "1px", "medium": "2px", "semi-bold": "3px",
           "bold": "4px"}  # fmt: skip
_ALIGN = {"start": "left", "end": "right", "center": "center"}
_PLACE = {"top": "flex-start", "center": "center", "bottom": "flex-end", "flex-start": "flex-start",
          "flex-end": "flex-end", "space-between": "space-between", "space-around": "space-around",
          "space-evenly": "space-evenly"}  # fmt: skip
_PADDING = {"header": "20px", "hero": "0px", "body": "20px", "footer": "10px"}
# LINE draws no deeper; neither does a page.
_DEEPEST = 20

Values = Mapping[str, str]


def container(flex: Mapping[str, Any], values: Values) -> SafeString:
    """Return a bubble or carousel; values stand in for placeholders where there are any."""
    if flex.get("type") == "carousel":
        bubbles = [bubble(each, values) for each in _dicts(flex.get("contents"))]
        return format_html('<div class="lp-carousel">{}</div>', _joined(bubbles))
    return bubble(flex, values)


def bubble(flex: Mapping[str, Any], values: Values) -> SafeString:
    """Return one bubble: its header, hero, body and footer, as far as they are there."""
    styles = flex.get("styles")
    parts = []
    for name in ("header", "hero", "body", "footer"):
        if not isinstance(block := flex.get(name), Mapping):
            continue
        style = styles.get(name) if isinstance(styles, Mapping) else None
        color = style.get("backgroundColor") if isinstance(style, Mapping) else None
        css = _color("background", color)
        if block.get("type") == "box" and not any(key.startswith("padding") for key in block):
            block = {**block, "paddingAll": _PADDING[name]}
        parts.append(format_html('<div style="{}">{}</div>', css, _component(block, values, 0)))
    size = str(flex.get("size", "mega"))
    return format_html(
        '<div class="lp-flex lp-flex-{}">{}</div>',
        size if size in ("nano", "micro", "deca", "hecto", "kilo", "mega", "giga") else "mega",
        _joined(parts),
    )


def text(words: Any, values: Values) -> SafeString:
    """Return a text with its placeholders marked, or the values that fill them."""
    pieces = PLACEHOLDER.split(str(words))
    shown = [escape(pieces[0])]
    for name, after in zip(pieces[1::2], pieces[2::2], strict=True):
        if value := values.get(name):
            shown.append(format_html('<span class="lp-filled">{}</span>', value))
        else:
            shown.append(format_html("<mark>{}</mark>", name))
        shown.append(escape(after))
    return _joined(shown)


def _component(node: Mapping[str, Any], values: Values, depth: int) -> SafeString:
    draw = _DRAWN.get(str(node.get("type")))
    if draw is None or depth > _DEEPEST:
        return format_html('<div class="lp-flex-unknown">{}</div>', node.get("type", "?"))
    return draw(node, values, depth)


def _box(node: Mapping[str, Any], values: Values, depth: int) -> SafeString:
    layout = str(node.get("layout", "vertical"))
    is_row = layout in ("horizontal", "baseline")
    css = f"display:flex;flex-direction:{'row' if is_row else 'column'};"
    if layout == "baseline":
        css += "align-items:baseline;"
    css += _color("background", node.get("backgroundColor"))
    css += _length("border-radius", node.get("cornerRadius"), _SPACE)
    css += _length("width", node.get("width"), {}) + _length("height", node.get("height"), {})
    css += _length("max-width", node.get("maxWidth"), {})
    css += _place("justify-content", node.get("justifyContent"))
    css += _place("align-items", node.get("alignItems"))
    css += (
        "".join(
            _length(
                f"padding{side and '-' + side.lower()}", node.get(f"padding{side or 'All'}"), _SPACE
            )
            for side in ("", "Top", "Bottom", "Start", "End")
        )
        .replace("padding-start", "padding-left")
        .replace("padding-end", "padding-right")
    )
    if width := _length("border-width", node.get("borderWidth"), _BORDER):
        css += f"border-style:solid;{width}{_color('border-color', node.get('borderColor'))}"
    gap = _length("margin", node.get("spacing"), _SPACE).removeprefix("margin:").rstrip(";")
    inner = [
        format_html(
            '<div style="{}">{}</div>',
            _flow(each, is_row=is_row, layout=layout) + _gap(each, gap, is_row, is_first=n == 0),
            _component(each, values, depth + 1),
        )
        for n, each in enumerate(_dicts(node.get("contents")))
    ]
    return format_html('<div style="{}">{}</div>', css, _joined(inner))


def _words(node: Mapping[str, Any], values: Values, depth: int) -> SafeString:
    css = _written(node)
    css += f"text-align:{_ALIGN.get(str(node.get('align')), 'left')};"
    if node.get("wrap"):
        css += "white-space:pre-wrap;overflow-wrap:anywhere;"
    else:
        css += "white-space:nowrap;overflow:hidden;text-overflow:ellipsis;"
    spans = [
        format_html(
            '<span style="{}">{}</span>', _written(each), text(each.get("text", ""), values)
        )
        for each in _dicts(node.get("contents"))
    ]
    shown = _joined(spans) if spans else text(node.get("text", ""), values)
    return format_html('<div style="{}">{}</div>', css, shown)


def _button(node: Mapping[str, Any], values: Values, depth: int) -> SafeString:
    action = node.get("action")
    action = action if isinstance(action, Mapping) else {}
    style = str(node.get("style", "link"))
    fill = str(node.get("color") or {"primary": "#17C950", "secondary": "#DCDFE5"}.get(style, ""))
    if style == "link":
        css = _color("color", node.get("color") or "#42659A")
    else:
        css = _color("background", fill) + ("color:#fff;" if style == "primary" else "color:#111;")
    css += f"padding:{'8px' if node.get('height') == 'sm' else '14px'} 8px;"
    address = str(action.get("uri", ""))
    return format_html(
        '<div class="lp-flex-button" style="{}" title="{}">{}</div>',
        css,
        address,
        text(action.get("label") or action.get("text") or "", values),
    )


def _separator(node: Mapping[str, Any], values: Values, depth: int) -> SafeString:
    line = _color("background", node.get("color") or "#D4D6DA")
    return format_html('<div class="lp-flex-separator" style="{}"></div>', line)


def _picture(node: Mapping[str, Any], values: Values, depth: int) -> SafeString:
    """Return a box in place of a picture: no page of ours asks another host for anything.

    Whoever reviews it can open it, unless its address is another for each reader.
    """
    address = str(node.get("url", ""))
    try:
        parsed = urlsplit(address)
        host, is_safe = parsed.hostname or "?", parsed.scheme == "https"
    except ValueError:
        host, is_safe = "?", False
    said = _("%(kind)s from %(host)s") % {"kind": node.get("type"), "host": host}
    if is_safe and not PLACEHOLDER.search(address):
        said = format_html(
            '<a href="{}" target="_blank" rel="noopener noreferrer">{}</a>', address, said
        )
    css = ""
    if node.get("size") == "full" and _RATIO.fullmatch(ratio := str(node.get("aspectRatio"))):
        css = f"aspect-ratio:{ratio.replace(':', '/')};"
    return format_html('<div class="lp-flex-unknown" style="{}">{}</div>', css, said)


def _nothing(node: Mapping[str, Any], values: Values, depth: int) -> SafeString:
    return SafeString("")


_DRAWN: dict[str, Callable[[Mapping[str, Any], Values, int], SafeString]] = {
    "box": _box,
    "text": _words,
    "button": _button,
    "separator": _separator,
    "image": _picture,
    "icon": _picture,
    "video": _picture,
    "filler": _nothing,
    "spacer": _nothing,
}


def _written(node: Mapping[str, Any]) -> str:
    css = f"font-size:{_TEXT.get(str(node.get('size')), _TEXT['md'])};" if "size" in node else ""
    css += _color("color", node.get("color"))
    css += "font-weight:700;" if node.get("weight") == "bold" else ""
    css += "font-style:italic;" if node.get("style") == "italic" else ""
    decoration = node.get("decoration")
    return css + (
        f"text-decoration:{decoration};" if decoration in ("underline", "line-through") else ""
    )


def _flow(node: Mapping[str, Any], *, is_row: bool, layout: str) -> str:
    """Return how a component shares the room of its box."""
    share = node.get("flex")
    if not isinstance(share, int | float) or isinstance(share, bool) or not 0 <= share <= 1000:
        share = 1 if is_row and node.get("type") != "icon" else 0
        share = 1 if node.get("type") in ("filler", "spacer") else share
    css = f"flex:{share} {1 if share else 0} {'0' if share and is_row else 'auto'};min-width:0;"
    gravity = _PLACE.get(str(node.get("gravity")))
    return css + (f"align-self:{gravity};" if gravity and layout == "horizontal" else "")


def _gap(node: Mapping[str, Any], gap: str, is_row: bool, *, is_first: bool) -> str:
    side = "margin-left" if is_row else "margin-top"
    own = _length(side, node.get("margin"), _SPACE)
    return own or (f"{side}:{gap};" if gap and not is_first else "")


def _color(name: str, value: Any) -> str:
    return f"{name}:{value};" if isinstance(value, str) and _COLOR.fullmatch(value) else ""


def _length(name: str, value: Any, known: Mapping[str, str]) -> str:
    if isinstance(value, str):
        if value in known:
            return f"{name}:{known[value]};"
        if _LENGTH.fullmatch(value):
            return f"{name}:{value};"
    return ""


def _place(name: str, value: Any) -> str:
    return f"{name}:{_PLACE[value]};" if isinstance(value, str) and value in _PLACE else ""


def _dicts(value: Any) -> Iterator[Mapping[str, Any]]:
    if isinstance(value, list):
        yield from (each for each in value if isinstance(each, Mapping))


def _joined(pieces: list[Any]) -> SafeString:
    return mark_safe("".join(pieces))  # noqa: S308 - every piece is escaped or made by format_html
