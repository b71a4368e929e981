"""Hours, weekdays and public holidays in an account's zone: when it sends, and when it is there."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import holidays
from django.utils.translation import gettext as _

from lineportal.accounts.models import OfficialAccount

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
FIELDS = ("weekdays", "from", "to", "on_holidays", "closed_on")
_MIDNIGHT = "24:00"
_FARTHEST = 400  # days that are looked ahead for an opening


class Unreadable(Exception):
    """Hours cannot be used; `field` says which part, blank: the whole."""

    def __init__(self, field: str, sentence: str) -> None:
        super().__init__(sentence)
        self.field = field


@dataclass(frozen=True, slots=True)
class Hours:
    """`closes` None: midnight. `closed_on`: dates of the account's own."""

    opens: time
    closes: time | None
    weekdays: frozenset[str]
    on_holidays: bool
    closed_on: frozenset[date]


def read(given: Mapping[str, Any]) -> Hours:
    """Return hours that are kept as `check` allows them."""
    return Hours(
        opens=time.fromisoformat(given["from"]),
        closes=None if given["to"] == _MIDNIGHT else time.fromisoformat(given["to"]),
        weekdays=frozenset(given.get("weekdays", WEEKDAYS)),
        on_holidays=given.get("on_holidays", True),
        closed_on=frozenset(map(date.fromisoformat, given.get("closed_on", ()))),
    )


def is_open(hours: Hours, account: OfficialAccount, *, at: datetime) -> bool:
    """Return whether a moment lies within the hours, in the account's zone and country."""
    local = at.astimezone(ZoneInfo(account.timezone))
    is_hour = hours.opens <= local.time() and (hours.closes is None or local.time() < hours.closes)
    return is_hour and _is_day(hours, account.country, local.date())


def opens_at(hours: Hours, account: OfficialAccount, *, at: datetime) -> datetime | None:
    """Return the next opening (UTC) after a moment; None where there is none for over a year."""
    zone = ZoneInfo(account.timezone)
    today = at.astimezone(zone).date()
    for days in range(_FARTHEST):
        day = today + timedelta(days=days)
        opening = datetime.combine(day, hours.opens, zone).astimezone(UTC)
        if opening > at and _is_day(hours, account.country, day):
            return opening
    return None


def check(hours: Any) -> None:
    """Raise Unreadable unless this is `{"from": "09:00", "to": "21:00", "weekdays"?: ["mon", ...],
    "on_holidays"?: bool, "closed_on"?: ["2026-12-31"]}`; "to" may be "24:00".
    """
    if not isinstance(hours, Mapping) or set(hours) - set(FIELDS):
        raise Unreadable(
            "", _("Give null, or an object with %(names)s.") % {"names": ", ".join(FIELDS)}
        )
    for name in ("from", "to"):
        if not _is_clock(hours.get(name), may_be_midnight=name == "to"):
            raise Unreadable(name, _("Give a time such as 09:00."))
    if hours["to"] <= hours["from"]:
        raise Unreadable("to", _("The end comes after the beginning, and on the same day."))
    weekdays = hours.get("weekdays", WEEKDAYS)
    if not isinstance(weekdays, list | tuple) or not weekdays or set(weekdays) - set(WEEKDAYS):
        raise Unreadable(
            "weekdays", _("Give at least one of %(names)s.") % {"names": ", ".join(WEEKDAYS)}
        )
    if not isinstance(hours.get("on_holidays", True), bool):
        raise Unreadable("on_holidays", _("Give true or false."))
    try:
        list(map(date.fromisoformat, hours.get("closed_on", ())))
    except (TypeError, ValueError) as error:
        raise Unreadable("closed_on", _("Give dates such as 2026-12-31.")) from error


def _is_day(hours: Hours, country: str, day: date) -> bool:
    return (
        WEEKDAYS[day.weekday()] in hours.weekdays
        and day not in hours.closed_on
        and (hours.on_holidays or day not in _holidays(country, day.year))
    )


@functools.cache
def _holidays(country: str, year: int) -> frozenset[date]:
    return frozenset(holidays.country_holidays(country, years=year))


def _is_clock(text: Any, *, may_be_midnight: bool) -> bool:
    if not isinstance(text, str) or len(text) != 5:
        return False
    if text == _MIDNIGHT:
        return may_be_midnight
    try:
        time.fromisoformat(text)
    except ValueError:
        return False
    return text[2] == ":"
