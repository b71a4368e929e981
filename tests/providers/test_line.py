"""LINE direct: its wire format to the letter, and what each answer means."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, ClassVar
from urllib.parse import parse_qsl
from uuid import UUID

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from lineportal.providers.base import (
    BadCredentials,
    BadSignature,
    FaultScope,
    Outcome,
    OutgoingMessage,
    UnreadableWebhook,
)
from lineportal.providers.line import LineProvider, phone_hash, signature
from tests.providers.contract import (
    CONNECT_SECONDS,
    PHONE,
    REFERENCE,
    TOTAL_SECONDS,
    ProviderContract,
    Seen,
    answering,
    serving,
    session,
)
from tests.providers.recorded import webhooks

TOKEN = "token-0123456789-abcdefghij-0123456789"
SECRET = "8c570fa6dd201bb328f1c1eac23a96d8"
GIVEN = {"channel_id": "1650000001", "channel_secret": SECRET, "channel_access_token": TOKEN}
FLEX = {"type": "flex", "altText": "t", "contents": {"type": "bubble"}}
USER = "U" + "a" * 32


STATELESS = {name: GIVEN[name] for name in ("channel_id", "channel_secret")}


def line(base_url: str, given: dict[str, str], clock: Any = time.monotonic) -> LineProvider:
    return LineProvider(
        given,
        api_base_url=base_url,
        clock=clock,
        total_seconds=TOTAL_SECONDS,
        connect_seconds=CONNECT_SECONDS,
    )


def signers(*secrets: str) -> list[dict[str, str]]:
    return [{"channel_secret": secret} for secret in secrets]


def outgoing(service: str = "lon", body: Any = None) -> OutgoingMessage:
    address = PHONE if service == "lon" else USER
    return OutgoingMessage(
        service,
        address,
        json.dumps(body or FLEX, ensure_ascii=False),
        REFERENCE,
        unit="parcel_v1",
        is_catalogue="templateKey" in (body or FLEX),
    )


class TestNotification(ProviderContract):
    secrets = (TOKEN, SECRET)
    message = outgoing()

    signer: ClassVar = {"channel_secret": SECRET}
    webhooks = tuple(webhooks("line").values())

    def build(self, base_url: str) -> LineProvider:
        return line(base_url, GIVEN)

    def complaint(self, words: str) -> Any:
        return {"message": words, "details": [7, {"message": None}, {"property": words}]}

    def signed(self, body: bytes) -> dict[str, str]:
        return {"x-line-signature": signature(body, SECRET)}

    def unknown(self, word: str) -> bytes:
        return json.dumps({"events": [{"type": word, "timestamp": 1650591346705}]}).encode()


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
    assert json.loads(wire.body) == {
        "to": phone_hash(PHONE),
        "messages": [FLEX],
        "customAggregationUnits": ["parcel_v1"],
    }


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
    ("lon", 404, {}, Outcome.FAULT, FaultScope.ACCOUNT),
    ("lon", 405, {}, Outcome.FAULT, FaultScope.ACCOUNT),
    ("lon", 410, {}, Outcome.FAULT, FaultScope.ACCOUNT),
    ("lon", 413, {}, Outcome.FAULT, FaultScope.TEMPLATE),
    ("lon", 415, {}, Outcome.FAULT, FaultScope.ACCOUNT),
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


@pytest.mark.parametrize(
    ("given", "seconds"),
    [("7", 7.0), ("0.5", 0.5), ("0", None), ("-3", None), ("nan", None), ("inf", 3600.0),
     ("Wed, 21 Oct 2026 07:28:00 GMT", None), (None, None)],
)  # fmt: skip
def test_how_long_to_wait_is_a_sane_number_or_none(
    given: str | None, seconds: float | None
) -> None:
    async def run() -> Any:
        headers = {"Retry-After": given} if given is not None else None
        async with serving(answering(429, body=RATE, headers=headers)) as (url, _), session() as s:
            return await line(url, GIVEN).send(s, outgoing())

    result = asyncio.run(run())
    assert (result.outcome, result.retry_after_seconds) == (Outcome.THROTTLED, seconds)


def test_a_repeat_names_the_request_that_was_accepted() -> None:
    headers = {"x-line-request-id": "second", "x-line-accepted-request-id": "first"}

    async def run() -> Any:
        async with serving(answering(409, headers=headers)) as (url, _seen), session() as client:
            return await line(url, GIVEN).send(client, outgoing("oa"))

    assert asyncio.run(run()).request_id == "first"


def test_one_token_is_fetched_for_many_sends_and_again_after_its_time() -> None:
    now = 0.0

    async def answer(request: web.Request) -> web.StreamResponse:
        if request.path == "/oauth2/v3/token":
            return web.json_response({"access_token": "t" * 40, "expires_in": 900})
        return web.json_response({})

    async def run() -> Seen:
        nonlocal now
        async with serving(answer) as (url, seen), session() as client:
            provider = LineProvider(STATELESS, api_base_url=url, clock=lambda: now)
            await asyncio.gather(*(provider.send(client, outgoing()) for _ in range(20)))
            now = 601.0
            await provider.send(client, outgoing())
            return seen

    seen = asyncio.run(run())
    assert [path for path, _h, _b in seen.requests].count("/oauth2/v3/token") == 2
    assert len(seen.requests) == 23


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (400, Outcome.FAULT),
        (401, Outcome.FAULT),
        (403, Outcome.FAULT),
        (200, Outcome.UNAVAILABLE),  # without a token in it
        (302, Outcome.UNAVAILABLE),
        (429, Outcome.UNAVAILABLE),
        (500, Outcome.UNAVAILABLE),
    ],
)
def test_without_a_token_nothing_is_sent(status: int, outcome: Outcome) -> None:
    async def run() -> tuple[Any, Seen]:
        async with serving(answering(status)) as (url, seen), session() as client:
            return await LineProvider(STATELESS, api_base_url=url).send(client, outgoing()), seen

    result, seen = asyncio.run(run())
    assert result.outcome is outcome
    assert result.scope is (FaultScope.ACCOUNT if outcome is Outcome.FAULT else FaultScope.MESSAGE)
    [(path, headers, body)] = seen.requests
    assert path == "/oauth2/v3/token"
    assert headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert dict(parse_qsl(body.decode())) == {
        "grant_type": "client_credentials",
        "client_id": GIVEN["channel_id"],
        "client_secret": SECRET,
    }


def tokens(*, push: Callable[[int], int], wait_seconds: float = 0.0) -> Any:
    """Return an answer: a new token each time, and for the nth push the status `push(n)`."""
    counts = {"token": 0, "push": 0}

    async def answer(request: web.Request) -> web.StreamResponse:
        if request.path == "/oauth2/v3/token":
            counts["token"] += 1
            await asyncio.sleep(wait_seconds)
            return web.json_response({"access_token": f"{'t' * 40}{counts['token']}"})
        counts["push"] += 1
        return web.json_response({}, status=push(counts["push"]))

    return answer


def sent_with(answer: Any, count: int = 1) -> tuple[list[Any], list[str]]:
    """Send at once with stateless tokens; return the results and the paths that were called."""

    async def run() -> tuple[list[Any], list[str]]:
        async with serving(answer) as (url, seen), session() as client:
            provider = line(url, STATELESS)
            results = await asyncio.gather(
                *(provider.send(client, outgoing()) for _ in range(count))
            )
            return list(results), [path for path, _h, _b in seen.requests]

    return asyncio.run(run())


TOKEN_PATH, PUSH_PATH = "/oauth2/v3/token", "/bot/pnp/push"


def test_a_token_that_line_takes_no_more_is_renewed_once() -> None:
    [result], paths = sent_with(tokens(push=lambda n: 401 if n == 1 else 200))

    assert result.outcome is Outcome.ACCEPTED
    assert paths == [TOKEN_PATH, PUSH_PATH, TOKEN_PATH, PUSH_PATH]


def test_a_new_token_that_line_does_not_take_either_is_the_accounts_fault() -> None:
    [result], paths = sent_with(tokens(push=lambda n: 401))

    assert (result.outcome, result.scope) == (Outcome.FAULT, FaultScope.ACCOUNT)
    assert paths == [TOKEN_PATH, PUSH_PATH, TOKEN_PATH, PUSH_PATH]


@pytest.mark.parametrize("status", [403, 409, 422, 429, 500])
def test_after_any_other_answer_nothing_is_posted_again(status: int) -> None:
    [result], paths = sent_with(tokens(push=lambda n: status))

    assert result.http_status == status
    assert paths == [TOKEN_PATH, PUSH_PATH]


def test_a_fixed_token_that_line_does_not_take_is_not_tried_again() -> None:
    async def run() -> tuple[Any, Seen]:
        async with serving(answering(401)) as (url, seen), session() as client:
            return await line(url, GIVEN).send(client, outgoing()), seen

    result, seen = asyncio.run(run())
    assert (result.outcome, len(seen.requests)) == (Outcome.FAULT, 1)


def test_senders_who_wait_for_a_token_in_vain_wait_together() -> None:
    began = time.monotonic()

    results, paths = sent_with(tokens(push=lambda n: 200, wait_seconds=5), count=8)

    assert {result.outcome for result in results} == {Outcome.UNAVAILABLE}
    assert paths == [TOKEN_PATH]
    assert time.monotonic() - began < 3 * TOTAL_SECONDS


def test_after_a_slow_token_too_little_time_is_left_to_post() -> None:
    [result], paths = sent_with(tokens(push=lambda n: 200, wait_seconds=TOTAL_SECONDS * 0.7))

    assert result.outcome is Outcome.UNAVAILABLE
    assert paths == [TOKEN_PATH]


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"channel_id": "1"},
        {**GIVEN, "channel_secret": ""},
        {**GIVEN, "api_key": "x"},
        {**GIVEN, "channel_access_token": "line\nbreak"},
        {**GIVEN, "channel_secret": f"{SECRET} "},
        {**GIVEN, "channel_id": "๑๖๕๐"},
    ],
)
def test_wrong_credentials_are_named(given: dict[str, str]) -> None:
    with pytest.raises(BadCredentials, match="credential"):
        LineProvider(given)


BODY = b'{"destination":"U8e742f61d673b39c7fff3cecb7536ef0","events":[]}'


def test_lines_own_signature_vector() -> None:
    headers = {"X-LINE-SIGNATURE": "GhRKmvmHys4Pi8DxkF4+EayaH0OqtJtaZxgTD9fMDLs="}

    LineProvider.verify(BODY, headers, signers("other", SECRET))

    for body, secrets in ((BODY + b" ", [SECRET]), (BODY, ["other"]), (BODY, [])):
        with pytest.raises(BadSignature):
            LineProvider.verify(body, headers, signers(*secrets))


def test_a_blank_secret_signs_nothing() -> None:
    by_blank = base64.b64encode(hmac.new(b"", BODY, hashlib.sha256).digest()).decode()

    with pytest.raises(BadSignature):
        LineProvider.verify(BODY, {"x-line-signature": by_blank}, signers(""))


@pytest.mark.parametrize("headers", [{}, {"x-line-signature": ""}, {"x-line-signature": "\ud800é"}])
def test_a_signature_that_is_none_is_refused(headers: dict[str, str]) -> None:
    with pytest.raises(BadSignature):
        LineProvider.verify(BODY, headers, signers(SECRET))


def read(**event: Any) -> Any:
    """Return LINE's event as the provider reads it."""
    whole = {"type": "delivery", "timestamp": 1650591346705, "mode": "active", **event}
    [found] = LineProvider.events(json.dumps({"events": [whole]}).encode())
    return found


@pytest.mark.parametrize(
    ("data", "reference"),
    [
        (REFERENCE.hex, REFERENCE),
        (str(REFERENCE), REFERENCE),
        (str(REFERENCE).upper(), REFERENCE),
        (f"urn:uuid:{REFERENCE}", None),
        (f"{{{REFERENCE}}}", None),
        (phone_hash(PHONE), None),
        ("somebody-elses-tag", None),
    ],
)
def test_only_a_tag_of_our_own_kind_is_a_reference(data: str, reference: UUID | None) -> None:
    assert read(delivery={"data": data}).reference == reference


@pytest.mark.parametrize(
    ("kind", "ours"),
    [("follow", "follow"), ("unfollow", "unfollow"), ("message", "said"), ("newKind", "other")],
)
def test_events_of_every_type_are_kept(kind: str, ours: str) -> None:
    found = read(type=kind, source={"type": "user", "userId": USER}, webhookEventId="e1", new=[1])

    assert (found.event_id, found.kind, found.line_user_id) == ("e1", ours, USER)
    assert found.occurred_at == datetime(2022, 4, 22, 1, 35, 46, 705000, UTC)
    assert found.payload["new"] == [1]


def test_an_event_without_a_usable_id_gets_one_of_its_content() -> None:
    one, same, other = (read(type="message", message={"id": n}) for n in ("1", "1", "2"))

    assert one.event_id == same.event_id != other.event_id
    for length in (64, 65, 200):
        begin = "x" * (length - 1)
        first, second = (read(type="join", webhookEventId=begin + end) for end in "ab")
        assert first.event_id != second.event_id
        assert len(first.event_id) == 64


def test_a_text_about_nul_is_not_a_nul() -> None:
    assert read(type="message", message={"text": r"\u0000"}).kind == "other"
    with pytest.raises(UnreadableWebhook):
        read(type="message", message={"text": "\0"})


@pytest.mark.parametrize("body", [
    b"", b"\xff", b"[]", b"{}", b"null", b'{"events": {}}', b'{"events": ""}', b'{"events": null}',
    b'{"events": [1]}', b'{"events": [{"type": "follow"}]}', b"[" * 100_000,
])  # fmt: skip
def test_what_line_does_not_document_is_unreadable(body: bytes) -> None:
    with pytest.raises(UnreadableWebhook):
        LineProvider.events(body)


def test_what_can_be_read_beside_what_cannot_is_kept() -> None:
    body = json.dumps({"events": [{"type": "x"}, {"type": "follow", "timestamp": 1}]}).encode()

    with pytest.raises(UnreadableWebhook) as caught:
        LineProvider.events(body)

    assert [event.kind for event in caught.value.readable] == ["follow"]


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
