"""When a category of messages may go out: hours, weekdays and holidays in the account's zone.

They are part of the account's policy. Where it says nothing, marketing goes from 09:00 to 21:00 on
every day, and notices have no quiet hours. Public holidays are those of the account's country.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.utils.formats import date_format
from django.utils.translation import gettext as _

from lineportal.accounts import hours
from lineportal.accounts.hours import WEEKDAYS
from lineportal.accounts.models import OfficialAccount
from lineportal.sending.models import Policy
from recipients.intake import Invalid
from templates_app.models import Category

__all__ = ["DEFAULTS", "WEEKDAYS", "closed", "is_open", "opens_at", "read", "words"]

# As a policy keeps them; a category that it does not name has these.
DEFAULTS: dict[str, Any] = {
    Category.MARKETING: {"from": "09:00", "to": "21:00"},
    Category.TRANSACTIONAL: None,  # at any time
}


def read(given: Any) -> dict[str, Any]:
    """Return valid windows as they are stored: by category, null for "at any time".

    Each is as `hours.check` has it. Raises Invalid.
    """
    if not isinstance(given, Mapping) or set(given) - set(Category.values):
        raise Invalid(
            "windows",
            _("Give an object with %(names)s.") % {"names": ", ".join(Category.values)},
        )
    for category, each in given.items():
        if each is not None:
            try:
                hours.check(each)
            except hours.Unreadable as problem:
                place = f"windows.{category}.{problem.field}".rstrip(".")
                raise Invalid(place, str(problem)) from problem
    return {category: dict(each) if each else None for category, each in given.items()}


def is_open(account: OfficialAccount, category: str, *, at: datetime) -> bool:
    """Return whether this category may be sent for this account at this moment."""
    found = _hours(_kept(account), category)
    return found is None or hours.is_open(found, account, at=at)


def closed(account: OfficialAccount, *, at: datetime) -> list[str]:
    """Return the categories that may not be sent for this account at this moment."""
    kept = _kept(account)
    return [
        category
        for category in Category.values
        if (found := _hours(kept, category)) and not hours.is_open(found, account, at=at)
    ]


def opens_at(account: OfficialAccount, category: str, *, at: datetime) -> datetime | None:
    """Return the next opening (UTC); None where it is open now, or closed for over a year."""
    found = _hours(_kept(account), category)
    if found is None or hours.is_open(found, account, at=at):
        return None
    return hours.opens_at(found, account, at=at)


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


def _hours(kept: Mapping[str, Any], category: str) -> hours.Hours | None:
    given = (DEFAULTS | dict(kept))[category]
    return None if given is None else hours.read(given)
