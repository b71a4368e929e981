"""Credentials at rest: encrypted with the newest key, readable with any key still listed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timedelta

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings

from lineportal.accounts.models import OfficialAccount, Road

# LINE may still be delivering events signed with the replaced secret.
OLD_SECRET_LIFE = timedelta(hours=72)


class UnreadableCredentials(Exception):
    """None of LINEPORTAL_FIELD_KEYS opens these credentials."""


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


def replace(road: Road, credentials: Mapping[str, str], *, at: datetime) -> None:
    """Store new credentials; a changed webhook secret stays valid for 72 hours."""
    old_secret = of(road).get("channel_secret", "")
    if old_secret and old_secret != credentials.get("channel_secret"):
        road.previous_secret = seal({"channel_secret": old_secret})
        road.previous_secret_until = at + OLD_SECRET_LIFE
    road.credentials = seal(credentials)
    road.credentials_version += 1
    road.save()


def webhook_secrets(account: OfficialAccount, *, provider: str, at: datetime) -> list[str]:
    """Return every secret that may have signed a webhook of this account now."""
    secrets = []
    for road in account.roads.filter(provider=provider):
        secrets.append(of(road).get("channel_secret", ""))
        if road.previous_secret and road.previous_secret_until and road.previous_secret_until > at:
            secrets.append(open_sealed(road.previous_secret).get("channel_secret", ""))
    return [secret for secret in dict.fromkeys(secrets) if secret]


def _keys() -> MultiFernet:
    return MultiFernet([Fernet(key) for key in settings.FIELD_KEYS])
