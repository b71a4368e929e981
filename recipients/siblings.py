"""LINE's consent belongs to the phone, which may be a row in several accounts: who waits for whom.

Whoever adds a phone, or changes its consent, reads and writes the phone's rows in other accounts;
two who do so at once would not see each other's. So each takes a lock first of all, before any row.
"""

from __future__ import annotations

from django.db import connection
from django.db.models import Exists, OuterRef

from lineportal.accounts.models import OfficialAccount
from recipients.models import Recipient

_PHONES = 0x6C6F6E70  # "lonp": all phones; shared by those who lock single ones
_PHONE = 0x6C6F6E31  # "lon1": seed of the locks of single phones


def hold(*phones: str | None) -> None:
    """Wait until nobody else changes these phones' consent; held until the transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock_shared(%s)", [_PHONES])
        for phone in sorted({phone for phone in phones if phone}):
            cursor.execute(
                "SELECT pg_advisory_xact_lock(hashtextextended(%s, %s))", [phone, _PHONE]
            )


def hold_all(*, besides: OfficialAccount) -> bool:
    """Wait until nobody else changes any phone's consent; held until the transaction ends.

    Returns whether any other account has people. With one account alone no other row can be
    concerned, so nobody has to wait; only the opening of a second account waits then
    (`hold_accounts`).
    """
    kind = "pg_advisory_xact_lock"
    if OfficialAccount.objects.count() < 2:
        kind += "_shared"
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {kind}(%s)", [_PHONES])
    others = OfficialAccount.objects.exclude(pk=besides.pk)
    return others.filter(Exists(Recipient.objects.filter(account=OuterRef("pk")))).exists()


def hold_accounts() -> None:
    """Wait until nobody relies on there being one account; held until the transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_PHONES])
