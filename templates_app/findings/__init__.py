"""What a reviewer should look at in a template, before LINE does: rules as data.

A finding never changes a template. `severity` is "warning" or "note"; blocking findings and the
wording rules belong to the review desk.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from templates_app import content as contents

_PHONE_OR_EMAIL = re.compile(r"\+?\d(?:[ -]?\d){8,14}|[^\s@{}]+@[^\s@{}]+\.[a-z]{2,}", re.I)


@dataclass(frozen=True, slots=True)
class Rule:
    code: str
    severity: str
    sentence: Promise
    source: str  # where the rule comes from
    places: Callable[[Mapping[str, Any]], list[str]]  # where in the content it applies


def _title_placeholder(content: Mapping[str, Any]) -> list[str]:
    return ["title"] if contents.placeholders(content.get("title", "")) else []


def _nothing_personal(content: Mapping[str, Any]) -> list[str]:
    shown = [content.get("items") or [], content.get("emphasis") or {}]
    return [] if contents.placeholders(shown) else ["items"]


def _no_way_to_ask(content: Mapping[str, Any]) -> list[str]:
    if content.get("buttons") or _PHONE_OR_EMAIL.search(content.get("explanation", "")):
        return []
    return ["buttons"]


LON_RULES = (
    Rule(
        "placeholder_in_title",
        "warning",
        _("The title is fixed after approval; a placeholder in it is usually turned down."),
        "Infobip, LINE message types",
        _title_placeholder,
    ),
    Rule(
        "nothing_personal",
        "warning",
        _("No item shows the person's own transaction; a notification must concern the reader."),
        "LINE for Business Thailand, LINE Official Notification",
        _nothing_personal,
    ),
    Rule(
        "no_contact",
        "note",
        _("Without a button the message must say how to reach customer service."),
        "Taiwan partners' usage rules for LINE notification messages",
        _no_way_to_ask,
    ),
)


def find(
    content: Mapping[str, Any],
    *,
    service: str,
    category: str = "transactional",
    language: str = "",
    samples: Sequence[Mapping[str, str]] = (),
) -> list[dict[str, str]]:
    """Return the findings, each as `{code, severity, sentence, source, place, excerpt, digest}`."""
    if service != "lon":
        return []
    return [
        {
            "code": rule.code,
            "severity": rule.severity,
            "sentence": str(rule.sentence),
            "source": rule.source,
            "place": place,
            "excerpt": "",
            "digest": hashlib.sha256(f"{rule.code} {place}".encode()).hexdigest(),
        }
        for rule in LON_RULES
        for place in rule.places(content)
    ]
