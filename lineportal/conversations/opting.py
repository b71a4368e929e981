"""Who stops marketing in the chat, or takes it up again, in the transaction that reads the inbox.

It is recorded whatever else holds: automatic answers off, a person at it,
standby, or an event that LINE told late. What is said about them never costs quota.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import reduce
from operator import or_

from django.db import transaction
from django.db.models import Q

from lineportal.accounts import languages
from lineportal.conversations import answers, arrivals, opting_words, speaking, talking
from lineportal.conversations.models import Answering, ChatMessage, Conversation, Speaker
from lineportal.providers.base import Event
from recipients import bases, consent, intake, siblings
from recipients.models import Recipient, Source
from templates_app import opting_out

STOPPED, STARTED = "stop", "start"  # causes of what the machine says
_LOOKED_BACK = 100  # newer messages in which a word that begins marketing again is looked for


def hold(told: Iterable[tuple[int, Event]]) -> None:
    """Take the locks of the numbers of those who stop or start; before any person is locked.

    Who changes what holds for a number takes its lock first of all (`siblings`).
    """
    asking: dict[int, set[str]] = {}
    for account_id, event in told:
        if event.line_user_id and (asks_to_stop(event) or _is_start(event)):
            asking.setdefault(account_id, set()).add(event.line_user_id)
    if asking:
        them = reduce(or_, (Q(account=pk, line_user_id__in=ids) for pk, ids in asking.items()))
        siblings.hold(*Recipient.objects.filter(them).values_list("phone", flat=True))


def hear(arrived: Sequence[arrivals.Arrived], *, at: datetime) -> set[int]:
    """Record who wants no more marketing, or wants it again, in the order of LINE's time.

    What is refused (held already, older than what is held) changes nothing, and no message is lost.
    Returns the ids of the conversations in which that is confirmed.
    """
    changed: dict[int, tuple[arrivals.Arrived, str]] = {}
    for one in arrived:
        if word := _hear(one, at=at):
            changed[one.conversation.pk] = (one, word)
    return {pk for pk, (one, word) in changed.items() if _confirm(one, word, at=at)}


def asks(one: arrivals.Arrived) -> bool:
    """Return whether an event stops marketing or takes it up again."""
    return asks_to_stop(one.event) or asks_to_start(one)


def asks_to_stop(event: Event) -> bool:
    """Return whether an event asks for no more marketing: by a word, a changed word or a button.

    A word that was taken back, or told twice, counts: who may have said it gets nothing more.
    """
    said = event.said
    if said is None or event.kind not in ("said", "edited"):
        return False
    return said.data == opting_out.STOP_DATA or (
        said.kind == "text" and opting_out.is_stop(said.text)
    )


def asks_to_start(one: arrivals.Arrived) -> bool:
    """Return whether an event takes marketing up again; only a message that stands does."""
    return one.message is not None and _is_start(one.event)


def _is_start(event: Event) -> bool:
    said = event.said
    if said is None or event.kind != "said":
        return False
    return said.data == opting_out.START_DATA or (
        said.kind == "text" and opting_out.is_start(said.text)
    )


def _hear(one: arrivals.Arrived, *, at: datetime) -> str:
    """Record what an event says of marketing; return what changed, in one word, or nothing."""
    if asks_to_stop(one.event):
        return _stop(one, at=at)
    if asks_to_start(one) and _end(
        one.conversation, one.event.occurred_at, reference=one.event.event_id, at=at
    ):
        return STARTED
    return ""


def _stop(one: arrivals.Arrived, *, at: datetime) -> str:
    recipient = one.conversation.recipient
    was_out = recipient.opt_outs.filter(purpose="", ended_at__isnull=True).exists()
    statement = _statement(one.event.occurred_at, reference=one.event.event_id, at=at)
    try:
        with transaction.atomic():
            is_recorded = bases.opt_out(recipient, statement=statement)
    except (consent.Conflict, intake.Invalid):
        return ""
    if not is_recorded:
        return ""
    if begun := _began_again(one):
        _end(one.conversation, begun.occurred_at, reference=f"chat message {begun.pk}", at=at)
        return ""
    return "" if was_out else STOPPED


def _began_again(one: arrivals.Arrived) -> ChatMessage | None:
    """Return the newer word by which marketing began again, where the older one came after it."""
    heard = one.conversation.last_heard_at
    if heard is None or heard <= one.event.occurred_at:
        return None
    newer = one.conversation.messages.filter(
        speaker=Speaker.CUSTOMER, occurred_at__gt=one.event.occurred_at, unsent_at__isnull=True,
        edited_at__isnull=True,
    ).order_by("-occurred_at", "-pk")  # fmt: skip
    for message in newer[:_LOOKED_BACK]:
        data = message.facts.get("data")
        if data == opting_out.STOP_DATA or opting_out.is_stop(message.text):
            return None
        if data == opting_out.START_DATA or (
            message.kind == "text" and opting_out.is_start(message.text)
        ):
            return message
    return None


def _end(
    conversation: Conversation, observed_at: datetime, *, reference: str, at: datetime
) -> bool:
    statement = _statement(observed_at, reference=reference, at=at)
    try:
        with transaction.atomic():
            bases.end_opt_out(conversation.recipient, statement=statement)
    except (consent.Conflict, intake.Invalid):
        return False
    return True


def _statement(observed_at: datetime, *, reference: str, at: datetime) -> consent.Statement:
    return consent.Statement(
        source=Source.LINE, observed_at=observed_at, is_dated=True, told_at=at, reference=reference
    )


def _confirm(one: arrivals.Arrived, word: str, *, at: datetime) -> bool:
    """Say what was done in the customer's language, unless the account's answers are off."""
    talk = one.conversation
    if one.event.is_standby or at - one.event.occurred_at >= talking.TOKEN_LIFE:
        return False
    is_off = Answering.objects.filter(account=talk.account_id, is_on=False).exists()
    if is_off or not speaking.may(talk, at=at):
        return False
    language = languages.nearest(talk.language, country=talk.account.country)
    say = opting_words.stopped if word == STOPPED else opting_words.started
    words = say(language, name=talk.account.name)
    answers.say(talk, words, at=at, author=None, cause=word, is_reply_only=True)
    return True
