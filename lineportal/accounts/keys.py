"""API keys: made once, shown once, kept only as a digest."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta

from django.contrib.auth.models import User
from django.db import transaction
from django.utils.translation import gettext as _

from lineportal.accounts.models import ApiKey
from lineportal.audit import chain

SCOPES = (
    "accounts",
    "templates",
    "review",
    "recipients",
    "campaigns",
    "messages",
    "reports",
    "conversations",
    "all",
)
_NOTE_USE_EVERY = timedelta(minutes=1)  # a write per request would be a hot row


class UnknownScope(Exception):
    """A scope that does not exist was asked for."""


@transaction.atomic
def create(user: User, *, name: str, scopes: Sequence[str], at: datetime) -> tuple[ApiKey, str]:
    """Make a key for the user; return its row and the key itself, which is not kept."""
    unknown = sorted(set(scopes) - set(SCOPES))
    if unknown or not scopes:
        raise UnknownScope(_("Choose scopes from: %(scopes)s.") % {"scopes": ", ".join(SCOPES)})
    text = f"lp_{secrets.token_urlsafe(32)}"
    key = ApiKey.objects.create(
        user=user,
        name=name,
        prefix=text[:8],
        digest=digest(text),
        scopes=list(dict.fromkeys(scopes)),
        created_at=at,
    )
    chain.write("api_key.create", subject=key, by=user, at=at, scopes=key.scopes)
    return key, text


def find(text: str, *, at: datetime) -> ApiKey | None:
    """Return the live key with this text, whose user is still active; notes its use."""
    key = (
        ApiKey.objects.select_related("user")
        .filter(digest=digest(text), revoked_at__isnull=True, user__is_active=True)
        .first()
    )
    if key and (key.last_used_at is None or at - key.last_used_at > _NOTE_USE_EVERY):
        ApiKey.objects.filter(pk=key.pk).update(last_used_at=at)
    return key


def digest(text: str) -> str:
    """Return what is stored of a key. It is long and random, so a plain hash is enough."""
    return hashlib.sha256(text.encode()).hexdigest()
