"""An audience in figures: how many by consent, friend status, verdict and rule, in one statement.

Of a filter's people it is a shorter form of `judging.judged`, with the same conditions, which
reads each person once and builds no values; the tests hold the two against each other.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection
from django.db.models import BooleanField, QuerySet, Value, When
from django.db.models.expressions import RawSQL

from lineportal.sending import judging, own_history, policies
from recipients import eligibility
from recipients.models import Consent, FriendStatus, Recipient
from templates_app.models import MessageTemplate

_ATTRIBUTE = '("recipients_recipient"."attributes" ->> %s)'
_BLANK_POINTS = "{" + ",".join(str(ord(character)) for character in judging.BLANKS) + "}"


@dataclass(frozen=True, slots=True)
class Cell:
    """So many people (or rows of a file) of one standing got one verdict by one rule."""

    consent: str
    friend_status: str
    verdict: str
    rule: str
    n: int


@dataclass(frozen=True, slots=True)
class Breakdown:
    cells: tuple[Cell, ...]

    @property
    def total(self) -> int:
        return sum(cell.n for cell in self.cells)

    def by(self, *names: str) -> dict[Any, int]:
        """Return counts by one or more of a cell's fields; a tuple is the key of several."""
        found: dict[Any, int] = {}
        for cell in self.cells:
            fields = tuple(getattr(cell, name) for name in names)
            key = fields if len(names) > 1 else fields[0]
            found[key] = found.get(key, 0) + cell.n
        return found

    def matrix(self) -> list[tuple[Consent, list[tuple[FriendStatus, int, int]]]]:
        """Return for each consent: (friend status, how many, how many of them get it)."""
        counts = self.by("consent", "friend_status")
        excluded = self.by("consent", "friend_status", "verdict")
        rows = []
        for consent in Consent:
            row = []
            for friend in FriendStatus:
                n = counts.get((consent.value, friend.value), 0)
                out = excluded.get((consent.value, friend.value, "excluded"), 0)
                row.append((friend, n, n - out))
            rows.append((consent, row))
        return rows


def of(
    template: MessageTemplate,
    source: judging.Filter | judging.Rows,
    *,
    at: datetime,
    values: Mapping[str, Any],
) -> Breakdown:
    """Return the figures of everyone a template would go to, or of each row; writes nothing."""
    policy = policies.of(template.account_id)
    has_history = own_history.switched_on(policy, category=template.category)
    if isinstance(source, judging.Rows) or has_history:
        sql, params = judging.judged(template, source, at=at, values=values)
    else:
        sql, params = _ruled(template, source.people, at=at, values=values)
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT consent, friend_status, rule, count(*) FROM ({sql}) judged GROUP BY 1, 2, 3",
            params,
        )
        found = cursor.fetchall()
    return Breakdown(
        tuple(
            Cell(
                consent,
                friend,
                eligibility.verdict_of(rule, service=template.service, consent=consent),
                rule,
                n,
            )
            for consent, friend, rule, n in sorted(found)
        )
    )


def _ruled(
    template: MessageTemplate,
    people: QuerySet[Recipient],
    *,
    at: datetime,
    values: Mapping[str, Any],
) -> tuple[str, list[Any]]:
    asked = eligibility.Asked(
        service=template.service, category=template.category, at=at, purpose=template.purpose
    )
    given = judging.given(template.placeholders, values)
    more = []
    if names := [name for name in template.placeholders if not given[name]]:
        # A text is blank if all of it is; one look at its first character settles nearly all.
        blank = (
            f"(COALESCE({_ATTRIBUTE}, '') = '' OR (ascii({_ATTRIBUTE}) = ANY(%s::int[])"
            f" AND btrim({_ATTRIBUTE}, %s) = ''))"
        )
        params = [
            param for name in names for param in (name, name, _BLANK_POINTS, name, judging.BLANKS)
        ]
        more.append(_when(" OR ".join(blank for _name in names), params, "missing_values"))
    too_long, params = judging.too_long(template, lambda name: _value(name, given[name]))
    if too_long != "false":
        more.append(_when(too_long, params, "value_too_long"))
    sql, sql_params = (
        people.annotate(rule=eligibility.first_excluding(asked, *more))
        .order_by()
        .values_list("consent", "friend_status", "rule")
        .query.sql_with_params()
    )
    # OFFSET 0 hides what the rule is made of, by which PostgreSQL would guess a million groups.
    return (
        f"SELECT * FROM ({sql} OFFSET 0) ruled (consent, friend_status, rule)",
        list(sql_params),
    )


def _when(sql: str, params: list[Any], code: str) -> When:
    # All that people name is among the parameters.
    condition = RawSQL(sql, params, output_field=BooleanField())  # noqa: S611
    return When(condition, then=Value(code))


def _value(name: str, given: str) -> tuple[str, str, list[Any]]:
    """Return SQL that is never shorter than a value, SQL that is the value, and its parameter."""
    if given:
        return "%s::text", "%s::text", [given]
    return _ATTRIBUTE, f"btrim({_ATTRIBUTE}, '{judging.BLANKS}')", [name]
