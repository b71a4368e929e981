"""What customers said becomes conversations, in the transaction that reads the webhook inbox.

Events come late, twice and in any order: a message is known by the provider's id, an edit or an
unsend may come before it, and only what is newer moves a conversation on.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import reduce
from operator import or_
from typing import Any

from django.conf import settings
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Greatest
from django.utils.translation import gettext as _

from lineportal.conversations import fetching
from lineportal.conversations.models import (
    ChatMessage,
    Conversation,
    Media,
    MessageKind,
    Speaker,
)
from lineportal.providers import downloads
from lineportal.providers.base import Event, Said
from recipients.models import Recipient
from templates_app import attachments

KINDS = frozenset({"said", "edited", "unsent"})  # of events that are kept as messages
# Those that say something of who is there, or bring a token to answer with.
TELLING = KINDS | {"follow", "linked"}
WITH_FILE = frozenset({"image", "video", "audio", "file"})
SHOWN = 100  # characters of the last message that the inbox shows


@dataclass(frozen=True, slots=True)
class Arrived:
    """One event of a conversation, and the message that it made; None: it made none."""

    event: Event
    conversation: Conversation
    message: ChatMessage | None = None


def take(told: Iterable[tuple[int, Event]], *, at: datetime) -> list[Arrived]:
    """Keep what was said to accounts; return what is new, in the order of LINE's time.

    Each event comes with the id of the account that was told, once. Their people are recorded and
    locked already. A follow opens a conversation too, as it brings a token to answer with.
    """
    events = sorted(
        (one for one in told if one[1].kind in TELLING and one[1].line_user_id),
        key=lambda one: (one[1].occurred_at, one[1].event_id),
    )
    events = [(account_id, _heard(event, at=at)) for account_id, event in events]
    if not events:
        return []
    talks = _conversations(events, at=at)
    arrived = [
        Arrived(event, talk, _keep(event, talk, at=at))
        for account_id, event in events
        if (talk := talks.get((account_id, event.line_user_id)))
    ]
    for talk in {one.conversation.pk: one.conversation for one in arrived}.values():
        _move_on(talk, [one for one in arrived if one.conversation is talk])
    fetching.wake_if_any(
        one.message for one in arrived if one.message and one.message.kind in WITH_FILE
    )
    return arrived


def shown(kind: str, text: str) -> str:
    """Return what the inbox shows of a message, in one line."""
    line = " ".join(text.split())
    return (line or str(MessageKind(kind).label))[:SHOWN]


def _heard(event: Event, *, at: datetime) -> Event:
    """Return the event, nothing said later than we heard it.

    Where a clock is ahead of ours, a question would stand below its answer, and a token live on.
    Edits keep their times: only these tell which is the newer.
    """
    if event.kind in ("edited", "unsent"):
        return event
    return replace(event, occurred_at=min(event.occurred_at, at))


def _new(recipient: Recipient, at: datetime) -> Conversation:
    return Conversation(
        account_id=recipient.account_id, recipient=recipient, created_at=at, last_message_at=at
    )


def _conversations(
    events: Sequence[tuple[int, Event]], *, at: datetime
) -> dict[tuple[int, str], Conversation]:
    """Return the conversations of these events' people, locked in the order of ids."""
    of_accounts: dict[int, set[str]] = {}
    for account_id, event in events:
        of_accounts.setdefault(account_id, set()).add(event.line_user_id)
    wanted = reduce(or_, (Q(account=pk, line_user_id__in=ids) for pk, ids in of_accounts.items()))
    people = {
        (person.account_id, str(person.line_user_id)): person
        for person in Recipient.objects.filter(wanted, erased_at__isnull=True).order_by("pk")
    }
    Conversation.objects.bulk_create(
        [_new(person, at) for person in people.values()], ignore_conflicts=True
    )
    held = {
        talk.recipient_id: talk
        for talk in Conversation.objects.filter(recipient__in=people.values())
        .order_by("pk")
        .select_for_update(no_key=True)
    }
    return {key: held[person.pk] for key, person in people.items()}


def _keep(event: Event, talk: Conversation, *, at: datetime) -> ChatMessage | None:
    said = event.said
    if said is None:
        return None
    if event.kind == "unsent":
        _take_back(event, said, talk)
        return None
    if event.kind == "edited":
        return _edit(event, said, talk)
    message, is_new = _find_or_make(_message(event, said, talk))
    if not is_new:
        # Taken back or edited before we heard of it, or a repeat under another event's id.
        if message.edited_at and message.conversation_id == talk.pk:
            message.occurred_at = event.occurred_at
            message.save(update_fields=["occurred_at"])
        return None
    if said.kind in WITH_FILE:
        Media.objects.create(
            message=message,
            name=attachments.safe_name(said.file_name)[:120] if said.file_name else "",
            claimed_size=said.claimed_size,
            **(_not_taken(said) or {"next_at": at}),
        )
    return message


def _find_or_make(message: ChatMessage) -> tuple[ChatMessage, bool]:
    """Return the message that the provider means by this one's id, and whether it is new."""
    if message.provider_message_id is None:
        message.save(force_insert=True)
        return message, True
    return ChatMessage.objects.get_or_create(
        account_id=message.account_id,
        provider_message_id=message.provider_message_id,
        defaults={
            name: getattr(message, name)
            for name in ("conversation", "speaker", "kind", "text", "facts", "quote_token",
                         "occurred_at", "edited_at", "unsent_at")
        },
    )  # fmt: skip


def _message(event: Event, said: Said, talk: Conversation) -> ChatMessage:
    facts = dict(said.facts)
    if said.data:
        facts["data"] = said.data
    if said.content_url:
        facts["content_url"] = said.content_url
    return ChatMessage(
        conversation=talk,
        account_id=talk.account_id,
        speaker=Speaker.CUSTOMER,
        kind=said.kind if said.kind in MessageKind.values else MessageKind.OTHER,
        text=said.text,
        facts=facts,
        provider_message_id=said.message_id or None,
        quote_token=said.quote_token,
        occurred_at=event.occurred_at,
    )


def _not_taken(said: Said) -> dict[str, Any]:
    """Return why a file is never asked for; empty where it is."""
    problem = ""
    if said.facts.get("elsewhere"):
        problem = _("The file lies at another company's address, which is never opened.")
    elif (said.claimed_size or 0) > settings.MEDIA_LIMIT:
        problem = downloads.too_large(settings.MEDIA_LIMIT)
    return {"state": Media.State.REFUSED, "problem": problem} if problem else {}


def _edit(event: Event, said: Said, talk: Conversation) -> ChatMessage | None:
    """Replace a message's words by newer ones; where it is unknown yet, they stand for it."""
    if not said.message_id:
        return None
    message = _message(event, said, talk)
    message.edited_at = event.occurred_at
    message, is_new = _find_or_make(message)
    if is_new:
        return message
    _mine(talk, said).filter(unsent_at__isnull=True, emptied_at__isnull=True).filter(
        Q(edited_at__isnull=True) | Q(edited_at__lt=event.occurred_at)
    ).update(text=said.text, edited_at=event.occurred_at)
    return None


def _take_back(event: Event, said: Said, talk: Conversation) -> None:
    """Empty what its sender took back, with its file; what comes later finds it taken back."""
    if not said.message_id:
        return
    gone = _message(event, Said("other", message_id=said.message_id), talk)
    gone.unsent_at = event.occurred_at
    _find_or_make(gone)
    mine = _mine(talk, said)
    mine.filter(unsent_at__isnull=True).update(
        text="", facts={}, quote_token="", unsent_at=event.occurred_at
    )
    fetching.drop(mine)


def _mine(talk: Conversation, said: Said) -> QuerySet[ChatMessage]:
    """Return the customer's own message of this id; nobody takes back another's."""
    return ChatMessage.objects.filter(
        conversation=talk, provider_message_id=said.message_id, speaker=Speaker.CUSTOMER
    )


def _move_on(talk: Conversation, arrived: Sequence[Arrived]) -> None:
    """Let the conversation show its newest word, and hold the newest token."""
    new = [one.message for one in arrived if one.message]
    changes: dict[str, Any] = {}
    if new:
        last = max(new, key=lambda message: (message.occurred_at, message.pk))
        changes = {
            "unread": F("unread") + len(new),
            "state": Conversation.State.OPEN,
            "last_heard_at": Greatest(F("last_heard_at"), last.occurred_at),
            "last_message_at": Greatest(F("last_message_at"), last.occurred_at),
        }
        if talk.last_heard_at is None or last.occurred_at >= talk.last_message_at:
            changes["last_text"] = shown(last.kind, last.text)
            changes["last_message_at"] = last.occurred_at
    newest = arrived[-1].event
    # Edits and unsends bring none, and take none away.
    answerable = next((one.event for one in reversed(arrived) if one.event.reply_token), None)
    if answerable and (talk.reply_token_at is None or answerable.occurred_at > talk.reply_token_at):
        changes |= {
            "reply_token": answerable.reply_token,
            "reply_token_at": answerable.occurred_at,
            "reply_tried_at": None,
        }
    is_newest = talk.last_heard_at is None or newest.occurred_at >= talk.last_heard_at
    if is_newest and newest.is_standby != (talk.standby_since is not None):
        changes["standby_since"] = newest.occurred_at if newest.is_standby else None
    if any(one.event.kind in ("unsent", "edited") for one in arrived):
        changes["last_text"] = _last_words(talk)
    if changes:
        Conversation.objects.filter(pk=talk.pk).update(**changes)
        talk.refresh_from_db()


def _last_words(talk: Conversation) -> str:
    last = talk.messages.order_by("-occurred_at", "-pk").first()
    if last is None:
        return ""
    return _("Message taken back") if last.unsent_at else shown(last.kind, last.text)
