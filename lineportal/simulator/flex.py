"""Flex containers as HTML, by the sizes and rules of LINE's reference; nothing is fetched.

https://developers.line.biz/en/docs/messaging-api/flex-message-layout/
Only values that LINE knows reach a style. Pictures are boxes with their names, and so is what
this drawing does not know, so that no part of a message goes missing without a word.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from lineportal.simulator import styles
from lineportal.simulator.markup import Html, joined, tag
from lineportal.simulator.styles import Style
from lineportal.simulator.taps import Taps, host_of

Node = Mapping[str, Any]

_BLOCKS = ("header", "hero", "body", "footer")
_PADDING = {"header": "20px", "hero": "0", "body": "20px", "footer": "10px"}
_BUBBLES = frozenset({"nano", "micro", "deca", "hecto", "kilo", "mega", "giga"})
_DEEPEST = 20
# A message of two megabytes can hold this many components many times over; a page should not.
_MOST_PARTS = 1_000


def container(value: Any, taps: Taps) -> Html:
    """Return a bubble, or a carousel of them."""
    drawing = _Drawing(taps)
    if isinstance(value, Mapping) and value.get("type") == "carousel":
        bubbles = [drawing.bubble(each) for each in nodes(value.get("contents"))]
        return tag("div", *bubbles, class_="carousel", tabindex=0, role="group")
    return drawing.bubble(value if isinstance(value, Mapping) else {})


def nodes(value: Any) -> Iterator[Node]:
    """Give the JSON objects of a list, nothing where it is none."""
    if isinstance(value, list):
        yield from (each for each in value if isinstance(each, Mapping))


class _Drawing:
    """Draws one message, and counts its parts."""

    def __init__(self, taps: Taps) -> None:
        self._taps = taps
        self._parts = 0

    def bubble(self, bubble: Node) -> Html:
        size = bubble.get("size")
        name = size if isinstance(size, str) and size in _BUBBLES else "mega"
        found = bubble.get("styles")
        looks: Node = found if isinstance(found, Mapping) else {}
        before = self._taps.count
        drawn = [self._block(bubble, name, looks) for name in _BLOCKS]
        direction = "rtl" if bubble.get("direction") == "rtl" else None
        inner = tag("div", *drawn, class_="bubble-inside", dir=direction)
        return self._tapped(bubble, inner, before, f"bubble bubble-{name}", Style())

    def _block(self, bubble: Node, name: str, looks: Node) -> Html | None:
        block, found = bubble.get(name), looks.get(name)
        if not isinstance(block, Mapping):
            return None
        look: Node = found if isinstance(found, Mapping) else {}
        style = Style().put("background-color", styles.color(look.get("backgroundColor")))
        if look.get("separator") is True:
            line = styles.color(look.get("separatorColor")) or styles.SEPARATOR
            style.put("border-top", f"1px solid {line}")
        own = Style()
        if block.get("type") == "box" and not any(key.startswith("padding") for key in block):
            own.put("padding", _PADDING[name])
        return tag("div", self._part(block, own, 0), class_=f"block-{name}", style=str(style))

    def _part(self, node: Node, style: Style, depth: int) -> Html:
        self._parts += 1
        if self._parts > _MOST_PARTS or depth > _DEEPEST:
            return tag("div", "…", class_="named")
        match node.get("type"):
            case "box":
                return self._box(node, style, depth)
            case "text":
                return self._text(node, style)
            case "button":
                return self._button(node, style)
            case "separator":
                line = styles.color(node.get("color")) or styles.SEPARATOR
                return tag("div", class_="rule", style=str(style.put("background-color", line)))
            case "icon":
                style.put("font-size", styles.text_size(node.get("size")) or "16px")
                return tag("span", class_="icon", style=str(style), title=_named("icon", node))
            case "image" | "video":
                return self._picture(node, style)
            case "filler" | "spacer":
                return tag("div", style=str(style))
            case kind:
                return tag("div", str(kind)[:50], class_="named", style=str(style))

    def _box(self, node: Node, style: Style, depth: int) -> Html:
        layout = node.get("layout")
        is_row = layout in ("horizontal", "baseline")
        style.put("flex-direction", "row" if is_row else "column")
        if layout == "baseline":
            style.put("align-items", "baseline")
        styles.of_box(node, style)
        gap = styles.space(node.get("spacing"))
        before = self._taps.count
        inner = []
        for number, child in enumerate(nodes(node.get("contents"))):
            own = styles.in_box(child, is_row=is_row, gap=gap if number else None)
            inner.append(self._part(child, own, depth + 1))
        return self._tapped(node, joined(inner), before, "box", style)

    def _text(self, node: Node, style: Style) -> Html:
        styles.of_words(node, style)
        style.put("text-align", styles.align(node.get("align")))
        lines = node.get("maxLines")
        if node.get("wrap") is not True:
            kind = "text one-line"
        elif isinstance(lines, int) and 0 < lines <= 100:
            kind = "text some-lines"
            style.put("-webkit-line-clamp", str(lines))
        else:
            kind = "text"
        if between := styles.space(node.get("lineSpacing")):
            style.put("line-height", f"calc(1.4em + {between})")
        spans = []
        for span in nodes(node.get("contents")):
            self._parts += 1
            if self._parts > _MOST_PARTS:
                break
            own = styles.of_words(span, Style())
            spans.append(tag("span", str(span.get("text", "")), style=str(own)))
        inner = joined(spans) if spans else str(node.get("text", ""))
        return self._tapped(node, tag("bdi", inner), self._taps.count, kind, style)

    def _button(self, node: Node, style: Style) -> Html:
        kind = node.get("style")
        color = styles.color(node.get("color"))
        if kind == "primary":
            style.put("background-color", color or "#17c950").put("color", "#ffffff")
        elif kind == "secondary":
            style.put("background-color", color or "#dcdfe5").put("color", "#111111")
        else:
            style.put("color", color or "#42659a")
        found = node.get("action")
        action: Node = found if isinstance(found, Mapping) else {}
        label = action.get("label") or action.get("text") or action.get("uri") or "?"
        size = "button small" if node.get("height") == "sm" else "button"
        inner = tag("bdi", str(label))
        return self._tapped(node, inner, self._taps.count, size, style)

    def _picture(self, node: Node, style: Style) -> Html:
        kind = str(node["type"])
        if kind == "image":
            style.put("width", styles.image_width(node.get("size")))
            style.put("margin-inline", styles.centred(node.get("align")))
        style.put("aspect-ratio", styles.ratio(node.get("aspectRatio")))
        style.put("background-color", styles.color(node.get("backgroundColor")))
        words = _named(kind, node)
        if kind == "image" and styles.is_small(node.get("size")):
            inner, look = tag("span", title=words, role="img", aria_label=words), "named small"
        else:
            inner, look = tag("bdi", words), "named picture"
        return self._tapped(node, inner, self._taps.count, look, style)

    def _tapped(self, node: Node, inner: Html | str, before: int, kind: str, style: Style) -> Html:
        """Return the part; what holds something to tap is not itself tapped."""
        action = node.get("action")
        if isinstance(action, Mapping) and self._taps.count == before:
            return self._taps.wrapped(action, inner, kind, str(style))
        return tag("div", inner, class_=kind, style=str(style))


def _named(kind: str, node: Node) -> str:
    return f"{kind} · {host_of(node.get('url')) or 'no address'}"
