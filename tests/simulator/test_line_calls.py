"""The LINE side call by call: tokens, checks, limits, retry keys, counts and settings."""

from __future__ import annotations

import uuid
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.simulator.driving import (
    CHANNEL,
    DAY,
    FLEXIBLE,
    PHONE,
    PUSH,
    SECRET,
    TAG,
    TEMPLATED,
    USER,
    Inbox,
    Line,
    hashed,
    text,
)

KEY = "123e4567-e89b-12d3-a456-426614174000"


def item(key: str, content: str = "x") -> dict[str, str]:
    return {"itemKey": key, "content": content}


def token_for(line: Line, **form: str) -> Any:
    given = {
        "grant_type": "client_credentials",
        "client_id": CHANNEL,
        "client_secret": SECRET,
        **form,
    }
    return line.call(
        "POST",
        "/oauth2/v3/token",
        raw=urlencode(given).encode(),
        headers={"Content-Type": "application/x-www-form-urlencoded"},
        token=None,
    )


def test_the_documented_phone_hash_is_the_one_understood(line: Line) -> None:
    line.control("PUT", "people", [{"phone": "+818000001234", "consent": "agreed"}])
    to = "d41e0ad70dddfeb68f149ad6fc61574b9c5780ab7bcb2fba5517771ffbb2409c"

    answer = line.call("POST", FLEXIBLE, {"to": to, "messages": [text()]})

    assert answer.status == 200
    assert line.requests()[0]["phone"] == "+818000001234"


def test_a_stateless_token_is_good_for_15_minutes_of_the_virtual_clock(
    line: Line,
) -> None:
    line.person(consent="agreed")
    issued = token_for(line)
    assert (issued.status, issued.body["expires_in"]) == (200, 900)
    token = issued.body["access_token"]

    line.advance(890)
    assert line.notify(token=token).status == 200
    line.advance(11)
    answer = line.notify(token=token)

    assert answer.status == 401
    assert answer.body["message"].startswith("Authentication failed due to the following reason")


@pytest.mark.parametrize(
    ("form", "error"),
    [
        ({"client_secret": "wrong"}, "invalid_client"),
        ({"client_id": "1"}, "invalid_client"),
        ({"grant_type": "password"}, "unsupported_grant_type"),
        ({"client_assertion": "ey"}, "invalid_request"),
    ],
)
def test_tokens_are_issued_for_the_right_secret_only(
    line: Line, form: dict[str, str], error: str
) -> None:
    answer = token_for(line, **form)
    assert (answer.status, answer.body["error"]) == (400, error)


@pytest.mark.parametrize("token", [None, "unknown"])
@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", FLEXIBLE), ("POST", TEMPLATED), ("POST", PUSH), ("GET", "/v2/bot/info")],
)
def test_without_a_known_token_the_answer_is_401(
    line: Line, method: str, path: str, token: str | None
) -> None:
    assert line.call(method, path, token=token).status == 401


@pytest.mark.parametrize("path", [FLEXIBLE, TEMPLATED])
def test_a_channel_without_notification_messages_gets_403(line: Line, path: str) -> None:
    line.channel(pnp=False)
    answer = line.notify(path=path)
    assert answer.status == 403
    assert answer.body == {"message": "Access to this API is not available for your account"}


@pytest.mark.parametrize("path", [FLEXIBLE, TEMPLATED, "/v2/bot/message/validate/push"])
def test_a_retry_key_is_refused_wherever_it_is_not_supported(line: Line, path: str) -> None:
    line.person(consent="agreed")
    answer = line.call("POST", path, {"messages": [text()]}, headers={"X-Line-Retry-Key": KEY})
    assert answer.status == 400
    assert line.requests()[0]["retry_key"] == KEY


@pytest.mark.parametrize(
    ("tag", "status"),
    [("x" * 15, 400), ("x" * 16, 200), ("x" * 100, 200), ("x" * 101, 400)],
)
def test_a_delivery_tag_has_16_to_100_characters(line: Line, tag: str, status: int) -> None:
    line.person(consent="agreed")
    assert line.notify(tag=tag).status == status


@pytest.mark.parametrize("to", ["", PHONE, "f" * 63, "g" * 64, hashed(PHONE).upper(), 7, None])
def test_a_bad_hash_is_named(line: Line, to: object) -> None:
    answer = line.call("POST", FLEXIBLE, {"to": to, "messages": [text()]})
    assert answer.status == 400
    assert answer.body == {
        "message": "The request body has 1 error(s)",
        "details": [{"message": "The value must be a valid SHA-256 digest.", "property": "to"}],
    }


@pytest.mark.parametrize(
    ("body", "where"),
    [
        ({"emphasizedItem": item("a", "x" * 16)}, "body.emphasizedItem.content"),
        ({"items": [item("a", "x" * 301)]}, "body.items[0].content"),
        ({"items": [item("a", "\U0001f600" * 151)]}, "body.items[0].content"),  # UTF-16 units
        ({"items": [item(f"k{n}") for n in range(16)]}, "body.items"),
        ({"items": [item("a"), item("a")]}, "body.items[1].itemKey"),
        ({"emphasizedItem": item("a"), "items": [item("a")]}, "body.emphasizedItem.itemKey"),
        ({"items": [{"itemKey": "a"}]}, "body.items[0].content"),
        ({"items": ["a"]}, "body.items[0]"),
        ({"buttons": [{"buttonKey": "b", "url": "https://e.com/" + "x" * 990}]},
         "body.buttons[0].url"),
        ({"buttons": [{"buttonKey": "b", "url": "javascript:1"}]}, "body.buttons[0].url"),
        ({"buttons": [{"buttonKey": "b", "url": "https://e.com"}] * 2},
         "body.buttons[1].buttonKey"),
        ({"buttons": [{"buttonKey": f"b{n}", "url": "https://e.com"} for n in range(3)]},
         "body.buttons"),
        ([], "body"),
    ],
)  # fmt: skip
def test_a_templated_body_over_its_limits_is_refused(line: Line, body: Any, where: str) -> None:
    line.person(consent="agreed")
    sent = {"to": hashed(PHONE), "templateKey": "t", "body": body}
    answer = line.call("POST", TEMPLATED, sent)
    assert answer.status == 400
    assert [d["property"] for d in answer.body["details"]] == [where]


def test_a_templated_body_at_its_limits_is_taken(line: Line) -> None:
    line.person(consent="agreed")
    body = {
        "emphasizedItem": item("date_002_ja", "x" * 15),
        "items": [item(f"k{n}", "x" * 300) for n in range(15)],
        "buttons": [{"buttonKey": f"b{n}", "url": "https://e.com/" + "x" * 986} for n in (1, 2)],
    }
    sent = {"to": hashed(PHONE), "templateKey": "t", "body": body}
    sent["customAggregationUnits"] = ["order_shipped_v3"]
    assert line.call("POST", TEMPLATED, sent).status == 202


@pytest.mark.parametrize(
    ("key", "body", "message", "where"),
    [
        ("other", {}, "Invalid templateKey: other", "templateKey"),
        ("t", {"items": [item("i"), item("j")]},
         "The request body has 1 invalid key(s).", "body.items[1].itemKey"),
        ("t", {"buttons": [{"buttonKey": "c", "url": "https://e.com"}]},
         "The request body has 1 invalid key(s).", "body.buttons[0].buttonKey"),
    ],
)  # fmt: skip
def test_unknown_keys_are_refused_where_the_channel_has_a_catalogue(
    line: Line, key: str, body: Any, message: str, where: str
) -> None:
    line.person(consent="agreed")
    sent = {"to": hashed(PHONE), "templateKey": key, "body": body}
    assert line.call("POST", TEMPLATED, sent).status == 202

    line.channel(catalogue={"templates": ["t"], "items": ["i"], "buttons": ["b"]})
    answer = line.call("POST", TEMPLATED, sent)

    assert (answer.status, answer.body["message"]) == (400, message)
    assert answer.body["details"][0]["property"] == where


@pytest.mark.parametrize(
    ("messages", "where"),
    [
        ([], "messages"),
        (None, "messages"),
        ([text()] * 6, "messages"),
        ([{"type": "fax"}], "messages[0].type"),
        (["hello"], "messages[0]"),
        ([text("")], "messages[0].text"),
        ([text("x" * 5_001)], "messages[0].text"),
        ([text("\U0001f600" * 2_501)], "messages[0].text"),
        ([{"type": "flex", "contents": {"type": "bubble"}}], "messages[0].altText"),
        ([{"type": "flex", "altText": "x"}], "messages[0].contents"),
        ([{"type": "flex", "altText": "x", "contents": {"type": "box"}}],
         "messages[0].contents.type"),
        ([{"type": "flex", "altText": "x", "contents": {"type": "bubble", "body": {
            "type": "box", "layout": "vertical", "contents": [{"type": "text", "text": ""}]}}}],
         "messages[0].contents.body.contents[0].text"),
        ([{"type": "flex", "altText": "x", "contents": {"type": "bubble", "body": {
            "type": "box", "layout": "vertical", "contents": [
                {"type": "button", "action": {"type": "uri", "uri": "ftp://e.com"}}]}}}],
         "messages[0].contents.body.contents[0].action.uri"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("path", [FLEXIBLE, PUSH, "/v2/bot/message/validate/push"])
def test_message_objects_that_line_would_refuse_are_refused(
    line: Line, path: str, messages: Any, where: str
) -> None:
    line.person(consent="agreed", friend_status="friend")
    to = USER if path == PUSH else hashed(PHONE)

    answer = line.call("POST", path, {"to": to, "messages": messages})

    assert answer.status == 400
    assert [d["property"] for d in answer.body["details"]] == [where]
    assert line.seen()["inbox"] == []


def test_pictures_go_to_friends_but_not_to_phone_numbers(line: Line) -> None:
    line.person(consent="agreed", friend_status="friend")
    picture = {
        "type": "image",
        "originalContentUrl": "https://e.com/a",
        "previewImageUrl": "https://e.com/b",
    }
    sent = {"to": hashed(PHONE), "messages": [picture]}
    assert line.call("POST", PUSH, {**sent, "to": USER}).status == 200
    assert line.call("POST", FLEXIBLE, sent).status == 400


def test_deep_nesting_is_refused_not_suffered(line: Line) -> None:
    box: dict[str, Any] = {"type": "box", "layout": "vertical", "contents": []}
    for _ in range(60):
        box = {"type": "box", "layout": "vertical", "contents": [box]}
    message = {
        "type": "flex",
        "altText": "x",
        "contents": {"type": "bubble", "body": box},
    }
    sent = {"to": hashed(PHONE), "messages": [message]}
    assert line.call("POST", FLEXIBLE, sent).status == 400
    assert line.call("POST", FLEXIBLE, raw=b"[" * 200_000).status == 400


@pytest.mark.parametrize(
    ("raw", "content_type", "status"),
    [
        (b"{", "application/json", 400),
        (b"[]", "application/json", 400),
        (b"\xff\xfe", "application/json", 400),
        (b"", "application/json", 400),
        (b"{}", "text/plain", 415),
        (b" " * (2 * 1024 * 1024 + 1), "application/json", 413),
    ],
)
def test_bodies_that_cannot_be_read_are_refused(
    line: Line, raw: bytes, content_type: str, status: int
) -> None:
    headers = {"Content-Type": content_type}
    answer = line.call("POST", FLEXIBLE, raw=raw, headers=headers)
    assert answer.status == status
    assert set(answer.body) == {"message"}


@pytest.mark.parametrize("units", ["a", ["a", "b"], ["a-b"], ["x" * 31], [""]])
def test_aggregation_units_are_one_plain_name(line: Line, units: Any) -> None:
    line.person(consent="agreed")
    sent = {"to": hashed(PHONE), "messages": [text()], "customAggregationUnits": units}
    assert line.call("POST", FLEXIBLE, sent).status == 400


def test_a_repeat_of_an_accepted_retry_key_answers_409_and_sends_nothing(
    line: Line,
) -> None:
    line.person(friend_status="friend")

    first, second = line.push(key=KEY), line.push(key=KEY.upper())

    assert (first.status, second.status) == (200, 409)
    assert second.headers["x-line-accepted-request-id"] == first.headers["x-line-request-id"]
    assert second.body == {
        "message": "The retry key is already accepted",
        "sentMessages": first.body["sentMessages"],
    }
    assert len(line.seen()["inbox"]) == 1


def test_a_retry_key_is_forgotten_after_24_hours(line: Line) -> None:
    line.person(friend_status="friend")
    line.push(key=KEY)
    line.advance(DAY - 60)
    assert line.push(key=KEY).status == 409
    line.advance(61)
    assert line.push(key=KEY).status == 200
    assert len(line.seen()["inbox"]) == 2


def test_a_refused_push_does_not_use_its_retry_key(line: Line) -> None:
    assert line.push(key=KEY).status == 400  # nobody has this user id yet
    line.person(friend_status="friend")
    assert line.push(key=KEY).status == 200


def test_retry_keys_are_uuids_and_belong_to_a_channel(line: Line) -> None:
    line.channel("2000000002", channel_access_token="another")
    line.person(friend_status="friend")
    assert line.push(key="abc").status == 400
    assert line.push(key=KEY).status == 200
    assert line.push(key=KEY, token="another").status == 200


@pytest.mark.parametrize("to", [PHONE, "@lineid", "U123", 5])
def test_a_push_wants_a_user_id(line: Line, to: Any) -> None:
    assert line.push(to).status == 400


def test_every_answer_carries_its_own_request_id(line: Line) -> None:
    line.person(consent="agreed")
    answers = [
        line.notify(),
        line.notify("+66800000000"),
        line.call("GET", "/v2/bot/info", token=None),
        line.call("GET", "/v2/nothing/here"),
        token_for(line),
    ]
    ids = [answer.headers["x-line-request-id"] for answer in answers]
    assert [answer.status for answer in answers] == [200, 422, 401, 404, 200]
    assert len(set(ids)) == 5
    assert [entry["request_id"] for entry in line.requests()] == ids


def test_the_two_meanings_of_429(line: Line) -> None:
    line.person(consent="agreed", friend_status="friend")
    line.channel(rate_per_second=0.01, monthly_limit=1)

    first, second, push = line.notify(), line.notify(), line.push()

    assert first.status == 200
    assert second.status == 429
    assert second.body["message"] == "The API rate limit has been exceeded. Try again later."
    assert push.status == 429  # another endpoint has another bucket
    assert push.body["message"] == "You have reached your monthly limit."


def test_the_rate_refills(line: Line) -> None:
    line.person(consent="agreed")
    line.channel(rate_per_second=20)
    statuses = [line.notify().status for _ in range(60)]
    assert statuses[:20] == [200] * 20
    assert 429 in statuses or statuses == [200] * 60  # a slow machine never outruns it
    line.channel(rate_per_second=2_000)
    assert line.notify().status == 200


def test_the_monthly_limit_ends_with_the_month(line: Line) -> None:
    line.person(friend_status="friend")
    line.channel(monthly_limit=1)
    assert [line.push().status, line.push().status] == [200, 429]
    assert line.call("GET", "/v2/bot/message/quota").body == {
        "type": "limited",
        "value": 1,
    }
    assert line.call("GET", "/v2/bot/message/quota/consumption").body == {"totalUsage": 1}

    line.advance(32 * DAY)

    assert line.push().status == 200


def test_what_was_not_seen_is_not_counted(line: Line) -> None:
    line.person(friend_status="not_friend", consent="not_set")
    line.push()
    line.notify()
    assert line.call("GET", "/v2/bot/message/quota").body == {"type": "none"}
    assert line.call("GET", "/v2/bot/message/quota/consumption").body == {"totalUsage": 0}


def test_counts_are_by_day_in_utc_plus_9_and_ready_the_day_after(line: Line) -> None:
    line.control("POST", "clock", {"now": "2030-01-31T14:59:00Z"})  # 23:59 in UTC+9
    line.person(consent="agreed", friend_status="friend")
    line.notify()
    line.notify(path=TEMPLATED)
    line.push()
    paths = [f"/v2/bot/message/delivery/{kind}" for kind in ("pnp", "pnp/templated", "push")]
    dated = [f"{path}?date=20300131" for path in paths]
    assert [line.call("GET", path).body for path in dated] == [{"status": "unready"}] * 3

    line.advance(120)

    ready = {"status": "ready", "success": 1}
    assert [line.call("GET", path).body for path in dated] == [ready] * 3
    assert line.call("GET", f"{paths[0]}?date=20300130").body == {
        "status": "ready",
        "success": 0,
    }


@pytest.mark.parametrize("query", ["", "?date=", "?date=2030-01-31", "?date=20300231"])
def test_a_wrong_date_is_refused(line: Line, query: str) -> None:
    answer = line.call("GET", f"/v2/bot/message/delivery/pnp{query}")
    assert answer.status == 400
    assert answer.body == {"message": "The value for the 'date' parameter is invalid"}


def test_the_bot_is_who_webhooks_are_for(line: Line, inbox: Inbox) -> None:
    line.person(consent="agreed")
    line.notify()
    line.advance(0)
    info = line.call("GET", "/v2/bot/info").body
    assert inbox.bodies[0]["destination"] == info["userId"]
    assert {"userId", "basicId", "displayName", "chatMode", "markAsReadMode"} <= set(info)


@pytest.mark.parametrize(
    ("friend_status", "status"),
    [("friend", 200), ("not_friend", 404), ("blocked", 404)],
)
def test_profiles_are_those_of_friends(line: Line, friend_status: str, status: int) -> None:
    line.person(friend_status=friend_status)
    answer = line.call("GET", f"/v2/bot/profile/{USER}")
    assert answer.status == status
    if status == 200:
        assert answer.body["userId"] == USER


def test_follower_ids_come_page_by_page(line: Line) -> None:
    ids = [f"U{n:032x}" for n in range(7)]
    people = [{"line_user_id": i, "friend_status": "friend"} for i in ids]
    line.control("PUT", "people", [*people, {"phone": PHONE, "friend_status": "blocked"}])

    first = line.call("GET", "/v2/bot/followers/ids?limit=3").body
    second = line.call("GET", f"/v2/bot/followers/ids?limit=3&start={first['next']}").body
    last = line.call("GET", f"/v2/bot/followers/ids?limit=3&start={second['next']}").body

    assert first["userIds"] + second["userIds"] + last["userIds"] == ids
    assert "next" not in last
    assert line.call("GET", "/v2/bot/followers/ids?limit=1001").status == 400
    assert line.call("GET", "/v2/bot/followers/ids?start=x").status == 400


def test_the_webhook_address_can_be_set_and_tested_over_the_api(line: Line, inbox: Inbox) -> None:
    endpoint = "/v2/bot/channel/webhook/endpoint"
    line.channel(webhook_url=None)
    assert line.call("GET", endpoint).status == 404
    assert line.call("PUT", endpoint, {"endpoint": "ftp://e.com"}).status == 400
    assert line.call("PUT", endpoint, {"endpoint": inbox.url}).body == {}
    assert line.call("GET", endpoint).body == {"endpoint": inbox.url, "active": True}

    tested = line.call("POST", "/v2/bot/channel/webhook/test", {}).body

    assert (tested["success"], tested["statusCode"], tested["reason"]) == (
        True,
        200,
        "OK",
    )
    assert inbox.bodies[0]["events"] == []
    nowhere = {"endpoint": "http://127.0.0.1:9/"}
    tested = line.call("POST", "/v2/bot/channel/webhook/test", nowhere).body
    assert (tested["success"], tested["reason"]) == (False, "COULD_NOT_CONNECT")


def test_a_valid_message_passes_the_validation_and_is_not_sent(line: Line) -> None:
    line.person(friend_status="friend")
    answer = line.call("POST", "/v2/bot/message/validate/push", {"messages": [text()]})
    assert (answer.status, answer.body) == (200, {})
    assert line.seen()["inbox"] == []


def test_the_log_keeps_what_was_sent_and_hides_secrets(line: Line) -> None:
    line.person(consent="agreed")
    token = token_for(line).body["access_token"]
    line.notify(token=token)
    line.push("U" + "0" * 32, key=str(uuid.uuid4()))

    issued, notified, pushed = line.requests()

    assert (notified["phone"], notified["user_id"], notified["tag"]) == (
        PHONE,
        USER,
        TAG,
    )
    assert (notified["status"], notified["accepted"]) == (200, True)
    assert notified["headers"]["Authorization"] == "Bearer ***"
    assert notified["body"] == {"to": hashed(PHONE), "messages": [text()]}
    assert len(notified["raw_sha256"]) == 64
    assert (pushed["status"], pushed["accepted"]) == (400, False)
    assert SECRET not in str(issued)
    assert token not in str(line.requests())
