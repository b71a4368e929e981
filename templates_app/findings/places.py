"""Takes a template's content apart into texts, addresses and pictures, each with its place.

Content may be a half-written draft of any shape: what is no text is passed over, nothing raises.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from templates_app.content import PLACEHOLDER, URL_FIELDS

_PICTURES = {"image", "video", "icon"}  # LINE, Flex Message: components that show no text
_ROWS = {"baseline", "horizontal"}  # layouts in which two texts stand as label and value
_BUBBLE_PARTS = ("title", "company", "icon", "greeting")


@dataclass(frozen=True, slots=True)
class Text:
    """One text as the reader sees it; `label` is what stands before it in its row."""

    place: str
    text: str
    role: str  # "title", "company", "prose", "label", "value" or "button"
    label: str = ""


@dataclass(slots=True)
class Page:
    """A content taken apart; lists are in reading order."""

    content: Any
    service: str
    category: str
    language: str
    texts: list[Text] = field(default_factory=list)
    addresses: list[tuple[str, str]] = field(default_factory=list)  # (place, address)
    pictures: list[tuple[str, str]] = field(default_factory=list)  # (place, address)
    has_button: bool = False
    is_flex: bool = False
    is_catalogue: bool = False

    def add(self, place: str, text: Any, role: str, *, label: str = "") -> None:
        if isinstance(text, str) and text.strip():
            self.texts.append(Text(place, text, role, label))

    def add_address(self, place: str, address: Any) -> None:
        if isinstance(address, str) and address.strip():
            self.addresses.append((place, address.strip()))

    def order(self) -> dict[str, int]:
        """Return each place's position in reading order."""
        places = [text.place for text in self.texts]
        places += [place for place, _ in (*self.addresses, *self.pictures)]
        return {place: at for at, place in reversed(list(enumerate(places)))}


def take_apart(content: Any, *, service: str, category: str, language: str) -> Page:
    """Return the page of a content of any kind, valid or not."""
    page = Page(content, service, category, language)
    if not isinstance(content, Mapping):
        return page
    page.is_flex = "flex" in content
    page.is_catalogue = not page.is_flex and "template_key" in content
    if page.is_flex:
        _walk(content["flex"], "flex", page)
    elif service == "oa":
        page.add("text", content.get("text"), "prose")
        _picture(content, page)
    else:
        _bubble(content, page)
    page.add("alt_text", content.get("alt_text"), "prose")
    return page


def placeholders(page: Page) -> dict[str, str]:
    """Return the placeholders of a page, each with the place where it first stands."""
    found: dict[str, str] = {}
    for place, text in [(each.place, each.text) for each in page.texts] + page.addresses:
        for match in PLACEHOLDER.finditer(text):
            found.setdefault(match.group(1), place)
    return found


def _bubble(content: Mapping[str, Any], page: Page) -> None:
    for name in _BUBBLE_PARTS:
        role = name if name in ("title", "company") else "prose"
        page.add(name, content.get(name), role)
    if isinstance(emphasis := content.get("emphasis"), Mapping):
        _pair(emphasis, "emphasis", page)
    for at, item in enumerate(_list(content.get("items"))):
        if isinstance(item, Mapping):
            _pair(item, f"items[{at}]", page)
    page.add("explanation", content.get("explanation"), "prose")
    _buttons(content, page)


def _picture(content: Mapping[str, Any], page: Page) -> None:
    if isinstance(image := content.get("image"), Mapping) and isinstance(image.get("url"), str):
        page.pictures.append(("image.url", image["url"]))
    page.add("caption", content.get("caption"), "prose")
    _buttons(content, page)


def _buttons(content: Mapping[str, Any], page: Page) -> None:
    for at, button in enumerate(_list(content.get("buttons"))):
        page.has_button = True
        if isinstance(button, Mapping):
            page.add(f"buttons[{at}].label", button.get("label"), "button")
            page.add_address(f"buttons[{at}].url", button.get("url"))


def _pair(pair: Mapping[str, Any], place: str, page: Page) -> None:
    label, value = pair.get("label"), pair.get("value")
    page.add(f"{place}.label", label, "label")
    page.add(f"{place}.value", value, "value", label=label if isinstance(label, str) else "")


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _walk(node: Any, place: str, page: Page) -> None:
    """Add all that a Flex container or component shows, opens or draws."""
    if isinstance(node, list):
        for at, inner in enumerate(node):
            _walk(inner, f"{place}[{at}]", page)
        return
    if not isinstance(node, Mapping):
        return
    kind = node.get("type")
    if kind in ("text", "span"):
        page.add(f"{place}.text", node.get("text"), "prose")
    if kind in _PICTURES:
        page.pictures.append((place, node["url"] if isinstance(node.get("url"), str) else ""))
    elif isinstance(background := node.get("backgroundUrl"), str):
        page.pictures.append((place, background))
    if isinstance(action := node.get("action"), Mapping):
        page.has_button = page.has_button or action.get("type") == "uri"
        _act(action, f"{place}.action", page)
    if kind == "box" and (row := _as_row(node)):
        label, value = row
        page.add(f"{place}.contents[0].text", label, "label")
        page.add(f"{place}.contents[1].text", value, "value", label=label)
        return
    for name in ("header", "hero", "body", "contents", "footer"):
        if name in node:
            _walk(node[name], f"{place}.{name}", page)


def _act(action: Mapping[str, Any], place: str, page: Page) -> None:
    page.add(f"{place}.label", action.get("label"), "button")
    for name, address in _addresses(action):
        page.add_address(f"{place}.{name}", address)


def _addresses(node: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, inner in node.items():
        if name in URL_FIELDS:
            yield str(name), inner
        elif isinstance(inner, Mapping):
            for below, address in _addresses(inner):
                yield f"{name}.{below}", address


def _as_row(box: Mapping[str, Any]) -> tuple[str, str] | None:
    """Return the two texts of a box that is a row of label and value."""
    parts = box.get("contents")
    if box.get("layout") not in _ROWS or not isinstance(parts, list) or len(parts) != 2:
        return None
    texts = [
        part.get("text")
        for part in parts
        if isinstance(part, Mapping) and part.get("type") == "text" and "action" not in part
    ]
    if len(texts) == 2 and isinstance(texts[0], str) and isinstance(texts[1], str):
        return texts[0], texts[1]
    return None
