"""Reconciliation: what we hold of a provider's day, beside what the provider counted of it.

`plan` says which days to ask for, `ask` asks without the database, `keep` writes what came of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from lineportal.accounts import credentials
from lineportal.accounts.models import Road
from lineportal.providers import PROVIDERS, http
from lineportal.providers.base import BadCredentials, Count, Provider
from lineportal.sending import holdings, policies, routing, tolerance
from lineportal.sending.models import CountReading, CountState, DayCount, Policy
from recipients.intake import Invalid

VIEW = "sending.view_daycount"
DAYS = 7  # that are looked at, yesterday the last
_PROBLEM_LIMIT = 300  # characters


@dataclass(frozen=True, slots=True)
class Plan:
    """What to ask of a road's provider; None: it cannot be asked, and `problem` says why."""

    road: Road
    days: list[date]
    provider: Provider | None = field(default=None, repr=False)
    problem: str = ""


class NotOver(Exception):
    """The day is not over yet, where the provider counts."""


def roads() -> list[int]:
    """Return the ids of the roads that were ever used."""
    used = Road.objects.filter(used_at__isnull=False).order_by("pk")
    return list(used.values_list("pk", flat=True))


def window(road: Road, *, at: datetime) -> list[date]:
    """Return the days that are looked at now, oldest first; none from before the road's first."""
    own = holdings.zone(road)
    today = at.astimezone(own).date()
    first = road.used_at.astimezone(own).date() if road.used_at else today
    days = [today - timedelta(days=n) for n in range(DAYS, 0, -1)]
    return [day for day in days if day >= first]


def plan(road_id: int, *, at: datetime, day: date | None = None) -> Plan:
    """Return what to ask: the days that may be told anew, or the one that is named.

    A final count is asked for again only where late events changed ours. An account that is off is
    asked for the days it sent on. Raises NotOver.
    """
    road = Road.objects.select_related("account").get(pk=road_id)
    kind = PROVIDERS[road.provider]
    if day is not None and day >= at.astimezone(holdings.zone(road)).date():
        raise NotOver(
            _("The day %(day)s is not over yet where %(provider)s counts; name one before it.")
            % {"day": day, "provider": kind.title}
        )
    if kind.counts_in_zone is None:
        problem = _("%(provider)s tells no daily counts.") % {"provider": kind.title}
        is_noted = DayCount.objects.filter(road=road).exists()
        days = [at.astimezone(UTC).date() - timedelta(days=1)]
        return Plan(road, [] if is_noted else days, problem=problem)
    days = [day] if day is not None else _unsettled(road, at=at)
    try:
        routing.check_base_url(road.api_base_url, kind)
        return Plan(road, days, routing.build(road))
    except (Invalid, BadCredentials, credentials.UnreadableCredentials) as refusal:
        return Plan(road, days, problem=str(refusal))


async def ask(of: Plan) -> dict[date, Count]:
    """Ask for each day, one after the other; what was not told says why. Uses no database."""
    if of.provider is None:
        is_final = PROVIDERS[of.road.provider].counts_in_zone is None
        return {day: Count(is_final=is_final, problem=of.problem) for day in of.days}
    told = {}
    async with http.session(connections=2) as session:
        for day in of.days:
            told[day] = await of.provider.counted(session, service=of.road.service, day=day)
    return told


@transaction.atomic
def keep(road: Road, told: Mapping[date, Count], *, at: datetime) -> list[DayCount]:
    """Write down what was told and what we hold; open and end incidents. Return the days.

    Days that were not asked for are judged anew too: late events, or the tolerance, may have
    changed. Two at once do it one after the other; what was told is never untold.
    """
    days = window(road, at=at)
    first = days[0] if days else at.astimezone(holdings.zone(road)).date()
    DayCount.objects.bulk_create(
        [
            DayCount(
                road=road, service=road.service, day=day, ours=0,
                state=CountState.WAITING, changed_at=at,
            )
            for day in sorted(told)
        ],
        ignore_conflicts=True,
    )  # fmt: skip
    rows = list(
        DayCount.objects.select_for_update(of=("self",))
        .select_related("incident")
        .filter(Q(day__gte=first) | Q(day__in=list(told)) | Q(state=CountState.WAITING), road=road)
        .order_by("day")
    )
    held = holdings.ours(road, [row.day for row in rows])
    policy = policies.of(road.account_id)
    worse = set()
    for row in rows:
        before, state = _said(row), row.state
        was_off = abs(row.difference or 0)
        is_new = row.asked_at is None
        row.ours = held[row.day]
        if row.day in told:
            _take(row, told[row.day], at=at)
        row.difference = None if row.theirs is None else row.theirs - row.ours
        row.state = _state(row, policy, is_old=row.day < first)
        if is_new or _said(row) != before:
            row.changed_at = at
            CountReading.objects.create(
                count=row, at=at, ours=row.ours, theirs=row.theirs, state=row.state,
                problem=row.problem,
            )  # fmt: skip
        if abs(row.difference or 0) > was_off or state == CountState.AGREED:
            worse.add(row.day)
    if PROVIDERS[road.provider].counts_in_zone is not None:
        ends = {row.day: holdings.begin(road, row.day + timedelta(days=1)) for row in rows}
        tolerance.react(road, rows, policy, ends=ends, first=first, worse=worse, at=at)
    for row in rows:
        row.save()
    return rows


def _unsettled(road: Road, *, at: datetime) -> list[date]:
    days = window(road, at=at)
    held = holdings.ours(road, days)
    settled = dict(
        DayCount.objects.filter(road=road, day__in=days, is_final=True).values_list("day", "ours")
    )
    return [
        day
        for day in days
        if settled.get(day) != held[day] and (road.account.is_active or held[day])
    ]


def _take(row: DayCount, told: Count, *, at: datetime) -> None:
    row.asked_at = max(at, row.asked_at or at)
    row.problem = told.problem[:_PROBLEM_LIMIT]
    if told.messages is None:
        # What was told before stands, however it is asked for now.
        row.is_final = row.is_final or told.is_final
        return
    if row.is_final and row.theirs is not None and not told.is_final:
        return
    row.theirs, row.is_final = told.messages, told.is_final
    row.told_at = row.told_at or at


def _state(row: DayCount, policy: Policy, *, is_old: bool) -> str:
    if row.theirs is not None:
        return tolerance.judge(row.ours, row.theirs, policy)
    return CountState.NOT_TOLD if row.is_final or is_old else CountState.WAITING


def _said(row: DayCount) -> tuple[object, ...]:
    return row.ours, row.theirs, row.state, row.problem
