"""A LINE message worked out for paper: rows, columns and texts that `dossier.typ` draws.

What the page cannot draw is shown by its name or its texts, never left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from lineportal.typesetting import breakable
from templates_app import rendering
from templates_app.content import PLACEHOLDER

_SIZES = {"xxs": 7.5, "xs": 8.5, "sm": 9, "md": 10.5, "lg": 12, "xl": 14, "xxl": 18, "3xl": 22,
          "4xl": 30, "5xl": 46}  # fmt: skip
_SPACES = {"none": 0.0, "xs": 1.5, "sm": 3.0, "md": 6.0, "lg": 9.0, "xl": 12.0, "xxl": 15.0}
_BORDERS = {"none": 0.0, "light": 0.4, "normal": 0.7, "medium": 1.4, "semi-bold": 2.1, "bold": 2.8}
_BUTTONS = {"primary": "#17C950", "secondary": "#DCDFE5"}
_COLOR = re.compile(r"#[0-9A-Fa-f]{6}([0-9A-Fa-f]{2})?")
_PIXELS = re.compile(r"(\d{1,4})(\.\d{1,2})?px")
_POINTS = 0.7  # of a pixel of the phone
# Boxes in boxes that the page can draw; of what is deeper it shows the texts.
_DEEPEST = 8
_PADDING = {"header": 9.0, "hero": 0.0, "body": 13.0, "footer": 7.0}

Node = dict[str, Any]
Values = Mapping[str, str]
Words = Mapping[str, str]


def phones(dossier: Mapping[str, Any], said: Words) -> list[Node]:
    """Return the message with its placeholders, then with each sample, ready to be drawn."""
    drawing = dossier["message"]
    if "templateKey" in drawing:
        titles = {(each["kind"], each["key"]): each["title"] for each in dossier["titles"]}
        drawing = rendering.likeness(drawing, titles)
    shown: list[tuple[str, Values]] = [(said["with_placeholders"], {})]
    shown += [(f"{said['sample']} {n}", each) for n, each in enumerate(dossier["samples"], 1)]
    return [
        {
            "label": label,
            "alt_text": pieces(drawing.get("altText", ""), values),
            "bubbles": _bubbles(drawing, values, said),
        }
        for label, values in shown
    ]


def pieces(text: Any, values: Values, **style: Any) -> list[Node]:
    """Return the parts of a text: `how` is plain, gap for a placeholder, or value for its value."""
    first, *rest = PLACEHOLDER.split(str(text))
    found = [("plain", breakable(first))]
    for name, after in zip(rest[::2], rest[1::2], strict=True):
        value = str(values.get(name, ""))
        found += [("value", breakable(value)) if value.strip() else ("gap", breakable(name)),
                  ("plain", breakable(after))]  # fmt: skip
    return [{"how": how, "words": words, **style} for how, words in found if words]


def _bubbles(drawing: Mapping[str, Any], values: Values, said: Words) -> list[list[Node]]:
    if drawing["type"] == "text":
        node = {"type": "text", "text": drawing["text"], "wrap": True, "size": "md"}
        return [[{"fill": "#FFFFFF", "pad": 9.0, "node": _text(node, values)}]]
    flex = drawing["contents"]
    bubbles = flex["contents"] if flex.get("type") == "carousel" else [flex]
    return [_blocks(bubble, values, said) for bubble in bubbles]


def _blocks(bubble: Mapping[str, Any], values: Values, said: Words) -> list[Node]:
    styles = _mapping(bubble.get("styles"))
    found = []
    for name, pad in _PADDING.items():
        block = bubble.get(name)
        if not isinstance(block, Mapping):
            continue
        fill = _color(block.get("backgroundColor"))
        fill = fill or _color(_mapping(styles.get(name)).get("backgroundColor"))
        has_own = any(str(each).startswith("padding") for each in block)
        plain = {key: value for key, value in block.items() if key != "backgroundColor"}
        found.append(
            {
                "fill": fill or "#FFFFFF",
                "pad": 0.0 if has_own else pad,
                "node": _node(plain, values, said, 0),
            }
        )
    return found


def _node(node: Any, values: Values, said: Words, depth: int) -> Node:
    """Return what to draw: a row, column, text, button, separator, or a grey box with a name."""
    kind = node.get("type") if isinstance(node, Mapping) else None
    if kind == "box" and depth <= _DEEPEST:
        return _box(node, values, said, depth)
    if kind == "box":
        return _text({"text": "\n".join(_texts_below(node)), "size": "sm", "wrap": True}, values)
    if kind == "text":
        return _text(node, values)
    if kind == "button":
        return _button(node, values)
    if kind == "separator":
        return {"kind": "separator", "ink": _color(node.get("color")) or "#D4D6DA"}
    if kind in ("filler", "spacer"):
        return {"kind": "filler"}
    if kind == "icon":
        return {"kind": "icon"}
    address = str(node.get("url", "")) if kind in ("image", "video") else ""
    text = f"{said['picture']} {address}".strip() if address else str(kind)
    return {"kind": "unknown", "text": breakable(text)}


def _box(node: Mapping[str, Any], values: Values, said: Words, depth: int) -> Node:
    is_row = node.get("layout") in ("horizontal", "baseline")
    spacing = _space(node.get("spacing"))
    contents = node.get("contents")
    inner = []
    for n, each in enumerate(contents if isinstance(contents, list) else []):
        child = _node(each, values, said, depth + 1)
        margin = each.get("margin") if isinstance(each, Mapping) else None
        child["gap"] = (_space(margin) if margin else spacing) if n or margin else 0.0
        child["flex"] = _share(each, is_row=is_row)
        inner.append(child)
    every = _space(node.get("paddingAll"))
    sides = (("top", "Top"), ("bottom", "Bottom"), ("left", "Start"), ("right", "End"))
    return {
        "kind": "row" if is_row else "column",
        "fill": _color(node.get("backgroundColor")),
        "pad": {
            side: _space(node[f"padding{name}"]) if f"padding{name}" in node else every
            for side, name in sides
        },
        "radius": _space(node.get("cornerRadius")),
        "border": _space(node.get("borderWidth"), _BORDERS),
        "border_ink": _color(node.get("borderColor")) or "#000000",
        "is_centred": node.get("alignItems") == "center" or _has_icon(node),
        "inner": inner,
    }


def _has_icon(node: Mapping[str, Any]) -> bool:
    inner = node.get("contents")
    return isinstance(inner, list) and any(_mapping(each).get("type") == "icon" for each in inner)


def _text(node: Mapping[str, Any], values: Values) -> Node:
    spans = node.get("contents")
    if isinstance(spans, list) and spans:
        found = [
            piece
            for each in spans
            if isinstance(each, Mapping)
            for piece in pieces(each.get("text", ""), values, **_style({**node, **each}))
        ]
    else:
        found = pieces(node.get("text", ""), values, **_style(node))
    is_wrapped = node.get("wrap") is True
    if not is_wrapped:
        found = [{**each, "words": " ".join(each["words"].splitlines())} for each in found]
    return {
        "kind": "text",
        "pieces": found,
        "wrap": is_wrapped,
        "align": {"center": "center", "end": "right"}.get(str(node.get("align")), "left"),
    }


def _style(node: Mapping[str, Any]) -> dict[str, Any]:
    size = str(node.get("size", "md"))
    found = _PIXELS.fullmatch(size)
    return {
        "size": min(int(found[1]) * _POINTS, 60.0) if found else _SIZES.get(size, _SIZES["md"]),
        "bold": node.get("weight") == "bold",
        "ink": _color(node.get("color")) or "#111111",
        "line": str(node.get("decoration", "none")),
    }


def _button(node: Mapping[str, Any], values: Values) -> Node:
    action = _mapping(node.get("action"))
    style = str(node.get("style", "link"))
    color = _color(node.get("color"))
    ink = {"primary": "#FFFFFF", "secondary": "#111111"}.get(style, color or "#42659A")
    return {
        "kind": "button",
        "pieces": pieces(
            action.get("label") or action.get("text") or "",
            values, size=9.5, bold=True, ink=ink, line="none",
        ),
        "fill": (color or _BUTTONS[style]) if style in _BUTTONS else "",
    }  # fmt: skip


def _texts_below(node: Any) -> Iterator[str]:
    if isinstance(node, Mapping):
        if isinstance(node.get("text"), str):
            yield node["text"]
        action = _mapping(node.get("action"))
        if isinstance(action.get("label"), str):
            yield action["label"]
        for each in node["contents"] if isinstance(node.get("contents"), list) else []:
            yield from _texts_below(each)


def _share(node: Any, *, is_row: bool) -> float:
    share = node.get("flex") if isinstance(node, Mapping) else None
    if isinstance(share, int | float) and not isinstance(share, bool) and 0 <= share <= 1000:
        return float(share)
    if isinstance(node, Mapping) and node.get("type") == "icon":
        return 0.0
    return 1.0 if is_row else 0.0


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _color(value: Any) -> str:
    return value if isinstance(value, str) and _COLOR.fullmatch(value) else ""


def _space(value: Any, known: Mapping[str, float] = _SPACES) -> float:
    text = str(value)
    if found := _PIXELS.fullmatch(text):
        return min(int(found[1]) * _POINTS, 60.0)
    return known.get(text, 0.0)
