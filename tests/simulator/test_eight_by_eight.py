"""8x8's side: the notification it takes, what it refuses, batches, and the receipts it sends."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.simulator.driving import DAY, HOUR, PHONE, Answer, Inbox, Line, receiving

ACCOUNT, KEY = "shop_lon", "a-key-of-8x8"
PATH = f"/api/v1/subaccounts/{ACCOUNT}/lon"
OTHER = "+66811111111"
CONTENT: dict[str, Any] = {
    "title": "Event reminder",
    "company": "Shop",
    "icon": "calendarCheck",
    "greeting": "See you there",
    "emphasis": {"label": "Event", "Content": "Conference"},
    "list": [{"label": "Date", "content": "26 September"}],
    "explanation": "Doors open at nine.",
    "actions": [{"title": "Agenda", "url": "https://example.com/agenda"}],
}


def message(phone: str = PHONE, **more: Any) -> dict[str, Any]:
    return {"user": {"msisdn": phone}, "content": CONTENT, "clientMessageId": "our-id", **more}


def with_content(**content: Any) -> dict[str, Any]:
    return message(content={**CONTENT, **content})


@dataclass
class Company:
    """Talks to 8x8's side of one simulator."""

    line: Line

    def account(self, account_id: str = ACCOUNT, **settings: Any) -> Any:
        path = f"8x8/subaccounts/{account_id}"
        return self.line.control("PUT", path, {"api_key": KEY, **settings})

    def send(self, body: Any, *, path: str = PATH, key: str = KEY) -> Answer:
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        return self.line.call("POST", path, body, token=None, headers=headers)


@pytest.fixture
def company(line: Line) -> Company:
    company = Company(line)
    company.account()
    line.person(consent="agreed")
    return company


@pytest.fixture
def hook(company: Company) -> Iterator[Inbox]:
    with receiving() as inbox:
        company.account(webhook_url=inbox.url)
        yield inbox
        company.line.control("POST", "reset")


def states(inbox: Inbox) -> list[str]:
    return sorted(body["payload"]["status"]["state"] for body in inbox.bodies)


def test_a_message_is_answered_as_documented(company: Company) -> None:
    answer = company.send(message())
    assert answer.status == 200
    assert re.fullmatch(r"[0-9a-f-]{36}", answer.body.pop("umid"))
    at = answer.body["status"].pop("timestamp")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d\dZ", at)
    assert answer.body == {
        "user": {"msisdn": PHONE},
        "clientMessageId": "our-id",
        "status": {"state": "queued"},
    }


def test_the_person_sees_it_as_a_bubble(company: Company) -> None:
    company.send(message())
    (seen,) = company.line.seen()["inbox"]
    assert (seen["kind"], seen["tag"]) == ("pnp", "our-id")
    (flex,) = seen["body"]["messages"]
    assert (flex["type"], flex["altText"]) == ("flex", "Event reminder")
    written = json.dumps(flex)
    for words in ("Shop", "See you there", "Conference", "26 September", "Doors open at nine."):
        assert words in written


@pytest.mark.parametrize(
    ("user", "phone"),
    [
        ({"msisdn": "66855538125"}, PHONE),
        ({"msisdn": "0855538125", "country": "TH"}, PHONE),
    ],
)
def test_numbers_may_come_without_plus_or_national(
    company: Company, user: dict[str, str], phone: str
) -> None:
    assert company.send(message(user=user)).status == 200
    assert len(company.line.seen(phone)["inbox"]) == 1


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"content": CONTENT}, 3001),
        (message(user={}), 3002),
        (message("0855538125"), 1002),
        (message("+66-85-553"), 1002),
        ({"user": {"msisdn": PHONE}}, 3004),
        (with_content(explanation="x" * 440), 3006),
        (with_content(icon="rocket"), 1000),
        (with_content(emphasis={"label": "Event", "content": "Conference"}), 1000),
        (with_content(actions=[{"title": "Agenda", "content": "https://example.com"}]), 1000),
        (with_content(list="none"), 1000),
        (message(clientMessageId="x" * 51), 3009),
        (message(dlrCallbackUrl="shop"), 3020),
        (message(smsFallback={"text": "x", "source": "x" * 17}), 3011),
        (message(smsFallback={"text": "x", "encoding": "auto"}), 1003),
        ([], 1000),
    ],
)  # fmt: skip
def test_what_is_wrong_has_a_code(company: Company, body: Any, code: int) -> None:
    answer = company.send(body)
    assert (answer.status, answer.body["code"]) == (400, code)
    assert sorted(answer.body) == ["code", "errorId", "message", "timestamp"]
    assert not company.line.seen()["inbox"]


def test_500_characters_in_all_are_taken(company: Company) -> None:
    used = len("Event reminderShopSee you thereEventConferenceDate26 SeptemberAgenda")
    assert company.send(with_content(explanation="x" * (500 - used))).status == 200
    assert company.send(with_content(explanation="x" * (501 - used))).body["code"] == 3006


@pytest.mark.parametrize(
    ("switch", "taken"),
    [
        ("Content", ["Content"]),
        ("content", ["content"]),
        ("both", ["Content", "content"]),
    ],
)
def test_how_the_emphasis_is_spelt_is_a_switch(
    company: Company, switch: str, taken: list[str]
) -> None:
    company.account(emphasis=switch)
    answers = {
        spelling: company.send(with_content(emphasis={"label": "Event", spelling: "x"})).status
        for spelling in ("Content", "content")
    }
    assert [spelling for spelling, status in answers.items() if status == 200] == taken


@pytest.mark.parametrize(
    ("path", "key", "status", "code"),
    [
        (PATH, "", 401, 1200),
        (PATH, "another", 401, 1200),
        ("/api/v1/subaccounts/another/lon", KEY, 401, 1200),
        ("/api/v1/subaccounts/x/lon", KEY, 400, 1001),
        (f"/api/v1/subaccounts/{ACCOUNT}/messages", KEY, 404, 1300),
    ],
)
def test_key_and_sub_account_go_together(
    company: Company, path: str, key: str, status: int, code: int
) -> None:
    answer = company.send(message(), path=path, key=key)
    assert (answer.status, answer.body["code"]) == (status, code)


def test_a_batch_is_rejected_one_by_one(company: Company) -> None:
    messages = [message(clientMessageId="one"), message("123", clientMessageId="two")]
    body = {"clientBatchId": "ours", "messages": messages, "includeMessagesInResponse": True}
    answer = company.send(body, path=f"{PATH}/batch")
    assert answer.status == 200
    assert (answer.body["acceptedCount"], answer.body["rejectedCount"]) == (1, 1)
    assert answer.body["clientBatchId"] == "ours"
    first, second = answer.body["messages"]
    assert (first["clientMessageId"], first["status"]["state"]) == ("one", "queued")
    assert (second["clientMessageId"], second["status"]["state"]) == ("two", "rejected")
    assert second["status"]["errorCode"] == 1002
    assert [seen["tag"] for seen in company.line.seen()["inbox"]] == ["one"]


def test_a_batch_tells_its_messages_only_when_asked(company: Company) -> None:
    answer = company.send({"messages": [message()]}, path=f"{PATH}/batch")
    assert sorted(answer.body) == ["acceptedCount", "batchId", "rejectedCount"]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, 3012),
        ({"messages": []}, 3012),
        ({"messages": [{}], "clientBatchId": "x" * 101}, 3014),
        ({"messages": [1] * 10_001}, 3013),
        ({"messages": {"user": 1}}, 1000),
    ],
)
def test_a_batch_as_such_can_be_wrong(company: Company, body: Any, code: int) -> None:
    answer = company.send(body, path=f"{PATH}/batch")
    assert (answer.status, answer.body["code"]) == (400, code)


def test_a_batch_of_odd_things_is_all_rejected(company: Company) -> None:
    answer = company.send({"messages": [1, None, [], {}]}, path=f"{PATH}/batch")
    assert (answer.status, answer.body["rejectedCount"]) == (200, 4)


def test_sent_and_delivered_are_reported_as_documented(company: Company, hook: Inbox) -> None:
    umid = company.send(message()).body["umid"]
    assert company.line.advance(0)["settled"]
    assert states(hook) == ["delivered", "sent"]
    (receipt,) = (b for b in hook.bodies if b["payload"]["status"]["state"] == "delivered")
    assert re.fullmatch(r"\S+Z", receipt["payload"]["status"].pop("timestamp"))
    assert receipt == {
        "version": 9,
        "namespace": "ChatApps",
        "eventType": "outbound_message_status_changed",
        "description": "ChatApps outbound message delivery receipt",
        "payload": {
            "umid": umid,
            "clientMessageId": "our-id",
            "subAccountId": ACCOUNT,
            "channel": "LineNotification",
            "user": {"msisdn": PHONE},
            "status": {"state": "delivered", "detail": "delivered_to_recipient"},
        },
    }


@pytest.mark.parametrize(
    ("person", "wait", "code"),
    [
        ({"consent": "rejected"}, 0, 15),
        ({"consent": "agreed", "friend_status": "blocked"}, DAY + 1, 36),
        ({"consent": "not_set"}, DAY + 1, 36),
    ],
)
def test_what_is_not_delivered_is_reported(
    company: Company, hook: Inbox, person: dict[str, str], wait: float, code: int
) -> None:
    company.account(report_sent=False)
    company.line.person(**person)
    company.send(message())
    company.line.advance(wait)
    ((status),) = [body["payload"]["status"] for body in hook.bodies]
    assert (status["state"], status["errorCode"]) == ("undelivered", code)


def test_consent_in_time_delivers(company: Company, hook: Inbox) -> None:
    company.line.person(consent="not_set", when_asked="agree", answers_after_seconds=HOUR)
    company.send(message())
    company.line.advance(0)
    assert states(hook) == ["sent"]
    company.line.advance(2 * DAY)
    assert states(hook) == ["delivered", "sent"]


def test_how_fates_are_reported_can_be_set(company: Company, hook: Inbox) -> None:
    company.account(report_sent=False, outcomes={"delivered": {"state": "unheard_of"}})
    umid = company.send(message()).body["umid"]
    company.line.control("POST", "8x8/reports", {"umid": umid, "status": {"state": "read"}})
    assert states(hook) == ["read", "unheard_of"]


def test_a_receipt_is_tried_again_after_1_10_30_and_90_seconds(
    company: Company, hook: Inbox
) -> None:
    company.account(report_sent=False, webhook_headers={"X-Our-Secret": "abc"})
    hook.statuses = [500] * 9
    company.send(message())
    company.line.advance(0)
    # Each leap passes the next try by four seconds.
    for wait, tries in ((5, 2), (10, 3), (30, 4), (90, 5), (DAY, 5)):
        assert company.line.advance(wait)["settled"]
        assert len(hook.posts) == tries
    assert len({raw for _, raw in hook.posts}) == 1
    assert hook.posts[0][0]["x-our-secret"] == "abc"
    sent = company.line.control("GET", "8x8/webhooks")["sent"]
    assert [post["try"] for post in sent] == [1, 2, 3, 4, 5]


def test_a_message_may_name_its_own_address(company: Company, hook: Inbox) -> None:
    with receiving() as own:
        company.send(message(dlrCallbackUrl=own.url))
        company.line.advance(0)
        assert states(own) == ["delivered", "sent"]
    assert not hook.posts


def test_a_fault_is_answered_in_8x8s_shape(company: Company) -> None:
    company.line.control("POST", "faults", {"kind": "status", "status": 500, "phone": PHONE})
    company.line.control("PUT", "people", [{"phone": OTHER, "consent": "agreed"}])
    assert company.send(message(OTHER)).status == 200
    answer = company.send(message())
    assert (answer.status, answer.body["code"]) == (500, 2000)
    assert not company.line.seen()["inbox"]


def test_more_than_the_rate_gets_429(company: Company) -> None:
    company.account(rate_per_second=0.01)
    assert company.send(message()).status == 200
    assert company.send(message()).status == 429


def test_the_log_masks_the_key(company: Company) -> None:
    company.send(message())
    (entry,) = company.line.requests(f"?path={PATH}")
    assert entry["headers"]["Authorization"] == "Bearer ***"
    assert (entry["phone"], entry["tag"], entry["accepted"]) == (PHONE, "our-id", True)
