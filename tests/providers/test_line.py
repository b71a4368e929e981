"""LINE direct: its wire format to the letter, and what each answer means."""

from __future__ import annotations

import asyncio
import json
from typing import Any
from uuid import UUID

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from lineportal.providers.base import (
    BadSignature,
    FaultScope,
    Outcome,
    OutgoingMessage,
    UnreadableWebhook,
)
from lineportal.providers.line import BadCredentials, LineProvider, phone_hash
from tests.providers.contract import (
    PHONE,
    REFERENCE,
    ProviderContract,
    Seen,
    answering,
    serving,
    session,
)

TOKEN = "token-0123456789-abcdefghij-0123456789"
SECRET = "8c570fa6dd201bb328f1c1eac23a96d8"
GIVEN = {"channel_id": "1650000001", "channel_secret": SECRET, "channel_access_token": TOKEN}
FLEX = {"type": "flex", "altText": "t", "contents": {"type": "bubble"}}
USER = "U" + "a" * 32


def outgoing(service: str = "lon", body: Any = None) -> OutgoingMessage:
    address = PHONE if service == "lon" else USER
    return OutgoingMessage(service, address, body or FLEX, REFERENCE, unit="parcel_v1")


class TestNotification(ProviderContract):
    secrets = (TOKEN, SECRET)
    message = outgoing()

    def build(self, base_url: str) -> LineProvider:
        return LineProvider(GIVEN, api_base_url=base_url)


class TestPush(TestNotification):
    message = outgoing("oa", {"type": "text", "text": "hello"})


@pytest.mark.parametrize(
    ("number", "digest"),
    [
        ("+818000001234", "d41e0ad70dddfeb68f149ad6fc61574b9c5780ab7bcb2fba5517771ffbb2409c"),
        ("+66855538125", "b97308a29e3d2e3181e35355181a8cdc2e331e11c77a7fcca7696998ea6f796a"),
    ],
)
def test_the_hash_is_lines(number: str, digest: str) -> None:
    assert phone_hash(number) == digest


def test_a_flexible_notification_on_the_wire() -> None:
    wire = LineProvider(GIVEN).wire(outgoing())

    assert (wire.method, wire.path) == ("POST", "/bot/pnp/push")
    assert wire.headers == {
        "Content-Type": "application/json",
        "X-Line-Delivery-Tag": REFERENCE.hex,
    }
    assert json.loads(wire.body) == {"to": phone_hash(PHONE), "messages": [FLEX]}


def test_a_templated_notification_on_the_wire() -> None:
    body = {"templateKey": "shipment_completed_ja", "body": {"items": []}}

    wire = LineProvider(GIVEN).wire(outgoing(body=body))

    assert wire.path == "/v2/bot/message/pnp/templated/push"
    assert "X-Line-Retry-Key" not in wire.headers
    assert json.loads(wire.body) == {
        "to": phone_hash(PHONE),
        **body,
        "customAggregationUnits": ["parcel_v1"],
    }


def test_a_push_on_the_wire() -> None:
    wire = LineProvider(GIVEN).wire(outgoing("oa", {"type": "text", "text": "สวัสดี"}))

    assert wire.path == "/v2/bot/message/push"
    assert UUID(wire.headers["X-Line-Retry-Key"]) == REFERENCE
    assert "X-Line-Delivery-Tag" not in wire.headers
    assert "สวัสดี".encode() in wire.body


QUOTA = {"message": "You have reached your monthly limit."}
RATE = {"message": "The API rate limit has been exceeded. Try again later."}
FAILED = {"message": "Failed to send messages"}
ANSWERS: list[tuple[str, int, dict[str, Any], Outcome, FaultScope | None]] = [
    ("lon", 200, {}, Outcome.ACCEPTED, None),
    ("lon", 202, {}, Outcome.ACCEPTED, None),
    ("lon", 422, FAILED, Outcome.REFUSED, None),
    ("lon", 400, {"message": "Invalid templateKey: x"}, Outcome.FAULT, FaultScope.TEMPLATE),
    ("lon", 400, FAILED, Outcome.FAULT, FaultScope.TEMPLATE),
    ("lon", 401, {}, Outcome.FAULT, FaultScope.ACCOUNT),
    ("lon", 403, {}, Outcome.FAULT, FaultScope.ACCOUNT),
    ("lon", 413, {}, Outcome.FAULT, FaultScope.TEMPLATE),
    ("lon", 429, RATE, Outcome.THROTTLED, None),
    ("lon", 429, QUOTA, Outcome.FAULT, FaultScope.ACCOUNT),
    ("lon", 409, {}, Outcome.UNCERTAIN, None),
    ("lon", 418, {}, Outcome.UNCERTAIN, None),
    ("lon", 500, {}, Outcome.UNCERTAIN, None),
    ("oa", 200, {"sentMessages": [{"id": "1"}]}, Outcome.ACCEPTED, None),
    ("oa", 409, {"message": "The retry key is already accepted"}, Outcome.ACCEPTED, None),
    ("oa", 400, FAILED, Outcome.REFUSED, None),
    ("oa", 400, {"message": "The request body has 1 error(s)"}, Outcome.FAULT, FaultScope.TEMPLATE),
    ("oa", 429, RATE, Outcome.THROTTLED, None),
    ("oa", 500, {}, Outcome.UNCERTAIN, None),
]


@pytest.mark.parametrize(("service", "status", "body", "outcome", "scope"), ANSWERS)
def test_what_each_answer_means(
    service: str, status: int, body: Any, outcome: Outcome, scope: FaultScope | None
) -> None:
    async def run() -> Any:
        headers = {"x-line-request-id": "request-1"}
        answer = answering(status, body=body, headers=headers)
        async with serving(answer) as (url, _seen), session() as client:
            provider = LineProvider(GIVEN, api_base_url=url)
            return await provider.send(client, outgoing(service))

    result = asyncio.run(run())

    assert (result.outcome, result.http_status) == (outcome, status)
    assert result.request_id == "request-1"
    if scope:
        assert result.scope is scope


def test_one_token_is_fetched_for_many_sends_and_again_after_its_time() -> None:
    now = 0.0

    async def answer(request: web.Request) -> web.StreamResponse:
        if request.path == "/oauth2/v3/token":
            return web.json_response({"access_token": "t" * 40, "expires_in": 900})
        return web.json_response({})

    async def run() -> Seen:
        nonlocal now
        async with serving(answer) as (url, seen), session() as client:
            given = {name: GIVEN[name] for name in ("channel_id", "channel_secret")}
            provider = LineProvider(given, api_base_url=url, clock=lambda: now)
            await asyncio.gather(*(provider.send(client, outgoing()) for _ in range(20)))
            now = 601.0
            await provider.send(client, outgoing())
            return seen

    seen = asyncio.run(run())
    assert [path for path, _h, _b in seen.requests].count("/oauth2/v3/token") == 2
    assert len(seen.requests) == 23


@pytest.mark.parametrize(
    ("status", "outcome"), [(401, Outcome.FAULT), (400, Outcome.FAULT), (500, Outcome.UNAVAILABLE)]
)
def test_without_a_token_nothing_is_sent(status: int, outcome: Outcome) -> None:
    async def run() -> tuple[Any, Seen]:
        async with serving(answering(status)) as (url, seen), session() as client:
            given = {name: GIVEN[name] for name in ("channel_id", "channel_secret")}
            return await LineProvider(given, api_base_url=url).send(client, outgoing()), seen

    result, seen = asyncio.run(run())
    assert result.outcome is outcome
    assert {path for path, _h, _b in seen.requests} == {"/oauth2/v3/token"}


@pytest.mark.parametrize("given", [{}, {"channel_id": "1"}, {**GIVEN, "api_key": "x"}])
def test_wrong_credentials_are_named(given: dict[str, str]) -> None:
    with pytest.raises(BadCredentials, match="credential"):
        LineProvider(given)


BODY = b'{"destination":"U8e742f61d673b39c7fff3cecb7536ef0","events":[]}'


def test_lines_own_signature_vector() -> None:
    headers = {"X-LINE-SIGNATURE": "GhRKmvmHys4Pi8DxkF4+EayaH0OqtJtaZxgTD9fMDLs="}

    LineProvider.verify(BODY, headers, ["other", SECRET])

    for body, secrets in ((BODY + b" ", [SECRET]), (BODY, ["other"]), (BODY, [])):
        with pytest.raises(BadSignature):
            LineProvider.verify(body, headers, secrets)


def test_a_delivery_event_is_read() -> None:
    event = {
        "type": "delivery",
        "delivery": {"data": REFERENCE.hex},
        "webhookEventId": "01G17EJCGAVV66J5WNA7ZCTF6H",
        "timestamp": 1650591346705,
    }

    [read] = LineProvider.events(json.dumps({"events": [event]}).encode())

    assert (read.kind, read.reference) == ("delivered", REFERENCE)
    assert read.occurred_at.isoformat() == "2022-04-22T01:35:46.705000+00:00"


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_whatever_is_signed_is_read_or_refused(document: Any) -> None:
    for body in (document, {"events": document}, {"events": [document]}):
        try:
            LineProvider.events(json.dumps(body).encode())
        except UnreadableWebhook:
            continue
