"""The first notification message to somebody, step by step, as the phone shows it."""

from __future__ import annotations

import pytest

from tests.simulator.driving import (
    CHANNEL,
    DAY,
    FLEXIBLE,
    HOUR,
    PHONE,
    TAG,
    TEMPLATED,
    USER,
    Inbox,
    Line,
    hashed,
    text,
)

LONG_AGO = "2020-01-01T00:00:00Z"
NEW_PHONE = "+66899999999"


def test_who_agreed_long_since_gets_notice_and_message_at_the_same_time(line: Line) -> None:
    line.person(consent="agreed")
    line.notify()

    notice, message = line.chat()

    assert (notice["sender"], notice["kind"]) == ("line", "notice")
    assert notice["text"] == "LINE notification message received."
    assert (message["sender"], message["kind"], message["text"]) == ("account", "message", "hello")
    assert message["body"]["messages"] == [text()]
    assert (notice["at"], notice["channel"]) == (message["at"], CHANNEL)
    assert notice["id"] != message["id"]


def test_consent_comes_before_the_message(line: Line, inbox: Inbox) -> None:
    line.person(consent="not_set")

    line.notify()
    assert line.kinds() == ["notice", "consent_prompt"]
    assert line.awaiting() == "consent"

    line.act("agree")
    assert line.kinds() == ["notice", "consent_prompt", "confirmation", "notice", "message"]
    assert line.awaiting() is None
    assert inbox.delivered == [TAG]


def test_consent_then_the_code_then_the_message(line: Line, inbox: Inbox) -> None:
    line.person(consent="not_set", sms_verified_at=LONG_AGO)
    line.notify()

    line.act("agree")
    asked = ["notice", "consent_prompt", "confirmation", "sms_prompt", "sms_code"]
    assert line.kinds() == asked
    assert (line.awaiting(), inbox.events, line.seen()["inbox"]) == ("sms_code", [], [])

    line.act("enter_sms_code", code=line.code())
    assert line.kinds() == [*asked, "confirmation", "notice", "message"]
    assert line.awaiting() is None
    assert inbox.delivered == [TAG]


def test_who_agreed_but_is_to_verify_the_number_asks_for_the_code(line: Line, inbox: Inbox) -> None:
    line.person(consent="agreed", sms_verified_at=LONG_AGO)
    line.notify()
    assert line.kinds() == ["notice", "sms_prompt"]
    assert line.awaiting() == "sms_code"
    assert "ask for one" in line.refused("enter_sms_code", code="123456")

    line.act("ask_sms_code")
    line.act("enter_sms_code", code=line.code())

    assert line.kinds()[2:] == ["sms_code", "confirmation", "notice", "message"]
    assert inbox.delivered == [TAG]


def test_refusing_is_an_end_with_a_confirmation(line: Line, inbox: Inbox) -> None:
    line.person(consent="not_set")
    line.notify()
    line.act("refuse")

    assert line.kinds() == ["notice", "consent_prompt", "confirmation"]
    assert (line.awaiting(), inbox.events) == (None, [])
    assert line.notify().status == 422
    assert len(line.chat()) == 3


def test_wrong_codes_are_counted_and_the_fifth_makes_the_code_void(
    line: Line, inbox: Inbox
) -> None:
    line.person(consent="not_set", sms_verified_at=LONG_AGO)
    line.notify()
    line.act("agree")
    first = line.code()
    wrong = "000000" if first != "000000" else "000001"

    assert "4 tries are left" in line.refused("enter_sms_code", code=wrong)
    assert line.seen()["sms_codes_wrong"] == 1
    for _ in range(4):
        line.refused("enter_sms_code", code=wrong)
    assert "ask for one" in line.refused("enter_sms_code", code=first)
    assert inbox.events == []

    line.act("ask_sms_code")
    line.act("enter_sms_code", code=line.code())
    assert inbox.delivered == [TAG]


def test_only_the_newest_code_is_good(line: Line) -> None:
    line.person(consent="not_set", sms_verified_at=LONG_AGO)
    line.notify()
    line.act("agree")
    first = line.code()
    while line.code() == first:
        line.act("ask_sms_code")
    line.refused("enter_sms_code", code=first)
    line.act("enter_sms_code", code=line.code())
    assert line.kinds()[-1] == "message"


def test_a_code_entered_after_24_hours_brings_nothing_back(line: Line, inbox: Inbox) -> None:
    line.person(consent="not_set", sms_verified_at=LONG_AGO)
    line.notify()
    line.act("agree")
    assert line.advance(DAY + 1)["lapsed"] == 1
    line.act("enter_sms_code", code=line.code())

    assert inbox.events == []
    assert "message" not in line.kinds()
    line.notify(tag="another-tag-000000001")
    line.advance(0)
    assert inbox.delivered == ["another-tag-000000001"]


def test_a_new_number_loses_what_waits_and_gets_what_is_sent_to_it(
    line: Line, inbox: Inbox
) -> None:
    line.person(consent="not_set", sms_verified_at=LONG_AGO)
    line.notify()
    line.act("agree")
    line.act("ask_sms_code", phone=NEW_PHONE)
    assert NEW_PHONE in line.chat()[-1]["text"]
    assert line.seen()["phone"] == PHONE  # until the code is entered

    line.act("enter_sms_code", code=line.code())

    assert line.seen(USER)["phone"] == NEW_PHONE
    assert "has been changed" in line.chat(USER)[-1]["text"]
    assert inbox.events == []
    assert line.notify(PHONE).status == 422
    assert line.notify(NEW_PHONE).status == 200
    line.advance(0)
    assert inbox.delivered == [TAG]


def test_a_number_that_is_taken_or_no_number_is_refused(line: Line) -> None:
    line.person(consent="agreed", sms_verified_at=LONG_AGO)
    line.control("PUT", "people", [{"phone": NEW_PHONE}])
    assert "Somebody else" in line.refused("ask_sms_code", phone=NEW_PHONE)
    assert "E.164" in line.refused("ask_sms_code", phone="0899999999")
    line.control("PUT", "people", [{"phone": PHONE, "sms_verified_at": "2100-01-01T00:00:00Z"}])
    assert "every 180 days" in line.refused("ask_sms_code")


def test_a_script_that_agrees_goes_through_the_same_steps(line: Line, inbox: Inbox) -> None:
    line.person(
        consent="not_set", sms_verified_at=LONG_AGO, when_asked="agree", answers_after_seconds=600
    )
    line.notify()
    line.advance(HOUR)

    assert line.kinds() == [
        "notice", "consent_prompt", "confirmation", "sms_prompt", "sms_code",
        "confirmation", "notice", "message",
    ]  # fmt: skip
    assert inbox.delivered == [TAG]


@pytest.mark.parametrize("consent", ["agreed", "not_set"])
def test_a_blocked_account_shows_nothing_not_even_the_notice(line: Line, consent: str) -> None:
    line.person(consent=consent, friend_status="blocked")
    assert line.notify().status == 200
    assert (line.chat(), line.awaiting()) == ([], None)


def test_blocking_ends_the_waiting_but_not_the_chat(line: Line) -> None:
    line.person(consent="not_set")
    line.notify()
    line.act("block")
    assert (line.kinds(), line.awaiting()) == (["notice", "consent_prompt"], None)


def test_what_cannot_be_sent_leaves_no_trace(line: Line) -> None:
    line.person(consent="rejected")
    line.notify()
    assert line.chat() == []


def test_pushes_come_without_a_notice_and_in_plain_words(line: Line) -> None:
    line.person(friend_status="friend", consent="agreed")
    line.push()
    body = {
        "emphasizedItem": {"itemKey": "date_002_ja", "content": "Sat 10 Aug"},
        "items": [{"itemKey": "number_001_ja", "content": "1234567"}],
    }
    sent = {"to": hashed(PHONE), "templateKey": "shipment_completed_ja", "body": body}
    line.call("POST", TEMPLATED, sent)
    bubble = {"type": "flex", "altText": "Your parcel", "contents": {"type": "bubble"}}
    line.call("POST", FLEXIBLE, {"to": hashed(PHONE), "messages": [bubble]})

    assert line.kinds() == ["message", "notice", "message", "notice", "message"]
    words = [entry["text"] for entry in line.chat() if entry["kind"] == "message"]
    assert words == [
        "hello",
        "shipment_completed_ja\ndate_002_ja: Sat 10 Aug\nnumber_001_ja: 1234567",
        "Your parcel",
    ]


def test_the_chat_is_bounded(line: Line) -> None:
    line.person(friend_status="friend")
    for number in range(205):
        line.act("say", text=f"hello {number}")
    texts = [entry["text"] for entry in line.chat()]
    assert texts == [f"hello {number}" for number in range(5, 205)]
