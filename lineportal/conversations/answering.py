"""What an account says by itself beside its rules: greetings, office hours, on and off."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.utils.translation import gettext as _

from lineportal.accounts import access, hours
from lineportal.accounts.models import OfficialAccount
from lineportal.audit import chain
from lineportal.conversations import canned
from lineportal.conversations.models import Answering, CannedAnswer
from recipients.intake import Invalid

VIEW = "conversations.view_answering"
ANSWERS = ("greeting", "greeting_again", "away", "handed_over")
FIELDS = ("is_on", *ANSWERS, "hours", "away_every_hours")
_EVERY = range(1, 721)  # hours: up to thirty days


@transaction.atomic
def change(
    account: OfficialAccount, *, by: User, at: datetime, changes: Mapping[str, Any]
) -> Answering:
    """Change what is given of an account's settings and return them.

    An account that has none gets them, and answers by itself from then on unless `is_on` is False.
    Raises PermissionDenied, Invalid.
    """
    access.require(by, canned.KEEP, account.pk)
    account = canned.locked(account.pk)
    values = read(account, changes)
    settings = of(account)
    settings.is_on = settings.is_on or settings.pk is None
    for name, value in values.items():
        setattr(settings, name, value)
    settings.save()
    chain.write(
        "answering.change", subject=settings, by=by, at=at, account_id=account.pk,
        fields=sorted(values),
    )  # fmt: skip
    return settings


def of(account: OfficialAccount) -> Answering:
    """Return an account's settings; where it has none, unsaved ones by which nothing is said."""
    return Answering.objects.filter(account=account).first() or Answering(
        account=account, is_on=False
    )


def read(account: OfficialAccount, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return valid settings, as they are stored; what is not given is left out. Raises Invalid."""
    if unknown := set(values) - set(FIELDS):
        raise Invalid(min(unknown), _("There is no such field."))
    found = dict(values)
    for name in ANSWERS:
        answer = found.get(name)
        if answer is None:
            continue
        is_usable = isinstance(answer, CannedAnswer) and answer.is_on
        if not is_usable or answer.account_id != account.pk:
            raise Invalid(name, _("Choose a canned answer of this account that is in use."))
    if found.get("hours") is not None:
        try:
            hours.check(found["hours"])
        except hours.Unreadable as problem:
            raise Invalid(f"hours.{problem.field}".rstrip("."), str(problem)) from problem
        found["hours"] = dict(found["hours"])
    if "is_on" in found and not isinstance(found["is_on"], bool):
        raise Invalid("is_on", _("Give true or false."))
    every = found.get("away_every_hours", 8)
    if isinstance(every, bool) or not isinstance(every, int) or every not in _EVERY:
        raise Invalid("away_every_hours", _("Give a number of hours from 1 to 720."))
    return found
