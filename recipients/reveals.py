"""Whole phone numbers: who may see one, what for, and the audit entry of it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from django.contrib.auth.models import User
from django.db import transaction
from django.utils.translation import gettext as _

from lineportal.accounts import access
from lineportal.accounts.models import ApiKey
from lineportal.audit import chain
from recipients import phones, purposes
from recipients.models import Recipient

REVEAL = "recipients.reveal_phone"


class NoNumber(Exception):
    """There is no number to show."""


def text(e164: str | None, *, in_full: bool) -> str | None:
    """Return a number as an answer shows it: the one rule of every door."""
    return e164 if in_full or e164 is None else phones.mask(e164)


@transaction.atomic
def show(recipient: Recipient, *, purpose: str, by: User, at: datetime) -> str:
    """Return the whole number of a person. Raises PermissionDenied, MissingPurpose, NoNumber."""
    access.require(by, REVEAL, recipient.account_id)
    purpose = purposes.required(purpose)
    if not recipient.phone:
        raise NoNumber(_("We hold no phone number of this person."))
    chain.write(
        "recipient.reveal",
        subject=recipient,
        by=by,
        at=at,
        account_id=recipient.account_id,
        purpose=purposes.without_personal_data(purpose, recipient),
    )
    return recipient.phone


@transaction.atomic
def note(key: ApiKey, *, accounts: Iterable[int], numbers: int, purpose: str, at: datetime) -> None:
    """Write down that one call of the API gave out so many whole numbers of these accounts."""
    ids = sorted(set(accounts))
    chain.write(
        "recipients.reveal",
        subject=key,
        by=key.user,
        at=at,
        account_id=ids[0] if len(ids) == 1 else None,
        accounts=ids,
        numbers=numbers,
        purpose=purposes.without_personal_data(purpose or key.name),
    )
