"""Infobip's send call: what it takes, what it refuses, and what people then see."""

from __future__ import annotations

import http.client
from typing import Any

import pytest

from tests.simulator.driving import PHONE, USER, Line
from tests.simulator.infobip import (
    DIGITS,
    KEY,
    LINE_OA,
    LON,
    SENDER,
    Company,
    bubble,
    notification,
    words,
)

OTHER = "+66811111111"


@pytest.fixture
def company(line: Line) -> Company:
    company = Company(line)
    company.sender()
    line.person(consent="agreed", friend_status="friend")
    return company


def with_component(component: dict[str, Any]) -> dict[str, Any]:
    message = notification()
    message["content"]["contents"]["body"]["contents"] = [component]
    return message


def with_content(**content: Any) -> dict[str, Any]:
    return {**notification(), "content": {**notification()["content"], **content}}


WHERE = "messages[0].content.contents.body.contents[0]"


def test_a_message_is_answered_as_documented(company: Company) -> None:
    answer = company.send(notification(ids=("our-id",)))
    assert answer.status == 200
    assert answer.body["bulkId"]
    assert answer.body["messages"] == [
        {
            "messageId": "our-id",
            "destination": DIGITS,
            "status": {
                "groupId": 1,
                "groupName": "PENDING",
                "id": 7,
                "name": "PENDING_ENROUTE",
                "description": "Message sent to next instance",
            },
        }
    ]


def test_the_person_sees_what_line_would_show(company: Company) -> None:
    content = with_content(
        contents={
            **bubble(),
            "direction": "RIGHT_TO_LEFT",
            "style": {"header": {"backgroundColor": "#06C755"}},
        }
    )
    company.send({**content, "destinations": [{"to": DIGITS, "messageId": "our-id"}]})
    (message,) = company.line.seen()["inbox"]
    assert (message["kind"], message["tag"]) == ("pnp", "our-id")
    assert message["body"]["messages"] == [
        {
            "type": "flex",
            "altText": "Parcel",
            "contents": {
                "type": "bubble",
                "direction": "rtl",
                "styles": {"header": {"backgroundColor": "#06C755"}},
                "body": {
                    "type": "box",
                    "layout": "vertical",
                    "paddingTop": "xl",
                    "contents": [
                        {
                            "type": "text",
                            "text": "Your parcel is here.",
                            "weight": "bold",
                            "size": "lg",
                            "wrap": True,
                        }
                    ],
                },
            },
        }
    ]


def test_many_messages_and_destinations_go_in_one_call(company: Company) -> None:
    company.line.control("PUT", "people", [{"phone": OTHER, "consent": "agreed"}])
    answer = company.send(
        notification(DIGITS, OTHER[1:], ids=("one", "two")),
        notification(ids=("three",)),
        schedule={"bulkId": "our-bulk"},
    )
    assert answer.body["bulkId"] == "our-bulk"
    assert [m["messageId"] for m in answer.body["messages"]] == ["one", "two", "three"]
    assert [m["tag"] for m in company.line.seen()["inbox"]] == ["one", "three"]
    assert [m["tag"] for m in company.line.seen(OTHER)["inbox"]] == ["two"]


def test_a_message_id_is_taken_once(company: Company) -> None:
    assert company.status(notification(ids=("same",))) == "PENDING_ENROUTE"
    answer = company.send(notification(ids=("same",)))
    assert answer.status == 200
    status = answer.body["messages"][0]["status"]
    assert (status["groupName"], status["id"]) == ("REJECTED", 23)
    assert status["name"] == "REJECTED_DUPLICATE_MESSAGE_ID"
    assert len(company.line.seen()["inbox"]) == 1


def test_the_same_id_twice_in_one_call_is_taken_once(company: Company) -> None:
    answer = company.send(notification(ids=("same",)), notification(ids=("same",)))
    names = [m["status"]["name"] for m in answer.body["messages"]]
    assert names == ["PENDING_ENROUTE", "REJECTED_DUPLICATE_MESSAGE_ID"]


def test_how_long_ids_are_remembered_can_be_set(company: Company) -> None:
    company.conduct(duplicate_window_seconds=60)
    company.status(notification(ids=("same",)))
    company.line.advance(61)
    assert company.status(notification(ids=("same",))) == "PENDING_ENROUTE"


def test_a_sender_of_another_account_is_rejected(company: Company) -> None:
    company.sender("SOMEBODY-ELSE", api_key="another-key")
    assert company.status({**notification(), "sender": "SOMEBODY-ELSE"}) == "REJECTED_SOURCE"
    assert not company.line.seen()["inbox"]


@pytest.mark.parametrize("left_out", ["sender", "destinations", "content"])
def test_what_is_required_is_required(company: Company, left_out: str) -> None:
    message = {k: v for k, v in notification().items() if k != left_out}
    assert company.violations(message) == {f"messages[0].{left_out}": "must not be null"}


@pytest.mark.parametrize(
    ("message", "where"),
    [
        (with_content(altText="x" * 401), "messages[0].content.altText"),
        (with_content(altText=None), "messages[0].content.altText"),
        (with_content(contents=None), "messages[0].content.contents"),
        (with_content(type="TEXT"), "messages[0].content.type"),
        (with_content(contents={"type": "bubble"}), "messages[0].content.contents.type"),
        (
            with_content(contents={**bubble(), "size": "mega"}),
            "messages[0].content.contents.size",
        ),
        (
            with_content(contents={**bubble(), "styles": {}}),
            "messages[0].content.contents.styles",
        ),
        (
            with_content(contents={**bubble(), "body": {"type": "BOX", "contents": []}}),
            "messages[0].content.contents.body.layout",
        ),
        (notification("+66855538125"), "messages[0].destinations[0].to"),
        (notification("0855538125"), "messages[0].destinations[0].to"),
        (notification(ids=("x" * 201,)), "messages[0].destinations[0].messageId"),
        (notification(webhooks={"callbackData": "x" * 4_001}), "messages[0].webhooks.callbackData"),
        (
            notification(webhooks={"delivery": {"notify": "yes"}}),
            "messages[0].webhooks.delivery.notify",
        ),
        (
            notification(options={"validityPeriod": {"amount": 1, "timeUnit": "DAYS"}}),
            "messages[0].options.validityPeriod.timeUnit",
        ),
        (
            notification(options={"deliveryTimeWindow": {"days": []}}),
            "messages[0].options.deliveryTimeWindow.days",
        ),
        (
            notification(
                options={
                    "deliveryTimeWindow": {
                        "days": ["MONDAY"],
                        "from": {"hour": 9, "minute": 30},
                        "to": {"hour": 10, "minute": 0},
                    }
                }
            ),
            "messages[0].options.deliveryTimeWindow",
        ),
        (
            notification(options={"smsFailover": {"sender": "Shop"}}),
            "messages[0].options.smsFailover.text",
        ),
        (notification(options={"campaignReferenceId": "x" * 256}), None),
        (with_component({"type": "text", "text": "x"}), f"{WHERE}.type"),
        (with_component({"type": "FILLER"}), f"{WHERE}.type"),
        (with_component({"type": "BOX", "contents": []}), f"{WHERE}.layout"),
        (with_component({"type": "TEXT", "text": "x", "weight": "bold"}), f"{WHERE}.weight"),
        (with_component({"type": "TEXT", "text": "x", "align": "center"}), f"{WHERE}.align"),
        (with_component({"type": "TEXT", "text": "x", "flex": 21}), f"{WHERE}.flex"),
        (with_component({"type": "IMAGE", "url": "https://a.b/c", "aspectMode": "cover"}), None),
        (with_component({"type": "BUTTON"}), f"{WHERE}.action"),
        (
            with_component(
                {"type": "BUTTON", "action": {"type": "URI", "label": "x" * 21, "uri": "https://a.b"}}
            ),
            f"{WHERE}.action.label",
        ),
        (
            with_component(
                {
                    "type": "BUTTON",
                    "action": {"type": "URI", "label": "x", "uri": "https://a.b/" + "x" * 1_000},
                }
            ),
            f"{WHERE}.action.uri",
        ),
        (
            with_component(
                {"type": "BUTTON", "action": {"type": "MESSAGE", "label": "x", "text": "x"}}
            ),
            f"{WHERE}.action.type",
        ),
        (
            with_component(
                {
                    "type": "BUTTON",
                    "height": "sm",
                    "action": {"type": "URI", "label": "x", "uri": "https://a.b"},
                }
            ),
            f"{WHERE}.height",
        ),
    ],
)  # fmt: skip
def test_each_documented_limit_is_checked(
    company: Company, message: dict[str, Any], where: str | None
) -> None:
    found = company.violations(message)
    assert len(found) == 1
    assert where is None or where in found
    assert not company.line.seen()["inbox"]


def test_nothing_of_a_request_is_sent_when_a_part_is_wrong(company: Company) -> None:
    company.violations(notification(), notification("+66855538125"))
    assert not company.line.seen()["inbox"]


def test_undocumented_fields_can_be_let_through(company: Company) -> None:
    assert company.violations({**notification(), "templateName": "x"}) == {
        "messages[0].templateName": "is not a field of the specification"
    }
    company.conduct(unknown_fields="ignored")
    assert company.status({**notification(), "templateName": "x"}) == "PENDING_ENROUTE"


@pytest.mark.parametrize("raw", [b"", b"{", b"[]", b'{"messages": 3}', b'{"messages": [[]]}'])
def test_a_body_that_is_no_request_is_refused(company: Company, raw: bytes) -> None:
    headers = {"Authorization": f"App {KEY}"}
    answer = company.line.call("POST", LON, raw=raw, token=None, headers=headers)
    assert answer.status == 400
    assert answer.body["errorCode"] == "E400"


def test_a_bubble_nested_without_end_is_refused(company: Company) -> None:
    box: dict[str, Any] = {"type": "BOX", "layout": "VERTICAL", "contents": []}
    for _ in range(200):
        box = {"type": "BOX", "layout": "VERTICAL", "contents": [box]}
    assert "is nested too deeply" in company.violations(with_component(box)).values()


@pytest.mark.parametrize("key", ["", "unknown"])
def test_a_key_is_needed(company: Company, key: str) -> None:
    answer = company.call("POST", LON, {"messages": [notification()]}, key=key)
    assert answer.status == 401
    assert answer.body["errorCode"] == "E401"
    assert sorted(answer.body) == [
        "action", "description", "errorCode", "resources", "violations",
    ]  # fmt: skip


def test_another_scheme_is_no_key(company: Company) -> None:
    headers = {"Authorization": f"Bearer {KEY}"}
    assert company.line.call("POST", LON, {}, token=None, headers=headers).status == 401


def test_a_sender_that_may_not_send_gets_403(company: Company) -> None:
    company.sender(may_send=False)
    assert company.send().body["errorCode"] == "E403"


def test_more_than_the_rate_gets_429(company: Company) -> None:
    company.sender(rate_per_second=0.01)
    assert company.send().status == 200
    assert company.send().body["errorCode"] == "E429"


def test_errors_come_in_the_old_shape_on_demand(company: Company) -> None:
    company.conduct(errors="old")
    answer = company.send(notification("+66855538125"))
    exception = answer.body["requestError"]["serviceException"]
    assert exception["messageId"] == "BAD_REQUEST"
    assert "messages[0].destinations[0].to" in exception["text"]
    assert company.call("POST", LON, {}, key="").body == {
        "requestError": {
            "serviceException": {
                "messageId": "UNAUTHORIZED",
                "text": "The request has no valid credentials.",
            }
        }
    }


def test_an_unknown_address_is_not_found(company: Company) -> None:
    assert company.call("GET", "/line/1/templates").body["errorCode"] == "E404"


def test_a_fault_is_answered_in_infobips_shape(company: Company) -> None:
    company.line.control("POST", "faults", {"kind": "status", "status": 503, "path": "/line/"})
    answer = company.send()
    assert (answer.status, answer.body["errorCode"]) == (503, "E503")
    assert not company.line.seen()["inbox"]
    assert company.send().status == 200


def test_an_answer_can_get_lost_after_the_message_was_taken(company: Company) -> None:
    fault = {"kind": "drop_after_acceptance", "phone": PHONE}
    company.line.control("POST", "faults", fault)
    with pytest.raises(http.client.RemoteDisconnected):
        company.send(notification("66899999999", DIGITS, ids=("a", "b")))
    assert [m["tag"] for m in company.line.seen()["inbox"]] == ["b"]
    # Our own ids tell after the fact that the first request came through.
    assert company.status(notification(ids=("b",))) == "REJECTED_DUPLICATE_MESSAGE_ID"


def test_an_unreadable_answer_comes_on_demand(company: Company) -> None:
    company.line.control("POST", "faults", {"kind": "unreadable"})
    with pytest.raises(http.client.BadStatusLine):
        company.send()
    assert company.line.seen()["inbox"]


def test_the_log_masks_the_key(company: Company) -> None:
    company.send(notification(ids=("our-id",)))
    (entry,) = company.line.requests("?path=/line/1/messages")
    assert entry["headers"]["Authorization"] == "App ***"
    assert (entry["phone"], entry["tag"], entry["accepted"]) == (PHONE, "our-id", True)
    assert entry["channel"] == f"infobip-{SENDER}"
    assert entry["body"]["messages"][0]["sender"] == SENDER


def test_a_two_way_message_reaches_a_friend(company: Company) -> None:
    answer = company.send(words(), path=LINE_OA)
    status = answer.body["messages"][0]["status"]
    assert (status["id"], status["name"]) == (26, "PENDING_ACCEPTED")
    assert answer.body["messages"][0]["destination"] == USER
    (message,) = company.line.seen()["inbox"]
    assert message["kind"] == "push"
    assert message["body"]["messages"] == [{"type": "text", "text": "Hello"}]


@pytest.mark.parametrize(
    ("content", "where"),
    [
        ({"type": "TEXT", "text": "x" * 5_001}, "text"),
        ({"type": "IMAGE", "url": "https://a.b/c.png"}, "thumbnailUrl"),
        ({"type": "STICKER", "packageId": "446"}, "stickerId"),
        ({"type": "MULTIPART", "parts": [{"type": "MULTIPART"}]}, "parts[0].type"),
        ({"type": "FLEX", "altText": "x", "contents": {"type": "CAROUSEL"}}, "contents.contents"),
        (
            {
                "type": "FLEX",
                "altText": "x",
                "contents": {
                    "type": "BUBBLE",
                    "body": {
                        "type": "BOX",
                        "layout": "VERTICAL",
                        "contents": [{"type": "TEXT", "text": "x", "size": "lg"}],
                    },
                },
            },
            "contents.body.contents[0].size",
        ),
        ({"type": "LINE_NOTIFICATION", "altText": "x", "contents": bubble()}, "type"),
    ],
)  # fmt: skip
def test_two_way_contents_are_checked(
    company: Company, content: dict[str, Any], where: str
) -> None:
    found = company.violations({**words(), "content": content}, path=LINE_OA)
    assert list(found) == [f"messages[0].content.{where}"]


def test_several_parts_arrive_as_one_message(company: Company) -> None:
    image = {"type": "IMAGE", "url": "https://a.b/c.png", "thumbnailUrl": "https://a.b/t.png"}
    parts = [{"type": "TEXT", "text": "Look"}, image]
    company.send({**words(), "content": {"type": "MULTIPART", "parts": parts}}, path=LINE_OA)
    (message,) = company.line.seen()["inbox"]
    assert [m["type"] for m in message["body"]["messages"]] == ["text", "image"]
    assert message["body"]["messages"][1]["originalContentUrl"] == "https://a.b/c.png"
