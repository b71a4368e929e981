"""When a category may go out: 09:00 to 21:00 in the account's zone for marketing.

Notices have no quiet hours.
"""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.utils.formats import date_format
from django.utils.translation import gettext as _

from lineportal.accounts.models import OfficialAccount

OPENS, CLOSES = time(9), time(21)


def is_open(account: OfficialAccount, category: str = "marketing", *, at: datetime) -> bool:
    """Return whether this category may be sent for this account at this moment."""
    local = at.astimezone(ZoneInfo(account.timezone))
    return category != "marketing" or OPENS <= local.time() < CLOSES


def opens_at(account: OfficialAccount, category: str, *, at: datetime) -> datetime | None:
    """Return the next moment at which the category may be sent; None where that is now."""
    if is_open(account, category, at=at):
        return None
    zone = ZoneInfo(account.timezone)
    day = at.astimezone(zone).date()
    opening = datetime.combine(day, OPENS, zone)
    if opening <= at:
        opening = datetime.combine(day + timedelta(days=1), OPENS, zone)
    return opening.astimezone(UTC)


def words(moment: datetime, account: OfficialAccount) -> str:
    """Return a moment as the account's people say it: "Monday 09:00 (Bangkok)"."""
    local = moment.astimezone(ZoneInfo(account.timezone))
    city = account.timezone.rpartition("/")[2].replace("_", " ")
    return _("%(day)s %(time)s (%(city)s)") % {
        "day": date_format(local, "l"),
        "time": date_format(local, "H:i"),
        "city": city,
    }
