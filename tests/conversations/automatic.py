"""An account that answers by itself, and what it said."""

from __future__ import annotations

from typing import Any

from lineportal.accounts.models import OfficialAccount
from lineportal.conversations.models import Answering, AnswerRule, CannedAnswer, ChatMessage
from tests.conversations.talk import NOON


def canned(account: OfficialAccount, text: str, **details: Any) -> CannedAnswer:
    """Return a canned answer; its shortcut is made of its text."""
    shortcut = "".join(letter for letter in text.lower() if letter.isascii() and letter.isalnum())
    given = {"shortcut": shortcut[:40] or "a", "title": text[:50], "changed_at": NOON, **details}
    return CannedAnswer.objects.create(account=account, text=text, **given)


def settings(account: OfficialAccount, **details: Any) -> Answering:
    return Answering.objects.create(account=account, **details)


def rule(account: OfficialAccount, *words: str, **details: Any) -> AnswerRule:
    if details.get("act", "answer") == "answer" and "answer" not in details:
        details["answer"] = canned(account, f"About {words[0]}")
    return AnswerRule.objects.create(account=account, words=list(words), **details)


def said(account: OfficialAccount) -> list[tuple[str, str]]:
    """Return (cause, text) of what the machine said, in order."""
    rows = ChatMessage.objects.filter(account=account, speaker="machine").order_by("pk")
    return list(rows.values_list("cause", "text"))
