"""Numbers that must not be written to, whether or not we hold their person."""

from __future__ import annotations

from datetime import datetime

from django.contrib.auth.models import User
from django.db import transaction
from django.utils.translation import gettext as _

from lineportal.accounts import access
from lineportal.accounts.models import OfficialAccount
from lineportal.audit import chain
from recipients import intake, purposes
from recipients.models import Suppression

SUPPRESS = "recipients.suppress_recipient"


@transaction.atomic
def add(
    account: OfficialAccount,
    *,
    phone: str,
    reason: str,
    at: datetime,
    by: User | None,
    until: datetime | None = None,
) -> Suppression:
    """Suppress a number, or renew its suppression; `by` None is an operator at the shell."""
    if by is not None:
        access.require(by, SUPPRESS, account)
    if not reason.strip():
        raise intake.Invalid("reason", _("Give the reason; auditors will read it."))
    if until is not None and until <= at:
        raise intake.Invalid("until", _("The end must lie in the future; leave it out for good."))
    number = intake.read_phone(account, phone)
    Suppression.objects.filter(account=account, phone=number.e164, lifted_at__isnull=True).update(
        lifted_at=at
    )
    suppression = Suppression.objects.create(
        account=account,
        phone=number.e164,
        reason=purposes.without_personal_data(reason),
        until=until,
        created_by=by,
        created_at=at,
    )
    chain.write("suppression.add", subject=suppression, by=by, at=at, account_id=account.pk)
    return suppression


@transaction.atomic
def lift(suppression: Suppression, *, by: User, at: datetime) -> None:
    """End a suppression; its row stays for the record."""
    access.require(by, SUPPRESS, suppression.account_id)
    Suppression.objects.filter(pk=suppression.pk, lifted_at__isnull=True).update(lifted_at=at)
    chain.write(
        "suppression.lift",
        subject=suppression,
        by=by,
        at=at,
        account_id=suppression.account_id,
    )
