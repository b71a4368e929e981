"""Who asks for no more marketing in the chat is believed at once, whatever else holds."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import connections, transaction

from lineportal.accounts import languages
from lineportal.accounts.models import OfficialAccount, Road
from lineportal.audit.models import AuditEntry
from lineportal.conversations import opting_words, posting
from lineportal.conversations.models import Answering, ChatMessage, Conversation
from lineportal.providers.base import Outcome, SendResult
from lineportal.sending import audience, due, inbox
from lineportal.sending.models import Message, Policy
from recipients import bases, consent
from recipients.models import ConsentRecord, MarketingOptOut, Recipient, Source
from templates_app import opting_out
from tests import factories
from tests.conversations import talk
from tests.conversations.talk import ANNA, BEN, NOON

MINUTE = timedelta(minutes=1)
SECOND = timedelta(seconds=1)


@pytest.fixture
def account(db: None) -> OfficialAccount:
    return factories.account()


def is_out() -> bool:
    return MarketingOptOut.objects.filter(purpose="", ended_at__isnull=True).exists()


def told() -> list[str]:
    rows = ChatMessage.objects.filter(speaker="machine").order_by("pk")
    return list(rows.values_list("cause", flat=True))


def pressed(data: str, at: Any = NOON, **details: Any) -> dict[str, Any]:
    return talk.event("postback", at, postback={"data": data}, replyToken=uuid4().hex, **details)


@pytest.mark.parametrize("words", ["stop", " ＳＴＯＰ! ", "ยกเลิกรับข่าวสาร", "配信停止", "退訂"])
def test_a_stop_word_of_somebody_never_seen_is_recorded_and_answered_once(
    account: OfficialAccount, words: str
) -> None:
    talk.hear(account, talk.text(words))

    assert is_out()
    [record] = ConsentRecord.objects.filter(subject="marketing")
    assert (record.value, record.source, record.observed_at) == ("opted_out", "line", NOON)
    assert AuditEntry.objects.filter(action="recipient.opt_out").count() == 1
    [answer] = ChatMessage.objects.filter(speaker="machine")
    assert answer.is_reply_only
    assert "รับข่าวสาร" in answer.text


@pytest.mark.parametrize("language", languages.LANGUAGES)
def test_each_answer_names_a_word_that_undoes_it(language: str) -> None:
    stopped = opting_words.stopped(language, name="A {x}")
    started = opting_words.started(language, name="A {x}")

    assert opting_out.is_start(stopped.replace("：", ": ").rpartition(": ")[2])
    assert opting_out.is_stop(started.replace("：", ": ").rpartition(": ")[2])
    assert "A {x}" in stopped


def test_the_answer_is_in_the_customers_language(account: OfficialAccount) -> None:
    talk.hear(account, talk.text("hi"))
    Conversation.objects.update(language="ja")

    talk.hear(account, talk.text("stop", NOON + SECOND), at=NOON + 2 * SECOND)

    assert "配信再開" in ChatMessage.objects.get(speaker="machine").text


@pytest.mark.parametrize("why", ["off", "handed over", "standby", "late", "no road", "closed"])
def test_it_is_recorded_but_not_answered_where_the_machine_is_silent(
    account: OfficialAccount, why: str
) -> None:
    talk.hear(account, talk.text("hi", NOON - 2 * MINUTE))
    event, at = pressed(opting_out.STOP_DATA), NOON + SECOND
    if why == "off":
        Answering.objects.create(account=account, is_on=False)
    elif why == "handed over":
        Conversation.objects.update(handed_over_at=NOON)
    elif why == "standby":
        event["mode"] = "standby"
    elif why == "late":
        at = NOON + timedelta(days=2)
    elif why == "no road":
        account.roads.filter(service="oa").delete()
    else:
        OfficialAccount.objects.update(is_active=False)

    talk.hear(account, event, at=at)

    assert is_out()
    assert told() == []


def test_a_sentence_or_a_sticker_with_the_word_in_it_is_no_opt_out(
    account: OfficialAccount,
) -> None:
    sticker = talk.message("sticker", packageId="1", stickerId="2", keywords=["stop"])
    talk.hear(account, talk.text("where does the bus stop?"), sticker)

    assert not is_out()


def test_a_message_that_became_the_word_counts(account: OfficialAccount) -> None:
    said = talk.text("stopp")
    talk.hear(account, said)
    talk.hear(account, talk.edit(said["message"]["id"], "stop", NOON + SECOND))

    assert is_out()


def test_a_word_taken_back_before_we_read_it_counts(account: OfficialAccount) -> None:
    said = talk.text("stop")
    talk.hear(account, talk.unsend(said["message"]["id"], NOON + SECOND), said, at=NOON + MINUTE)

    assert is_out()


def test_saying_it_again_and_again_is_answered_once(account: OfficialAccount) -> None:
    for n in range(5):
        talk.hear(account, talk.text("stop", NOON + n * SECOND), at=NOON + (n + 1) * SECOND)

    assert is_out()
    assert told() == ["stop"]


def test_the_same_event_again_changes_nothing(account: OfficialAccount) -> None:
    event = talk.text("stop")
    talk.hear(account, event)
    talk.hear(account, event, at=NOON + MINUTE)

    assert ConsentRecord.objects.filter(subject="marketing").count() == 1


def test_marketing_begins_again_by_a_newer_word_and_both_are_answered(
    account: OfficialAccount,
) -> None:
    talk.hear(account, pressed(opting_out.STOP_DATA))
    talk.hear(account, talk.text("subscribe", NOON + MINUTE), at=NOON + MINUTE + SECOND)

    assert not is_out()
    assert told() == ["stop", "start"]


@pytest.mark.parametrize("at_once", [True, False])
def test_an_older_stop_told_late_does_not_bring_back_what_ended(
    account: OfficialAccount, at_once: bool
) -> None:
    start, stop = talk.text("subscribe", NOON + 2 * MINUTE), talk.text("stop", NOON + MINUTE)
    if at_once:
        talk.hear(account, start, stop, at=NOON + 3 * MINUTE)
    else:
        talk.hear(account, start, at=NOON + 3 * MINUTE)
        talk.hear(account, stop, at=NOON + 4 * MINUTE)

    assert not is_out()
    assert ChatMessage.objects.filter(speaker="customer").count() == 2


def test_an_older_start_told_late_does_not_end_it(account: OfficialAccount) -> None:
    talk.hear(account, talk.text("stop", NOON + MINUTE), at=NOON + 2 * MINUTE)
    talk.hear(account, talk.text("subscribe", NOON), at=NOON + 3 * MINUTE)

    assert is_out()


def test_start_without_an_opt_out_is_only_a_message(account: OfficialAccount) -> None:
    talk.hear(account, talk.text("subscribe"))

    assert not MarketingOptOut.objects.exists()
    assert ChatMessage.objects.count() == 1


def test_the_next_claim_of_a_campaign_skips_who_just_opted_out(account: OfficialAccount) -> None:
    offer = factories.two_way(account, key="offer", category="marketing", purpose="Winter sale")
    Policy.objects.create(account=account, windows={"marketing": None})
    follows = [
        talk.event("follow", NOON, user=user, replyToken=user, follow={}) for user in (ANNA, BEN)
    ]
    talk.hear(account, *follows)
    queued = {
        person.line_user_id: audience.write_one(
            person, offer, at=NOON, values={"name": "A"}, not_after=None, by=None
        )
        for person in Recipient.objects.all()
    }

    talk.hear(account, pressed(opting_out.STOP_DATA, NOON + SECOND), at=NOON + 2 * SECOND)

    with transaction.atomic():
        road = Road.objects.get(account=account, service="oa")
        taken = due.take(road, uuid4(), limit=100, at=NOON + 3 * SECOND)[1]
    assert [each.id for each in taken] == [queued[BEN]]
    skipped = Message.objects.get(pk=queued[ANNA])
    assert (skipped.status, skipped.rule) == ("skipped", "opted_out")


@pytest.mark.parametrize("why", ["old", "refused"])
def test_what_goes_by_a_token_alone_is_never_pushed(account: OfficialAccount, why: str) -> None:
    talk.hear(account, talk.text("stop"))
    conversation, road = talk.with_(account), account.roads.get(service="oa")
    late = NOON + MINUTE
    if why == "refused":
        claim = posting.claim(conversation.pk, road, at=NOON + 2 * SECOND)
        assert claim is not None
        assert claim.way == "reply"
        bad = SendResult(Outcome.REFUSED, code=posting.BAD_TOKEN)
        assert posting.record(claim, bad, at=NOON + 3 * SECOND)
        late = NOON + 3 * SECOND

    assert posting.claim(conversation.pk, road, at=late) is None

    [answer] = ChatMessage.objects.filter(speaker="machine")
    assert (answer.progress, answer.detail, answer.first_tried_at) == ("failed", "too_late", None)


@pytest.mark.parametrize("words", sorted(opting_out.STOP_WORDS))
def test_every_stop_word_counts_from_somebody_never_seen(
    account: OfficialAccount, words: str
) -> None:
    talk.hear(account, talk.text(f" {words.upper()}! "))

    assert is_out()


@pytest.mark.django_db(transaction=True)
def test_stopping_in_the_chat_and_acts_on_the_number_at_once_never_wait_for_each_other() -> None:
    account = factories.account()
    people = [factories.recipient(account, n) for n in range(6)]
    for n, person in enumerate(people):
        Recipient.objects.filter(pk=person.pk).update(line_user_id=f"U{n:032x}")
    for n in range(60):
        events = [talk.text("stop", NOON + n * MINUTE, user=f"U{m:032x}") for m in range(6)]
        talk.post(account, *events)

    def read() -> None:
        try:
            while inbox._read_batch(at=NOON + timedelta(hours=2)):
                pass
        finally:
            connections.close_all()

    def withdraw(start: int) -> None:
        try:
            for n in range(30):
                statement = consent.Statement(
                    source=Source.PERSON, observed_at=NOON + n * MINUTE, is_dated=True,
                    told_at=NOON + timedelta(hours=2),
                )  # fmt: skip
                bases.withdraw(people[(start + n) % 6], statement=statement)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as pool:
        jobs = [pool.submit(read), pool.submit(read), *(pool.submit(withdraw, n) for n in (0, 3))]
        for job in jobs:
            job.result(timeout=120)

    assert MarketingOptOut.objects.filter(ended_at__isnull=True).count() == 6
