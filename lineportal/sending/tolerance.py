"""How far a day's count may be off, and the incidents of those that are off further.

A day opens an incident once: what a person closed stays closed, unless its difference grows. An
incident is over by itself when its days agree after all, or a later day's count does.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime, timedelta

from django.utils.translation import gettext as _

from lineportal.accounts.models import Road
from lineportal.providers import PROVIDERS
from lineportal.sending import incidents
from lineportal.sending.models import CountState, DayCount, Incident, IncidentCode, Policy

LATE = timedelta(days=2)  # after a day's end; LINE usually tells it on the next one
_CODES = (IncidentCode.COUNTED_MORE, IncidentCode.COUNTED_LESS, IncidentCode.UNCOUNTED)


def allowed(theirs: int, policy: Policy) -> int:
    """Return by how many messages ours may differ: a number or a share of theirs, the larger."""
    return max(policy.count_tolerance, policy.count_tolerance_percent * theirs // 100)


def judge(ours: int, theirs: int, policy: Policy) -> CountState:
    """Return whether the two agree, as far as the account asks for it."""
    is_off = abs(theirs - ours) > allowed(theirs, policy)
    return CountState.DIFFERS if is_off else CountState.AGREED


def react(
    road: Road,
    rows: Sequence[DayCount],
    policy: Policy,
    *,
    ends: Mapping[date, datetime],
    first: date,
    worse: Collection[date],
    at: datetime,
) -> None:
    """Open, keep open or end the incidents of a road's days, and link the days to theirs.

    `rows` are the days, locked and judged, oldest first; the caller saves them. `ends` are the
    moments at which they were over, `first` the oldest that is still looked at, `worse` those that
    agreed before, or whose difference grew.
    """
    for code in _CODES:
        held = [row for row in rows if _is_open(row, code)]
        new = [
            row
            for row in rows
            if code == _trouble(row, ends[row.day], first=first, at=at)
            and (row.incident is None or row.incident.code != code or _is_again(row, worse))
        ]
        troubled = [row for row in held if code == _trouble(row, ends[row.day], first=first, at=at)]
        incident = held[0].incident if held else None
        if new or (troubled and not _is_refuted(code, troubled, rows, incident)):
            shown = max([*new, *troubled], key=lambda row: row.day)
            opened = incidents.open_or_touch(
                road.account_id, code, sentence(code, road, shown, policy), at=at, road=road
            )
            for row in new:
                row.incident = opened
        elif held:
            note = _("Over by itself: a later count is as it should be.")
            if not troubled:
                note = _("Over by itself: its days are as they should be now.")
            ended = incidents.end(road.account_id, code, at=at, note=note, road=road)
            for row in held:
                row.incident = ended or row.incident


def _is_open(row: DayCount, code: str) -> bool:
    return row.incident is not None and row.incident.code == code and row.incident.closed_at is None


def _is_again(row: DayCount, worse: Collection[date]) -> bool:
    return bool(row.incident and row.incident.closed_at and row.day in worse)


def _trouble(row: DayCount, end: datetime, *, first: date, at: datetime) -> str:
    """Return what the day's count would open an incident for; blank: nothing."""
    if row.state == CountState.DIFFERS:
        is_more = row.difference is not None and row.difference > 0
        return IncidentCode.COUNTED_MORE if is_more else IncidentCode.COUNTED_LESS
    # A day that somebody asked for long after it is no cause for alarm.
    is_missed = row.theirs is None and row.day >= first and end + LATE <= at
    return IncidentCode.UNCOUNTED if is_missed else ""


def _is_refuted(
    code: str, troubled: Sequence[DayCount], rows: Sequence[DayCount], incident: Incident | None
) -> bool:
    """Return whether a later day, told since the incident was opened, is as it should be."""
    last = max(row.day for row in troubled)
    good = {CountState.AGREED}
    if code == IncidentCode.UNCOUNTED:
        good.add(CountState.DIFFERS)  # it was told
    return any(
        row.state in good and row.day > last and row.told_at > incident.opened_at
        for row in rows
        if row.told_at and incident
    )


def sentence(code: str, road: Road, row: DayCount, policy: Policy) -> str:
    """Return what an incident of this day says: what is wrong, and what to do."""
    words: dict[str, str] = {
        "provider": PROVIDERS[road.provider].title,
        "service": road.get_service_display(),
        "day": row.day.isoformat(),
        "ours": f"{row.ours:,}",
        "theirs": f"{row.theirs or 0:,}",
        "n": f"{abs(row.difference or 0):,}",
        "allowed": f"{allowed(row.theirs or 0, policy):,}",
        "problem": row.problem,
    }
    text = {
        IncidentCode.COUNTED_MORE: _(
            "%(service)s, %(day)s: %(provider)s counted %(theirs)s messages and we hold %(ours)s:"
            " %(n)s more, and %(allowed)s are allowed. Somebody else sends with this channel, or"
            " receipts were lost: see who has its token, and whether webhooks arrived that day."
        ),
        IncidentCode.COUNTED_LESS: _(
            "%(service)s, %(day)s: we hold %(ours)s messages and %(provider)s counted %(theirs)s:"
            " %(n)s fewer, and %(allowed)s are allowed. We hold more as delivered or taken than"
            " the provider counted: compare a few of that day's messages with its own pages."
        ),
        IncidentCode.UNCOUNTED: _(
            "%(service)s, %(day)s: %(provider)s has not told its count, so ours of %(ours)s is not"
            " checked. %(problem)s"
        ),
    }[IncidentCode(code)] % words
    if code == IncidentCode.COUNTED_LESS and road.service == "oa":
        text += " " + _("A push to somebody who blocked the account is taken, but not counted.")
    return text
