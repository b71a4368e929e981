"""When marketing may go out: 09:00 to 21:00 in the account's zone. Notices have no quiet hours."""

from __future__ import annotations

from datetime import datetime, time
from zoneinfo import ZoneInfo

from lineportal.accounts.models import OfficialAccount

OPENS, CLOSES = time(9), time(21)


def is_open(account: OfficialAccount, category: str = "marketing", *, at: datetime) -> bool:
    """Return whether marketing may be sent for this account at this moment."""
    return category != "marketing" or OPENS <= at.astimezone(ZoneInfo(account.timezone)).time() < CLOSES
