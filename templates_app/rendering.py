"""Draw a template's content as LINE's message object, and fill its placeholders. Pure.

`draw` runs once, at submit; its result is frozen with the template, and `fill` is all that
happens to it afterwards, so the approved drawing and the wire are the same apart from values.
The bubble's build follows the LON bubbles in use in Thailand: green header, title, label and
value rows, separator and emphasis, URI buttons, and a grey footer.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from django.utils.translation import gettext as _

from templates_app import content as contents
from templates_app import way_out
from templates_app.content import PLACEHOLDER, URL_FIELDS

if TYPE_CHECKING:
    from templates_app.models import MessageTemplate

LINE_GREEN = "#06C755"
LABEL_GREY = "#AAAAAA"
FOOTER_GREY = "#EEEEEE"

_encode = json.JSONEncoder(ensure_ascii=False).encode  # `dumps` would make an encoder each time


class MissingValues(Exception):
    """A placeholder has no value; `names` lists them."""

    def __init__(self, names: list[str]) -> None:
        super().__init__(_("Give a value for: %(names)s.") % {"names": ", ".join(names)})
        self.names = names


def canonical(value: Any) -> bytes:
    """Return the one JSON text (UTF-8, sorted keys, no spaces) that a value is hashed by."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def digest(value: Any) -> str:
    """Return the SHA-256 (hex) of a value's canonical JSON."""
    return hashlib.sha256(canonical(value)).hexdigest()


def content_hash(
    *,
    content: Any,
    bubble: Any,
    service: str,
    purpose: str,
    category: str,
    language: str,
) -> str:
    """Return the SHA-256 (hex) of everything that is decided on."""
    return digest(
        {
            "content": content,
            "bubble": bubble,
            "service": service,
            "purpose": purpose,
            "category": category,
            "language": language,
        }
    )


def draw(
    content: Mapping[str, Any], *, service: str, category: str = "", language: str = ""
) -> dict[str, Any]:
    """Return the message object of valid content, placeholders still in it.

    A LINE message object, or for catalogue content `{"templateKey", "body"}`. Marketing to friends
    gets its way out, in the language of the template.
    """
    drawing = _drawn(content, service=service)
    if way_out.is_due(service=service, category=category):
        return contents.with_way_out(drawing, language)
    return drawing


def drawing_of(template: MessageTemplate) -> dict[str, Any]:
    """Return the frozen drawing of a version, or a draft's as it would be drawn now."""
    return template.bubble or draw(
        template.content,
        service=template.service,
        category=template.category,
        language=template.language,
    )


def _drawn(content: Mapping[str, Any], *, service: str) -> dict[str, Any]:
    form = contents.kind(content, service=service)
    if form == "text":
        return {"type": "text", "text": content["text"]}
    if form == "flex":
        return {
            "type": "flex",
            "altText": content["alt_text"],
            "contents": content["flex"],
        }
    if form == "catalogue":
        return _catalogue(content)
    if form == "picture":
        return {"type": "flex", "altText": content["alt_text"], "contents": _picture(content)}
    return {
        "type": "flex",
        "altText": content.get("alt_text") or content["title"],
        "contents": _bubble(content),
    }


def likeness(drawing: Mapping[str, Any], titles: Mapping[tuple[str, str], str]) -> dict[str, Any]:
    """Return a bubble like the one that LINE makes of its own keys; only LINE has the real one.

    `drawing` is that of catalogue content; `titles` are what readers see, by (kind, key).
    """

    def title(kind: str, key: str) -> str:
        return titles.get((kind, key), key)

    def pair(item: Mapping[str, str]) -> dict[str, str]:
        return {"label": title("item", item["itemKey"]), "value": item["content"]}

    body = drawing["body"]
    content: dict[str, Any] = {
        "title": title("template", drawing["templateKey"]),
        "items": [pair(item) for item in body.get("items", [])],
        "buttons": [
            {"label": title("button", button["buttonKey"]), "url": button["url"]}
            for button in body.get("buttons", [])
        ],
    }
    if emphasis := body.get("emphasizedItem"):
        content["emphasis"] = pair(emphasis)
    return draw(content, service="lon")


class Stencil:
    """A drawing taken apart once, so that filling it costs little: JSON text between the holes."""

    def __init__(self, drawing: Any) -> None:
        self.names = contents.placeholders(drawing)
        self._texts = [""]  # one more than holes
        self._holes: list[tuple[str, bool]] = []  # (placeholder, is it in an address)
        self._take(drawing, is_url=False)

    def fill(self, values: Mapping[str, str]) -> str:
        """Return the drawing as JSON text, every placeholder replaced once; raises MissingValues.

        In addresses a value is percent-encoded, so it cannot change where a button leads.
        """
        if missing := [name for name in self.names if not _is_given(values.get(name))]:
            raise MissingValues(missing)
        parts = [self._texts[0]]
        for (name, is_url), text in zip(self._holes, self._texts[1:], strict=True):
            value = str(values[name])
            parts += (quote(value, safe="") if is_url else _quoted(value), text)
        return "".join(parts)

    def _take(self, node: Any, *, is_url: bool) -> None:
        if isinstance(node, Mapping):
            before = "{"
            for key, inner in node.items():
                self._texts[-1] += f"{before}{_encode(key)}:"
                self._take(inner, is_url=key in URL_FIELDS)
                before = ","
            self._texts[-1] += "}" if node else "{}"
        elif isinstance(node, list):
            before = "["
            for inner in node:
                self._texts[-1] += before
                self._take(inner, is_url=is_url)
                before = ","
            self._texts[-1] += "]" if node else "[]"
        elif isinstance(node, str):
            # Splitting on a pattern with a group gives text, name, text, ..., text.
            first, *rest = PLACEHOLDER.split(node)
            self._texts[-1] += f'"{_quoted(first)}'
            for name, text in zip(rest[::2], rest[1::2], strict=True):
                self._holes.append((name, is_url))
                self._texts.append(_quoted(text))
            self._texts[-1] += '"'
        else:
            self._texts[-1] += _encode(node)


def fill(drawing: Any, values: Mapping[str, str]) -> Any:
    """Return the drawing with every placeholder replaced, once; raises MissingValues."""
    return json.loads(Stencil(drawing).fill(values))


def fill_text(text: str, values: Mapping[str, str], *, is_url: bool) -> str:
    """Return one text with its placeholders replaced; percent-encoded in an address."""
    return PLACEHOLDER.sub(
        lambda match: (
            quote(str(values[match.group(1)]), safe="") if is_url else str(values[match.group(1)])
        ),
        text,
    )


def _is_given(value: Any) -> bool:
    return value is not None and bool(str(value).strip())


def _quoted(text: str) -> str:
    """Return text as it stands between the quotes of a JSON string."""
    return _encode(text)[1:-1]


def _catalogue(content: Mapping[str, Any]) -> dict[str, Any]:
    body: dict[str, Any] = {}
    if emphasis := content.get("emphasis"):
        body["emphasizedItem"] = {
            "itemKey": emphasis["item_key"],
            "content": emphasis["value"],
        }
    if items := content.get("items"):
        body["items"] = [{"itemKey": item["item_key"], "content": item["value"]} for item in items]
    if buttons := content.get("buttons"):
        body["buttons"] = [
            {"buttonKey": button["button_key"], "url": button["url"]} for button in buttons
        ]
    return {"templateKey": content["template_key"], "body": body}


def _bubble(content: Mapping[str, Any]) -> dict[str, Any]:
    rows: list[dict[str, Any]] = []
    if company := content.get("company"):
        rows.append({"type": "text", "text": company, "size": "sm", "color": LABEL_GREY})
    title = {
        "type": "text",
        "text": content["title"],
        "weight": "bold",
        "size": "xl",
        "wrap": True,
    }
    if icon := content.get("icon"):
        rows.append({"type": "text", "text": icon, "align": "center", "size": "xxl"})
        title["align"] = "center"
    rows.append(title)
    if greeting := content.get("greeting"):
        rows.append(_paragraph(greeting))
    if emphasis := content.get("emphasis"):
        rows += [
            {"type": "separator", "margin": "lg"},
            {"type": "text", "text": emphasis["label"], "size": "sm", "color": LABEL_GREY,
             "margin": "lg", "align": "center"},
            {"type": "text", "text": emphasis["value"], "size": "xl", "weight": "bold",
             "align": "center", "wrap": True},
            {"type": "separator", "margin": "lg"},
        ]  # fmt: skip
    if items := content.get("items"):
        rows.append(
            {
                "type": "box",
                "layout": "vertical",
                "margin": "lg",
                "spacing": "sm",
                "contents": [_item(item) for item in items],
            }
        )
    if explanation := content.get("explanation"):
        rows.append(_paragraph(explanation))
    if buttons := content.get("buttons"):
        rows.append(
            {
                "type": "box",
                "layout": "vertical",
                "margin": "lg",
                "spacing": "sm",
                "contents": [_button(button) for button in buttons],
            }
        )
    return {
        "type": "bubble",
        "header": {
            "type": "box",
            "layout": "horizontal",
            "backgroundColor": LINE_GREEN,
            "contents": [
                {"type": "text", "text": "OFFICIAL NOTIFICATION", "color": "#FFFFFF",
                 "weight": "bold", "size": "xxs", "flex": 1},
                {"type": "text", "text": "powered by LINE", "color": "#FFFFFF", "size": "xxs",
                 "align": "end", "gravity": "center", "flex": 0},
            ],
        },
        "body": {"type": "box", "layout": "vertical", "contents": rows},
        "footer": {
            "type": "box",
            "layout": "vertical",
            "backgroundColor": FOOTER_GREY,
            "contents": [
                {"type": "text", "text": "LINE Official Notification", "size": "xxs",
                 "color": "#777777", "align": "center", "wrap": True},
            ],
        },
    }  # fmt: skip


def _picture(content: Mapping[str, Any]) -> dict[str, Any]:
    """Return a picture above its words and buttons; a tap on it opens the first button's address.

    LINE's own image message has no room for words, buttons or a way out.
    """
    image = content["image"]
    hero = {
        "type": "image",
        "url": image["url"],
        "size": "full",
        "aspectRatio": contents.PICTURE_SHAPES[image.get("shape", "")],
        "aspectMode": "cover",
    }
    drawn: dict[str, Any] = {"type": "bubble", "hero": hero}
    if caption := content.get("caption"):
        words = {"type": "text", "text": caption, "wrap": True}
        drawn["body"] = {"type": "box", "layout": "vertical", "contents": [words]}
    if buttons := [_button(button) for button in content.get("buttons") or []]:
        hero["action"] = buttons[0]["action"]
        drawn["footer"] = {
            "type": "box",
            "layout": "vertical",
            "spacing": "sm",
            "contents": buttons,
        }
    return drawn


def _paragraph(text: str) -> dict[str, Any]:
    return {"type": "text", "text": text, "wrap": True, "size": "sm", "margin": "md"}


def _item(item: Mapping[str, str]) -> dict[str, Any]:
    return {
        "type": "box",
        "layout": "baseline",
        "contents": [
            {"type": "text", "text": item["label"], "color": LABEL_GREY, "size": "sm", "flex": 4,
             "wrap": True},
            {"type": "text", "text": item["value"], "size": "sm", "flex": 5, "wrap": True},
        ],
    }  # fmt: skip


def _button(button: Mapping[str, str]) -> dict[str, Any]:
    return {
        "type": "button",
        "style": "primary",
        "color": LINE_GREEN,
        "height": "sm",
        "action": {"type": "uri", "label": button["label"], "uri": button["url"]},
    }
