"""Both ways: what people write, how it is answered, and messages to many."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from tests.simulator.driving import (
    CHANNEL,
    DAY,
    FILES,
    FLEXIBLE,
    HOUR,
    MULTICAST,
    PHONE,
    PUSH,
    REPLY,
    TEMPLATED,
    USER,
    Inbox,
    Line,
    eventually,
    hashed,
    text,
)

KEY = "123e4567-e89b-12d3-a456-426614174000"
OTHER = "2000000002"


def users(number: int) -> list[str]:
    return [f"U{n:032x}" for n in range(number)]


def seen_by(line: Line, *user_ids: str) -> list[int]:
    return [len(line.seen(user_id)["inbox"]) for user_id in user_ids]


def count(line: Line, kind: str, date: str) -> Any:
    return line.call("GET", f"/v2/bot/message/delivery/{kind}?date={date}").body.get("success")


@pytest.mark.parametrize("friend_status", ["friend", "not_friend"])
def test_friends_and_strangers_can_write(line: Line, inbox: Inbox, friend_status: str) -> None:
    line.person(friend_status=friend_status)

    assert line.act("say", text="Where is my parcel?")["webhooks"] == 1

    [event] = inbox.events
    assert event["type"] == "message"
    assert event["message"]["text"] == "Where is my parcel?"
    assert event["message"]["id"] == line.chat()[0]["id"]
    assert event["source"] == {"type": "user", "userId": USER}
    assert event["replyToken"]
    assert (line.chat()[0]["sender"], line.chat()[0]["channel"]) == ("person", CHANNEL)


def test_a_button_pressed_is_a_postback(line: Line, inbox: Inbox) -> None:
    line.person()
    line.act("press", data="action=track&id=7", display_text="Track it")

    [event] = inbox.events
    assert (event["type"], event["postback"]) == ("postback", {"data": "action=track&id=7"})
    assert event["replyToken"]
    [entry] = line.chat()
    assert (entry["kind"], entry["text"]) == ("postback", "Track it")


def test_a_picture_can_be_fetched_by_the_account_it_was_sent_to(line: Line, inbox: Inbox) -> None:
    line.channel(OTHER, channel_access_token="another")
    line.person()
    line.act("send_picture", channel=CHANNEL)
    [event] = inbox.events
    assert event["message"]["contentProvider"] == {"type": "line"}
    path = f"/v2/bot/message/{event['message']['id']}/content"

    answer = line.call("GET", path, as_bytes=True)

    assert (answer.status, answer.headers["content-type"]) == (200, "image/png")
    assert answer.body.startswith(b"\x89PNG")
    assert line.call("GET", path, token="another").status == 404
    line.act("unsend", message_id=event["message"]["id"])
    assert line.call("GET", path).status == 404


@pytest.mark.parametrize("kind", FILES)
def test_what_a_file_is_its_first_bytes_tell(line: Line, inbox: Inbox, kind: str) -> None:
    line.person()
    data = base64.b64encode(FILES[kind]).decode()
    line.act("send_file", channel=CHANNEL, name="a.html", data=data)
    [event] = inbox.events
    path = f"/v2/bot/message/{event['message']['id']}/content"
    is_made_ready = kind in ("video", "audio")

    assert event["message"]["type"] == line.chat()[0]["kind"] == kind
    if kind == "file":
        named = (event["message"]["fileName"], event["message"]["fileSize"])
        assert named == ("a.html", len(FILES[kind]))
    if is_made_ready:
        assert line.call("GET", path).status == 202
        assert line.call("GET", f"{path}/transcoding").body == {"status": "processing"}
        line.advance(3)
    assert line.call("GET", f"{path}/transcoding").body == {"status": "succeeded"}
    answer = line.call("GET", path, as_bytes=True)
    assert (answer.status, answer.body) == (200, FILES[kind])
    assert "html" not in answer.headers["content-type"]
    line.act("unsend", message_id=event["message"]["id"])
    assert line.call("GET", path).status == line.call("GET", f"{path}/transcoding").status == 404


def test_stickers_and_places(line: Line, inbox: Inbox) -> None:
    line.person()
    line.act("send_sticker", sticker="52002738")
    line.act("send_place", title="ร้าน", address="กรุงเทพ", latitude="13.75", longitude=100.5)

    sticker, place = (event["message"] for event in inbox.events)
    assert (sticker["packageId"], sticker["stickerId"]) == ("11537", "52002738")
    assert sticker["keywords"] == ["Thank you"]
    assert (place["title"], place["latitude"], place["longitude"]) == ("ร้าน", 13.75, 100.5)
    assert [entry["text"] for entry in line.chat()] == ["Thank you", "ร้าน\nกรุงเทพ"]


@pytest.mark.parametrize(
    ("act", "given", "words"),
    [
        ("send_file", {"name": "a", "data": "?"}, "in base64"),
        ("send_file", {"data": "YQ=="}, '"name" is needed'),
        ("send_sticker", {"sticker": "1"}, "one of these stickers"),
        ("send_place", {"latitude": 91, "longitude": 0}, '"latitude" is needed'),
        ("send_place", {"latitude": "nan", "longitude": 0}, '"latitude" is needed'),
        ("send_place", {"latitude": 1}, '"longitude" is needed'),
        ("edit", {"message_id": "1", "text": "a"}, "no such message"),
        ("edit", {"message_id": "1", "text": ""}, "must be a text"),
    ],
)
def test_what_cannot_be_sent_is_said(
    line: Line, inbox: Inbox, act: str, given: dict[str, Any], words: str
) -> None:
    line.person()

    assert words in line.refused(act, **given)
    assert (inbox.events, line.chat()) == ([], [])


def test_only_a_text_of_ones_own_is_edited_and_not_after_blocking(line: Line, inbox: Inbox) -> None:
    line.person(friend_status="friend")
    line.act("send_picture")
    line.act("say", text="one")
    picture, text = (entry["id"] for entry in line.chat())

    assert "no such message" in line.refused("edit", message_id=picture, text="x")
    line.act("block")
    assert "unblock it first" in line.refused("edit", message_id=text, text="x")
    assert [entry["text"] for entry in line.chat()][-1] == "one"


def test_what_was_written_can_be_taken_back_once(line: Line, inbox: Inbox) -> None:
    line.person()
    line.act("say", text="My card number is ...")
    message_id = inbox.events[0]["message"]["id"]

    line.act("unsend", message_id=message_id)

    event = inbox.events[1]
    assert (event["type"], event["unsend"]) == ("unsend", {"messageId": message_id})
    assert "replyToken" not in event
    [entry] = line.chat()
    assert (entry["kind"], "card" in entry["text"]) == ("unsent", False)
    assert "no such message" in line.refused("unsend", message_id=message_id)


def test_who_has_blocked_or_left_cannot_write(line: Line, inbox: Inbox) -> None:
    line.person(friend_status="blocked")
    assert "unblock" in line.refused("say", text="hello")
    line.person(friend_status="friend", deleted=True)
    assert "left LINE" in line.refused("press", data="x")
    assert (inbox.events, line.chat()) == ([], [])


@pytest.mark.parametrize(
    ("act", "given"),
    [
        ("say", {}),
        ("say", {"text": ""}),
        ("say", {"text": "x" * 10_001}),
        ("say", {"text": "x", "channel": "9"}),
        ("say", {"words": "x"}),
        ("press", {"data": "x" * 301}),
        ("press", {}),
        ("unsend", {}),
        ("enter_sms_code", {}),
        ("enter_sms_code", {"code": 123456}),
    ],
)
def test_acts_say_what_they_need(line: Line, act: str, given: dict[str, Any]) -> None:
    line.person()
    assert line.refused(act, **given).endswith(".")
    assert line.chat() == []


def test_with_several_channels_it_must_be_said_to_which(line: Line, inbox: Inbox) -> None:
    line.channel(OTHER, channel_access_token="another")
    line.person()
    assert "several" in line.refused("say", text="hello")
    line.act("say", text="hello", channel=CHANNEL)
    assert len(inbox.events) == 1


def test_a_reply_token_is_good_once(line: Line, inbox: Inbox) -> None:
    line.person()
    line.act("say", text="hello")
    token = inbox.events[0]["replyToken"]

    first, second = line.reply(token, "Good morning"), line.reply(token)

    assert first.status == 200
    assert len(first.body["sentMessages"]) == 1
    assert (second.status, second.body) == (400, {"message": "Invalid reply token"})
    assert [entry["text"] for entry in line.chat()] == ["hello", "Good morning"]
    assert [entry["user_id"] for entry in line.requests(f"?path={REPLY}")] == [USER, None]


def test_a_reply_token_is_good_for_a_minute_of_the_virtual_clock(line: Line, inbox: Inbox) -> None:
    line.person()
    line.act("say", text="hello")
    line.act("press", data="x")
    said, pressed = (event["replyToken"] for event in inbox.events)

    line.advance(50)
    assert line.reply(said).status == 200
    line.advance(11)
    assert line.reply(pressed).status == 400


def test_a_reply_token_is_of_one_channel(line: Line, inbox: Inbox) -> None:
    line.channel(OTHER, channel_access_token="another")
    line.person()
    line.act("follow", channel=CHANNEL)
    token = inbox.events[0]["replyToken"]
    assert line.reply(token, token="another").status == 400
    assert line.reply(token).status == 200


def test_a_reply_with_wrong_messages_does_not_use_the_token(line: Line, inbox: Inbox) -> None:
    line.person()
    line.act("say", text="hello")
    token = inbox.events[0]["replyToken"]
    assert line.call("POST", REPLY, {"replyToken": token, "messages": []}).status == 400
    assert line.call("POST", REPLY, {"messages": [text()]}).status == 400
    assert line.reply(token, headers={"X-Line-Retry-Key": KEY}).status == 400  # not for replies
    assert line.reply(token).status == 200


def test_replies_are_free_and_counted_apart(line: Line, inbox: Inbox) -> None:
    line.control("POST", "clock", {"now": "2031-05-10T12:00:00Z"})
    line.channel(monthly_limit=0)
    line.person()
    line.act("say", text="hello")
    assert line.push().status == 429
    assert line.reply(inbox.events[0]["replyToken"]).status == 200
    assert line.call("GET", "/v2/bot/message/quota/consumption").body == {"totalUsage": 0}
    line.advance(DAY)
    assert count(line, "reply", "20310510") == 1


def test_an_answer_does_not_reach_who_has_blocked_since(line: Line, inbox: Inbox) -> None:
    line.person()
    line.act("say", text="hello")
    line.act("block")
    assert line.reply(inbox.events[0]["replyToken"]).status == 200
    assert line.seen()["inbox"] == []


def test_a_stranger_who_wrote_gets_pushes_for_seven_days(line: Line) -> None:
    line.person(friend_status="not_friend")
    line.push()
    line.act("say", text="hello")
    line.push()
    line.advance(7 * DAY - HOUR)
    line.push()
    line.advance(2 * HOUR)
    assert line.push().status == 200
    assert len(line.seen()["inbox"]) == 2


def test_a_stranger_who_wrote_has_a_profile_until_they_block(line: Line) -> None:
    profile = f"/v2/bot/profile/{USER}"
    line.person(friend_status="not_friend")
    assert line.call("GET", profile).status == 404
    line.act("say", text="hello")
    assert line.call("GET", profile).body["userId"] == USER
    assert line.call("GET", "/v2/bot/followers/ids").body == {"userIds": []}
    line.act("block")
    assert line.call("GET", profile).status == 404


def test_a_multicast_reaches_friends_and_passes_over_the_rest(line: Line) -> None:
    friend, stranger, blocker, unknown = users(4)
    line.control(
        "PUT",
        "people",
        [
            {"line_user_id": friend, "friend_status": "friend"},
            {"line_user_id": stranger},
            {"line_user_id": blocker, "friend_status": "blocked"},
        ],
    )

    answer = line.multicast(friend, stranger, blocker, unknown, friend)

    assert (answer.status, answer.body) == (200, {})
    assert seen_by(line, friend, stranger, blocker) == [1, 0, 0]


@pytest.mark.parametrize(
    ("to", "status"),
    [
        ([], 400),
        (users(500), 200),
        (users(501), 400),
        (USER, 400),
        ([PHONE], 400),
        ([USER, 7], 400),
        (["C" + "a" * 32], 400),
    ],
)
def test_a_multicast_wants_1_to_500_user_ids(line: Line, to: Any, status: int) -> None:
    answer = line.call("POST", MULTICAST, {"to": to, "messages": [text()]})
    assert answer.status == status


def test_a_multicast_is_repeated_under_its_retry_key_without_sending_again(line: Line) -> None:
    line.person(friend_status="friend")
    first, second = line.multicast(USER, key=KEY), line.multicast(USER, key=KEY)
    assert (first.status, second.status) == (200, 409)
    assert second.body == {"message": "The retry key is already accepted"}
    assert second.headers["x-line-accepted-request-id"] == first.headers["x-line-request-id"]
    assert len(line.seen()["inbox"]) == 1


def test_a_multicast_over_the_monthly_limit_reaches_nobody(line: Line) -> None:
    friends = users(3)
    people = [{"line_user_id": user_id, "friend_status": "friend"} for user_id in friends]
    line.control("PUT", "people", people)
    line.channel(monthly_limit=2)

    answer = line.multicast(*friends)

    assert (answer.status, answer.body["message"]) == (429, "You have reached your monthly limit.")
    assert seen_by(line, *friends) == [0, 0, 0]
    assert line.multicast(*friends[:2]).status == 200
    assert line.call("GET", "/v2/bot/message/quota/consumption").body == {"totalUsage": 2}


def test_multicasts_are_counted_by_receiver_in_utc_plus_9(line: Line) -> None:
    line.control("POST", "clock", {"now": "2031-01-31T14:59:00Z"})  # 23:59 in UTC+9
    friends = users(2)
    people = [{"line_user_id": user_id, "friend_status": "friend"} for user_id in friends]
    line.control("PUT", "people", people)
    line.multicast(*friends)
    line.advance(120)
    line.multicast(*friends)
    line.advance(DAY)
    assert [count(line, "multicast", date) for date in ("20310131", "20310201")] == [2, 2]


def test_a_fault_for_one_user_strikes_a_multicast_to_them(line: Line) -> None:
    line.person(friend_status="friend")
    line.control("POST", "faults", {"kind": "status", "status": 500, "user_id": USER})
    assert line.multicast(*users(2)).status == 200
    assert [line.multicast(USER).status, line.multicast(USER).status] == [500, 200]


@pytest.mark.parametrize("kind", ["reply", "push", "multicast", "narrowcast", "broadcast"])
def test_message_objects_can_be_checked_for_every_way_of_sending(line: Line, kind: str) -> None:
    path = f"/v2/bot/message/validate/{kind}"
    good = line.call("POST", path, {"messages": [text()]})
    bad = line.call("POST", path, {"messages": [text(), {"type": "fax"}]})
    assert (good.status, good.body) == (200, {})
    assert bad.status == 400
    assert [detail["property"] for detail in bad.body["details"]] == ["messages[1].type"]


@pytest.mark.parametrize("path", [FLEXIBLE, PUSH])
def test_silence_is_true_or_false(line: Line, path: str) -> None:
    line.person(consent="agreed", friend_status="friend")
    body = {"to": USER if path == PUSH else hashed(PHONE), "messages": [text()]}
    assert line.call("POST", path, {**body, "notificationDisabled": True}).status == 200
    assert line.call("POST", path, {**body, "notificationDisabled": "no"}).status == 400


def units(line: Line, query: str = "") -> Any:
    return line.call("GET", f"/v2/bot/message/aggregation/list{query}").body


def named(line: Line, path: str, to: Any, unit: str) -> int:
    body: dict[str, Any] = {"to": to, "customAggregationUnits": [unit]}
    body |= {"templateKey": "t"} if path == TEMPLATED else {"messages": [text()]}
    return line.call("POST", path, body).status


def test_units_are_named_on_pushes_multicasts_and_both_kinds_of_notification(line: Line) -> None:
    line.person(consent="agreed", friend_status="friend")
    assert named(line, PUSH, USER, "by_push") == 200
    assert named(line, MULTICAST, [USER], "by_multicast") == 200
    assert named(line, FLEXIBLE, hashed(PHONE), "flexible") == 200
    assert named(line, TEMPLATED, hashed(PHONE), "templated") == 202

    names = ["by_push", "by_multicast", "flexible", "templated"]
    assert units(line) == {"customAggregationUnits": names}
    info = line.call("GET", "/v2/bot/message/aggregation/info").body
    assert info == {"numOfCustomAggregationUnits": 4}
    page = units(line, "?limit=3")
    assert page["customAggregationUnits"] == names[:3]
    assert units(line, f"?limit=3&start={page['next']}") == {"customAggregationUnits": names[3:]}
    assert line.call("GET", "/v2/bot/message/aggregation/list?limit=101").status == 400
    assert line.call("GET", "/v2/bot/message/aggregation/list?start=x").status == 400


def test_a_notification_counts_under_its_unit_once_the_person_gets_it(line: Line) -> None:
    line.person(consent="not_set")
    named(line, FLEXIBLE, hashed(PHONE), "order_shipped")
    assert units(line) == {"customAggregationUnits": []}
    line.act("agree")
    assert units(line) == {"customAggregationUnits": ["order_shipped"]}
    line.advance(32 * DAY)
    assert units(line) == {"customAggregationUnits": []}


def test_a_month_takes_1000_names_and_what_comes_after_goes_unnamed(line: Line) -> None:
    line.channel(rate_per_second=100_000)
    line.person(friend_status="friend")
    for number in range(1_000):
        named(line, PUSH, USER, f"unit_{number}")
    assert named(line, PUSH, USER, "one_too_many") == 200
    info = line.call("GET", "/v2/bot/message/aggregation/info").body
    assert info == {"numOfCustomAggregationUnits": 1_000}


def test_everything_a_stranger_does_arrives_at_the_webhook(line: Line, inbox: Inbox) -> None:
    line.person(friend_status="not_friend")
    line.act("say", text="hello")
    line.act("block")
    line.act("unblock")
    assert eventually(lambda: len(inbox.events) == 3)
    assert [event["type"] for event in inbox.events] == ["message", "unfollow", "follow"]
    assert inbox.events[2]["follow"] == {"isUnblocked": True}
