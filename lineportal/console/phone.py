"""A message as the reader's phone shows it, from the very drawing that goes out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.html import format_html
from django.utils.safestring import SafeString

from lineportal.console import flex
from templates_app import rendering
from templates_app.models import MessageTemplate

Titles = Mapping[tuple[str, str], str]


def drawing_of(template: MessageTemplate) -> dict[str, Any]:
    """Return the frozen drawing of a version, or a draft's as it would be drawn now."""
    return template.bubble or rendering.draw(template.content, service=template.service)


def screen(
    drawing: Mapping[str, Any],
    *,
    values: Mapping[str, str] | None = None,
    titles: Titles | None = None,
) -> SafeString:
    """Return a drawing as HTML; placeholders without a value stay marked.

    `drawing` is what `rendering.draw` makes; `titles` are what readers see for the keys of LINE's
    catalogue, by (kind, key).
    """
    values = values or {}
    if "templateKey" in drawing:
        drawing = _likeness(drawing, titles or {})
    if drawing.get("type") == "text":
        return format_html(
            '<div class="lp-text-message">{}</div>', flex.text(drawing["text"], values)
        )
    shown = flex.container(drawing["contents"], values)
    return format_html(
        '{}<p class="lp-alt-text">{}</p>', shown, flex.text(drawing.get("altText", ""), values)
    )


def _likeness(drawing: Mapping[str, Any], titles: Titles) -> dict[str, Any]:
    """Return a bubble like the one that LINE makes of its own keys; only LINE has the real one."""

    def title(kind: str, key: str) -> str:
        return titles.get((kind, key), key)

    body = drawing.get("body", {})
    content: dict[str, Any] = {"title": title("template", drawing["templateKey"])}
    if emphasis := body.get("emphasizedItem"):
        content["emphasis"] = _pair(emphasis, title)
    content["items"] = [_pair(item, title) for item in body.get("items", [])]
    content["buttons"] = [
        {"label": title("button", button["buttonKey"]), "url": button["url"]}
        for button in body.get("buttons", [])
    ]
    return rendering.draw(content, service="lon")


def _pair(item: Mapping[str, Any], title: Any) -> dict[str, str]:
    return {"label": title("item", item["itemKey"]), "value": item["content"]}
