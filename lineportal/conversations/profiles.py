"""Names and languages of who writes, as their LINE profiles say; a name is anybody's text."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F, Q

from lineportal.conversations.models import Conversation

AGAIN_AFTER = timedelta(days=30)  # an old profile is asked for again when the person writes
_LATELY = timedelta(hours=1)
NAME_LIMIT = 100  # characters
_LANGUAGE_LIMIT = 20
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})  # controls, direction marks, ...


@dataclass(frozen=True, slots=True)
class Wanted:
    """A conversation whose profile is to be asked for."""

    conversation_id: int
    account_id: int
    line_user_id: str = field(repr=False)


def wanted(providers: list[str], *, at: datetime, limit: int) -> list[Wanted]:
    """Return whose profiles were never asked for, or are old and of who wrote lately.

    Only of active accounts whose two-way road is one of these providers.
    """
    never = Q(profile_at__isnull=True)
    old = Q(last_heard_at__gt=at - _LATELY, profile_at__lt=at - AGAIN_AFTER)
    rows = Conversation.objects.filter(
        account__is_active=True,
        account__roads__service="oa",
        account__roads__provider__in=providers,
        recipient__erased_at__isnull=True,
        recipient__line_user_id__isnull=False,
    )
    found: list[Wanted] = []
    for which in (old, never):
        left = limit - len(found)
        listed = rows.filter(which).order_by("pk")
        found += [
            Wanted(*each)
            for each in listed.values_list("pk", "account_id", F("recipient__line_user_id"))[:left]
        ]
    return found


@transaction.atomic
def keep(conversation_id: int, *, name: str, language: str, at: datetime) -> None:
    """Note that a profile was asked for, and what it says; blank: nothing, and what was stays."""
    talk = Conversation.objects.select_for_update(no_key=True).get(pk=conversation_id)
    talk.refresh_from_db(fields=["recipient"])
    talk.profile_at = at
    if talk.recipient.erased_at is None and name:
        talk.name = shown_name(name)
        talk.language = "".join(c for c in language if c.isalnum() or c == "-")[:_LANGUAGE_LIMIT]
    talk.save(update_fields=["profile_at", "name", "language"])


def shown_name(name: str) -> str:
    """Return a name in one line, without controls and marks that turn the direction of text."""
    seen = "".join(" " if unicodedata.category(c) in _UNSEEN else c for c in name)
    return " ".join(seen.split())[:NAME_LIMIT]
