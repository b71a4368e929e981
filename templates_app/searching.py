"""Find versions by any word that was written in or about them, in any state.

A version is found by its key, purpose, texts, reason and LINE's reference, by its thread, and by
the notes and waivers of its review. Words are compared without regard to case or width (NFKC),
anywhere in the text: Thai, Chinese and Japanese have no spaces to begin a word at.
"""

from __future__ import annotations

import json
import unicodedata
from typing import Any

from django.db.models import BooleanField, F, Func, Q, QuerySet, Value
from django.db.models.functions import Upper

from templates_app import written
from templates_app.models import MessageTemplate, ReviewEntry, TemplateEvent, Waiver

WORDS_LIMIT = 10


def matching(rows: QuerySet[MessageTemplate], text: str) -> QuerySet[MessageTemplate]:
    """Return the versions in or about which every word of the text is written."""
    words = unicodedata.normalize("NFKC", text.replace("\0", " ")).split()[:WORDS_LIMIT]
    if not words:
        return rows
    for word in words:
        named = f"%{_escaped(word)}%"
        # As JSON writes it, for so the texts of the content are kept.
        in_json = f"%{_escaped(json.dumps(word, ensure_ascii=False)[1:-1])}%"
        rows = rows.filter(
            _like(F("searchable"), named)
            | (Q() if in_json == named else _like(F("searchable"), in_json))
            | Q(pk__in=_about(ReviewEntry.objects.filter(_like(F("searchable"), named))))
            | Q(pk__in=_about(_noting(TemplateEvent, "note", named)))
            | Q(pk__in=_about(_noting(Waiver, "reason", named)))
        )
    return rows


def _about(said: QuerySet[Any]) -> QuerySet[Any]:
    return said.values("template_id")


def _noting(model: type[Any], field: str, pattern: str) -> QuerySet[Any]:
    found: QuerySet[Any] = model.objects.exclude(**{field: ""})
    return found.filter(_like(written.plain(F(field)), pattern))


class _Like(Func):
    """`text LIKE pattern`, as a condition."""

    template = "(%(expressions)s)"
    arg_joiner = " LIKE "
    conditional = True


def _like(text: Any, pattern: str) -> Q:
    return Q(_Like(text, Upper(Value(pattern)), output_field=BooleanField()))


def _escaped(word: str) -> str:
    return word.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
