"""What we say in a conversation: written as a row, posted by a worker.

A reply by the token of what the customer did is free; a push counts against the month's quota.
"""

from __future__ import annotations

import functools
import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.utils.translation import gettext as _

from lineportal import jobs
from lineportal.conversations import arrivals
from lineportal.conversations.models import (
    ChatMessage,
    Conversation,
    MessageKind,
    Progress,
    Speaker,
)
from recipients.intake import Invalid
from templates_app import content as contents

POST = "lineportal.post_answers"


def wake(account_id: int) -> None:
    """Have a worker post what waits in the conversations of an account."""
    name = f"post-answers:{account_id}"
    jobs.defer(POST, lock=name, queueing_lock=name, account_id=account_id)


def queue(
    conversation: Conversation,
    content: Mapping[str, Any],
    *,
    at: datetime,
    author: User | None = None,
    cause: str = "",
    again_of: ChatMessage | None = None,
    reference: uuid.UUID | None = None,
    is_reply_only: bool = False,
) -> ChatMessage:
    """Keep a message object of LINE's as to be sent in a conversation; return its row.

    Without an `author` the machine says it, and `cause` is why, in one word. The caller has the
    conversation locked and has asked whether it may be said; a `reference` that it gives is the
    retry key, and no other message's. What `is_reply_only` is not sent at all once the customer's
    token is no longer good, so that it never counts against the quota. It is posted in the order
    of ids, one at a time for each conversation.
    """
    text = str(content.get("text") or content.get("altText") or "")
    message = ChatMessage.objects.create(
        conversation=conversation,
        account_id=conversation.account_id,
        speaker=Speaker.PERSON if author else Speaker.MACHINE,
        kind=MessageKind.TEXT if content["type"] == "text" else MessageKind.FLEX,
        text=text,
        content=dict(content),
        author=author,
        cause=cause,
        again_of=again_of,
        progress=Progress.WAITING,
        is_reply_only=is_reply_only,
        reference=reference or uuid.uuid4(),
        occurred_at=at,
        next_at=at,
    )
    conversation.last_text = arrivals.shown(message.kind, text)
    conversation.last_message_at = max(conversation.last_message_at, at)
    conversation.save(update_fields=["last_text", "last_message_at"])
    transaction.on_commit(functools.partial(wake, conversation.account_id))
    return message


def tidied(text: str) -> str:
    """Return a text as it is kept and sent: one kind of line end, nothing around it."""
    return text.replace("\r\n", "\n").strip()


def read(given: Any) -> str:
    """Return the text of an answer as LINE takes it. Raises Invalid."""
    text = tidied(given) if isinstance(given, str) else ""
    if not text or not contents.is_storable(text):
        raise Invalid("text", _("Write the text of the answer."))
    if contents.utf16_units(text) > contents.TEXT_LIMIT:
        raise Invalid(
            "text",
            _("The text has %(length)d characters; LINE allows %(limit)d. Shorten it.")
            % {"length": contents.utf16_units(text), "limit": contents.TEXT_LIMIT},
        )
    return text


def say(
    conversation: Conversation,
    text: str,
    *,
    at: datetime,
    author: User | None,
    cause: str = "",
    reference: uuid.UUID | None = None,
    is_reply_only: bool = False,
) -> ChatMessage:
    """Keep a text as to be sent; see `queue`."""
    words = {"type": "text", "text": text}
    return queue(
        conversation, words, at=at, author=author, cause=cause, reference=reference,
        is_reply_only=is_reply_only,
    )  # fmt: skip
