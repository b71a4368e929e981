"""Claim and record: every statement by which posting moves what we say in a conversation.

One message of a conversation at a time, in the order of ids. A reply is tried once for each token
and message; a push may be repeated under its retry key while the provider remembers that.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.utils.translation import gettext as _

from lineportal.accounts.models import Road, Service
from lineportal.conversations import talking
from lineportal.conversations.models import ChatMessage, Conversation, Progress, Way
from lineportal.providers import PROVIDERS
from lineportal.providers.outcomes import REPEAT_LIFE, Outcome, SendResult

LEASE = timedelta(seconds=60)  # of a message in flight: far beyond a provider's time-out
BAD_TOKEN = "invalid_reply_token"  # noqa: S105 - a code of ours
TOO_LATE = "too_late"  # of a message that goes by a token alone
_BACKOFF = (1, 2, 5, 10, 30, 60)  # seconds before try 2, 3, ...
_DETAIL = 300  # characters that are kept of a provider's words
_TO_POST = (Progress.WAITING, Progress.SENDING)


@dataclass(frozen=True, slots=True)
class Claimed:
    """One message that a worker has to post now; nothing that names anybody is shown by `repr`."""

    id: int
    reference: UUID
    way: str
    attempt: int
    is_repeatable: bool  # after an uncertain end, under the same retry key
    may_have_arrived: bool  # by an earlier push under the same retry key
    address: str = field(repr=False)
    body: str = field(repr=False)  # JSON, the same bytes at every try
    token: str = field(default="", repr=False)


def due(account_id: int, *, at: datetime, limit: int) -> list[int]:
    """Return conversations of an account whose first message to post is due, oldest first."""
    rows = _due(at=at).filter(account=account_id).order_by("next_at", "id")
    return list(rows.values_list("conversation", flat=True)[:limit])


def due_accounts(*, at: datetime) -> list[int]:
    """Return the ids of active accounts that have something to post now, and a road for it."""
    rows = _due(at=at).filter(account__is_active=True, account__roads__service=Service.OA)
    rows = rows.order_by("account")
    return list(rows.values_list("account", flat=True).distinct())


@transaction.atomic
def claim(conversation_id: int, road: Road, *, at: datetime) -> Claimed | None:
    """Take the conversation's first message to post and mark it `sending`; post it right now.

    What may not be sent any more ends here, as `failed`. None: there is nothing to post, another
    worker is at it, or the account is switched off, where messages wait.
    """
    talk = (
        Conversation.objects.select_related("account", "recipient")
        .select_for_update(of=("self",), no_key=True, skip_locked=True)
        .filter(pk=conversation_id, account=road.account_id)
        .first()
    )
    if talk is None or not talk.account.is_active:
        return None
    # Everybody who claims here holds the conversation, so this sees what others committed.
    message = talk.messages.filter(progress__in=_TO_POST).order_by("pk").select_for_update().first()
    if message is None or message.progress != Progress.WAITING:
        return None
    if message.next_at is not None and message.next_at > at:
        return None
    kind = PROVIDERS[road.provider]
    by_token = (
        not message.way
        and road.service in kind.takes_reply_tokens
        and talking.has_token(talk, at=at)
    )
    reason = talking.barred(talk, at=at)
    if not reason and not by_token:
        reason = TOO_LATE if message.is_reply_only else talking.closed_to_pushes(talk, at=at)
    if not reason and (message.content is None or message.emptied_at is not None):
        reason = _("The words of this message are no longer kept; nothing was sent.")
    address = talk.recipient.line_user_id
    if not reason and not address:
        reason = _("This person has no LINE user id any more; nothing was sent.")
    may_have_arrived = message.first_tried_at is not None
    if may_have_arrived and not _is_remembered(message, road, at=at):
        reason = reason or _("LINE no longer knows the earlier try; it may have arrived.")
    if reason:
        # An earlier try that may have arrived stays uncertain, whatever bars the next one.
        message.progress = Progress.UNCERTAIN if may_have_arrived else Progress.FAILED
        message.detail = reason[:_DETAIL]
        message.next_at, message.ended_at = None, at
        message.save(update_fields=["progress", "detail", "next_at", "ended_at"])
        return None
    if by_token:
        talk.reply_tried_at = at
        talk.save(update_fields=["reply_tried_at"])
    message.way = Way.REPLY if by_token else Way.PUSH
    message.progress = Progress.SENDING
    message.attempts = min(message.attempts + 1, 32_767)
    message.leased_until = at + LEASE
    if message.way == Way.PUSH:
        message.first_tried_at = message.first_tried_at or at
    message.save(update_fields=["way", "progress", "attempts", "leased_until", "first_tried_at"])
    # From the first message on, the road keeps its channel: retry keys are of that alone.
    Road.objects.filter(pk=road.pk, used_at__isnull=True).update(used_at=at)
    if message.reference is None:
        raise ValueError("a message of ours has a reference")
    return Claimed(
        id=message.pk,
        reference=message.reference,
        way=message.way,
        attempt=message.attempts,
        is_repeatable=not by_token and road.service in kind.may_repeat,
        may_have_arrived=may_have_arrived,
        address=str(address),
        body=json.dumps(message.content, ensure_ascii=False, separators=(",", ":")),
        token=talk.reply_token if by_token else "",
    )


@transaction.atomic
def record(claimed: Claimed, result: SendResult, *, at: datetime) -> bool:
    """Write what came of one try; return whether it is kept.

    A result that comes after the sweep, or after another try began, changes nothing, but that the
    message surely arrived.
    """
    message = (
        ChatMessage.objects.select_for_update(no_key=True)
        .filter(pk=claimed.id, reference=claimed.reference)
        .first()
    )
    if message is None:
        return False
    is_mine = message.progress == Progress.SENDING and message.attempts == claimed.attempt
    is_late_news = result.outcome is Outcome.ACCEPTED and message.progress in (
        Progress.SENDING, Progress.WAITING, Progress.UNCERTAIN,
    )  # fmt: skip
    if not is_mine and not is_late_news:
        return False
    message.leased_until = message.next_at = None
    message.http_status = result.http_status
    message.request_id = result.request_id[:100]
    message.detail = (result.detail or result.code)[:_DETAIL]
    _move(message, claimed, result, at=at)
    if message.progress != Progress.WAITING:
        message.ended_at = at
    message.quote_token = result.quote_token[:200] or message.quote_token
    is_emptied = message.emptied_at is not None  # forgotten meanwhile: nothing comes back
    if is_emptied:
        message.request_id = message.detail = message.quote_token = ""
    message.save()
    if result.message_ids and not is_emptied:
        _keep_id(message, result.message_ids[0])
    return True


def sweep(*, at: datetime) -> int:
    """Settle messages that a dead worker left in flight; return how many.

    A reply is uncertain for ever; a push goes again under its retry key while it is remembered.
    """
    stale = ChatMessage.objects.filter(progress=Progress.SENDING, leased_until__lt=at)
    words = _("The worker stopped while the request was under way.")
    again = stale.filter(
        _has_retry_key(), way=Way.PUSH, first_tried_at__gt=at - REPEAT_LIFE
    ).update(progress=Progress.WAITING, leased_until=None, next_at=at, detail=words)
    lost = stale.update(
        progress=Progress.UNCERTAIN, leased_until=None, next_at=None, ended_at=at, detail=words
    )
    return again + lost


def _move(message: ChatMessage, claimed: Claimed, result: SendResult, *, at: datetime) -> None:
    """Give the message the progress, and where it goes on the way, that follow from a try."""
    is_reply = claimed.way == Way.REPLY
    is_unsent = result.outcome in (Outcome.THROTTLED, Outcome.UNAVAILABLE)
    if result.outcome is Outcome.ACCEPTED:
        message.progress = Progress.SENT
    elif is_reply and (
        is_unsent or (result.outcome is Outcome.REFUSED and result.code == BAD_TOKEN)
    ):
        message.progress, message.way = Progress.WAITING, Way.PUSH
        wait = _wait(claimed, result) if is_unsent else 0
        message.next_at = at + timedelta(seconds=wait)
    elif is_unsent:
        message.progress = Progress.WAITING
        message.next_at = at + timedelta(seconds=_wait(claimed, result))
        if not claimed.may_have_arrived:
            message.first_tried_at = None
    elif result.outcome is Outcome.UNCERTAIN:
        first = message.first_tried_at
        if claimed.is_repeatable and first is not None and at - first < REPEAT_LIFE:
            message.progress = Progress.WAITING
            message.next_at = at + timedelta(seconds=_wait(claimed, result))
        else:
            message.progress = Progress.UNCERTAIN
    elif claimed.may_have_arrived:
        # That this try was not taken says nothing of the one before.
        message.progress = Progress.UNCERTAIN
    else:
        is_refused = result.outcome is Outcome.REFUSED
        message.progress = Progress.REFUSED if is_refused else Progress.FAILED


def _wait(claimed: Claimed, result: SendResult) -> float:
    usual = _BACKOFF[min(claimed.attempt, len(_BACKOFF)) - 1]
    return max(usual, result.retry_after_seconds or 0)


def _keep_id(message: ChatMessage, provider_message_id: str) -> None:
    try:
        with transaction.atomic():  # a savepoint: an id that another message has is not kept
            ChatMessage.objects.filter(pk=message.pk).update(
                provider_message_id=provider_message_id
            )
    except IntegrityError:
        pass


def _is_remembered(message: ChatMessage, road: Road, *, at: datetime) -> bool:
    first = message.first_tried_at
    can_repeat = road.service in PROVIDERS[road.provider].may_repeat
    return can_repeat and first is not None and at - first < REPEAT_LIFE


def _due(*, at: datetime) -> QuerySet[ChatMessage]:
    earlier = ChatMessage.objects.filter(
        conversation=OuterRef("conversation"), pk__lt=OuterRef("pk"), progress__in=_TO_POST
    )
    return ChatMessage.objects.filter(~Exists(earlier), progress=Progress.WAITING, next_at__lte=at)


def _has_retry_key() -> Exists:
    names = [name for name, kind in PROVIDERS.items() if Service.OA in kind.may_repeat]
    roads = Road.objects.filter(provider__in=names, service=Service.OA)
    return Exists(roads.filter(account=OuterRef("account")))
