"""Marketing that customers stop, or take up again, by a word or a button in the chat.

Recorded in the transaction that reads the inbox, whatever else holds (automatic answers off, a
person at it, standby), so that the next claim of a campaign knows it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from functools import reduce
from operator import or_

from django.db import transaction
from django.db.models import Q

from lineportal.conversations import answers, arrivals, link_words, talking
from lineportal.conversations.models import Conversation
from lineportal.providers.base import Event
from recipients import bases, consent, siblings
from recipients.intake import Invalid
from recipients.models import Recipient, Source
from templates_app import opting_out

CAUSE = "opt_out"  # of the machine's answer
# Who is told late of a word of theirs is confused by it: what counts is recorded.
FRESH = timedelta(minutes=5)
# Two machines that answer each other must not go on for ever.
MOST_TOLD, WITHIN = 5, timedelta(hours=1)
_STOPPED = {
    "en": "You will get no more offers from {name}. To get them again, write: subscribe",
    "th": "คุณจะไม่ได้รับข่าวสารและโปรโมชันจาก {name} อีก หากต้องการรับอีกครั้ง พิมพ์ รับข่าวสาร",
    "zh-Hant": "您將不再收到 {name} 的優惠訊息。如需恢復，請輸入：恢復接收",
    "ja": "{name}からの配信を停止しました。再開する場合は「配信再開」と送信してください。",
}
_STARTED = {
    "en": "You will get offers from {name} again. To stop them, write: stop",
    "th": "คุณจะได้รับข่าวสารและโปรโมชันจาก {name} อีกครั้ง หากไม่ต้องการ พิมพ์ หยุด",
    "zh-Hant": "您將再次收到 {name} 的優惠訊息。如需停止，請輸入：停止",
    "ja": "{name}からの配信を再開しました。停止する場合は「配信停止」と送信してください。",
}


def hold(told: Iterable[tuple[int, Event]]) -> None:
    """Take the locks of the numbers of those who stop or start; before any person is locked."""
    asking: dict[int, set[str]] = {}
    for account_id, event in told:
        if event.line_user_id and _asks(event):
            asking.setdefault(account_id, set()).add(event.line_user_id)
    if asking:
        them = reduce(or_, (Q(account=pk, line_user_id__in=ids) for pk, ids in asking.items()))
        siblings.hold(*Recipient.objects.filter(them).values_list("phone", flat=True))


def hear(arrived: Sequence[arrivals.Arrived], *, at: datetime) -> None:
    """Record who stops or starts marketing, in LINE's order, and tell them so.

    What is older than what is held, or has nothing to end, changes nothing.
    """
    for one in arrived:
        word = _asks(one.event) if one.message is not None else ""
        if word and _record(one, word, at=at):
            _tell(one, word, at=at)


def _asks(event: Event) -> str:
    said = event.said
    if event.kind != "said" or said is None:
        return ""
    words = said.text if said.kind == "text" else ""  # a sticker's keywords are not its sender's
    if said.data == opting_out.STOP_DATA or opting_out.is_stop(words):
        return "stop"
    if said.data == opting_out.START_DATA or opting_out.is_start(words):
        return "start"
    return ""


def _record(one: arrivals.Arrived, word: str, *, at: datetime) -> bool:
    statement = consent.Statement(
        source=Source.PERSON,
        observed_at=one.event.occurred_at,
        is_dated=True,
        told_at=at,
        reference=one.event.event_id,
    )
    act = bases.opt_out if word == "stop" else bases.end_opt_out
    try:
        with transaction.atomic():
            act(one.conversation.recipient, statement=statement)
    except (consent.Conflict, Invalid):
        return False
    return True


def _tell(one: arrivals.Arrived, word: str, *, at: datetime) -> None:
    # Again under the lock of the acts before it in this batch.
    talk = Conversation.objects.select_related("account", "recipient").get(pk=one.conversation.pk)
    if at - one.event.occurred_at > FRESH or talking.barred(talk, at=at):
        return
    lately = talk.messages.filter(cause=CAUSE, occurred_at__gt=at - WITHIN)
    if lately.count() >= MOST_TOLD:
        return
    language = link_words.language_of(talk.language, country=talk.account.country)
    words = (_STOPPED if word == "stop" else _STARTED)[language]
    answers.say(talk, words.format(name=talk.account.name), at=at, author=None, cause=CAUSE)
