"""8x8: its wire format to the letter, and what each answer and report means."""

from __future__ import annotations

import asyncio
import base64
import json
import time
from datetime import UTC, datetime
from typing import Any

import pytest

from lineportal.providers.base import (
    BadCredentials,
    BadSignature,
    CannotWire,
    FaultScope,
    Outcome,
    OutgoingMessage,
    UnreadableWebhook,
)
from lineportal.providers.eight_by_eight import EightByEightProvider
from tests.providers.contract import (
    CONNECT_SECONDS,
    PHONE,
    REFERENCE,
    TOTAL_SECONDS,
    ProviderContract,
    answering,
    serving,
    session,
)

KEY = "key-0123456789-abcdefghij-0123456789"
PASSWORD = "password-of-the-webhook"
GIVEN = {
    "api_key": KEY,
    "sub_account_id": "Thai_Post_LON",
    "webhook_user": "eight",
    "webhook_password": PASSWORD,
}
CONTENT = {
    "title": "Your parcel is on its way",
    "company": "Thai Post",
    "icon": "boxCheck",
    "greeting": "สวัสดี",
    "emphasis": {"label": "Arrives", "value": "26 Nov"},
    "items": [{"label": "Parcel", "value": "TH123"}],
    "explanation": "Someone has to be at home.",
    "buttons": [{"label": "Track", "url": "https://example.com/t/TH123"}],
    "alt_text": "Parcel",
}


def provider(base_url: str = "", **given: str) -> EightByEightProvider:
    return EightByEightProvider(
        {**GIVEN, **given},
        api_base_url=base_url,
        clock=time.monotonic,
        total_seconds=TOTAL_SECONDS,
        connect_seconds=CONNECT_SECONDS,
    )


def outgoing(content: Any = None) -> OutgoingMessage:
    body = json.dumps(content or CONTENT, ensure_ascii=False)
    return OutgoingMessage("lon", PHONE, body, REFERENCE, unit="parcel_v1")


class TestNotification(ProviderContract):
    secrets = (KEY, PASSWORD)
    message = outgoing()

    def build(self, base_url: str) -> EightByEightProvider:
        return provider(base_url)


def test_a_notification_on_the_wire() -> None:
    wire = provider().wire(outgoing())

    assert (wire.method, wire.path) == ("POST", "/api/v1/subaccounts/Thai_Post_LON/lon")
    assert json.loads(wire.body) == {
        "user": {"msisdn": PHONE},
        "clientMessageId": REFERENCE.hex,
        "content": {
            "title": "Your parcel is on its way",
            "company": "Thai Post",
            "icon": "boxCheck",
            "greeting": "สวัสดี",
            "emphasis": {"label": "Arrives", "Content": "26 Nov"},
            "list": [{"label": "Parcel", "content": "TH123"}],
            "explanation": "Someone has to be at home.",
            "actions": [{"title": "Track", "url": "https://example.com/t/TH123"}],
        },
    }


def test_what_the_content_has_not_is_not_sent() -> None:
    wire = provider().wire(outgoing({"title": "Paid", "items": [], "buttons": []}))

    assert json.loads(wire.body)["content"] == {"title": "Paid"}


def test_the_emphasis_is_named_as_the_account_says() -> None:
    wire = provider(emphasis_key="content").wire(outgoing())

    assert json.loads(wire.body)["content"]["emphasis"] == {"label": "Arrives", "content": "26 Nov"}


def test_values_that_make_it_too_long_cannot_be_said() -> None:
    long = {**CONTENT, "explanation": "x" * 460}

    with pytest.raises(CannotWire, match="8x8 takes 500"):
        provider().wire(outgoing(long))


@pytest.mark.parametrize(
    "body", [{"templateKey": "a_ja", "body": {}}, {"type": "flex", "altText": "a", "contents": {}}]
)
def test_what_is_no_content_of_the_editor_cannot_be_said(body: Any) -> None:
    with pytest.raises(CannotWire, match="fields of the editor"):
        provider().wire(outgoing(body))


@pytest.mark.parametrize(
    ("kind", "content", "words"),
    [
        ("bubble", CONTENT, ""),
        ("bubble", {"title": "Paid"}, ""),
        ("bubble", {**CONTENT, "icon": "📦"}, "no such icon"),
        ("bubble", {**CONTENT, "explanation": "😀" * 230}, "8x8 takes 500"),
        ("catalogue", {"template_key": "a_ja"}, "LINE's own template keys"),
        ("flex", {"flex": {}}, "Flex message"),
    ],
)
def test_what_8x8_cannot_carry_is_said_of_the_template(kind: str, content: Any, words: str) -> None:
    problem = EightByEightProvider.unfit(service="lon", kind=kind, content=content, drawing={})

    assert problem.find(words) >= 0 if words else problem == ""


@pytest.mark.parametrize("service", ["oa"])
def test_8x8_serves_notifications_only(service: str) -> None:
    assert service not in EightByEightProvider.serves


ANSWERS: list[tuple[int, Any, Outcome, FaultScope | None, str]] = [
    (200, {"umid": "u-1", "status": {"state": "queued"}}, Outcome.ACCEPTED, None, "u-1"),
    (202, {"umid": "u-1"}, Outcome.ACCEPTED, None, "u-1"),
    (200, {"umid": "u-1", "status": {"state": "rejected", "errorCode": 3038}},
     Outcome.REFUSED, None, "u-1"),
    (400, {"code": 1002, "errorId": "e-1"}, Outcome.FAULT, FaultScope.TEMPLATE, "e-1"),
    (401, {"code": 1200, "errorId": "e-1"}, Outcome.FAULT, FaultScope.ACCOUNT, "e-1"),
    (403, {}, Outcome.FAULT, FaultScope.ACCOUNT, ""),
    (404, {}, Outcome.FAULT, FaultScope.ACCOUNT, ""),
    (429, {}, Outcome.THROTTLED, None, ""),
    (409, {}, Outcome.UNCERTAIN, None, ""),
    (500, {"code": 2000, "errorId": "e-1"}, Outcome.UNCERTAIN, None, "e-1"),
]  # fmt: skip


@pytest.mark.parametrize(("status", "body", "outcome", "scope", "request_id"), ANSWERS)
def test_what_each_answer_means(
    status: int, body: Any, outcome: Outcome, scope: FaultScope | None, request_id: str
) -> None:
    async def run() -> Any:
        async with serving(answering(status, body=body)) as (url, seen), session() as client:
            return await provider(url).send(client, outgoing()), seen

    result, seen = asyncio.run(run())

    assert (result.outcome, result.http_status) == (outcome, status)
    assert result.request_id == request_id
    assert seen.requests[0][1]["Authorization"] == f"Bearer {KEY}"
    if scope:
        assert result.scope is scope


def report(state: str, detail: str = "", **status: Any) -> dict[str, Any]:
    return {
        "version": 9,
        "namespace": "ChatApps",
        "eventType": "outbound_message_status_changed",
        "payload": {
            "umid": "f5d3c8f0-1a5e-4e0e-9a4b-0d6b8b7c2a11",
            "clientMessageId": REFERENCE.hex,
            "subAccountId": "Thai_Post_LON",
            "channel": "LineNotification",
            "user": {"msisdn": PHONE},
            "status": {
                "state": state, "detail": detail, "timestamp": "2026-11-25T03:04:05.67Z", **status,
            },
        },
    }  # fmt: skip


STATES = [
    ("queued", "", None, "accepted"),
    ("sent", "delivered_to_operator", None, "accepted"),
    ("delivered", "delivered_to_operator", None, "accepted"),
    ("delivered", "delivered_to_recipient", None, "delivered"),
    ("read", "", None, "delivered"),
    ("undelivered", "undelivered_to_recipient", 46, "refused"),
    ("undelivered", "undelivered_to_recipient", 36, "expired"),
    ("undelivered", "undelivered_to_recipient", 15, "refused"),
    ("rejected", "rejected_by_operator", None, "refused"),
    ("rejected", "rejected_by_operator", 2, "failed"),
    ("paused by the moon", "", None, "other"),
]


@pytest.mark.parametrize(("state", "detail", "code", "kind"), STATES)
def test_what_each_report_means(state: str, detail: str, code: int | None, kind: str) -> None:
    body = report(state, detail, **({"errorCode": code} if code else {}))

    [event] = EightByEightProvider.events(json.dumps(body).encode())

    assert (event.kind, event.reference, event.sender) == (kind, REFERENCE, "Thai_Post_LON")
    assert event.occurred_at == datetime(2026, 11, 25, 3, 4, 5, 670_000, UTC)
    assert event.scope is (FaultScope.TEMPLATE if kind == "failed" else FaultScope.MESSAGE)
    assert PHONE[1:] not in json.dumps(event.payload)


def test_reports_of_other_channels_are_kept_and_say_nothing() -> None:
    body = report("delivered", "delivered_to_recipient")
    body["payload"]["channel"] = "whatsapp"

    [event] = EightByEightProvider.events(json.dumps(body).encode())

    assert event.kind == "other"


def test_a_report_told_again_has_the_same_id_and_another_state_has_not() -> None:
    bodies = [report("sent"), report("sent"), report("delivered", "delivered_to_recipient")]

    first, again, other = EightByEightProvider.events(json.dumps(bodies).encode())

    assert first.event_id == again.event_id != other.event_id


def test_of_a_list_what_can_be_read_is_read() -> None:
    bodies = [report("sent"), {"version": 9}, 7]

    with pytest.raises(UnreadableWebhook) as problem:
        EightByEightProvider.events(json.dumps(bodies).encode())

    assert [event.kind for event in problem.value.readable] == ["accepted"]


@pytest.mark.parametrize(
    ("signers", "is_taken"),
    [([GIVEN], True), ([{**GIVEN, "webhook_password": "another"}], False),
     ([{"api_key": KEY}], False), ([], False)],
)  # fmt: skip
def test_a_webhook_is_taken_with_its_credentials_only(signers: Any, is_taken: bool) -> None:
    word = base64.b64encode(f"eight:{PASSWORD}".encode()).decode()
    headers = {"Authorization": f"Basic {word}"}
    if is_taken:
        EightByEightProvider.verify(b"{}", headers, signers)
    else:
        with pytest.raises(BadSignature):
            EightByEightProvider.verify(b"{}", headers, signers)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"api_key": ""}, "needs the credential api_key"),
        ({"sub_account_id": "a/b"}, "sub_account_id is not as 8x8 has it"),
        ({"emphasis_key": "CONTENT"}, "emphasis_key is one of Content, content"),
        ({"webhook_password": ""}, "go together"),
        ({"channel_id": "1"}, "no credential channel_id"),
    ],
)
def test_wrong_credentials_are_refused_in_a_sentence(given: Any, words: str) -> None:
    with pytest.raises(BadCredentials, match=words):
        provider(**given)


def test_the_check_says_what_cannot_be_found_out() -> None:
    async def run(**given: str) -> Any:
        async with session() as client:
            return await provider(**given).check(client, service="lon", webhook_url="https://x/w")

    key, webhook = asyncio.run(run())
    assert (key.is_ok, webhook.is_ok) == (None, None)
    _key, webhook = asyncio.run(run(webhook_user="", webhook_password=""))
    assert webhook.is_ok is False
    assert "https://x/w" in webhook.sentence
