"""Keys of a list's rows, read off an index lane by lane and merged in the list's order.

A lane is the rows with one value in each leading field of an index that ends in the key, so each
comes in order and is read only as far as it is shown. One statement, written out here, as Django
takes longer to compile a hundred lanes than PostgreSQL to read them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db import connections
from django.db.models import QuerySet


class Lanes:
    """The rows of a query in lanes; together they must be all of its rows."""

    def __init__(self, rows: QuerySet[Any], key: str, lanes: Iterable[Mapping[str, Any]]) -> None:
        self._rows, self._key = rows.select_related(None), key
        given = list(lanes)
        # As Django sorts them, so that each lane's values are its statement's last parameters.
        self._fields = sorted(given[0])
        self._values = [[self._stored(name, lane[name]) for name in self._fields] for lane in given]

    def keys(self, begin: int, end: int, *, order: str) -> list[Any]:
        """Return the keys from `begin` up to `end` in the order of the key, "-id" or "id"."""
        lanes, params = self._written(end, order)
        if not lanes:
            return []
        way = "DESC" if order.startswith("-") else "ASC"
        return self._read(f"{lanes} ORDER BY 1 {way} LIMIT {end - begin} OFFSET {begin}", params)

    def count(self, most: int) -> int:
        """Return how many rows there are, counting no further than `most`."""
        lanes, params = self._written(most, "")
        if not lanes:
            return 0
        [n] = self._read(f"SELECT COUNT(*) FROM ({lanes} LIMIT {most}) counted", params)
        return int(n)

    def _written(self, most: int, order: str) -> tuple[str, list[Any]]:
        """Return the lanes as SQL, each bounded by itself, and their parameters."""
        first = dict(zip(self._fields, self._values[0], strict=True))
        rows = self._rows.filter(**first).order_by(*([order] if order else []))
        try:
            sql, params = rows.values_list(self._key)[:most].query.sql_with_params()
        except EmptyResultSet:
            return "", []
        before = list(params[: len(params) - len(self._fields)])
        filled = [each for values in self._values for each in (*before, *values)]
        if len(self._values) == 1:  # which has its limit already
            return f"SELECT * FROM ({sql}) lane", filled
        return " UNION ALL ".join([f"({sql})"] * len(self._values)), filled

    def _read(self, sql: str, params: list[Any]) -> list[Any]:
        with connections[self._rows.db].cursor() as cursor:
            cursor.execute(sql, params)
            return [value for (value,) in cursor.fetchall()]

    def _stored(self, name: str, value: Any) -> Any:
        field: Any = self._rows.model._meta.get_field(name)
        return (field.target_field if field.is_relation else field).to_python(value)
