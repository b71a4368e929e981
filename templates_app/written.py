"""What of a row is searched, as the database keeps it: every text, in upper case and of one width.

Kept in a column that PostgreSQL generates, for to make it anew for each search takes half a second
with 5,000 versions. Only immutable functions may stand in it, hence `||` and not `concat_ws`.
"""

from __future__ import annotations

from typing import Any

from django.db.models import F, Func, TextField
from django.db.models.functions import Cast, Upper

# Every text of a JSON document, without the names of its fields; as JSON, so quotes are escaped.
_TEXTS = """jsonb_path_query_array(%(expressions)s, 'strict $.** ? (@.type() == "string")')"""


def searchable(*fields: str, document: str = "") -> Upper:
    """Return the expression of the column: these text fields, and the texts of a JSON field."""
    parts: list[Any] = [F(name) for name in fields]
    if document:
        parts.append(Cast(Func(F(document), template=_TEXTS), TextField()))
    joined = Func(*parts, template="(%(expressions)s)", arg_joiner=" || E'\\n' || ")
    return plain(joined)


def plain(text: Any) -> Upper:
    """Return a text as it is compared: NFKC, upper case."""
    return Upper(
        Func(text, template="normalize(%(expressions)s, NFKC)", output_field=TextField()),
        output_field=TextField(),
    )
