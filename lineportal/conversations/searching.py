"""Find what was said, and who said it, by any words of it, in any language.

Words are compared without regard to case or width (NFKC), anywhere in the text: Thai, Chinese and
Japanese have no spaces to begin a word at. An index of pairs of letters finds them. Trigrams, as
pg_trgm has them, know no words of two letters, and no Thai where the database's locale is C.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection
from django.db.models import BooleanField, F, Func, Q, QuerySet, Value

from lineportal.conversations.models import ChatMessage, Conversation, Grams
from templates_app import written

WORDS_LIMIT = 10
LETTERS_LIMIT = 100  # of one word
NEWEST = 2_500  # ids that are read without the index: common words are among them
GROWTH = 10  # of the stretches before them, each so many times the next newer one
# Rows that have the pairs of letters, and maybe not the words; read to the end they take seconds.
CANDIDATES_LIMIT = 20_000


@dataclass(frozen=True, slots=True)
class Found:
    """The newest rows in which every word of a text is, as ids, newest first."""

    ids: list[int]
    is_cut: bool = False  # the search ended before the oldest row, with less than was asked for


def said(rows: QuerySet[ChatMessage], text: str, *, limit: int) -> Found:
    """Find the newest messages in which every word of the text is said."""
    # What is emptied says nothing; and the index of an account's words is entered by this.
    return _newest(rows.filter(emptied_at=None), "text", text, limit=limit)


def named(rows: QuerySet[Conversation], text: str, *, limit: int) -> Found:
    """Find the newest made conversations with people in whose names every word is."""
    return _newest(rows, "name", text, limit=limit)


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


def _newest(rows: QuerySet[Any], field: str, text: str, *, limit: int) -> Found:
    """Read the newest rows themselves; then what the index has of ever longer stretches of ids.

    All of a common word's rows would be read and sorted otherwise, to show the newest of them.
    """
    words = _folded(words_of(text))
    last = rows.model._default_manager.order_by("-pk").values_list("pk", flat=True).first()
    if not words or last is None:
        return Found([])
    has_words = Q(*(_has(word, field) for word in words))
    grams = sorted({gram for word in words for gram in _grams(word)})
    upper, length = last - NEWEST, NEWEST * GROWTH
    newest = rows.filter(has_words, pk__gt=upper).order_by("-pk")
    ids = list(newest.values_list("pk", flat=True)[:limit])
    judged = 0
    while len(ids) < limit and upper > 0 and judged < CANDIDATES_LIMIT:
        stretch = rows.filter(pk__lte=upper, pk__gt=upper - length)
        candidates = (
            stretch.alias(grams=Grams(F(field)))
            .filter(grams__contains=grams)
            .annotate(has_words=has_words)
            .order_by("-pk")
            .values_list("pk", "has_words")[: CANDIDATES_LIMIT - judged]
        )
        judged += len(candidates)
        ids += [pk for pk, is_found in candidates if is_found]
        upper, length = upper - length, length * GROWTH
    return Found(ids[:limit], is_cut=judged == CANDIDATES_LIMIT and len(ids) < limit)


def _has(word: str, field: str) -> Q:
    pattern = Value(f"%{_escaped(word)}%")
    return Q(_Like(written.plain(F(field)), pattern, output_field=BooleanField()))


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
