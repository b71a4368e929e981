"""What is answered by itself: when, how often, and when nothing is said."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, connections
from django.test.utils import CaptureQueriesContext

from lineportal.accounts.models import OfficialAccount
from lineportal.audit.models import AuditEntry
from lineportal.conversations import automat, matching, posting
from lineportal.conversations.models import AnswerRule, ChatMessage, Conversation, LinkOffer
from lineportal.sending import inbox
from recipients.models import MarketingOptOut
from tests import factories
from tests.conversations import automatic, talk
from tests.conversations.automatic import said
from tests.conversations.talk import BEN, NOON

SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)
CLOSED = {"from": "09:00", "to": "10:00"}  # at noon


@pytest.fixture
def account(db: None) -> OfficialAccount:
    return factories.account()


def follow(at: Any = NOON, *, user: str = talk.ANNA, back: bool = False) -> dict[str, Any]:
    details = {"isUnblocked": back}
    return talk.event("follow", at, user=user, replyToken=f"f{at}{user}"[:60], follow=details)


def fits(words: str, text: str, match: str = "within") -> bool:
    return matching.fits(AnswerRule(words=[words], match=match), matching.Heard(text))


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ("price", "What is the PRICE?"), ("ราคา", "ขอทราบราคาสินค้าหน่อยค่ะ"),
        ("配送", "荷物の配送について"), ("ｐｒｉｃｅ", "price list"), ("運費", "請問運費多少"),
        ("น้ำ", "มีน้ำไหม"), ("opening hours", "your opening  hours?"),
        ("c++", "c++ please"), ("price", "ราคาpriceเท่าไหร่"),
    ],
)  # fmt: skip
def test_a_word_is_found_in_a_message(words: str, text: str) -> None:
    assert fits(words, text)


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ("art", "Where does it start?"), ("มา", "ราคามากไหม"), ("price", "prices"), ("", "hello"),
        ("e", "e\u0301"), ("late", "x" * 600 + " late"), ("...", "hello ..."),
    ],
)  # fmt: skip
def test_a_part_of_another_word_is_not_found(words: str, text: str) -> None:
    assert not fits(words, text)


def test_the_whole_message_is_the_word() -> None:
    assert fits("Price", " price! ", "whole")
    assert not fits("price", "the price", "whole")


def test_the_first_rule_that_fits_answers_by_a_reply(account: OfficialAccount) -> None:
    automatic.settings(account)
    automatic.rule(account, "parcel", match="within", position=2)
    automatic.rule(account, "where", match="within", position=1)

    talk.hear(account, talk.text("Where is my parcel?"))

    assert said(account) == [("rule", "About where")]
    claim = posting.claim(
        talk.with_(account).pk, account.roads.get(service="oa"), at=NOON + 2 * SECOND
    )
    assert claim is not None
    assert claim.way == "reply"


def test_a_new_friend_is_greeted_and_who_comes_back_otherwise(account: OfficialAccount) -> None:
    automatic.settings(
        account,
        greeting=automatic.canned(account, "Welcome"),
        greeting_again=automatic.canned(account, "Welcome back"),
    )

    talk.hear(account, follow())
    talk.hear(account, talk.event("unfollow", NOON + MINUTE), at=NOON + MINUTE)
    talk.hear(account, follow(NOON + 2 * MINUTE, back=True), at=NOON + 2 * MINUTE + SECOND)
    talk.hear(account, follow(user=BEN, back=True))

    assert said(account) == [
        ("greeting", "Welcome"), ("greeting", "Welcome back"), ("greeting", "Welcome back"),
    ]  # fmt: skip


@pytest.mark.parametrize("back", [True, False])
def test_the_greeting_is_not_repeated(account: OfficialAccount, back: bool) -> None:
    automatic.settings(account, greeting=automatic.canned(account, "Welcome"))

    talk.hear(account, follow())
    talk.hear(account, follow(NOON + HOUR, back=back), at=NOON + HOUR + SECOND)

    assert said(account) == [("greeting", "Welcome")]


def test_who_followed_and_blocked_at_once_is_not_greeted(account: OfficialAccount) -> None:
    automatic.settings(account, greeting=automatic.canned(account, "Welcome"))

    talk.hear(account, talk.event("unfollow", NOON + SECOND), follow())

    assert said(account) == []


@pytest.mark.parametrize("storm", [True, False])
def test_a_follow_told_again_and_again_is_greeted_once(
    account: OfficialAccount, storm: bool
) -> None:
    automatic.settings(account, greeting=automatic.canned(account, "Welcome"))
    events = [follow(NOON + n * SECOND) for n in range(5)]
    if storm:
        talk.hear(account, *reversed(events), *events, at=NOON + 10 * SECOND)
    else:
        for event in events * 2:
            talk.hear(account, event, at=NOON + 10 * SECOND)

    assert said(account) == [("greeting", "Welcome")]


def test_a_person_takes_over_by_a_word(account: OfficialAccount) -> None:
    automatic.settings(account, handed_over=automatic.canned(account, "Somebody will answer"))
    automatic.rule(account, "human", act="hand_over")
    automatic.rule(account, "price")

    talk.hear(account, talk.text("human"))
    talk.hear(account, talk.text("price", NOON + MINUTE), at=NOON + MINUTE + SECOND)

    assert said(account) == [("handed_over", "Somebody will answer")]
    assert talk.with_(account).handed_over_at is not None
    assert AuditEntry.objects.filter(action="conversation.hand_over").count() == 1


def test_a_link_is_offered_by_a_word(account: OfficialAccount) -> None:
    automatic.settings(account)
    automatic.rule(account, "link", act="link")

    talk.hear(account, talk.text("link"))

    assert LinkOffer.objects.get().cause == "link"


def test_out_of_hours_it_says_so_once_in_a_while(account: OfficialAccount) -> None:
    automatic.settings(
        account, hours=CLOSED, away=automatic.canned(account, "Closed"), away_every_hours=2
    )
    automatic.rule(account, "price")
    for minutes in (0, 60, 119, 121):
        at = NOON + minutes * MINUTE
        talk.hear(account, talk.message("sticker", at, packageId="1", stickerId="2"), at=at)
    talk.hear(account, talk.text("price", at + MINUTE), at=at + MINUTE)

    assert [cause for cause, _ in said(account)] == ["away", "away", "rule"]


@pytest.mark.parametrize(("day", "told"), [("2026-11-25", 1), ("2026-11-26", 0)])
def test_a_day_of_the_accounts_own_is_closed(account: OfficialAccount, day: str, told: int) -> None:
    office = {"from": "09:00", "to": "18:00", "closed_on": [day]}
    automatic.settings(account, hours=office, away=automatic.canned(account, "Closed"))

    talk.hear(account, talk.text("hello"))

    assert len(said(account)) == told


@pytest.mark.parametrize("what", ["greeting", "rule", "away"])
@pytest.mark.parametrize(
    "why",
    ["off", "none", "handed over", "standby", "late", "blocked", "no road", "retired", "button"],
)
def test_nothing_is_said(account: OfficialAccount, what: str, why: str) -> None:
    answer = automatic.canned(account, "Answer", is_on=why != "retired")
    details = {
        "greeting": {"greeting": answer}, "rule": {},
        "away": {"away": answer, "hours": CLOSED},
    }[what]  # fmt: skip
    if why != "none":
        automatic.settings(account, is_on=why != "off", **details)
    if what == "rule":
        automatic.rule(account, "price", answer=answer)
    talk.hear(account, talk.text("hello there", NOON - HOUR), at=NOON)
    event, at = (follow() if what == "greeting" else talk.text("price")), NOON + SECOND
    if why == "handed over":
        Conversation.objects.update(handed_over_at=NOON)
    elif why == "standby":
        event["mode"] = "standby"
    elif why == "late":
        at = NOON + (MINUTE if what == "greeting" else 6 * MINUTE)
    elif why == "blocked":
        talk.hear(account, talk.event("unfollow", NOON + SECOND))
    elif why == "no road":
        account.roads.filter(service="oa").delete()
    elif why == "button":
        event = talk.event("postback", NOON, postback={"data": "price"}, replyToken="r")

    talk.hear(account, event, at=at)

    assert said(account) == []


def test_two_machines_do_not_talk_for_long(account: OfficialAccount) -> None:
    automatic.settings(account)
    automatic.rule(account, "price")
    for n in range(25):
        at = NOON + n * MINUTE
        talk.hear(account, talk.text("price", at), at=at + SECOND)
    assert len(said(account)) == 10

    at = NOON + 2 * HOUR
    talk.hear(account, talk.text("price", at), at=at + SECOND)
    assert len(said(account)) == 11


def test_a_stop_word_wins_over_what_else_is_answered(account: OfficialAccount) -> None:
    automatic.settings(account, hours=CLOSED, away=automatic.canned(account, "Closed"))
    automatic.rule(account, "price")

    talk.hear(account, talk.text("price"), talk.text("stop", NOON + SECOND), at=NOON + 2 * SECOND)

    assert [cause for cause, _ in said(account)] == ["stop"]
    assert MarketingOptOut.objects.count() == 1


@pytest.mark.parametrize(
    "words",
    ["\u202eecirp", "<script>alert(1)</script>", "ก" * 5000, "\u0e4d" * 5000, "p" * 5000,
     "{{name}} %s {0}", "\ud83d\ude00" * 10, "เ" * 2500 + "า" * 2500, "price\u0301" * 700],
)  # fmt: skip
def test_hostile_words_are_kept_and_match_nothing(account: OfficialAccount, words: str) -> None:
    automatic.settings(account)
    automatic.rule(account, "price", "ราคา", "ก", match="within")

    talk.hear(account, talk.text(words))

    assert ChatMessage.objects.filter(speaker="customer").count() == 1
    assert said(account) == []


def test_a_batch_asks_for_the_rules_once(account: OfficialAccount) -> None:
    automatic.settings(account, greeting=automatic.canned(account, "Welcome"))
    automatic.rule(account, "price")
    people = [factories.user_id(n) for n in range(20)]
    talk.post(account, *(talk.text("hello", user=user) for user in people))

    with CaptureQueriesContext(
        connection,
    ) as asked:
        inbox.read(at=NOON + SECOND)

    rules = [each for each in asked.captured_queries if "conversations_answerrule" in each["sql"]]
    assert len(rules) == 1
    assert said(account) == []


@pytest.mark.django_db(transaction=True)
def test_two_readers_at_once_answer_each_message_once() -> None:
    account = factories.account()
    automatic.settings(account)
    automatic.rule(account, "price")
    for n in range(8):
        talk.post(account, talk.text("price", user=factories.user_id(n % 4)), follow(user=BEN))

    def read(_number: int) -> int:
        try:
            return inbox.read(at=NOON + SECOND)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(2) as pool:
        assert sum(pool.map(read, range(2))) == 8

    causes = [cause for cause, _ in said(account)]
    assert set(causes) == {"rule"}
    assert 4 <= len(causes) <= 8
    assert ChatMessage.objects.filter(speaker="customer").count() == 8


@pytest.mark.parametrize(
    ("text", "act"),
    [("stop", "stop"), ("subscribe", "start"), ("price", "answer"), ("human", "hand_over"),
     ("link", "link"), ("hello", "away"), ("", "away")],
)  # fmt: skip
def test_what_would_be_done_is_told_beforehand(
    account: OfficialAccount, text: str, act: str
) -> None:
    automatic.settings(account, hours=CLOSED, away=automatic.canned(account, "Closed"))
    automatic.rule(account, "price")
    automatic.rule(account, "human", act="hand_over")
    automatic.rule(account, "link", act="link")

    assert automat.decide(automat.plans([account.pk])[account.pk], text, at=NOON).act == act
