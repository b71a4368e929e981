"""When a category of messages may go out: hours, weekdays and holidays in the account's zone.

They are part of the account's policy. Where it says nothing, marketing goes from 09:00 to 21:00 on
every day, and notices have no quiet hours. Public holidays are those of the account's country.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import holidays
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from lineportal.accounts.models import OfficialAccount
from lineportal.sending.models import Policy
from recipients.intake import Invalid
from templates_app.models import Category

# As a policy keeps them; a category that it does not name has these.
DEFAULTS: dict[str, Any] = {
    Category.MARKETING: {"from": "09:00", "to": "21:00"},
    Category.TRANSACTIONAL: None,  # at any time
}
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
FIELDS = ("weekdays", "from", "to", "on_holidays", "closed_on")
_MIDNIGHT = "24:00"
_FARTHEST = 400  # days that are looked ahead for an opening


@dataclass(frozen=True, slots=True)
class Hours:
    """`closes` None: midnight. `closed_on`: dates of the account's own."""

    opens: time
    closes: time | None
    weekdays: frozenset[str]
    on_holidays: bool
    closed_on: frozenset[date]


def read(given: Any) -> dict[str, Any]:
    """Return valid windows as they are stored: by category, null for "at any time".

    Each is `{"from": "09:00", "to": "21:00", "weekdays"?: ["mon", ...], "on_holidays"?: bool,
    "closed_on"?: ["2026-12-31"]}`; "to" may be "24:00". Raises Invalid.
    """
    if not isinstance(given, Mapping) or set(given) - set(Category.values):
        raise Invalid(
            "windows",
            _("Give an object with %(names)s.") % {"names": ", ".join(Category.values)},
        )
    for category, hours in given.items():
        if hours is not None:
            _check(f"windows.{category}", hours)
    return {category: dict(hours) if hours else None for category, hours in given.items()}


def is_open(account: OfficialAccount, category: str, *, at: datetime) -> bool:
    """Return whether this category may be sent for this account at this moment."""
    hours = _hours(_kept(account), category)
    return hours is None or _is_open(hours, account, at=at)


def closed(account: OfficialAccount, *, at: datetime) -> list[str]:
    """Return the categories that may not be sent for this account at this moment."""
    kept = _kept(account)
    return [
        category
        for category in Category.values
        if (hours := _hours(kept, category)) and not _is_open(hours, account, at=at)
    ]


def opens_at(account: OfficialAccount, category: str, *, at: datetime) -> datetime | None:
    """Return the next opening (UTC); None where it is open now, or closed for over a year."""
    hours = _hours(_kept(account), category)
    if hours is None or _is_open(hours, account, at=at):
        return None
    zone = ZoneInfo(account.timezone)
    today = at.astimezone(zone).date()
    for days in range(_FARTHEST):
        day = today + timedelta(days=days)
        opening = datetime.combine(day, hours.opens, zone).astimezone(UTC)
        if opening > at and _is_day(hours, account.country, day):
            return opening
    return None


def words(moment: datetime, account: OfficialAccount) -> str:
    """Return a moment as the account's people say it: "Monday 09:00 (Bangkok)"."""
    local = moment.astimezone(ZoneInfo(account.timezone))
    city = account.timezone.rpartition("/")[2].replace("_", " ")
    return _("%(day)s %(date)s, %(time)s (%(city)s)") % {
        "day": date_format(local, "l"),
        "date": date_format(local, "j F"),
        "time": date_format(local, "H:i"),
        "city": city,
    }


def _kept(account: OfficialAccount) -> dict[str, Any]:
    kept = Policy.objects.filter(account=account).values_list("windows", flat=True).first()
    return kept or {}


def _hours(kept: Mapping[str, Any], category: str) -> Hours | None:
    given = (DEFAULTS | dict(kept))[category]
    if given is None:
        return None
    return Hours(
        opens=time.fromisoformat(given["from"]),
        closes=None if given["to"] == _MIDNIGHT else time.fromisoformat(given["to"]),
        weekdays=frozenset(given.get("weekdays", WEEKDAYS)),
        on_holidays=given.get("on_holidays", True),
        closed_on=frozenset(map(date.fromisoformat, given.get("closed_on", ()))),
    )


def _is_open(hours: Hours, account: OfficialAccount, *, at: datetime) -> bool:
    local = at.astimezone(ZoneInfo(account.timezone))
    is_hour = hours.opens <= local.time() and (hours.closes is None or local.time() < hours.closes)
    return is_hour and _is_day(hours, account.country, local.date())


def _is_day(hours: Hours, country: str, day: date) -> bool:
    return (
        WEEKDAYS[day.weekday()] in hours.weekdays
        and day not in hours.closed_on
        and (hours.on_holidays or day not in _holidays(country, day.year))
    )


@functools.cache
def _holidays(country: str, year: int) -> frozenset[date]:
    return frozenset(holidays.country_holidays(country, years=year))


def _check(place: str, hours: Any) -> None:
    if not isinstance(hours, Mapping) or set(hours) - set(FIELDS):
        raise Invalid(place, _("Give null, or an object with %(names)s.")
                      % {"names": ", ".join(FIELDS)})  # fmt: skip
    for name in ("from", "to"):
        if not _is_clock(hours.get(name), may_be_midnight=name == "to"):
            raise Invalid(f"{place}.{name}", _("Give a time such as 09:00."))
    if hours["to"] <= hours["from"]:
        raise Invalid(f"{place}.to", _("The end comes after the beginning, and on the same day."))
    weekdays = hours.get("weekdays", WEEKDAYS)
    if not isinstance(weekdays, list | tuple) or not weekdays or set(weekdays) - set(WEEKDAYS):
        raise Invalid(f"{place}.weekdays", _("Give at least one of %(names)s.")
                      % {"names": ", ".join(WEEKDAYS)})  # fmt: skip
    if not isinstance(hours.get("on_holidays", True), bool):
        raise Invalid(f"{place}.on_holidays", _("Give true or false."))
    try:
        list(map(date.fromisoformat, hours.get("closed_on", ())))
    except (TypeError, ValueError) as error:
        raise Invalid(f"{place}.closed_on", _("Give dates such as 2026-12-31.")) from error


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
