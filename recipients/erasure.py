"""Forget a person: what is personal goes, counts and decisions stay, and re-import is barred."""

from __future__ import annotations

import hashlib
import hmac
from datetime import datetime

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction

from lineportal.accounts import access
from lineportal.accounts.models import OfficialAccount
from lineportal.audit import chain
from recipients.models import ConsentEvidence, ErasedPhone, Recipient, Suppression

ERASE = "recipients.erase_recipient"


@transaction.atomic
def erase(recipient: Recipient, *, at: datetime, by: User | None) -> Recipient:
    """Empty the person's row; `by` None is an operator at the shell.

    What is queued for the person is skipped at the claim; `sending.erasure` empties messages.
    """
    if by is not None:
        access.require(by, ERASE, recipient.account_id)
    recipient = Recipient.objects.select_for_update().get(pk=recipient.pk)
    if recipient.phone:
        ErasedPhone.objects.get_or_create(
            account_id=recipient.account_id,
            digest=digest(recipient.phone),
            defaults={"erased_at": at},
        )
        Suppression.objects.filter(account_id=recipient.account_id, phone=recipient.phone).delete()
    recipient.phone, recipient.phone_country, recipient.line_user_id = None, "", None
    recipient.attributes, recipient.tags = {}, []
    recipient.erased_at = recipient.updated_at = at
    recipient.save()
    ConsentEvidence.objects.filter(record__recipient=recipient).delete()
    chain.write(
        "recipient.erase",
        subject=recipient,
        by=by,
        at=at,
        account_id=recipient.account_id,
    )
    return recipient


def is_erased(account: OfficialAccount, phone: str) -> bool:
    """Return whether the number's owner asked this account to forget them."""
    return ErasedPhone.objects.filter(account=account, digest=digest(phone)).exists()


def forgotten(account: OfficialAccount, phone: str) -> Recipient | None:
    """Return the emptied row of a number's owner who asked this account to forget them."""
    erased = ErasedPhone.objects.filter(account=account, digest=digest(phone)).first()
    if erased is None:
        return None
    # Both rows were written by one act with one time; nothing else may link them.
    return Recipient.objects.filter(account=account, erased_at=erased.erased_at).first()


def digest(phone: str) -> str:
    """Return the keyed digest of a number: a plain hash of so few numbers could be undone."""
    key = f"erased:{settings.SECRET_KEY}".encode()
    return hmac.new(key, phone.encode(), hashlib.sha256).hexdigest()
