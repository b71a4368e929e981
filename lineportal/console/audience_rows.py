"""The rows of the audience builder: conditions as form fields, and back again.

Every row has the same four fields, repeated by name, so that a browser without script sends them
in order; what a row offers follows from its field, as the server last saw it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import F, Func, QuerySet
from django.http import QueryDict
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy

from lineportal.accounts.models import OfficialAccount
from lineportal.sending import conditions, trees
from lineportal.sending.conditions import Field, Operator
from recipients.models import Recipient, RecipientImport

_PARTS = ("field", "name", "operator", "value")
_LOOKED_AT = 300  # people, whose attributes and tags are suggested
_IMPORTS_SHOWN = 200
FIELDS = [("", gettext_lazy("Choose…")), *Field.choices]

Choices = Sequence[tuple[Any, Any]]


@dataclass(slots=True)
class Row:
    """One condition as it stands in the form; `fault` is what is wrong with it."""

    field: str = ""
    name: str = ""
    operator: str = ""
    value: str = ""
    fault: str = ""
    imports: Choices = ()

    @property
    def is_blank(self) -> bool:
        return not self.field and not self.name.strip() and not self.value.strip()

    @property
    def operators(self) -> Choices:
        """Return the operators to choose from: the field's own, or all while it has none."""
        if self.field not in Field.values:
            return Operator.choices
        return [(each.value, each.label) for each in conditions.OPERATORS[Field(self.field)]]

    @property
    def has_name(self) -> bool:
        return self.field in ("", Field.ATTRIBUTE)

    @property
    def has_value(self) -> bool:
        return self.operator not in conditions.WITHOUT_VALUE

    @property
    def choices(self) -> Choices:
        """Return the values to choose from; none where the value is written."""
        if self.field in conditions.WORDS:
            return conditions.WORDS[Field(self.field)].choices
        return self.imports if self.field == Field.IMPORT else []

    @property
    def kind(self) -> str:
        """Return the kind of input for a written value."""
        is_day = self.operator in (Operator.BEFORE, Operator.AFTER) and len(self.value) in (0, 10)
        return "date" if is_day and self.field else "text"

    @property
    def hint(self) -> str | Promise:
        if self.operator in (Operator.GREATER, Operator.LESS):
            return gettext_lazy("a number")
        return "" if self.field == Field.TAG else gettext_lazy("letter by letter")


def of_form(data: QueryDict) -> list[Row]:
    """Return the rows that a form sent, at most as many as a tree may have."""
    columns = [data.getlist(part) for part in _PARTS]
    return [Row(*cells) for cells in zip(*columns, strict=False)][: trees.SIZE_LIMIT]


def of_tree(tree: Mapping[str, Any]) -> list[Row] | None:
    """Return a tree's rows; None where it holds trees, which rows cannot show."""
    [branches] = tree.values()
    if any(trees.is_tree(branch) for branch in branches):
        return None
    return [
        Row(
            branch["field"],
            branch.get("name") or "",
            branch["operator"],
            str(branch.get("value") or ""),
        )
        for branch in branches
    ]


def to_tree(match: str, rows: Sequence[Row]) -> dict[str, Any]:
    """Return the tree that the filled rows say, not yet read."""
    return {match: [_condition(row) for row in rows if not row.is_blank]}


def settle(rows: Sequence[Row]) -> None:
    """Give each row whose field was changed an operator of that field."""
    for row in rows:
        if row.field and row.operator not in [value for value, _label in row.operators]:
            row.operator, row.value = row.operators[0][0], ""
        if row.choices and row.value not in [str(value) for value, _label in row.choices]:
            row.value = ""


def blame(rows: Sequence[Row], error: trees.InvalidAudience) -> bool:
    """Write a fault beside the row it is in; return whether it is in one."""
    filled = [row for row in rows if not row.is_blank]
    if error.branch is None or error.branch >= len(filled):
        return False
    filled[error.branch].fault = error.fault
    return True


def add_imports(rows: Sequence[Row], account: OfficialAccount | None) -> None:
    """Offer the account's newest imports where a row asks for one."""
    asking = [row for row in rows if row.field == Field.IMPORT]
    if not asking or account is None:
        return
    done = RecipientImport.objects.filter(account=account, state="finished", is_dry_run=False)
    offered = [
        (job.pk, f"{job.file_name}, {job.created_at:%Y-%m-%d} ({job.pk})")
        for job in done.only("file_name", "created_at").order_by("-pk")[:_IMPORTS_SHOWN]
    ]
    for row in asking:
        # What stands there already stays, however old it is.
        is_offered = not row.value or row.value in [str(pk) for pk, _name in offered]
        row.imports = offered if is_offered else [*offered, (row.value, row.value)]


def suggestions(account: OfficialAccount | None) -> dict[str, list[str]]:
    """Return names of attributes and tags that some people of the account have."""
    if account is None:
        return {"names": [], "tags": []}
    some = Recipient.objects.filter(account=account)[:_LOOKED_AT]
    return {
        "names": _distinct(some, Func(F("attributes"), function="jsonb_object_keys")),
        "tags": _distinct(some, Func(F("tags"), function="unnest")),
    }


def _distinct(some: QuerySet[Recipient], expression: Func) -> list[str]:
    people = Recipient.objects.filter(pk__in=some.values("pk"))
    found = people.order_by().annotate(word=expression).values_list("word", flat=True)
    return sorted({str(word) for word in found})[:200]


def _condition(row: Row) -> dict[str, Any]:
    said: dict[str, Any] = {"field": row.field, "operator": row.operator}
    if row.field == Field.ATTRIBUTE:
        said["name"] = row.name.strip()
    if row.operator not in conditions.WITHOUT_VALUE:
        is_id = row.field == Field.IMPORT and row.value.isascii() and row.value.isdecimal()
        said["value"] = int(row.value) if is_id and len(row.value) < 19 else row.value.strip()
    return said
