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
    return rendering.drawing_of(template)


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
        drawing = rendering.likeness(drawing, titles or {})
    if drawing.get("type") == "text":
        return format_html(
            '<div class="lp-text-message">{}</div>', flex.text(drawing["text"], values)
        )
    shown = flex.container(drawing["contents"], values)
    return format_html(
        '{}<p class="lp-alt-text">{}</p>', shown, flex.text(drawing.get("altText", ""), values)
    )
