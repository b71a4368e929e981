"""Have a customer link their number in the chat: the address they get, their code, LINE's answer.

Only an address that was given in a chat within ten minutes takes codes, five wrong ones at most, so
who guesses needs a LINE user of their own, and another address for every five guesses.
https://developers.line.biz/en/docs/messaging-api/linking-accounts/
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import F
from django.utils.translation import gettext as _

from lineportal import jobs
from lineportal.accounts import access, languages
from lineportal.accounts.models import OfficialAccount
from lineportal.audit import chain
from lineportal.conversations import answers, arrivals, link_words, talking
from lineportal.conversations.models import Conversation, LinkOffer
from recipients import erasure, link_codes, linking
from recipients.models import Link, Recipient

OFFER = "lineportal.offer_links"
CAUSE = "link"
UNLINK = "lineportal:unlink"  # data of the button that ends a link
TOKEN_GOOD_FOR = timedelta(minutes=10)  # LINE's
MOST_PER_HOUR = 5  # addresses of one conversation
MOST_WRONG = 5  # codes at one address


class Locked(Exception):
    """Too many wrong codes were entered at this address."""


def offer(
    conversation: Conversation, *, at: datetime, cause: str = CAUSE, author: User | None = None
) -> LinkOffer | None:
    """Have an address given to the customer; None: they got as many as they may within an hour.

    The caller has the conversation locked and has asked whether anything may be said in it. One
    that waits already will do.
    """
    offers = LinkOffer.objects.filter(conversation=conversation)
    made = offers.filter(state=LinkOffer.State.WAITING).first()
    if made is None:
        if offers.filter(asked_at__gt=at - timedelta(hours=1)).count() >= MOST_PER_HOUR:
            return None
        made = LinkOffer.objects.create(
            conversation=conversation, cause=cause[:20], author=author, asked_at=at
        )
    transaction.on_commit(functools.partial(wake, conversation.account_id))
    return made


@transaction.atomic
def offer_by(conversation: Conversation, *, by: User, at: datetime) -> LinkOffer:
    """Have an address given as somebody's own answer. Raises PermissionDenied, CannotAnswer."""
    access.require(by, talking.ANSWER, conversation.account_id)
    rows = Conversation.objects.select_related("account", "recipient")
    conversation = rows.select_for_update(of=("self",), no_key=True).get(pk=conversation.pk)
    if reason := talking.barred(conversation, at=at):
        raise talking.CannotAnswer(reason)
    made = offer(conversation, at=at, author=by)
    if made is None:
        raise talking.CannotAnswer(
            _("The customer got %(most)d addresses within an hour; wait before you offer another.")
            % {"most": MOST_PER_HOUR}
        )
    chain.write(
        "conversation.offer_link", subject=conversation, by=by, at=at,
        account_id=conversation.account_id,
    )  # fmt: skip
    return made


def wake(account_id: int) -> None:
    """Have a worker ask LINE for the tokens of the addresses that wait."""
    name = f"offer-links:{account_id}"
    jobs.defer(OFFER, lock=name, queueing_lock=name, account_id=account_id)


def waiting(account_id: int) -> list[tuple[int, str]]:
    """Return (offer, LINE user id) of the addresses that wait, the oldest first."""
    rows = LinkOffer.objects.filter(
        conversation__account=account_id, state=LinkOffer.State.WAITING
    ).order_by("pk")
    found = rows.values_list("pk", "conversation__recipient__line_user_id")
    return [(pk, user or "") for pk, user in found]


@transaction.atomic
def give(offer_id: int, *, token: str, at: datetime) -> bool:
    """Say the address with LINE's token in the conversation, once; return whether that was done."""
    conversation = (
        Conversation.objects.select_related("account", "recipient")
        .select_for_update(of=("self",), no_key=True)
        .get(link_offers=offer_id)
    )
    made = LinkOffer.objects.select_for_update(of=("self",)).select_related("author")
    made = made.filter(pk=offer_id, state=LinkOffer.State.WAITING)
    if not (found := made.first()):
        return False
    if reason := talking.barred(conversation, at=at):
        fail(offer_id, reason)
        return False
    account = conversation.account
    language = languages.nearest(conversation.language, country=account.country)
    words = link_words.of(language, name=account.name)
    found.state, found.given_at, found.token_digest = (
        LinkOffer.State.GIVEN, at, _digest(account.pk, token),
    )  # fmt: skip
    found.save(update_fields=["state", "given_at", "token_digest"])
    button = {
        "type": "uri",
        "label": words.offer_button,
        "uri": address(account, token=token, language=language),
    }
    answers.queue(conversation, _card(words.offer, button), at=at, author=found.author, cause=CAUSE)
    return True


def fail(offer_id: int, detail: str) -> None:
    """Note that an address could not be given, and why."""
    LinkOffer.objects.filter(pk=offer_id, state=LinkOffer.State.WAITING).update(
        state=LinkOffer.State.FAILED, detail=detail[:300]
    )


def address(account: OfficialAccount, *, token: str = "", language: str = "") -> str:
    """Return our page for customers; without a token it says how to get one."""
    given = {"linkToken": token} if token else {}
    given |= {"lang": language} if language else {}
    query = f"?{urlencode(given)}" if given else ""
    return f"{settings.PUBLIC_URL}/link/{account.slug}/{query}"


def given(account: OfficialAccount, token: str, *, at: datetime) -> LinkOffer | None:
    """Return what was given with this token to a customer of the account, if it is still good."""
    return (
        LinkOffer.objects.select_related("conversation__recipient")
        .filter(
            conversation__account=account,
            token_digest__in=_digests(account.pk, token),
            given_at__gt=at - TOKEN_GOOD_FOR,
            conversation__recipient__erased_at__isnull=True,
        )
        .first()
    )


def is_locked(made: LinkOffer) -> bool:
    """Return whether as many wrong codes were entered at this address as may be."""
    return made.wrong_codes >= MOST_WRONG


@transaction.atomic
def enter(made: LinkOffer, code: str, *, at: datetime) -> str | None:
    """Return the nonce for a right code; None: it is wrong, which is counted. Raises Locked."""
    # The row is held until the count is written: of two tries at once the second waits.
    made = LinkOffer.objects.select_for_update(of=("self",)).get(pk=made.pk)
    if is_locked(made):
        raise Locked
    try:
        return link_codes.enter(code, user=made.conversation.recipient, at=at)
    except link_codes.WrongCode:
        LinkOffer.objects.filter(pk=made.pk).update(wrong_codes=F("wrong_codes") + 1)
        return None


def hear(arrived: Iterable[arrivals.Arrived], *, at: datetime) -> None:
    """Link and unlink as these events ask, and answer; in the inbox's transaction, as the last."""
    for one in arrived:
        if one.event.kind == "linked":
            _hear_linked(one, at=at)
        elif one.message is not None and one.event.said and one.event.said.data == UNLINK:
            is_done = linking.unlink(one.conversation.recipient, at=at)
            words = _words(one.conversation)
            text = words.unlinked if is_done else words.nothing_to_unlink
            _say(one.conversation, {"type": "text", "text": text}, at=at)


def phone_of(recipient: Recipient) -> Link | None:
    """Return the link of a LINE user to a number, with the number's row; its age is to be shown."""
    return (
        linking.open_links()
        .filter(user_recipient=recipient)
        .select_related("phone_recipient")
        .first()
    )


def _hear_linked(one: arrivals.Arrived, *, at: datetime) -> None:
    talk, made = one.conversation, None
    if one.event.nonce:  # blank: LINE says that it failed
        made = link_codes.redeem(
            one.event.nonce, user=talk.recipient, occurred_at=one.event.occurred_at, at=at
        )
    words = _words(talk)
    if made is None:
        _say(talk, {"type": "text", "text": words.not_linked}, at=at)
        return
    button = {
        "type": "postback",
        "label": words.unlink_button,
        "data": UNLINK,
        "displayText": words.unlink_button,
    }
    _say(talk, _card(words.linked, button), at=at)


def _say(talk: Conversation, content: Mapping[str, Any], *, at: datetime) -> None:
    if not talking.barred(talk, at=at):
        answers.queue(talk, content, at=at, cause=CAUSE)


def _words(talk: Conversation) -> link_words.Words:
    language = languages.nearest(talk.language, country=talk.account.country)
    return link_words.of(language, name=talk.account.name)


def _card(text: str, action: Mapping[str, Any]) -> dict[str, Any]:
    body = [{"type": "text", "text": text, "wrap": True, "size": "md"}]
    button = {"type": "button", "style": "primary", "color": "#06A94D", "action": dict(action)}
    return {
        "type": "flex",
        "altText": text,
        "contents": {
            "type": "bubble",
            "body": {"type": "box", "layout": "vertical", "contents": body},
            "footer": {"type": "box", "layout": "vertical", "contents": [button]},
        },
    }


def _digest(account_id: int, token: str) -> str:
    return erasure.digest(f"link token {account_id}:{token}")


def _digests(account_id: int, token: str) -> list[str]:
    return erasure.digests(f"link token {account_id}:{token}")
