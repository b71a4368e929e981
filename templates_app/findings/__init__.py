"""What a reviewer should look at in a template, before LINE does: rules as data. Pure.

A finding never changes a template. A `blocking` one bars submit unless it is waived; its `digest`
ties a waiver to the words it was made for. All rules, with examples: docs/findings.md.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from templates_app.findings import places
from templates_app.findings.looks import Hit
from templates_app.findings.rules import RULES, SEVERITIES, Rule
from templates_app.rendering import canonical

__all__ = ["RULES", "SEVERITIES", "Rule", "find"]

_EXCERPT_LIMIT = 60


def find(
    content: Any,
    *,
    service: str,
    category: str = "transactional",
    language: str = "",
    samples: Sequence[Mapping[str, Any]] = (),
) -> list[dict[str, str]]:
    """Return the findings, blocking first, then in reading order.

    Each is `{code, severity, sentence, source, place, excerpt, digest}`: the sentence in the
    active language, `excerpt` the words that matched, `digest` the SHA-256 (hex) of code, place
    and the whole text there. `samples` are dicts of placeholder values. The content may be half
    written: what cannot be read is passed over.
    """
    page = places.take_apart(content, service=service, category=category, language=language)
    order = page.order()
    found = [
        (SEVERITIES.index(severity), order.get(hit.place, len(order)), at, hit.place, rule, hit)
        for at, rule in enumerate(RULES)
        if (severity := rule.severity(page))
        for hit in rule.look(page, list(samples))
    ]
    found.sort(key=lambda each: each[:4])
    made = [_finding(rule, hit, SEVERITIES[rank]) for rank, _, _, _, rule, hit in found]
    # A rule that bites twice in one text is one thing to mend, and one waiver.
    return list({finding["digest"]: finding for finding in reversed(made)}.values())[::-1]


def _finding(rule: Rule, hit: Hit, severity: str) -> dict[str, str]:
    excerpt = hit.excerpt.strip()
    if len(excerpt) > _EXCERPT_LIMIT:
        excerpt = excerpt[: _EXCERPT_LIMIT - 1] + "…"
    sentence = rule.two_way_sentence if severity != "blocking" and hit.is_two_way else rule.sentence
    whole = canonical([rule.code, hit.place, hit.whole])
    return {
        "code": rule.code,
        "severity": severity,
        "sentence": str(sentence or rule.sentence) % {"excerpt": excerpt, **hit.figures},
        "source": rule.source,
        "place": hit.place,
        "excerpt": excerpt,
        "digest": hashlib.sha256(whole).hexdigest(),
    }
