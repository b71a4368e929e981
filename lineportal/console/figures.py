"""An audience's figures for pages: the matrix of consent and friend status, and the rules."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.urls import reverse
from django.utils.functional import Promise

from lineportal.sending import audience
from lineportal.sending.breakdown import Breakdown
from lineportal.sending.statuses import Verdict
from recipients.models import FriendStatus


def shown(figures: Breakdown, **of: Any) -> dict[str, Any]:
    """Return what the templates `matrix.html` and `rules.html` show.

    `of` is the query of the people list that lists everyone counted; each count links further.
    """
    by_verdict, by_rule = figures.by("verdict"), figures.by("rule")
    rows = []
    for consent, row in figures.matrix():
        cells = [
            {
                "friend": friend.label,
                "n": n,
                "sent": sent,
                "url": people_url(**of, consent__exact=consent, friend_status__exact=friend),
            }
            for friend, n, sent in row
        ]
        total = sum(n for _friend, n, _sent in row)
        rows.append((consent.label, cells, total, people_url(**of, consent__exact=consent)))
    return {
        "matrix": rows,
        "matrix_heads": [
            (friend.label, people_url(**of, friend_status__exact=friend)) for friend in FriendStatus
        ],
        "matrix_total": figures.total,
        "verdicts": [(Verdict(code).label, by_verdict.get(code, 0)) for code in Verdict.values],
        "rules": rules({code: n for code, n in by_rule.items() if code}),
        "rules_none": by_rule.get("", 0),
    }


def rules(by_rule: dict[str, int]) -> list[tuple[str, str | Promise, int]]:
    """Return (code, sentence, count) of rules that excluded somebody."""
    return [(code, audience.REASONS.get(code, code), n) for code, n in sorted(by_rule.items())]


def people_url(**query: Any) -> str:
    """Return the address of the people list, filtered."""
    address = reverse("admin:recipients_recipient_changelist")
    return f"{address}?{urlencode(query)}" if query else address


def result_look(result: str) -> str:
    """Return the class of the badge of one rule's result."""
    return {"passed": "lp-good", "refused": "lp-act"}.get(result, "")


def proof(inputs: Any, reading: Any) -> dict[str, Any]:
    """Return what the template `proof.html` shows."""
    return {
        "inputs": inputs,
        "reading": [(each, result_look(each.result)) for each in reading],
    }
