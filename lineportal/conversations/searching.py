"""Find what was said, and who said it, by any words of it, in any language.

Words are compared without regard to case or width (NFKC), anywhere in the text: Thai, Chinese and
Japanese have no spaces to begin a word at. An index of pairs of letters finds them. Trigrams, as
pg_trgm has them, know no words of two letters, and no Thai where the database's locale is C.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from typing import Any

from django.db import connection
from django.db.models import BooleanField, F, Func, Q, QuerySet, Value

from lineportal.conversations.models import ChatMessage, Conversation, Grams
from templates_app import written

WORDS_LIMIT = 10
LETTERS_LIMIT = 100  # of one word


def said(rows: QuerySet[ChatMessage], text: str) -> QuerySet[ChatMessage]:
    """Return the messages in which every word of the text is said; none where there is no word."""
    return _matching(rows, "text", text)


def named(rows: QuerySet[Conversation], text: str) -> QuerySet[Conversation]:
    """Return the conversations with people in whose names every word is."""
    return _matching(rows, "name", text)


def words_of(text: str) -> list[str]:
    """Return the words that are looked for, as a person reads them."""
    clean = "".join(each for each in text if each != "\0" and not "\ud800" <= each <= "\udfff")
    words = unicodedata.normalize("NFKC", clean).split()[:WORDS_LIMIT]
    return [word[:LETTERS_LIMIT] for word in words]


def excerpt(text: str, words: Sequence[str], *, length: int = 160) -> str:
    """Return the part of a text around the first of the words that is plainly in it."""
    folded = text.upper()
    places = [at for word in words if (at := folded.find(word.upper())) >= 0]
    begin = max(min(places, default=0) - length // 3, 0)
    shown = " ".join(text[begin : begin + length].split())
    return f"{'…' if begin else ''}{shown}{'…' if begin + length < len(text) else ''}"


def _matching(rows: QuerySet[Any], field: str, text: str) -> QuerySet[Any]:
    words = _folded(words_of(text))
    if not words:
        return rows.none()
    rows = rows.alias(grams=Grams(F(field)))
    for word in words:
        pattern = Value(f"%{_escaped(word)}%")
        is_in = _Like(written.plain(F(field)), pattern, output_field=BooleanField())
        rows = rows.filter(Q(grams__contains=_grams(word)) & Q(is_in))
    return rows


def _folded(words: list[str]) -> list[str]:
    """Return the words as the database folds them; Python's upper case is not everywhere its."""
    if not words:
        return []
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT upper(normalize(word, NFKC)) FROM unnest(%s::text[]) WITH ORDINALITY"
            " AS given (word, place) ORDER BY place",
            [words],
        )
        return [row[0] for row in cursor.fetchall()]


def _grams(word: str) -> list[str]:
    """Return the pairs of letters that whatever holds the word has."""
    pairs = {word[n : n + 2] for n in range(len(word) - 1)}
    return sorted(pairs) or [word]


class _Like(Func):
    """`text LIKE pattern`, as a condition."""

    template = "(%(expressions)s)"
    arg_joiner = " LIKE "
    conditional = True


def _escaped(word: str) -> str:
    return word.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
