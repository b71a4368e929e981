"""Lists that stay fast however many rows stand behind them.

Counts stop, pages end, nobody sorts or filters by what no index knows, and a page is found by
walking an index in the list's own order, however rare what it shows may be.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any

from django.contrib.admin import RelatedFieldListFilter, ShowFacets
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.humanize.templatetags.humanize import intcomma
from django.core.paginator import InvalidPage, Page, Paginator
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils.functional import cached_property
from django.utils.translation import gettext as _
from unfold.admin import ModelAdmin
from unfold.views import ChangeList

from lineportal.accounts import access
from lineportal.accounts.models import OfficialAccount
from lineportal.console.walks import Lanes

COUNTED = 10_000  # nobody reads further; a list of millions would be counted for seconds
PAGES = 100
# More lanes than this take longer to plan than they save.
_MOST_LANES = 200


@dataclass(frozen=True, slots=True)
class Count:
    """How many rows there are, as far as they were counted."""

    n: int
    is_more: bool = False

    @classmethod
    def of(cls, n: int) -> Count:
        return cls(min(n, COUNTED), n > COUNTED)

    def __str__(self) -> str:
        if self.is_more:
            return _("more than %(n)s") % {"n": intcomma(self.n)}
        return str(intcomma(self.n))


def count(rows: QuerySet[Any]) -> Count:
    """Return how many rows there are, counting no further than `COUNTED`."""
    return Count.of(rows.order_by()[: COUNTED + 1].count())


class Pages(Paginator[Any]):
    """The first hundred pages of a list, its rows found by their keys alone.

    `lanes` are the same rows in parts that an index holds in the list's order, so that the
    database merges them and stops at the page's end.
    """

    template_name = "console/pages.html"

    def __init__(
        self, rows: QuerySet[Any], per_page: int, *, lanes: Iterable[Mapping[str, Any]] = ()
    ) -> None:
        super().__init__(rows, per_page)
        self._rows = rows
        first = rows.query.order_by[0]
        self._key = first.lstrip("-") if isinstance(first, str) else "pk"
        self._is_by_key = isinstance(first, str) and _is_unique(rows.model, self._key)
        if not self._is_by_key:
            self._key = "pk"
        given = list(lanes) if self._is_by_key else []
        self._lanes = Lanes(rows, self._key, given) if given else None

    @cached_property
    def counted(self) -> Count:
        if self._lanes is None:
            return count(self._rows)
        return Count.of(self._lanes.count(COUNTED + 1))

    @cached_property
    def count(self) -> int:
        return self.counted.n

    @property
    def num_pages(self) -> int:
        return min(super().num_pages, PAGES)

    @property
    def ends_early(self) -> bool:
        """Whether there are rows behind the last page."""
        return self.count > PAGES * self.per_page or self.counted.is_more

    @property
    def reached(self) -> int:
        return PAGES * self.per_page

    def page(self, number: int | str) -> Any:
        number = self.validate_number(number)
        end = number * self.per_page
        begin = end - self.per_page
        if self._lanes is None:
            rows = self._rows.select_related(None).values_list(self._key, flat=True)
            keys = list(rows[begin:end])
        else:
            keys = self._lanes.keys(begin, end, order=str(self._rows.query.order_by[0]))
        return Page(self._rows.filter(**{f"{self._key}__in": keys}), number, self)


def _is_unique(model: type[Model], name: str) -> bool:
    """Return whether a field of the model's own tells each row from every other."""
    unique = {field.name for field in model._meta.concrete_fields if field.unique}
    return name == "pk" or name in unique


class BoundedList(ChangeList):  # type: ignore[misc]
    """A list of the admin that is read through `Pages`."""

    def get_results(self, request: HttpRequest) -> None:
        desk: BoundedDesk = self.model_admin
        # What a search names is few rows, found by the index of what it names.
        lanes = [] if self.query else desk.lanes(request, self._chosen())
        pages = Pages(self.queryset, self.list_per_page, lanes=lanes)
        try:
            self.result_list = pages.page(self.page_num).object_list
        except InvalidPage:
            raise IncorrectLookupParameters from None
        self.result_list = desk.filled(list(self.result_list))
        self.paginator = pages
        self.result_count = pages.count
        self.full_result_count = None
        self.show_full_result_count = False
        self.show_admin_actions = True
        self.can_show_all = False
        self.multi_page = pages.num_pages > 1

    def get_ordering_field(self, field_name: Any) -> Any:
        """Return what a column sorts by; none where no index gives that order."""
        if field_name not in (self.sortable_by or ()):
            return None
        return super().get_ordering_field(field_name)

    def _chosen(self) -> dict[str, list[str]]:
        """Return the values that were chosen, or that a filter implies, by the field's name."""
        implied: dict[str, list[str]] = {}
        for spec in self.filter_specs:
            if hasattr(spec, "implies") and spec.value():
                implied |= spec.implies
        return implied | {
            name.removesuffix("__exact").removesuffix("__id"): values
            for name, values in self.filter_params.items()
            if name.endswith("__exact")
        }


class BoundedDesk(ModelAdmin):  # type: ignore[misc]
    """What a desk says so that its list stays fast."""

    show_full_result_count = False
    show_facets = ShowFacets.NEVER  # they count the whole table once for each choice
    list_per_page = 50
    # Columns that an index sorts by, or any of a table that stays small.
    sortable_by: Any = ()
    # Leading fields of the indexes that end in the list's order; the most telling first.
    walks: tuple[tuple[str, ...], ...] = ()
    # Lookups that links of ours ask for, beside those of the filters.
    linked_lookups: frozenset[str] = frozenset()

    def get_changelist(self, request: HttpRequest, **kw: Any) -> type[ChangeList]:
        return BoundedList

    def filled(self, rows: list[Any]) -> list[Any]:
        """Return the rows of a page with what their columns need of elsewhere, read at once."""
        return rows

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        """Allow what a filter or link asks for and nothing else.

        Another lookup would read the whole table, and could guess a masked number bit by bit.
        """
        allowed = set(self.linked_lookups)
        for each in self.get_list_filter(request):
            if hasattr(each, "parameter_name"):
                allowed.add(each.parameter_name)
            else:
                field = each if isinstance(each, str) else each[0]
                allowed |= {f"{field}__exact", f"{field}__id__exact", f"{field}__isnull"}
        return lookup in allowed

    def lanes(self, request: HttpRequest, chosen: Mapping[str, list[str]]) -> list[dict[str, Any]]:
        """Return the parts of the list, each an index's own order; none: the key's order will do.

        One part for each combination of what the index's leading fields may hold.
        """
        listed = access.listed(request.user)
        for fields in self.walks:
            is_narrowed = any(field in chosen for field in fields)
            is_narrowed |= listed is not None and fields[0] in ("account", "account_id")
            values = [self._values(field, chosen, listed) for field in fields]
            if not is_narrowed or not all(values):
                continue
            found = [dict(zip(fields, each, strict=True)) for each in product(*values)]
            return found if len(found) <= _MOST_LANES else []
        return []

    def _values(
        self, name: str, chosen: Mapping[str, list[str]], listed: list[int] | None
    ) -> list[Any]:
        """Return what a field may hold here; none where that is anybody's guess."""
        if name in chosen:
            return list(chosen[name])
        if name in ("account", "account_id"):
            return (
                listed
                if listed is not None
                else list(OfficialAccount.objects.values_list("pk", flat=True))
            )
        field = self.model._meta.get_field(name)
        return [value for value, _label in getattr(field, "choices", None) or ()]


class AccountFilter(RelatedFieldListFilter):
    """The accounts that the user may touch; the theme's own would name all of them."""

    def field_choices(
        self, field: Any, request: HttpRequest, model_admin: Any
    ) -> list[tuple[str, Any]]:
        accounts = access.accounts_of(request.user).order_by("name")
        return [(str(account.pk), str(account)) for account in accounts]
