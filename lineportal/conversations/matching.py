"""Whether a rule's words are what a customer wrote, or stand in it. Pure.

Both are NFKC and case folded. A word of a script with blanks, or of Thai, is found as a word only:
"art" not in "start"; Chinese and Japanese words wherever they stand.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from functools import cached_property

from lineportal.conversations.models import AnswerRule
from templates_app import opting_out, segmenting

READ = 500  # characters of a long message in which words are looked for
_SARA_AM = ("\u0e4d\u0e32", "\u0e33")  # NFKC takes it apart, and no dictionary knows it so


class Heard:
    """What a customer wrote, as it is compared."""

    def __init__(self, text: str) -> None:
        self.whole = folded(text)
        self.read = self.whole[:READ]

    @cached_property
    def edges(self) -> frozenset[int]:
        """Where words begin and end."""
        place, found = 0, {0}
        for word in segmenting.words(self.read):
            place += len(word)
            found.add(place)
        return frozenset(found)


def folded(text: str) -> str:
    """Return a text as it is compared."""
    return opting_out.folded(text).replace(*_SARA_AM)


def first(rules: Iterable[AnswerRule], text: str) -> AnswerRule | None:
    """Return the first rule, in their order, that fits a text."""
    heard = Heard(text)
    return next((rule for rule in rules if fits(rule, heard)), None)


def fits(rule: AnswerRule, heard: Heard) -> bool:
    """Return whether any of a rule's words is the message, or stands in it."""
    words = filter(None, map(folded, rule.words))
    if rule.match == AnswerRule.Match.WHOLE:
        return heard.whole in words
    return any(_is_within(word, heard) for word in words)


def _is_within(word: str, heard: Heard) -> bool:
    start = heard.read.find(word)
    while start >= 0:
        if _is_edge(heard, start) and _is_edge(heard, start + len(word)):
            return True
        start = heard.read.find(word, start + 1)
    return False


def _is_edge(heard: Heard, place: int) -> bool:
    if place in (0, len(heard.read)):
        return True
    before, after = heard.read[place - 1], heard.read[place]
    if _is_thai(before) and _is_thai(after):
        return place in heard.edges
    if unicodedata.category(after).startswith("M"):  # belongs to the letter before it
        return False
    return not (_is_spaced(before) and _is_spaced(after))


def _is_thai(letter: str) -> bool:
    return "\u0e00" <= letter <= "\u0e7f"


def _is_spaced(letter: str) -> bool:
    """Return whether a letter or digit is of a script that has blanks between words."""
    return letter.isalnum() and unicodedata.east_asian_width(letter) != "W" and not _is_thai(letter)
