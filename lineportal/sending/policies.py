"""What an account asks of its campaigns: canary, second key, breakers, caps, tolerances.

The caps, the cooling-off and the age of triggers are rules about people: `own_history.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.utils.translation import gettext as _

from lineportal.accounts import access
from lineportal.accounts.models import OfficialAccount
from lineportal.audit import chain
from lineportal.sending import windows
from lineportal.sending.models import Policy
from recipients.intake import Invalid

CHANGE = "accounts.manage_accounts"
# Or None: off.
_COUNTS = (
    "canary_size",
    "second_key_above",
    "cap_messages",
    "marketing_cap_messages",
    "cooling_off_days",
    "trigger_minutes",
)
DAYS = ("cap_days", "marketing_cap_days", "link_days")
_PERCENTS = ("refused_percent", "uncertain_percent")
# How far a day's count may be off; 0: not at all.
TOLERANCES = ("count_tolerance", "count_tolerance_percent")
FIELDS = (*_COUNTS, *DAYS, *_PERCENTS, *TOLERANCES, "windows")
# The largest number of each; 10,000,000 where none is said.
_TOPS = {
    "refused_percent": 100,
    "uncertain_percent": 100,
    "cap_messages": 1_000,
    "cap_days": 366,
    "marketing_cap_messages": 1_000,
    "marketing_cap_days": 366,
    "link_days": 3_660,
    "cooling_off_days": 366,
    "trigger_minutes": 527_040,  # 366 days
    "count_tolerance_percent": 100,
}


def of(account_id: int) -> Policy:
    """Return the account's policy; the defaults where it has none."""
    return Policy.objects.filter(account_id=account_id).first() or Policy(account_id=account_id)


@transaction.atomic
def change(
    account: OfficialAccount, *, by: User, at: datetime, changes: Mapping[str, Any]
) -> Policy:
    """Change some of FIELDS; `windows` as `windows.read` takes it.

    Raises PermissionDenied, Invalid.
    """
    access.require(by, CHANGE, account)
    for name, value in changes.items():
        if name not in FIELDS:
            raise Invalid(name, _("Unknown; known are: %(names)s.") % {"names": ", ".join(FIELDS)})
        if name == "windows":
            windows.read(value)
            continue
        if name in _COUNTS and value is None:
            continue
        least, top = int(name not in TOLERANCES), _TOPS.get(name, 10_000_000)
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= top:
            raise Invalid(
                name,
                _("Give a whole number from %(least)d to %(top)d.") % {"least": least, "top": top},
            )
    policy, _is_new = Policy.objects.select_for_update().get_or_create(account=account)
    for name, value in changes.items():
        setattr(policy, name, value)
    policy.save()
    chain.write(
        "sending.policy", subject=policy, by=by, at=at, account_id=account.pk, **dict(changes)
    )
    return policy
