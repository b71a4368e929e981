"""Credentials at rest: encrypted with the newest key, readable with any key still listed."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.db import connection

from lineportal.accounts.models import Road

# LINE may still be delivering events signed with the replaced secret.
OLD_SECRET_LIFE = timedelta(hours=72)


class UnreadableCredentials(Exception):
    """None of LINEPORTAL_FIELD_KEYS opens these credentials."""


@dataclass(frozen=True, slots=True)
class Signers:
    """An account, and all credentials that may vouch for a webhook of it at a moment.

    `is_so`: what the caller asked of the account along with that.
    """

    account_id: int
    credentials: tuple[Mapping[str, str], ...] = field(repr=False)
    is_so: bool = False


def seal(credentials: Mapping[str, str]) -> str:
    """Return the credentials encrypted, as text for the database."""
    return _keys().encrypt(json.dumps(dict(credentials)).encode()).decode()


def open_sealed(token: str) -> dict[str, str]:
    """Return what `seal` was given; raises UnreadableCredentials."""
    try:
        opened: dict[str, str] = json.loads(_keys().decrypt(token.encode()))
    except InvalidToken as error:
        raise UnreadableCredentials(
            "The stored credentials cannot be opened: add the key they were written with to"
            " LINEPORTAL_FIELD_KEYS."
        ) from error
    return opened


def of(road: Road) -> dict[str, str]:
    """Return the credentials of a road in the clear."""
    return open_sealed(road.credentials)


def replace(
    road: Road, credentials: Mapping[str, str], *, for_webhooks: Collection[str], at: datetime
) -> None:
    """Store new credentials; what webhooks are verified with stays valid for 72 hours.

    `for_webhooks` are the names of those. Old ones that no key opens any more are of no use.
    """
    try:
        before = of(road)
    except UnreadableCredentials:
        before = {}
    old = {name: before[name] for name in sorted(for_webhooks) if before.get(name)}
    if old and any(credentials.get(name) != before.get(name) for name in for_webhooks):
        road.previous_secret = seal(old)
        road.previous_secret_until = at + OLD_SECRET_LIFE
    road.credentials = seal(credentials)
    road.credentials_version += 1
    road.save()


def webhook_signers(
    webhook_id: str, *, provider: str, at: datetime, asking: str = "false"
) -> Signers | None:
    """Return who may sign a webhook that comes to this address now; None: there is no such one.

    `asking` is an SQL condition on `account.id` and `road.provider`, answered as `is_so`.
    SQL, as thousands of webhooks a second pass here and building the queries would be the most
    of their cost.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            SELECT account.id, {asking}, road.credentials,
                   CASE WHEN road.previous_secret_until > %s THEN road.previous_secret END
            FROM accounts_officialaccount account
            LEFT JOIN accounts_road road ON road.account_id = account.id AND road.provider = %s
            WHERE account.webhook_id = %s
            """,
            [at, provider, webhook_id],
        )
        rows = cursor.fetchall()
    if not rows:
        return None
    sealed = [token for _pk, _is_so, *tokens in rows for token in tokens if token]
    # Both roads of an account mostly have the same.
    return Signers(
        rows[0][0],
        tuple(open_sealed(token) for token in dict.fromkeys(sealed)),
        is_so=any(is_so for _pk, is_so, *_tokens in rows),
    )


def _keys() -> MultiFernet:
    return MultiFernet([Fernet(key) for key in settings.FIELD_KEYS])
