"""How the console shows placeholders: highlighted, everything else escaped."""

from __future__ import annotations

from django import template
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe

from templates_app.content import PLACEHOLDER

register = template.Library()


@register.filter
def marked(text: object) -> SafeString:
    """Return the text escaped, with its placeholders marked."""
    safe = PLACEHOLDER.sub(lambda match: f"<mark>{match.group(1)}</mark>", escape(str(text)))
    return mark_safe(safe)  # noqa: S308 - escaped above
