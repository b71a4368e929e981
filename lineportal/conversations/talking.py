"""What people of ours do with a conversation: answer, assign, take over, close. One act each."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta

from django.contrib.auth.models import User
from django.db import transaction
from django.utils.translation import gettext as _

from lineportal.accounts import access
from lineportal.accounts.models import Service
from lineportal.audit import chain
from lineportal.conversations import answers
from lineportal.conversations.models import CannedAnswer, ChatMessage, Conversation, Progress
from recipients.intake import Invalid
from recipients.models import FriendStatus

VIEW = "conversations.view_conversation"
ANSWER = "conversations.answer_conversation"
# LINE takes a push to friends, and to who wrote within so long; a token is good for a minute, of
# which the way to LINE takes some.
WROTE_WITHIN = timedelta(days=7)
TOKEN_LIFE = timedelta(seconds=50)


class CannotAnswer(Exception):
    """Nothing may be sent in this conversation now; the text says why, and what to do."""


def has_token(conversation: Conversation, *, at: datetime) -> bool:
    """Return whether a reply may be tried: there is a token, young enough and never tried."""
    return bool(
        conversation.reply_token
        and conversation.reply_token_at
        and conversation.reply_tried_at is None
        and at - conversation.reply_token_at < TOKEN_LIFE
    )


def is_open_to_pushes(conversation: Conversation, *, at: datetime) -> bool:
    """Return whether LINE shows a push to this person: a friend, or somebody who wrote lately."""
    heard = conversation.last_heard_at
    is_recent = heard is not None and at - heard < WROTE_WITHIN
    return conversation.recipient.friend_status == FriendStatus.FRIEND or is_recent


def barred(conversation: Conversation, *, at: datetime) -> str:
    """Return why nothing may be sent in this conversation now, as a sentence; blank: it may."""
    recipient = conversation.recipient
    if recipient.erased_at is not None:
        return _("This person asked to be forgotten; nothing can be sent to them.")
    if recipient.friend_status == FriendStatus.BLOCKED:
        return _("This person blocked the account; LINE would drop whatever is sent.")
    if not conversation.account.is_active:
        return _("The account is switched off; switch it on before you answer.")
    if conversation.standby_since is not None:
        return _(
            "LINE says that another module of the channel is in charge of this chat; answer there,"
            " or wait until it gives the chat back."
        )
    if all(road.service != Service.OA for road in conversation.account.roads.all()):
        return _("The account has no road for two-way messages; a manager can add one.")
    return "" if has_token(conversation, at=at) else closed_to_pushes(conversation, at=at)


def closed_to_pushes(conversation: Conversation, *, at: datetime) -> str:
    """Return why no push is shown to this person now, as a sentence; blank: one is."""
    if is_open_to_pushes(conversation, at=at):
        return ""
    return _(
        "This person is no friend and wrote nothing for seven days; LINE would drop the"
        " message. Wait until they write again."
    )


@transaction.atomic
def answer(
    conversation: Conversation,
    text: str,
    *,
    by: User,
    at: datetime,
    reference: uuid.UUID | None = None,
) -> ChatMessage:
    """Queue a text for the customer and return its row; the conversation is the person's now.

    Under a `reference` it is queued once: the second press of a button finds the first one's row.
    Raises PermissionDenied, Invalid, CannotAnswer.
    """
    conversation = _locked(conversation, by)
    if reference and (said := ChatMessage.objects.filter(reference=reference).first()):
        if said.conversation_id != conversation.pk:
            raise Invalid("reference", _("Load the page again, and send the answer from there."))
        return said
    text = answers.read(text)
    if reason := barred(conversation, at=at):
        raise CannotAnswer(reason)
    message = answers.say(conversation, text, at=at, author=by, reference=reference)
    _is_answered(conversation, by=by, at=at)
    _audit("conversation.answer", conversation, by=by, at=at, chat_message=message.pk)
    return message


@transaction.atomic
def send_again(
    message: ChatMessage, *, by: User, at: datetime, saw_risk: bool = False
) -> ChatMessage:
    """Queue once more what failed, was refused or is uncertain, and return the new row.

    An uncertain one may arrive twice: `saw_risk` says that the person knows.
    Raises PermissionDenied, CannotAnswer.
    """
    conversation = _locked(message.conversation, by)
    message = ChatMessage.objects.get(pk=message.pk)
    if message.progress not in (Progress.FAILED, Progress.REFUSED, Progress.UNCERTAIN):
        raise CannotAnswer(_("Only what failed, was refused or is uncertain can be sent again."))
    if ChatMessage.objects.filter(again_of=message).exists():
        raise CannotAnswer(_("This was sent again already; look at the newer message."))
    if message.content is None or message.emptied_at is not None:
        raise CannotAnswer(_("The words of this message are no longer kept; write it anew."))
    if message.progress == Progress.UNCERTAIN and not saw_risk:
        raise CannotAnswer(
            _("This may have arrived already. Confirm that the customer may get it twice.")
        )
    if reason := barred(conversation, at=at):
        raise CannotAnswer(reason)
    again = answers.queue(conversation, message.content, at=at, author=by, again_of=message)
    _is_answered(conversation, by=by, at=at)
    _audit(
        "conversation.send_again",
        conversation,
        by=by,
        at=at,
        chat_message=message.pk,
        again=again.pk,
        saw_risk=int(saw_risk),
    )
    return again


def _is_answered(conversation: Conversation, *, by: User, at: datetime) -> None:
    conversation.unread = 0
    conversation.handed_over_at = conversation.handed_over_at or at
    conversation.assignee = conversation.assignee or by
    conversation.state = Conversation.State.OPEN
    conversation.save(update_fields=["unread", "handed_over_at", "assignee", "state"])


def answer_canned(
    conversation: Conversation,
    canned: CannedAnswer,
    *,
    by: User,
    at: datetime,
    reference: uuid.UUID | None = None,
) -> ChatMessage:
    """Queue a canned answer as the person's own; see `answer`."""
    if canned.account_id != conversation.account_id or not canned.is_on:
        raise Invalid("canned", _("Choose a canned answer of this account that is in use."))
    return answer(conversation, canned.text, by=by, at=at, reference=reference)


def canned_of(conversation: Conversation, shortcut: str) -> CannedAnswer:
    """Return the canned answer in use of this shortcut. Raises Invalid."""
    found = CannedAnswer.objects.filter(
        account=conversation.account_id, shortcut=shortcut, is_on=True
    ).first()
    if found is None:
        raise Invalid("canned", _("Choose a canned answer of this account that is in use."))
    return found


def mark_read(conversation: Conversation, *, by: User) -> None:
    """Note that somebody who answers here has seen all of it."""
    if access.may(by, ANSWER, conversation.account_id):
        Conversation.objects.filter(pk=conversation.pk, unread__gt=0).update(unread=0)


@transaction.atomic
def assign(conversation: Conversation, to: User | None, *, by: User, at: datetime) -> None:
    """Make the conversation somebody's, or nobody's. Raises PermissionDenied, Invalid."""
    conversation = _locked(conversation, by)
    if to is not None and not (to.is_active and access.may(to, ANSWER, conversation.account_id)):
        raise Invalid("assignee", _("Choose somebody who may answer for this account."))
    if conversation.assignee == to:
        return
    conversation.assignee = to
    conversation.save(update_fields=["assignee"])
    _audit("conversation.assign", conversation, by=by, at=at, to=to.pk if to else None)


@transaction.atomic
def take_over(conversation: Conversation, *, by: User, at: datetime) -> None:
    """Have people answer from here on, and the machine be silent. Raises PermissionDenied."""
    conversation = _locked(conversation, by)
    if conversation.handed_over_at is None:
        conversation.handed_over_at = at
        conversation.save(update_fields=["handed_over_at"])
        _audit("conversation.take_over", conversation, by=by, at=at)


@transaction.atomic
def give_back(conversation: Conversation, *, by: User, at: datetime) -> None:
    """Let the machine answer again. Raises PermissionDenied."""
    conversation = _locked(conversation, by)
    if conversation.handed_over_at is not None:
        conversation.handed_over_at = None
        conversation.save(update_fields=["handed_over_at"])
        _audit("conversation.give_back", conversation, by=by, at=at)


@transaction.atomic
def close(conversation: Conversation, *, by: User, at: datetime) -> None:
    """Put a conversation away as done, read, nobody's and the machine's again.

    The customer's next word opens it. Raises PermissionDenied.
    """
    conversation = _locked(conversation, by)
    if conversation.state == Conversation.State.DONE:
        return
    conversation.state = Conversation.State.DONE
    conversation.unread = 0
    conversation.handed_over_at = conversation.assignee = None
    conversation.save(update_fields=["state", "unread", "handed_over_at", "assignee"])
    _audit("conversation.close", conversation, by=by, at=at)


@transaction.atomic
def reopen(conversation: Conversation, *, by: User, at: datetime) -> None:
    """Take a conversation that is done up again. Raises PermissionDenied."""
    conversation = _locked(conversation, by)
    if conversation.state == Conversation.State.OPEN:
        return
    conversation.state = Conversation.State.OPEN
    conversation.save(update_fields=["state"])
    _audit("conversation.reopen", conversation, by=by, at=at)


def _locked(conversation: Conversation, by: User) -> Conversation:
    access.require(by, ANSWER, conversation.account_id)
    rows = Conversation.objects.select_related("account", "recipient", "assignee")
    conversation = rows.select_for_update(of=("self",), no_key=True).get(pk=conversation.pk)
    # Asked once it is locked: the person may have been forgotten while this waited for it.
    conversation.recipient.refresh_from_db()
    return conversation


def _audit(
    action: str, conversation: Conversation, *, by: User, at: datetime, **facts: int | None
) -> None:
    chain.write(
        action, subject=conversation, by=by, at=at, account_id=conversation.account_id, **facts
    )
