"""Infobip's reports: what they say of each fate, pushed with proof and retries, or fetched once."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from lineportal.simulator import infobip_messages
from tests.simulator.driving import DAY, HOUR, PHONE, USER, Inbox, Line, receiving
from tests.simulator.infobip import LINE_OA, SENDER, Company, notification, pushed, words

HMAC = {"secret": "s3cret", "header": "X-Signature", "algorithm": "HMAC_SHA_512"}


@pytest.fixture
def company(line: Line) -> Company:
    company = Company(line)
    company.sender()
    return company


@pytest.fixture
def hook(company: Company) -> Iterator[Inbox]:
    """The company's webhook for Infobip, with Basic credentials."""
    with receiving() as inbox:
        company.sender(webhook_url=inbox.url, webhook_user="infobip", webhook_password="pass")
        yield inbox
        company.line.control("POST", "reset")


def names(reports: list[Any]) -> list[str]:
    return [report["status"]["name"] for report in reports]


def test_a_delivered_message_is_reported_as_documented(company: Company) -> None:
    company.line.person(consent="agreed")
    webhooks = {"callbackData": "opaque"}
    options = {"platform": {"entityId": "e", "applicationId": "a"}, "campaignReferenceId": "c"}
    answer = company.send(notification(ids=("our-id",), webhooks=webhooks, options=options))
    company.line.advance(0)
    (report,) = company.fetched()
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+0000", report.pop("sentAt"))
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+0000", report.pop("doneAt"))
    assert report == {
        "bulkId": answer.body["bulkId"],
        "messageId": "our-id",
        "to": PHONE[1:],
        "sender": SENDER,
        "messageCount": 1,
        "callbackData": "opaque",
        "campaignReferenceId": "c",
        "platform": {"entityId": "e", "applicationId": "a"},
        "price": {"pricePerMessage": 0.0, "currency": "EUR"},
        "status": {
            "groupId": 3,
            "groupName": "DELIVERED",
            "id": 5,
            "name": "DELIVERED_TO_HANDSET",
            "description": "Message delivered to handset",
        },
        "error": {
            "groupId": 0,
            "groupName": "OK",
            "id": 0,
            "name": "NO_ERROR",
            "description": "No Error",
            "permanent": False,
        },
    }


def test_a_report_can_be_fetched_at_once_and_only_once(company: Company) -> None:
    company.line.person(consent="agreed")
    company.send()
    assert len(company.fetched()) == 1
    assert company.fetched() == []


def test_a_refusal_of_lines_is_reported(company: Company) -> None:
    company.line.person(consent="rejected")
    assert company.status() == "PENDING_ENROUTE"
    company.line.advance(0)
    assert names(company.fetched()) == ["UNDELIVERABLE_REJECTED_OPERATOR"]


def test_a_number_without_line_is_reported_as_refused(company: Company) -> None:
    company.send(notification("66899999999"))
    company.line.advance(0)
    assert names(company.fetched()) == ["UNDELIVERABLE_REJECTED_OPERATOR"]


def test_silence_becomes_expired_after_the_validity(company: Company) -> None:
    company.line.person(consent="agreed", friend_status="blocked")
    company.send(notification(options={"validityPeriod": {"amount": 2, "timeUnit": "HOURS"}}))
    company.line.advance(2 * HOUR - 60)
    assert company.fetched() == []
    company.line.advance(61)
    assert names(company.fetched()) == ["EXPIRED_EXPIRED"]


@pytest.mark.parametrize(
    ("validity", "seconds"),
    [
        (None, DAY),
        ({"amount": 90, "timeUnit": "SECONDS"}, 90),
        ({"amount": 30}, 30 * 60),
        ({"amount": 100, "timeUnit": "HOURS"}, 2 * DAY),  # cut, not refused
    ],
)
def test_how_long_a_message_is_valid(
    company: Company, validity: dict[str, Any] | None, seconds: float
) -> None:
    company.line.person(consent="not_set")
    company.send(notification(options={"validityPeriod": validity}))
    company.line.advance(seconds - 20)
    assert company.fetched() == []
    company.line.advance(30)
    assert names(company.fetched()) == ["EXPIRED_EXPIRED"]


def test_consent_in_time_delivers(company: Company) -> None:
    company.line.person(consent="not_set", when_asked="agree", answers_after_seconds=HOUR)
    company.send()
    company.line.advance(3 * DAY)
    assert names(company.fetched("?limit=1000")) == []  # reports are kept for 48 hours
    (message,) = company.line.control("GET", "infobip/messages")["messages"]
    assert message["outcome"] == "delivered"


def test_in_one_leap_everything_happens_at_its_own_time(company: Company) -> None:
    company.line.person(consent="not_set", when_asked="agree", answers_after_seconds=HOUR)
    half = {"validityPeriod": {"amount": 30, "timeUnit": "MINUTES"}}
    company.send(notification(ids=("short",), options=half), notification(ids=("long",)))
    company.line.advance(DAY)
    found = {r["messageId"]: r["status"]["groupName"] for r in company.fetched()}
    assert found == {"short": "EXPIRED", "long": "DELIVERED"}


def test_a_late_delivery_can_be_reported_after_all(company: Company) -> None:
    company.conduct(late_delivery=True)
    company.line.person(consent="not_set", when_asked="agree", answers_after_seconds=HOUR)
    company.send(notification(options={"validityPeriod": {"amount": 30}}))
    company.line.advance(DAY)
    # The newest comes first.
    assert names(company.fetched()) == ["DELIVERED_TO_HANDSET", "EXPIRED_EXPIRED"]


def test_how_fates_are_reported_can_be_set(company: Company) -> None:
    unheard_of = {"groupId": 9, "groupName": "PAUSED", "id": 900, "name": "PAUSED_BY_LINE"}
    refused = {"status": "REJECTED_DESTINATION", "error": "EC_UNKNOWN_USER"}
    company.conduct(outcomes={"refused": refused, "silent": {"status": unheard_of}})
    company.line.person(consent="rejected")
    company.send(notification(ids=("refused",)))
    company.line.person(consent="agreed", friend_status="blocked")
    company.send(notification(ids=("silent",), options={"validityPeriod": {"amount": 1}}))
    company.line.advance(61)
    found = {r["messageId"]: r for r in company.fetched()}
    assert found["refused"]["status"]["groupName"] == "REJECTED"
    assert found["refused"]["error"]["id"] == 7002
    assert found["silent"]["status"] == unheard_of


def test_any_report_can_be_made_at_any_time(company: Company) -> None:
    company.line.person(consent="agreed")
    company.send(notification(ids=("our-id",)))
    given = {"message_id": "our-id", "status": "REJECTED_FLOODING_FILTER"}
    company.line.control("POST", "infobip/reports", given)
    assert sorted(names(company.fetched())) == ["DELIVERED_TO_HANDSET", "REJECTED_FLOODING_FILTER"]


def test_reports_are_chosen_by_query(company: Company) -> None:
    company.line.person(consent="agreed")
    for bulk, ids in (("b1", ("one", "two")), ("b2", ("three",))):
        messages = [notification(ids=(i,), options={"campaignReferenceId": i}) for i in ids]
        company.send(*messages, schedule={"bulkId": bulk})
    company.line.advance(0)

    def ids(query: str) -> list[str]:
        return [report["messageId"] for report in company.fetched(query)]

    assert ids("?messageId=two&bulkId=b2") == []
    assert ids("?messageId=two") == ["two"]
    assert ids("?campaignReferenceId=one") == ["one"]
    assert ids("?entityId=e") == []
    assert ids("?bulkId=b2&limit=1") == ["three"]


@pytest.mark.parametrize("limit", ["0", "1001", "x", "-1"])
def test_a_wrong_limit_is_refused(company: Company, limit: str) -> None:
    assert company.call("GET", f"/line/1/reports?limit={limit}").status == 400


def test_no_account_sees_the_reports_of_another(company: Company) -> None:
    company.sender("ANOTHER", api_key="another-key")
    company.line.person(consent="agreed")
    company.send()
    company.line.advance(0)
    answer = company.call("GET", "/line/1/reports", key="another-key")
    assert answer.body == {"results": []}
    assert company.fetched(service="line-oa") == []
    assert len(company.fetched()) == 1


def test_reports_are_pushed_with_basic_credentials(company: Company, hook: Inbox) -> None:
    company.line.person(consent="agreed")
    company.send(notification(ids=("one",)), notification(ids=("two",)))
    assert company.line.advance(0)["settled"]
    # What falls due together goes together.
    assert [len(json.loads(raw)["results"]) for _, raw in hook.posts] == [2]
    headers, _ = hook.posts[0]
    assert headers["authorization"] == "Basic " + base64.b64encode(b"infobip:pass").decode()
    assert company.fetched() == []


@pytest.mark.parametrize("encoding", ["hex", "base64"])
def test_reports_are_signed_as_set(company: Company, hook: Inbox, encoding: str) -> None:
    company.sender(webhook_user=None, webhook_password=None, hmac={**HMAC, "encoding": encoding})
    company.line.person(consent="agreed")
    company.send()
    company.line.advance(0)
    headers, raw = hook.posts[0]
    digest = hmac.digest(b"s3cret", raw, hashlib.sha512)
    wanted = digest.hex() if encoding == "hex" else base64.b64encode(digest).decode()
    assert headers["x-signature"] == wanted
    assert "authorization" not in headers


def test_wrong_proof_comes_on_demand(company: Company, hook: Inbox) -> None:
    company.sender(hmac=HMAC)
    company.line.control("POST", "webhooks", {"bad_signature": True})
    company.line.person(consent="agreed")
    company.send()
    company.line.advance(0)
    headers, raw = hook.posts[0]
    assert headers["authorization"] != "Basic " + base64.b64encode(b"infobip:pass").decode()
    assert headers["x-signature"] != hmac.digest(b"s3cret", raw, hashlib.sha512).hex()


def test_a_report_comes_twice_on_demand(company: Company, hook: Inbox) -> None:
    company.line.control("POST", "webhooks", {"duplicate": True})
    company.line.person(consent="agreed")
    company.send()
    company.line.advance(0)
    assert names(pushed(hook)) == ["DELIVERED_TO_HANDSET"] * 2


def test_a_message_may_name_its_own_address(company: Company, hook: Inbox) -> None:
    with receiving() as own:
        company.line.person(consent="agreed")
        company.send(notification(webhooks={"delivery": {"url": own.url}}))
        company.line.advance(0)
        assert names(pushed(own)) == ["DELIVERED_TO_HANDSET"]
    assert not hook.posts


def test_a_message_may_want_no_push(company: Company, hook: Inbox) -> None:
    company.line.person(consent="agreed")
    company.send(notification(webhooks={"delivery": {"notify": False}}))
    company.line.advance(0)
    assert not hook.posts
    assert len(company.fetched()) == 1


def test_a_report_can_be_late(company: Company, hook: Inbox) -> None:
    company.sender(report_delay_seconds=600)
    company.line.person(consent="agreed")
    company.send()
    company.line.advance(500)
    assert not hook.posts
    company.line.advance(101)
    assert len(hook.posts) == 1


def test_a_push_is_tried_again_after_one_minute_and_n_squared(
    company: Company, hook: Inbox
) -> None:
    hook.statuses = [500, 401, 503]
    company.line.person(consent="agreed")
    company.send()
    company.line.advance(0)
    for wait, tries in ((40, 1), (40, 2), (80, 2), (40, 3), (200, 3), (100, 4), (DAY, 4)):
        assert company.line.advance(wait)["settled"]
        assert len(hook.posts) == tries
    assert len({raw for _, raw in hook.posts}) == 1
    sent = company.line.control("GET", "infobip/webhooks")["sent"]
    assert [(post["try"], post["status"]) for post in sent] == [
        (1, 500), (2, 401), (3, 503), (4, 200),
    ]  # fmt: skip


def test_a_push_that_is_given_up_waits_to_be_fetched(company: Company, hook: Inbox) -> None:
    company.conduct(push_retries=2)
    hook.statuses = [500] * 3
    company.line.person(consent="agreed")
    company.send()
    company.line.advance(0)
    assert company.fetched() == []  # it is being pushed
    company.line.advance(HOUR)
    assert len(hook.posts) == 3
    assert names(company.fetched()) == ["DELIVERED_TO_HANDSET"]


def test_a_scheduled_message_waits(company: Company) -> None:
    company.line.person(consent="agreed", sms_verified_at="2031-03-01T00:00:00Z")
    company.line.control("POST", "clock", {"now": "2031-03-03T00:00:00Z"})
    company.send(schedule={"sendAt": "2031-03-03T12:00:00.000+0700"})
    company.line.control("POST", "clock", {"now": "2031-03-03T04:59:00Z"})
    assert not company.line.seen()["inbox"]
    company.line.control("POST", "clock", {"now": "2031-03-03T05:01:00Z"})
    assert len(company.line.seen()["inbox"]) == 1
    far = {"sendAt": "2032-03-03T12:00:00.000+0700"}
    assert list(company.violations(schedule=far)) == ["options.schedule.sendAt"]


def test_messages_keep_to_a_limit_of_the_speed(company: Company) -> None:
    company.line.person(consent="agreed")
    messages = [notification(ids=(str(n),)) for n in range(3)]
    company.send(*messages, schedule={"sendingSpeedLimit": {"amount": 2, "timeUnit": "HOUR"}})
    for wait, seen in ((0, 1), (HOUR / 4, 1), (HOUR / 2, 2), (HOUR / 2, 3)):
        company.line.advance(wait)
        assert len(company.line.seen()["inbox"]) == seen


@pytest.mark.parametrize(
    ("window", "seen_at"),
    [
        # 3 March 2031 is a Monday; it is 12:00 UTC.
        ({"days": ["MONDAY"]}, "2031-03-03T12:00"),
        ({"days": ["TUESDAY"]}, "2031-03-04T00:00"),
        ({"days": ["MONDAY"], "from": (13, 30), "to": (15, 0)}, "2031-03-03T13:30"),
        ({"days": ["MONDAY", "TUESDAY"], "from": (2, 0), "to": (11, 0)}, "2031-03-04T02:00"),
        ({"days": ["SUNDAY"], "from": (22, 0), "to": (13, 0)}, "2031-03-03T12:00"),
        ({"days": ["FRIDAY"]}, None),  # not within the validity
    ],
)
def test_a_message_waits_for_its_window(
    company: Company, window: dict[str, Any], seen_at: str | None
) -> None:
    company.line.control("POST", "clock", {"now": "2031-03-03T12:00:00Z"})
    company.line.person(consent="agreed", sms_verified_at="2031-03-01T00:00:00Z")
    for name in ("from", "to"):
        if name in window:
            hour, minute = window[name]
            window[name] = {"hour": hour, "minute": minute}
    company.send(notification(options={"deliveryTimeWindow": window}))
    company.line.advance(DAY + 60)
    inbox = company.line.seen()["inbox"]
    assert [message["delivered_at"][:16] for message in inbox] == [seen_at] * (seen_at is not None)
    assert names(company.fetched()) == ["DELIVERED_TO_HANDSET" if seen_at else "EXPIRED_EXPIRED"]


def test_lines_delivery_event_goes_to_infobip_only(line: Line, inbox: Inbox) -> None:
    company = Company(line)
    company.sender(channel="2000000001")
    line.person(consent="agreed")
    company.send()
    line.notify()
    line.advance(0)
    assert inbox.delivered == ["order-000000000001"]
    assert len(company.fetched()) == 1


def test_a_two_way_message_is_reported(company: Company) -> None:
    unseen = {"status": "UNDELIVERABLE_NOT_DELIVERED", "error": "EC_BLOCKED_USER"}
    company.conduct(outcomes={"push_unseen": unseen})
    company.line.person(friend_status="friend")
    company.send(words(USER, "U" + "b" * 32), path=LINE_OA)
    company.line.act("block")
    company.send(words(), path=LINE_OA)
    company.line.advance(0)
    assert names(company.fetched(service="line-oa"))[::-1] == [
        "DELIVERED_TO_HANDSET", "UNDELIVERABLE_REJECTED_OPERATOR", "UNDELIVERABLE_NOT_DELIVERED",
    ]  # fmt: skip
    assert company.fetched() == []


def test_infobip_cannot_tell_who_blocked_unless_set_so(company: Company) -> None:
    company.line.person(friend_status="blocked")
    company.send(words(), path=LINE_OA)
    company.line.advance(0)
    assert names(company.fetched(service="line-oa")) == ["DELIVERED_TO_HANDSET"]


def test_follow_and_unfollow_come_as_documented(company: Company, hook: Inbox) -> None:
    company.line.person()
    company.line.act("follow")
    company.line.act("block")
    company.line.advance(0)
    first, second = (json.loads(raw) for _, raw in hook.posts)
    assert (first["messageCount"], first["pendingMessageCount"]) == (1, 0)
    (followed,), (unfollowed,) = first["results"], second["results"]
    assert {**followed, "messageId": "", "receivedAt": "", "message": {}} == {
        "sender": USER,
        "to": SENDER,
        "integrationType": "LINE_OA",
        "receivedAt": "",
        "messageId": "",
        "message": {},
        "price": {"pricePerMessage": 0.0, "currency": "EUR"},
    }
    assert sorted(followed["message"]) == ["replyToken", "timestamp", "type"]
    assert followed["message"]["type"] == "FOLLOW"
    assert sorted(unfollowed["message"]) == ["timestamp", "type"]
    assert unfollowed["message"]["type"] == "UNFOLLOW"
    assert hook.posts[0][0]["authorization"].startswith("Basic ")


def test_what_a_person_writes_comes_as_text(company: Company, hook: Inbox) -> None:
    company.line.person()
    given = {"from": PHONE, "text": "Where is my parcel?"}
    company.line.control("POST", f"infobip/senders/{SENDER}/inbound", given)
    (result,) = pushed(hook)
    assert result["sender"] == USER
    assert result["message"]["type"] == "TEXT"
    assert result["message"]["text"] == "Where is my parcel?"
    assert isinstance(result["message"]["timestamp"], int)


def test_inbound_may_have_an_address_of_its_own(company: Company, hook: Inbox) -> None:
    with receiving() as own:
        company.sender(inbound_url=own.url)
        company.line.person()
        company.line.act("follow")
        assert [r["message"]["type"] for r in pushed(own)] == ["FOLLOW"]
    assert not hook.posts


def test_a_reply_within_a_minute_is_free_once(company: Company, hook: Inbox) -> None:
    company.line.control("PUT", f"channels/infobip-{SENDER}", {"monthly_limit": 0})
    company.line.person(friend_status="friend")
    given = {"from": USER, "text": "Hello"}
    wrote = company.line.control("POST", f"infobip/senders/{SENDER}/inbound", given)
    token = wrote["message"]["replyToken"]
    for reply in ({"replyToken": token}, {"replyToken": token}, {}):
        # The month is used up, so what is not free is not sent.
        company.send(words(**reply), path=LINE_OA)
    assert len(company.line.seen()["inbox"]) == 1
    wrote = company.line.control("POST", f"infobip/senders/{SENDER}/inbound", given)
    company.line.advance(61)
    company.send(words(replyToken=wrote["message"]["replyToken"]), path=LINE_OA)
    assert len(company.line.seen()["inbox"]) == 1


@pytest.mark.parametrize(
    ("event", "message"),
    [
        ({"type": "message", "message": {"type": "text", "id": "1", "text": "Hi"}},
         {"type": "TEXT", "replyToken": "r", "text": "Hi"}),
        ({"type": "message", "message": {"type": "image", "id": "1", "quoteToken": "q"}},
         {"type": "IMAGE", "replyToken": "r", "url": "https://m/1"}),
        ({"type": "message",
          "message": {"type": "file", "id": "1", "fileName": "a.pdf", "fileSize": 3}},
         {"type": "FILE", "replyToken": "r", "url": "https://m/1", "fileName": "a.pdf",
          "fileSize": 3}),
        ({"type": "message", "message": {"type": "sticker", "id": "1", "packageId": "2",
                                         "stickerId": "3", "keywords": ["Hi"]}},
         {"type": "STICKER", "replyToken": "r", "packageId": "2", "stickerId": "3",
          "keywords": ["Hi"]}),
        ({"type": "message", "message": {"type": "location", "id": "1", "title": "Here",
                                         "latitude": 1.0, "longitude": 2.0}},
         {"type": "LOCATION", "replyToken": "r", "title": "Here", "latitude": 1.0,
          "longitude": 2.0}),
        ({"type": "postback", "postback": {"data": "a=1"}},
         {"type": "POSTBACK", "replyToken": "r", "data": "a=1"}),
        ({"type": "follow", "follow": {"isUnblocked": True}},
         {"type": "FOLLOW", "replyToken": "r"}),
        ({"type": "unfollow"}, {"type": "UNFOLLOW"}),
        ({"type": "unsend", "unsend": {"messageId": "1"}}, {"type": "UNSEND"}),
        ({"type": "accountLink"}, None),
    ],
)  # fmt: skip
def test_lines_events_are_passed_on_in_infobips_words(
    event: dict[str, Any], message: dict[str, Any] | None
) -> None:
    heard = infobip_messages.heard({**event, "timestamp": 5, "replyToken": "r"}, media="https://m")
    assert heard == (message and {**message, "timestamp": 5})
