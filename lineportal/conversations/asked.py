"""Answers that programs ask for: made once for each key of the caller's, however often it asks."""

from __future__ import annotations

import uuid
from datetime import datetime

from django.contrib.auth.models import User
from django.utils.translation import gettext as _

from lineportal.conversations import answers, talking
from lineportal.conversations.models import ChatMessage, Conversation
from recipients.intake import Invalid

KEY_LIMIT = 200
# The first result is found by its retry key, which is made of account, conversation and key.
_ANSWERS = uuid.UUID("6f0d2f0c-7a1e-4c6f-9d0a-3a1f5f5b7d11")


class KeyReused(Exception):
    """The idempotency key was used before, for another answer."""


def answer(
    conversation: Conversation, *, key: str, text: str, shortcut: str, by: User, at: datetime
) -> ChatMessage:
    """Queue a text, or the canned answer of a shortcut; a repeat of the key returns the first.

    Raises PermissionDenied, Invalid, CannotAnswer, KeyReused.
    """
    key = key.strip()
    if not key or len(key) > KEY_LIMIT:
        raise Invalid(
            "Idempotency-Key",
            _("Give the header Idempotency-Key, of at most %(limit)d characters.")
            % {"limit": KEY_LIMIT},
        )
    if bool(text.strip()) == bool(shortcut):
        raise Invalid("text", _("Give a text, or the shortcut of a canned answer."))
    words = talking.canned_of(conversation, shortcut).text if shortcut else text
    reference = uuid.uuid5(_ANSWERS, f"{conversation.account_id}:{conversation.pk}:{key}")
    said = talking.answer(conversation, words, by=by, at=at, reference=reference)
    if said.emptied_at is None and said.text != answers.tidied(words):
        raise KeyReused(_("This Idempotency-Key was used for another answer; take a new one."))
    return said
