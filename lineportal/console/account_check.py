"""What a check of an account found, kept in the session until the account's page has shown it.

So the page can be loaded again without asking the providers again.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.http import HttpRequest
from django.utils.translation import gettext as _

from lineportal.accounts.models import OfficialAccount, Service
from lineportal.providers import PROVIDERS
from lineportal.sending import checking
from lineportal.sending.checking import Finding

_NAME = "account_check"
_SHOWN_FOR = timedelta(hours=1)  # what was found may be mended since


def keep(
    request: HttpRequest, account: OfficialAccount, found: Sequence[Finding], *, at: datetime
) -> None:
    """Keep the outcome for this person."""
    groups = itertools.groupby(found, key=lambda each: (each.service, each.provider))
    request.session[_NAME] = {
        "account": account.pk,
        "at": at.isoformat(),
        "bad": checking.bad(found),
        "groups": [
            {
                "title": _title(*key),
                "findings": [
                    {"result": each.result.value, "sentence": each.sentence} for each in findings
                ],
            }
            for key, findings in groups
        ],
    }


def kept(request: HttpRequest, account: OfficialAccount, *, at: datetime) -> dict[str, Any] | None:
    """Return what was found last for this person on this account, if it was lately."""
    found = request.session.get(_NAME)
    if not found or found["account"] != account.pk:
        return None
    checked_at = datetime.fromisoformat(found["at"])
    if at - checked_at > _SHOWN_FOR:
        return None
    return {**found, "at": checked_at}


def _title(service: str, provider: str) -> str:
    if not provider:
        return _("The account")
    label = Service(service).label if service in Service.values else service
    by = PROVIDERS[provider].title if provider in PROVIDERS else provider
    return _("%(service)s, by %(provider)s") % {"service": label, "provider": by}
