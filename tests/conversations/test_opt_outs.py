"""Who asks for no more marketing in the chat is believed at once, whatever else holds."""

from __future__ import annotations

import itertools
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import pytest
from django.db import connections

from lineportal.accounts.models import OfficialAccount, Road
from lineportal.audit.models import AuditEntry
from lineportal.conversations.models import ChatMessage, Conversation
from lineportal.sending import campaigns, inbox, outbox, policies
from lineportal.sending.models import Message
from recipients import bases, consent
from recipients.models import MarketingOptOut, Recipient, Source
from templates_app import opting_out
from tests import factories
from tests.conversations import talk
from tests.conversations.talk import ANNA, BEN, NOON

MINUTE = timedelta(minutes=1)


@pytest.fixture
def account(db: None) -> OfficialAccount:
    return factories.account()


def is_out(user: str = ANNA) -> bool:
    in_force = MarketingOptOut.objects.filter(purpose="", ended_at__isnull=True)
    return in_force.filter(recipient__line_user_id=user).exists()


def told(cause: str = "opt_out") -> list[str]:
    rows = ChatMessage.objects.filter(cause=cause).order_by("pk")
    return list(rows.values_list("text", flat=True))


@pytest.mark.parametrize("words", sorted(opting_out.STOP_WORDS))
def test_every_stop_word_counts_from_somebody_never_seen(
    account: OfficialAccount, words: str
) -> None:
    talk.hear(account, talk.text(f" {words.upper()}! "))

    assert is_out()
    [answer] = told()
    assert "รับข่าวสาร" in answer  # the account is Thai
    assert AuditEntry.objects.filter(action="recipient.opt_out").count() == 1


@pytest.mark.parametrize(
    ("language", "word"), [("ja", "配信再開"), ("zh-Hans", "恢復接收"), ("en-GB", "subscribe")]
)
def test_they_are_told_in_their_own_language(
    account: OfficialAccount, language: str, word: str
) -> None:
    talk.hear(account, talk.text("hello"))
    Conversation.objects.update(language=language)

    talk.hear(account, talk.text("stop", NOON + MINUTE), at=NOON + MINUTE)

    [answer] = told()
    assert word in answer
    assert opting_out.is_start(word)


def test_the_button_counts_in_standby_too_and_is_not_answered(account: OfficialAccount) -> None:
    pressed = talk.event("postback", NOON, postback={"data": opting_out.STOP_DATA})
    talk.hear(account, pressed | {"mode": "standby"})

    assert is_out()
    assert not told()


def test_a_sentence_or_a_sticker_with_the_word_in_it_is_no_opt_out(
    account: OfficialAccount,
) -> None:
    sticker = talk.message("sticker", packageId="1", stickerId="2", keywords=["stop"])
    talk.hear(account, talk.text("where does the bus stop?"), talk.text("start"), sticker)

    assert not is_out()


def test_stop_and_start_count_by_lines_time_in_every_order(account: OfficialAccount) -> None:
    for number, order in enumerate(itertools.permutations(range(3))):
        user = f"U{number:032x}"
        events = [
            talk.text("stop", NOON, user=user),
            talk.text("subscribe", NOON + MINUTE, user=user),
            talk.text("STOP", NOON + 2 * MINUTE, user=user),
        ]
        for place in order:
            talk.hear(account, events[place], at=NOON + 3 * MINUTE)

        assert is_out(user), order


def test_an_older_stop_told_late_does_not_end_what_they_took_up_again(
    account: OfficialAccount,
) -> None:
    talk.hear(account, talk.text("stop", NOON), at=NOON)
    talk.hear(account, talk.text("subscribe", NOON + 2 * MINUTE), at=NOON + 2 * MINUTE)
    talk.hear(account, talk.text("stop", NOON + MINUTE), at=NOON + 3 * MINUTE)

    assert not is_out()


def test_start_ends_nothing_where_there_is_nothing_to_end(account: OfficialAccount) -> None:
    talk.hear(account, talk.text("subscribe"))

    assert not MarketingOptOut.objects.exists()
    assert not told()


def test_who_is_told_hours_late_is_not_answered(account: OfficialAccount) -> None:
    talk.hear(account, talk.text("stop"), at=NOON + timedelta(hours=3))

    assert is_out()
    assert not told()


def test_two_machines_do_not_answer_each_other_for_ever(account: OfficialAccount) -> None:
    for n in range(20):
        moment = NOON + n * MINUTE
        words = "stop" if n % 2 == 0 else "subscribe"
        talk.hear(account, talk.text(words, moment), at=moment)

    assert len(told()) == 5
    assert not is_out()


def test_a_campaign_that_is_claimed_next_skips_who_just_opted_out(
    account: OfficialAccount, at: datetime
) -> None:
    for user in (ANNA, BEN):
        talk.hear(account, talk.event("follow", at - MINUTE, user=user), at=at - MINUTE)
    by = factories.user("sender")
    policies.change(
        account, by=factories.user("manager"), at=at, changes={"windows": {"marketing": None}}
    )
    template = factories.approved(
        account, service="oa", category="marketing", content={"text": "Half price today"}
    )
    campaign = campaigns.create(account, template=template, name="Sale", by=by, at=at)
    campaigns.start(campaign, by=by, at=at)

    talk.hear(account, talk.text("หยุด", at), at=at)
    claim = outbox.claim(Road.objects.get(account=account, service="oa"), at=at)

    assert [message.address for message in claim.messages] == [BEN]
    skipped = Message.objects.get(status="skipped")
    assert (skipped.recipient.line_user_id, skipped.rule) == (ANNA, "opted_out")


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

    assert all(is_out(f"U{n:032x}") for n in range(6))
