"""Whether the machine may say something in a conversation now; people are asked by `talking`."""

from __future__ import annotations

from datetime import datetime, timedelta

from lineportal.conversations import talking
from lineportal.conversations.models import Conversation, Speaker

MOST_PER_HOUR = 10  # to one person: two machines never talk for long


def is_silent(conversation: Conversation) -> bool:
    """Return whether a person, or another module of the channel, does the talking."""
    return conversation.handed_over_at is not None or conversation.standby_since is not None


def may(conversation: Conversation, *, at: datetime) -> bool:
    """Return whether the machine may answer now, by the token of what the customer just did."""
    return (
        not is_silent(conversation)
        and talking.has_token(conversation, at=at)
        and not talking.barred(conversation, at=at)
        and conversation.messages.filter(
            speaker=Speaker.MACHINE, occurred_at__gt=at - timedelta(hours=1)
        ).count()
        < MOST_PER_HOUR
    )
