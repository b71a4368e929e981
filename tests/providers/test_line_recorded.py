"""LINE's own examples: our requests are LINE's to the letter, its answers mean what is written."""

from __future__ import annotations

import asyncio
import json
from datetime import date
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from aiohttp import web

from lineportal.providers import http
from lineportal.providers.base import FaultScope, Outcome, OutgoingMessage, SendResult, WireRequest
from lineportal.providers.line import LineProvider, answers, sends
from templates_app import rendering
from tests.providers import line_facts
from tests.providers.contract import REFERENCE, answering, serving, session
from tests.providers.recorded import recorded, webhooks
from tests.providers.test_line import GIVEN, SECRET, STATELESS, TOKEN, USER

REPLY_TOKEN = "nHuyWiB7yP5Zw52FIkcQobQuGDXCTA"
ADDRESSES = {"push": "U4af49806290000000000000000000000"}
REQUESTS = recorded("line", "requests")["requests"]
ANSWERS = recorded("line", "answers")["answers"]


def outgoing(call: str, message: Any, unit: str = "order_shipped_v3") -> OutgoingMessage:
    return OutgoingMessage(
        "oa" if call == "push" else "lon",
        ADDRESSES.get(call, "+818000001234"),
        json.dumps(message, ensure_ascii=False),
        REFERENCE,
        unit=unit,
        is_catalogue=call == "templated",
    )


def wired(call: str, message: Any) -> WireRequest:
    if call == "reply":
        return sends.reply(REPLY_TOKEN, [json.dumps(message)])
    return LineProvider(GIVEN).wire(outgoing(call, message))


def mistakes(wire: WireRequest) -> list[str]:
    return line_facts.wrong_request(
        wire.method, wire.path, query={}, headers=dict(wire.headers), body=wire.body
    )


@pytest.mark.parametrize("given", REQUESTS, ids=[each["call"] for each in REQUESTS])
def test_our_request_is_the_one_that_line_shows(given: dict[str, Any]) -> None:
    wire = wired(given["call"], given["message"])

    assert (wire.path, wire.headers, json.loads(wire.body)) == (
        given["path"], given["headers"], given["body"],
    )  # fmt: skip
    assert mistakes(wire) == []


BUBBLE = {
    "title": "พัสดุ {{n}}", "company": "Thai Post", "icon": "parcel", "greeting": "สวัสดี",
    "emphasis": {"label": "When", "value": "Sat 10 Aug"},
    "items": [{"label": "Number", "value": "1234567"}, {"label": "To", "value": "Bangkok"}],
    "explanation": "Please be at home.",
    "buttons": [{"label": "Track", "url": "https://example.com/t?n=1"},
                {"label": "Help", "url": "https://example.com/help"}],
    "alt_text": "Your parcel",
}  # fmt: skip
KEYS = {
    "template_key": "shipment_completed_ja",
    "emphasis": {"item_key": "date_002_ja", "value": "Sat 10 Aug"},
    "items": [{"item_key": "number_001_ja", "value": "1"}],
    "buttons": [{"button_key": "contact_ja", "url": "https://example.com"}],
}
DRAWN: list[tuple[str, str, dict[str, Any]]] = [
    ("flexible", "lon", BUBBLE),
    ("flexible", "lon", {"title": "t", "items": [], "buttons": []}),
    ("templated", "lon", KEYS),
    ("templated", "lon", {"template_key": "a_ja", "items": [], "buttons": []}),
    ("push", "oa", {"text": "hello"}),
    ("reply", "oa", {"text": "hello"}),
]


@pytest.mark.parametrize(("call", "service", "content"), DRAWN)
def test_what_the_editor_makes_is_as_lines_files_say(
    call: str, service: str, content: dict[str, Any]
) -> None:
    drawn = rendering.fill(rendering.draw(content, service=service), {"n": "1"})

    assert mistakes(wired(call, drawn)) == []


def test_the_facts_find_mistakes() -> None:
    flex = {"type": "flex", "altText": "t", "contents": {"type": "bubble", "bodi": {}}}
    headers = {**sends.JSON, "X-Line-Retry-Key": "x"}
    retried = WireRequest("POST", sends.PATHS["flexible"], headers, b'{"to": "", "messages": []}')

    assert mistakes(wired("flexible", flex))
    assert mistakes(wired("templated", {"templateKey": "k", "body": {"items": [{"itemKey": "a"}]}}))
    assert mistakes(wired("push", {"type": "txt"}))
    assert len(mistakes(retried)) == 2
    assert mistakes(LineProvider(GIVEN).wire(outgoing("flexible", flex, unit="a-b")))


def test_every_call_is_in_lines_files_and_as_they_say() -> None:
    seen: list[tuple[str, str, dict[str, str], dict[str, str], bytes]] = []

    async def answer(request: web.Request) -> web.StreamResponse:
        parts = urlsplit(str(request.rel_url))
        query = dict(parse_qsl(parts.query))
        seen.append(
            (request.method, parts.path, query, dict(request.headers), await request.read())
        )
        known = {
            "/oauth2/v3/token": {"access_token": "t" * 40},
            "/v2/bot/message/quota": {"type": "none"},
        }
        return web.json_response(known.get(request.path, {}))

    async def run() -> None:
        async with serving(answer) as (url, _seen), session() as client:
            provider = LineProvider(STATELESS, api_base_url=url)
            text = '{"type": "text", "text": "t"}'
            await provider.reply(client, REPLY_TOKEN, [text, text])
            await provider.validate(client, [text])
            await provider.validate(client, [text], as_reply=True)
            await provider.profile(client, USER)
            await provider.followers(client)
            await provider.followers(client, start="yANU9IA", limit=5)
            await provider.set_webhook(client, "https://portal.example/webhooks/line/a/")
            await provider.test_webhook(client)
            for service in ("lon", "oa"):
                day = date(2026, 1, 9)
                await provider.counted(client, service=service, day=day)
                await provider.counted_replies(client, day=day)
                await provider.check(client, service=service, webhook_url="https://portal.example/")

    asyncio.run(run())
    called = {(method, line_facts.operation(method, path)["operationId"])
              for method, path, *_ in seen}  # fmt: skip
    assert len(called) == 16
    for method, path, query, headers, body in seen:
        assert line_facts.wrong_request(
            method, path, query=query, headers=headers, body=body
        ) == [], path  # fmt: skip
    assert {query["date"] for _m, path, query, *_ in seen if path.endswith("/reply") and query} == {
        "20260109"
    }


def answered(given: dict[str, Any], credentials: dict[str, str]) -> SendResult:
    headers = {"x-line-request-id": "request-1", **given.get("headers", {})}

    async def answer(request: web.Request) -> web.StreamResponse:
        if request.path == "/oauth2/v3/token":
            return web.json_response({"access_token": "t" * 40, "expires_in": 900})
        return web.json_response(given["body"], status=given["status"], headers=headers)

    async def run() -> SendResult:
        async with serving(answer) as (url, _seen), session() as client:
            provider = LineProvider(credentials, api_base_url=url)
            if given["call"] == "reply":
                return await provider.reply(client, REPLY_TOKEN, ['{"type":"text","text":"t"}'])
            return await provider.send(client, outgoing(given["call"], {"templateKey": "k"}))

    return asyncio.run(run())


@pytest.mark.parametrize("given", ANSWERS, ids=[f"{a['call']} {a['status']}" for a in ANSWERS])
def test_what_each_recorded_answer_means(given: dict[str, Any]) -> None:
    result = answered(given, GIVEN)

    assert (result.outcome, result.http_status) == (given["outcome"], given["status"])
    assert (result.code, result.scope) == (given.get("code", ""), given.get("scope", "message"))
    assert result.request_id == given.get("request_id", "request-1")
    if result.outcome is not Outcome.ACCEPTED:
        said = str(given["body"].get("message", "")).rstrip(".")
        assert said[:40] in result.detail
        assert len(result.detail) > len(said) + 20


def test_a_given_token_that_is_refused_says_who_must_act() -> None:
    refused = {"call": "push", "status": 401, "body": {}}

    assert "Issue a new one" in answered(refused, GIVEN).detail
    assert "Issue a new one" not in answered(refused, STATELESS).detail


MEANINGS = [
    *(row.meaning for row in answers.TABLE),
    answers.FIXED_TOKEN_REFUSED, answers.SERVER_FAULT, answers.UNDOCUMENTED,
]  # fmt: skip


def test_every_answer_has_a_sentence_that_leaves_room_for_lines_words() -> None:
    for each in MEANINGS:
        assert each.sentence.endswith(".")
        assert each.sentence.isprintable()
        assert len(each.sentence) < http.DETAIL_LIMIT - 60
        assert each.scope is FaultScope.MESSAGE or each.outcome is Outcome.FAULT


@pytest.mark.parametrize("call", sorted(answers.SENDS))
def test_every_status_means_something_and_none_is_taken_for_sent(call: str) -> None:
    for status in range(201, 600):
        means = answers.meaning(call, status, answers.Words("whatever"))
        is_taken = status == 202 or (call, status) == ("push", 409)
        assert (means.outcome is Outcome.ACCEPTED) == is_taken


@pytest.mark.parametrize("name", webhooks("line"))
def test_the_recorded_webhooks_are_as_lines_files_say(name: str) -> None:
    body = json.loads(webhooks("line")[name])
    if "not in the OpenAPI file" in name:
        assert line_facts.mistakes("WebhookCallbackRequest", body)
        return

    assert line_facts.mistakes("WebhookCallbackRequest", body) == []


def test_nothing_secret_is_shown_by_what_line_told() -> None:
    async def run() -> str:
        words = {"message": f"no {TOKEN} {SECRET} {USER}", "displayName": "N", "userIds": [USER]}
        shown = []
        for status in (200, 404):
            async with serving(answering(status, body=words)) as (url, _s), session() as client:
                provider = LineProvider(GIVEN, api_base_url=url)
                shown += [
                    repr(await provider.profile(client, USER)),
                    repr(await provider.followers(client, start=USER)),
                    repr(await provider.validate(client, ["{}"])),
                    repr(await provider.quota(client)),
                    repr(await provider.reply(client, REPLY_TOKEN, ["{}"])),
                ]
        return " ".join(shown)

    shown = asyncio.run(run())
    for hidden in (TOKEN, SECRET, USER, REPLY_TOKEN):
        assert hidden not in shown
