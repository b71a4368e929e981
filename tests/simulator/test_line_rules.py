"""Who gets a message and when: the table of consent and friend status, row by row."""

from __future__ import annotations

from typing import Any

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
)

LONG_AGO = "2020-01-01T00:00:00Z"


@pytest.mark.parametrize("friend_status", ["friend", "not_friend"])
@pytest.mark.parametrize(("path", "accepted"), [(FLEXIBLE, 200), (TEMPLATED, 202)])
def test_who_agreed_and_has_not_blocked_gets_the_message_at_once(
    line: Line, inbox: Inbox, friend_status: str, path: str, accepted: int
) -> None:
    line.person(consent="agreed", friend_status=friend_status)

    answer = line.notify(path=path)
    line.advance(0)

    assert (answer.status, answer.body) == (accepted, {})
    assert inbox.delivered == [TAG]
    [message] = line.seen()["inbox"]
    assert (message["tag"], message["channel"]) == (TAG, CHANNEL)
    assert message["body"]["to"] == hashed(PHONE)


def test_while_an_sms_check_is_due_the_message_waits_for_it(line: Line, inbox: Inbox) -> None:
    line.person(consent="agreed", sms_verified_at=LONG_AGO)

    answer = line.notify()
    line.advance(HOUR)
    assert (answer.status, inbox.events, line.seen()["inbox"]) == (200, [], [])

    line.act("verify_sms")
    assert inbox.delivered == [TAG]


def test_an_sms_check_done_after_24_hours_comes_too_late(line: Line, inbox: Inbox) -> None:
    line.person(consent="agreed", sms_verified_at=LONG_AGO)
    line.notify()

    assert line.advance(DAY + 1)["lapsed"] == 1
    line.act("verify_sms")

    assert inbox.events == []


def test_the_sms_check_falls_due_180_days_after_the_last(line: Line, inbox: Inbox) -> None:
    line.person(consent="agreed")
    line.advance(180 * DAY - HOUR)
    line.notify(tag="before-it-is-due-1")
    line.advance(2 * HOUR)
    line.notify(tag="after-it-fell-due-1")
    line.advance(0)

    assert inbox.delivered == ["before-it-is-due-1"]


def test_who_has_not_set_consent_gets_the_message_on_agreeing(line: Line, inbox: Inbox) -> None:
    line.person(consent="not_set")

    answer = line.notify()
    line.advance(HOUR)
    assert (answer.status, inbox.events, line.seen()["inbox"]) == (200, [], [])

    line.act("agree")
    assert inbox.delivered == [TAG]
    assert line.seen()["consent"] == "agreed"


def test_consent_given_to_one_channel_counts_for_all(line: Line, inbox: Inbox) -> None:
    line.channel("2000000002", channel_access_token="another", webhook_url=inbox.url)
    line.person(consent="not_set")
    line.notify(tag="by-the-first-channel")
    line.act("agree")

    line.notify(tag="by-the-second-channel", token="another")
    line.advance(0)

    assert inbox.delivered == ["by-the-first-channel", "by-the-second-channel"]


def test_a_prompt_left_alone_lapses_after_24_hours(line: Line, inbox: Inbox) -> None:
    line.person(consent="not_set", when_asked="silent")
    line.notify()

    assert line.advance(DAY + 1)["lapsed"] == 1
    line.act("agree")

    assert inbox.events == []
    assert line.seen()["waiting"] == []


def test_who_is_not_reminded_stays_not_set(line: Line) -> None:
    line.person(consent="not_set", when_asked="silent")
    line.notify()
    line.advance(DAY + 1)

    assert line.seen()["consent"] == "not_set"


def test_the_scripted_answer_comes_at_its_own_virtual_time(line: Line, inbox: Inbox) -> None:
    late, soon = "+66811111111", "+66822222222"
    line.control(
        "PUT",
        "people",
        [
            {"phone": late, "when_asked": "agree", "answers_after_seconds": 7_200},
            {"phone": soon, "when_asked": "agree", "answers_after_seconds": 600},
        ],
    )
    line.notify(late, tag="tag-of-the-late-one")
    line.notify(soon, tag="tag-of-the-soon-one")

    moved = line.advance(DAY)

    assert (moved["answered"], moved["delivered"], moved["webhooks"]) == (2, 2, 2)
    assert moved["settled"] is True
    assert inbox.delivered == ["tag-of-the-soon-one", "tag-of-the-late-one"]
    accepted = {e["tag"]: e["at"] for e in line.requests()}
    first, second = (event["timestamp"] for event in inbox.events)
    assert 6_590 < (second - first) / 1_000 < 6_610
    assert accepted["tag-of-the-soon-one"] < line.seen(soon)["inbox"][0]["delivered_at"]


def test_the_scripted_answer_comes_by_itself_when_time_runs_on(line: Line, inbox: Inbox) -> None:
    line.person(when_asked="agree", answers_after_seconds=0)
    line.notify()
    line.advance(0)

    assert inbox.delivered == [TAG]


def test_an_answer_after_24_hours_sets_consent_but_brings_nothing_back(
    line: Line, inbox: Inbox
) -> None:
    line.person(when_asked="agree", answers_after_seconds=25 * HOUR)
    line.notify()
    moved = line.advance(2 * DAY)

    assert (moved["answered"], moved["delivered"], moved["lapsed"]) == (1, 0, 1)
    assert line.seen()["consent"] == "agreed"
    assert inbox.events == []


def test_who_rejects_when_asked_gets_nothing_then_or_later(line: Line, inbox: Inbox) -> None:
    line.person(when_asked="reject")
    assert line.notify().status == 200
    line.advance(HOUR)

    assert line.seen()["consent"] == "rejected"
    assert line.notify().status == 422
    line.act("agree")
    assert inbox.events == []


@pytest.mark.parametrize("consent", ["agreed", "not_set"])
def test_who_blocked_gets_silence_for_ever(line: Line, inbox: Inbox, consent: str) -> None:
    line.person(consent=consent, friend_status="blocked", when_asked="agree")

    answer = line.notify()
    line.advance(HOUR)
    line.act("unblock")
    line.act("agree")
    line.advance(DAY)

    assert (answer.status, answer.body) == (200, {})
    assert inbox.delivered == []
    assert line.seen()["inbox"] == []


def test_who_blocks_while_the_message_waits_has_lost_it(line: Line, inbox: Inbox) -> None:
    line.person(consent="not_set")
    line.notify()
    line.act("block")
    line.act("unblock")
    line.act("agree")

    assert inbox.delivered == []


@pytest.mark.parametrize(
    ("phone", "person"),
    [
        (PHONE, {"consent": "rejected"}),
        (PHONE, {"consent": "rejected", "friend_status": "blocked"}),
        (PHONE, {"consent": "agreed", "privacy_policy": False}),
        (PHONE, {"consent": "agreed", "deleted": True}),
        ("+14155550100", {"consent": "agreed"}),  # a number of another country
        ("+66899999999", None),  # nobody
    ],
)
def test_422_does_not_tell_its_cause(
    line: Line, inbox: Inbox, phone: str, person: dict[str, Any] | None
) -> None:
    if person is not None:
        line.control("PUT", "people", [{"phone": phone, **person}])

    answer = line.notify(phone)
    line.advance(DAY)

    assert (answer.status, answer.body) == (422, {"message": "Failed to send messages"})
    assert inbox.events == []


@pytest.mark.parametrize("phone", ["+818000001234", "+66855538125", "+886912345678"])
def test_numbers_of_three_countries_are_served(line: Line, phone: str) -> None:
    line.control("PUT", "people", [{"phone": phone, "consent": "agreed"}])
    assert line.notify(phone).status == 200


def test_without_a_tag_the_delivery_event_carries_the_phone_hash(line: Line, inbox: Inbox) -> None:
    line.person(consent="agreed")
    line.notify(tag=None)
    line.advance(0)

    [event] = inbox.events
    assert event["delivery"] == {"data": hashed(PHONE)}
    assert set(event) == {
        "type",
        "delivery",
        "webhookEventId",
        "deliveryContext",
        "timestamp",
        "mode",
    }
    assert (event["mode"], event["deliveryContext"]) == (
        "active",
        {"isRedelivery": False},
    )
    assert len(event["webhookEventId"]) == 26


@pytest.mark.parametrize(
    ("person", "seen"),
    [
        ({"friend_status": "friend"}, 1),
        ({"friend_status": "friend", "consent": "rejected"}, 1),
        ({"friend_status": "not_friend"}, 0),
        ({"friend_status": "blocked"}, 0),
        ({"friend_status": "friend", "deleted": True}, 0),
    ],
)
def test_a_push_is_accepted_but_only_friends_see_it(
    line: Line, inbox: Inbox, person: dict[str, Any], seen: int
) -> None:
    line.person(**person)

    answer = line.push()
    line.advance(DAY)

    assert answer.status == 200
    assert [set(sent) for sent in answer.body["sentMessages"]] == [{"id"}]
    assert len(line.seen()["inbox"]) == seen
    assert inbox.events == []


def test_a_push_to_an_unknown_user_id_fails(line: Line) -> None:
    answer = line.push("U" + "0" * 32)
    assert (answer.status, answer.body) == (400, {"message": "Failed to send messages"})


def test_friend_status_is_per_channel(line: Line) -> None:
    line.channel("2000000002", channel_access_token="another")
    line.person(friend_status="friend")
    line.person(friend_status="blocked", channel="2000000002")

    line.push()
    line.push(token="another")

    assert [m["channel"] for m in line.seen(USER)["inbox"]] == [CHANNEL]


def test_what_people_do_reaches_the_webhook_as_line_says_it(line: Line, inbox: Inbox) -> None:
    line.person(friend_status="not_friend")

    for act in ("unfollow", "follow", "block", "unblock", "follow", "follow"):
        line.act(act)

    told = [(e["type"], e.get("follow", {}).get("isUnblocked")) for e in inbox.events]
    assert told == [
        ("unfollow", None),  # from a stranger
        ("follow", True),
        ("unfollow", None),
        ("follow", True),  # then no further change, no further event
    ]
    assert all(e["source"] == {"type": "user", "userId": USER} for e in inbox.events)
    assert ["replyToken" in e for e in inbox.events] == [False, True, False, True]


def test_a_first_follow_is_not_an_unblocking(line: Line, inbox: Inbox) -> None:
    line.person(friend_status="not_friend")
    assert line.act("follow", USER)["webhooks"] == 1
    assert inbox.events[0]["follow"] == {"isUnblocked": False}
