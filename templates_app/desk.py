"""The review desk: every open version in one of three columns, and what was decided lately.

`waits.judge` says for whom a version waits; here that is asked of all of them at once, in three
queries however many there are, as somebody sees them: `me`, `others` or `line`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.contrib.auth.models import User
from django.db import models
from django.db.models import Case, Exists, OuterRef, Q, QuerySet, When
from django.db.models.functions import Coalesce
from django.utils.translation import gettext_lazy as _

from lineportal.accounts import access
from lineportal.accounts.models import AccountScope, OfficialAccount
from templates_app import business_days, searching, waits, workflow
from templates_app.models import EntryKind, MessageTemplate, ReviewEntry, State, TemplateEvent
from templates_app.waits import Party, Said, Wait

VIEW = "templates_app.view_messagetemplate"
PAGE = 20  # versions of a column
OPEN = (State.DRAFT, State.SUBMITTED)
# What `waits.judge` looks at: open questions, and all that passed between us and LINE.
_TELLING = (
    Q(kind__in=(EntryKind.DOSSIER_SENT, EntryKind.LINE_ASKED))
    | Q(kind=EntryKind.QUESTION, answered_by=None)
    | Q(kind=EntryKind.ANSWER, answers__kind=EntryKind.LINE_ASKED)
)
_MANY = 500  # ids; more of them are not named to the database one by one


class Column(models.TextChoices):
    ME = "me", _("Waits for me")
    OTHERS = "others", _("Waits for others")
    LINE = "line", _("Waits for LINE")
    DECIDED = "decided", _("Decided")


@dataclass(frozen=True, slots=True)
class Filter:
    """What of the desk is asked for; empty: everything. `who`: the id of one person."""

    account: str = ""  # its slug
    service: str = ""
    state: str = ""  # or "revoked"
    language: str = ""
    who: int | None = None
    text: str = ""

    @property
    def is_search(self) -> bool:
        """Whether what was decided long ago is asked for too."""
        return bool(self.text.strip() or self.state)


@dataclass(slots=True)
class Row:
    """One open version as it waits. `age` and `usual` are business days of its country."""

    pk: int
    account_id: int
    wait: Wait
    writers: frozenset[int]
    age: int
    template: MessageTemplate | None = None
    people: Sequence[User] = ()

    @property
    def more(self) -> int:
        """Return how many people there are beside the first three."""
        return max(0, len(self.people) - 3)

    @property
    def is_late(self) -> bool:
        return self.wait.usual is not None and self.age > self.wait.usual


@dataclass(slots=True)
class Shown:
    """A page of a column, and how much there is. `late`: of them all, not of the page."""

    column: Column
    count: int = 0
    late: int = 0
    page: int = 1
    rows: list[Row] = field(default_factory=list)
    decided: list[MessageTemplate] = field(default_factory=list)

    @property
    def pages(self) -> int:
        return max(1, -(-self.count // PAGE))


def board(
    user: User,
    *,
    at: datetime,
    wanted: Filter | None = None,
    pages: Mapping[str, int] | None = None,
) -> list[Shown]:
    """Return the columns of the desk as this person sees them, each with one page of its rows.

    The longest waiting are first, the latest decided are first. Raises PermissionDenied.
    """
    access.require(user, VIEW)
    wanted, pages = wanted or Filter(), pages or {}
    accounts = {each.pk: each for each in access.accounts_of(user)}
    mine = access.limited(MessageTemplate.objects.all(), user)
    staff = _Staff()
    columns: dict[Column, list[Row]] = defaultdict(list)
    may_review = user.has_perm(workflow.REVIEW)
    for row in _waiting(_chosen(mine.filter(state__in=OPEN), wanted), accounts, at=at):
        if wanted.who is None or wanted.who in staff.awaited(row):
            columns[_column(row, user, may_review=may_review)].append(row)
    shown = [
        _page_of(column, columns[column], pages.get(column, 1))
        for column in (Column.ME, Column.OTHERS, Column.LINE)
    ]
    _fill([row for each in shown for row in each.rows], staff)
    return [*shown, _decided(_chosen(mine, wanted), wanted, pages.get(Column.DECIDED, 1), at=at)]


def late(account: OfficialAccount, *, at: datetime) -> list[Row]:
    """Return the versions of an account that wait longer than is usual, with whom to remind."""
    rows = MessageTemplate.objects.filter(account=account, state__in=OPEN)
    found = [row for row in _waiting(rows, {account.pk: account}, at=at) if row.is_late]
    _fill(found, _Staff())
    return found


def people_to_choose(user: User) -> QuerySet[User]:
    """Return whom the desk can be filtered by: those who see templates on accounts of theirs."""
    people = User.objects.with_perm(VIEW, backend=access.BACKEND).order_by("username")
    accounts = access.listed(user)
    if accounts is None:
        return people
    scopes = AccountScope.objects.filter(user_id=OuterRef("pk"))
    return people.filter(~Exists(scopes) | Exists(scopes.filter(accounts__in=accounts)))


def _chosen(rows: QuerySet[MessageTemplate], wanted: Filter) -> QuerySet[MessageTemplate]:
    if wanted.account:
        rows = rows.filter(account__slug=wanted.account)
    if wanted.service:
        rows = rows.filter(service=wanted.service)
    if wanted.state == "revoked":
        rows = rows.filter(revoked_at__isnull=False)
    elif wanted.state:
        rows = rows.filter(state=wanted.state)
    if wanted.language:
        rows = rows.filter(language__iexact=wanted.language)
    return searching.matching(rows, wanted.text)


def _waiting(
    rows: QuerySet[MessageTemplate], accounts: Mapping[int, OfficialAccount], *, at: datetime
) -> list[Row]:
    """Return every one of the open versions as it waits, the longest waiting first."""
    begun = Case(When(state=State.DRAFT, then="changed_at"), default="submitted_at")
    found = list(rows.values_list("pk", "account_id", "state", begun))
    ids = {pk for pk, *_rest in found}
    said: dict[int, list[Said]] = defaultdict(list)
    telling = _of(ReviewEntry, ids).filter(_TELLING).order_by("pk")
    for template, *rest in telling.values_list(
        "template_id", "pk", "kind", "by_id", "at", "answers_id", "happened_on"
    ):
        said[template].append(Said(*rest))
    writers: dict[int, set[int]] = defaultdict(set)
    wrote = _of(TemplateEvent, ids).filter(kind__in=workflow.WROTE)
    for template, by in wrote.values_list("template_id", "by_id").distinct():
        writers[template].add(by)
    zones = {pk: ZoneInfo(account.timezone) for pk, account in accounts.items()}
    ages = _Ages(accounts, zones, at=at)
    judged = []
    for pk, account, state, begun_at in found:
        theirs = frozenset(writers[pk])
        wait = waits.judge(
            state,
            begun_at=begun_at,
            writers=theirs,
            said=said.get(pk, ()),
            zone=zones[account],
        )
        judged.append(Row(pk, account, wait, theirs, ages.of(account, wait.since)))
    judged.sort(key=lambda row: (row.wait.since, row.pk))
    return judged


def _of(model: type[Any], ids: set[int]) -> Any:
    if len(ids) <= _MANY:
        return model.objects.filter(template__in=ids)
    # What is of a version that was not asked for is passed over unread.
    return model.objects.filter(template__state__in=OPEN)


class _Ages:
    """Ages in business days, each day of a country reckoned once."""

    def __init__(
        self,
        accounts: Mapping[int, OfficialAccount],
        zones: Mapping[int, ZoneInfo],
        *,
        at: datetime,
    ) -> None:
        self._countries = {pk: account.country for pk, account in accounts.items()}
        self._today = {pk: at.astimezone(zone).date() for pk, zone in zones.items()}
        self._known: dict[tuple[str, date, date], int] = {}

    def of(self, account: int, since: date) -> int:
        key = self._countries[account], since, self._today[account]
        if key not in self._known:
            self._known[key] = business_days.since(*key)
        return self._known[key]


class _Staff:
    """Who may decide, per account; asked once for each account."""

    def __init__(self) -> None:
        self._reviewers: dict[int, dict[int, User]] = {}

    def reviewers(self, account: int) -> dict[int, User]:
        if account not in self._reviewers:
            found = access.people(workflow.REVIEW, account)
            self._reviewers[account] = {who.pk: who for who in found}
        return self._reviewers[account]

    def awaited(self, row: Row) -> set[int]:
        """Return the ids of the people a version waits for; at LINE, of nobody."""
        if row.wait.party == Party.WRITERS:
            return set(row.writers)
        if row.wait.party == Party.REVIEWERS:
            return set(self.reviewers(row.account_id)) - row.writers
        return set()


def _column(row: Row, user: User, *, may_review: bool) -> Column:
    if row.wait.party == Party.LINE:
        return Column.LINE
    is_writer = user.pk in row.writers
    is_mine = is_writer if row.wait.party == Party.WRITERS else may_review and not is_writer
    return Column.ME if is_mine else Column.OTHERS


def _page_of(column: Column, rows: list[Row], page: int) -> Shown:
    shown = Shown(column, count=len(rows), late=sum(row.is_late for row in rows))
    shown.page = min(max(page, 1), shown.pages)
    shown.rows = rows[(shown.page - 1) * PAGE : shown.page * PAGE]
    return shown


def _fill(rows: Sequence[Row], staff: _Staff) -> None:
    """Read what is shown of these few: the versions themselves, and the people's names."""
    templates = _light(MessageTemplate.objects).in_bulk([row.pk for row in rows])
    ids = {pk for row in rows for pk in (*staff.awaited(row), *_behind(row))}
    people = User.objects.filter(is_active=True).in_bulk(ids)
    for row in rows:
        row.template = templates[row.pk]
        named = staff.awaited(row) or _behind(row)
        row.people = sorted(
            (people[pk] for pk in named if pk in people), key=lambda who: who.username
        )


def _behind(row: Row) -> Iterable[int]:
    """Return who asks LINE how it stands: the writers, and whoever sent the dossier."""
    return row.writers | row.wait.dossier_by if row.wait.party == Party.LINE else ()


def _decided(rows: QuerySet[MessageTemplate], wanted: Filter, page: int, *, at: datetime) -> Shown:
    rows = rows.filter(state__in=(State.APPROVED, State.REJECTED)).alias(
        decided_at=Coalesce("rejected_at", "approved_at")
    )
    if not wanted.is_search:
        rows = rows.filter(decided_at__gte=at - timedelta(days=settings.DESK_RECENT_DAYS))
    if wanted.who is not None:
        rows = rows.filter(Q(approved_by=wanted.who) | Q(rejected_by=wanted.who))
    ids = list(rows.order_by("-decided_at", "-pk").values_list("pk", flat=True))
    shown = Shown(Column.DECIDED, count=len(ids))
    shown.page = min(max(page, 1), shown.pages)
    chosen = ids[(shown.page - 1) * PAGE : shown.page * PAGE]
    found = _light(MessageTemplate.objects).in_bulk(chosen)
    shown.decided = [found[pk] for pk in chosen]
    return shown


def _light(rows: Any) -> Any:
    return rows.select_related("account", "approved_by", "rejected_by").defer(
        "bubble", "samples", "searchable"
    )
