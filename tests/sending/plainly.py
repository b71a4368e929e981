"""The rules as the contract's tables say them, in plain Python, apart from our SQL."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import quote


@dataclass(frozen=True)
class Person:
    consent: str = "agreed"  # agreed, not_set, rejected
    friend_status: str = "friend"  # friend, not_friend, blocked
    country: str = "TH"  # of the phone; "" is no phone
    has_line_user_id: bool = True
    is_erased: bool = False
    # (lifted, until) of each suppression of the number
    suppressions: tuple[tuple[bool, datetime | None], ...] = ()
    # (ended, purpose) of each opt-out from marketing
    opt_outs: tuple[tuple[bool, str], ...] = ()
    attributes: dict[str, str] = field(default_factory=dict, hash=False)


@dataclass(frozen=True)
class Text:
    """A text of a template with its limit in UTF-16 units; an address counts percent-encoded."""

    text: str
    limit: int
    is_url: bool = False


def rule_of(
    person: Person, *, service: str, category: str, purpose: str, at: datetime,
    texts: tuple[Text, ...] = (),
) -> str:  # fmt: skip
    """Return the first rule that excludes, "" where none does."""
    if person.is_erased:
        return "erased"
    if person.country and any(
        not lifted and (until is None or until > at) for lifted, until in person.suppressions
    ):
        return "suppressed"
    if service == "lon":
        if not person.country:
            return "no_phone"
        if person.country not in ("JP", "TH", "TW"):
            return "country_not_served"
    elif not person.has_line_user_id:
        return "no_line_user_id"
    if person.friend_status == "blocked":
        return "blocked"
    if service == "lon" and person.consent == "rejected":
        return "consent_rejected"
    if service == "oa" and person.friend_status != "friend":
        return "not_friend"
    if category == "marketing" and any(
        not ended and (not barred or barred.lower() == purpose.lower())
        for ended, barred in person.opt_outs
    ):
        return "opted_out"
    return _about_values(person.attributes, texts)


def verdict_of(person: Person, rule: str, *, service: str) -> str:
    """Return the table's verdict for who is not excluded, `excluded` for who is."""
    if rule:
        return "excluded"
    if service == "oa":
        return "send"
    return {"agreed": "send", "not_set": "send_pending_consent"}[person.consent]


def _about_values(attributes: dict[str, str], texts: tuple[Text, ...]) -> str:
    values = {name: value.strip() for name, value in attributes.items()}
    is_too_long = False
    for each in texts:
        for name in re.findall(r"{{(\w+)}}", each.text):
            if not values.get(name):
                return "missing_values"
    for each in texts:
        filled = re.sub(
            r"{{(\w+)}}",
            lambda found, each=each: (
                quote(values[found[1]], safe="~") if each.is_url else values[found[1]]
            ),
            each.text,
        )
        is_too_long |= len(filled.encode("utf-16-le")) // 2 > each.limit
    return "value_too_long" if is_too_long else ""
