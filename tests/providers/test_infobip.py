"""Infobip: what every provider promises, its wire format to the letter, what each answer means."""

from __future__ import annotations

import asyncio
import base64
import hmac
import json
from collections.abc import Callable
from typing import Any, ClassVar
from uuid import UUID

import pytest
from aiohttp import web

from lineportal.providers.base import (
    BadCredentials,
    CannotWire,
    Check,
    FaultScope,
    Outcome,
    OutgoingMessage,
    Reports,
    SendResult,
)
from lineportal.providers.infobip import InfobipProvider
from tests.providers.contract import (
    CONNECT_SECONDS,
    PHONE,
    REFERENCE,
    TOTAL_SECONDS,
    ProviderContract,
    session,
)
from tests.providers.misbehaving import Answer, Seen, answering, listening, saying, serving
from tests.providers.recorded import recorded, webhooks

KEY = "003026bbc133714df1834b8638bb496e-8f4b3d9a-e931"
PASSWORD = "webhook-pass-0123456789"
SECRET = "hmac-secret-0123456789"
GIVEN = {"api_key": KEY, "sender": "OA-PARCELS"}
BASIC = {"webhook_user": "infobip", "webhook_password": PASSWORD}
HMAC = {"webhook_hmac_secret": SECRET, "webhook_hmac_header": "X-Sign",
        "webhook_hmac_algorithm": "sha512", "webhook_hmac_encoding": "base64"}  # fmt: skip
FLEX = {
    "type": "flex",
    "altText": "ถึงแล้ว",
    "contents": {
        "type": "bubble",
        "direction": "ltr",
        "body": {"type": "box", "layout": "vertical", "contents": [
            {"type": "text", "text": "bold", "weight": "bold", "size": "xl", "margin": "md"},
            {"type": "button", "style": "primary", "height": "sm",
             "action": {"type": "uri", "label": "ติดตาม", "uri": "https://example.com/uri"}},
        ]},
        "styles": {"body": {"separator": True}},
    },
}  # fmt: skip
USER = "U" + "a" * 32
ANSWERS = recorded("infobip", "answers")


def infobip(
    base_url: str = "http://127.0.0.1:9", *, is_patient: bool = False, **given: str
) -> InfobipProvider:
    """`is_patient`: where nothing hangs, a slow machine must not end what is tried."""
    return InfobipProvider(
        {**GIVEN, **given},
        api_base_url=base_url,
        total_seconds=20.0 if is_patient else TOTAL_SECONDS,
        connect_seconds=10.0 if is_patient else CONNECT_SECONDS,
    )


def outgoing(
    service: str = "lon", body: Any = None, n: int = 0, address: str = ""
) -> OutgoingMessage:
    address = address or (PHONE if service == "lon" else USER)
    text = json.dumps(body or FLEX, ensure_ascii=False)
    return OutgoingMessage(service, address, text, UUID(int=REFERENCE.int + n), unit="parcel_v1")


class TestNotification(ProviderContract):
    secrets = (KEY, PASSWORD)
    message = outgoing()
    accepting: ClassVar[Any] = ANSWERS["taken"]
    body_decides = True
    signer: ClassVar = BASIC
    webhooks = tuple(webhooks("infobip").values())

    def build(self, base_url: str) -> InfobipProvider:
        return infobip(base_url, **BASIC, batch_size="1")

    def complaint(self, words: str) -> Any:
        violations = [7, {"property": words, "violation": words}, {"property": None}]
        return {"errorCode": "E400", "description": words, "violations": violations}

    def signed(self, body: bytes) -> dict[str, str]:
        word = base64.b64encode(f"infobip:{PASSWORD}".encode()).decode()
        return {"Authorization": f"Basic {word}"}

    def unknown(self, word: str) -> bytes:
        status = {"groupName": word, "name": word, "description": word}
        return json.dumps({"results": [{"messageId": REFERENCE.hex, "status": status}]}).encode()


class TestTwoWay(TestNotification):
    """The same with requests of many, HMAC, errors in the older shape, and messages by people."""

    secrets = (KEY, SECRET)
    message = outgoing("oa", {"type": "text", "text": "hello"})
    accepting: ClassVar[Any] = ANSWERS["taken by LINE OA"]
    signer: ClassVar = HMAC

    def build(self, base_url: str) -> InfobipProvider:
        return infobip(base_url, **HMAC)

    def complaint(self, words: str) -> Any:
        return {"requestError": {"serviceException": {"messageId": "BAD", "text": words}}}

    def signed(self, body: bytes) -> dict[str, str]:
        digest = hmac.new(SECRET.encode(), body, "sha512").digest()
        return {"X-Sign": base64.b64encode(digest).decode()}

    def unknown(self, word: str) -> bytes:
        item = {"sender": USER, "to": "x", "message": {"type": word, "timestamp": 1795490409123}}
        return json.dumps({"results": [item]}).encode()

    def test_without_a_free_connection_nothing_is_sent(self) -> None:
        """Two at the same time need but one connection; the third comes too late for it."""

        async def slow(request: web.Request) -> web.StreamResponse:
            await asyncio.sleep(CONNECT_SECONDS + 0.15)
            return web.json_response(self.accepting)

        async def run() -> tuple[list[SendResult], Seen]:
            async with serving(slow) as (url, seen), session(connections=1) as client:
                provider, other = self.build(url), self.build(url)
                calls = [each.send(client, self.message) for each in (provider, provider, other)]
                return list(await asyncio.gather(*calls)), seen

        results, seen = asyncio.run(run())
        assert [r.outcome for r in results] == [
            Outcome.ACCEPTED, Outcome.ACCEPTED, Outcome.UNAVAILABLE,
        ]  # fmt: skip
        assert len(seen.requests) == 1


# --- the wire


def test_a_notification_on_the_wire() -> None:
    wire = infobip(report_url="https://portal.example/webhooks/infobip/x/").wire(outgoing())

    assert (wire.method, wire.path) == ("POST", "/line/1/messages")
    assert wire.headers == {"Content-Type": "application/json", "Accept": "application/json"}
    assert json.loads(wire.body) == {
        "messages": [
            {
                "sender": "OA-PARCELS",
                "destinations": [{"to": "66812345678", "messageId": REFERENCE.hex}],
                "content": {
                    "type": "LINE_NOTIFICATION",
                    "altText": "ถึงแล้ว",
                    "contents": {
                        "type": "BUBBLE",
                        "direction": "LEFT_TO_RIGHT",
                        "body": {"type": "BOX", "layout": "VERTICAL", "contents": [
                            {"type": "TEXT", "text": "bold", "weight": "BOLD", "size": "xl",
                             "margin": "md"},
                            {"type": "BUTTON", "style": "PRIMARY", "height": "SMALL",
                             "action": {"type": "URI", "label": "ติดตาม",
                                        "uri": "https://example.com/uri"}},
                        ]},
                        "style": {"body": {"separator": True}},
                    },
                },
                "options": {"validityPeriod": {"amount": 24, "timeUnit": "HOURS"}},
                "webhooks": {
                    "delivery": {"url": "https://portal.example/webhooks/infobip/x/",
                                 "intermediateReport": False, "notify": True},
                    "contentType": "application/json",
                },
            }
        ]
    }  # fmt: skip


def test_two_way_messages_on_the_wire() -> None:
    provider = infobip(validity_hours="12")

    text = json.loads(provider.wire(outgoing("oa", {"type": "text", "text": "สวัสดี"})).body)
    flex = provider.wire(outgoing("oa"))

    assert flex.path == "/line-oa/1/messages"
    assert text == {
        "messages": [
            {
                "sender": "OA-PARCELS",
                "destinations": [{"to": USER, "messageId": REFERENCE.hex}],
                "content": {"type": "TEXT", "text": "สวัสดี"},
                "options": {"validityPeriod": {"amount": 12, "timeUnit": "HOURS"}},
            }
        ]
    }
    [entry] = json.loads(flex.body)["messages"]
    assert entry["content"]["type"] == "FLEX"
    assert entry["content"]["contents"]["styles"] == {"body": {"separator": True}}
    button = entry["content"]["contents"]["body"]["contents"][1]
    assert (button["style"], button["height"]) == ("PRIMARY", "SM")


def test_the_style_of_buttons_can_be_left_out() -> None:
    [entry] = json.loads(infobip(button_style="left_out").wire(outgoing()).body)["messages"]

    button = entry["content"]["contents"]["body"]["contents"][1]
    assert button.keys() == {"type", "height", "action"}


@pytest.mark.parametrize("service", ["lon", "oa"])
def test_only_the_length_of_values_is_left_to_the_wire(service: str) -> None:
    long = {**FLEX, "altText": "ก" * 401}

    with pytest.raises(CannotWire, match="altText has 401 characters; at most 400 are taken"):
        infobip().wire(outgoing(service, long))
    result = asyncio.run(_sent_nowhere(outgoing(service, long)))
    assert (result.outcome, result.scope) == (Outcome.FAULT, FaultScope.MESSAGE)


async def _sent_nowhere(message: OutgoingMessage) -> SendResult:
    async with session() as client:
        return await infobip().send(client, message)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"reports": "pushed"}, "Reports can be pushed only where"),
        ({"webhook_user": "a"}, "go together"),
        ({"webhook_hmac_secret": "a"}, "webhook_hmac_header"),
        ({"webhook_user": "a:b", "webhook_password": "c"}, "has no colon"),
        ({"validity_hours": "25"}, "From 1 to 24"),
        ({"validity_hours": "0"}, "From 1 to 24"),
        ({"batch_size": "0"}, "From 1 to 999"),
        ({"batch_size": "1000"}, "From 1 to 999"),
        ({"report_url": "ftp://example.com"}, "report_url"),
        ({"webhook_hmac_algorithm": "crc32"}, "is one of"),
        ({"sender": ""}, "needs the credential sender"),
    ],
)
def test_settings_that_could_not_work_are_refused(change: dict[str, str], words: str) -> None:
    with pytest.raises(BadCredentials, match=words):
        InfobipProvider.check_credentials({**GIVEN, **change})


@pytest.mark.parametrize("host", ["api.infobip.com", "9k2xq1.api.infobip.com"])
def test_personal_addresses_are_its_own(host: str) -> None:
    assert InfobipProvider.own_hosts.fullmatch(host)
    assert not InfobipProvider.own_hosts.fullmatch(f"{host}.example.com")
    assert not InfobipProvider.own_hosts.fullmatch(f"x{host}.x")


# --- what answers mean


def sent(answer: Answer, message: OutgoingMessage | None = None) -> SendResult:
    async def run() -> SendResult:
        async with serving(answer) as (url, _seen), session() as client:
            return await infobip(url, is_patient=True).send(client, message or outgoing())

    return asyncio.run(run())


def status(group: str, name: str) -> dict[str, Any]:
    entry = {"messageId": REFERENCE.hex, "status": {"groupName": group, "name": name}}
    return {"bulkId": "b1", "messages": [entry]}


def violating(place: str) -> dict[str, Any]:
    return {"errorCode": "E400", "description": "Request cannot be processed.",
            "violations": [{"property": place, "violation": "is wrong"}]}  # fmt: skip


@pytest.mark.parametrize(
    ("code", "body", "outcome", "scope"),
    [
        (200, ANSWERS["taken"], Outcome.ACCEPTED, FaultScope.MESSAGE),
        (200, status("REJECTED", "REJECTED_DUPLICATE_MESSAGE_ID"), Outcome.ACCEPTED,
         FaultScope.MESSAGE),
        (200, status("REJECTED", "REJECTED_DESTINATION"), Outcome.REFUSED, FaultScope.MESSAGE),
        (200, status("REJECTED", "REJECTED_SOURCE"), Outcome.FAULT, FaultScope.ACCOUNT),
        (200, status("REJECTED", "REJECTED_MESSAGE_TOO_LONG"), Outcome.FAULT, FaultScope.TEMPLATE),
        (200, status("REJECTED", "REJECTED_FLOODING_FILTER"), Outcome.FAULT, FaultScope.MESSAGE),
        (200, status("UNDELIVERABLE", "UNDELIVERABLE_NOT_SENT"), Outcome.REFUSED,
         FaultScope.MESSAGE),
        (200, status("EXPIRED", "EXPIRED_EXPIRED"), Outcome.UNCERTAIN, FaultScope.MESSAGE),
        (200, status("ORBIT", "ORBIT_LOW"), Outcome.UNCERTAIN, FaultScope.MESSAGE),
        (200, {"bulkId": "b1", "messages": []}, Outcome.UNCERTAIN, FaultScope.MESSAGE),
        (400, ANSWERS["refused request"], Outcome.FAULT, FaultScope.TEMPLATE),
        (400, ANSWERS["older shape"], Outcome.FAULT, FaultScope.TEMPLATE),
        (400, {}, Outcome.FAULT, FaultScope.TEMPLATE),
        (400, violating("messages[0].destinations[0].to"), Outcome.REFUSED, FaultScope.MESSAGE),
        (400, violating("messages[0].sender"), Outcome.FAULT, FaultScope.ACCOUNT),
        (400, violating("messages[0].options.validityPeriod"), Outcome.FAULT, FaultScope.ACCOUNT),
        (413, {}, Outcome.FAULT, FaultScope.TEMPLATE),
        (401, ANSWERS["unknown key"], Outcome.FAULT, FaultScope.ACCOUNT),
        (401, ANSWERS["older shape"], Outcome.FAULT, FaultScope.ACCOUNT),
        (403, {}, Outcome.FAULT, FaultScope.ACCOUNT),
        (404, {}, Outcome.FAULT, FaultScope.ACCOUNT),
        (429, {}, Outcome.THROTTLED, FaultScope.MESSAGE),
        (500, {}, Outcome.UNCERTAIN, FaultScope.MESSAGE),
    ],
)  # fmt: skip
def test_what_an_answer_means(code: int, body: Any, outcome: Outcome, scope: FaultScope) -> None:
    result = sent(answering(code, body=body))

    assert (result.outcome, result.scope, result.http_status) == (outcome, scope, code)


def test_an_accepted_message_keeps_the_batchs_id_and_its_status() -> None:
    result = sent(answering(200, body=ANSWERS["taken"]))

    assert (result.request_id, result.code) == ("4200000000000000001", "PENDING_ENROUTE")


def test_infobips_words_are_kept_in_both_shapes() -> None:
    new = sent(answering(400, body=ANSWERS["refused request"]))
    old = sent(answering(401, body=ANSWERS["older shape"]))

    assert new.detail == (
        "Request cannot be processed.; size must be between 0 and 400 @ messages[0].content.altText"
    )
    assert old.detail == "Invalid login details; UNAUTHORIZED"


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"Retry-After": "7"}, 7.0),
        ({"Retry-After": "99999"}, 3600.0),
        ({"Retry-After": "-1"}, None),
        ({"Retry-After": "nan"}, None),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "Tue, 24 Nov 2026 10:00:30 GMT", "Date": "Tue, 24 Nov 2026 10:00:00 GMT"},
         30.0),
        ({"Retry-After": "Tue, 24 Nov 2026 10:00:30 GMT", "Date": "yesterday"}, None),
    ],
)  # fmt: skip
def test_how_long_to_wait_is_honoured(headers: dict[str, str], seconds: float | None) -> None:
    assert sent(answering(429, headers=headers)).retry_after_seconds == seconds


# --- looking at the account, and fetching reports


def looked(answer: Answer, service: str = "lon", **given: str) -> tuple[dict[str, Check], Seen]:
    async def run() -> tuple[dict[str, Check], Seen]:
        async with serving(answer) as (url, seen), session() as client:
            checks = await infobip(url, is_patient=True, **given).check(
                client, service=service, webhook_url="https://portal.example/w/"
            )
            return {each.name: each for each in checks}, seen

    return asyncio.run(run())


@pytest.mark.parametrize(
    ("code", "is_ok"), [(200, True), (401, False), (403, False), (429, None), (500, None)]
)
def test_the_key_is_looked_at_without_using_up_a_report(code: int, is_ok: bool | None) -> None:
    queries = []

    async def answer(request: web.Request) -> web.StreamResponse:
        queries.append((request.path, dict(request.query), request.headers["Authorization"]))
        return web.json_response({"results": []}, status=code)

    checks, _seen = looked(answer)

    assert checks["key"].is_ok is is_ok
    assert checks["sender"].is_ok is None
    [(path, query, key)] = queries
    assert (path, key) == ("/line/1/reports", f"App {KEY}")
    assert UUID(query["messageId"]).version == 4


@pytest.mark.parametrize(
    ("service", "given", "webhook", "reports"),
    [
        ("lon", {}, "none", True),
        ("lon", BASIC, True, None),
        ("lon", HMAC, True, None),
        ("lon", {**BASIC, "reports": "pulled"}, True, True),
        ("oa", {}, False, True),
        ("oa", BASIC, True, None),
    ],
)
def test_how_reports_come_is_said(
    service: str, given: dict[str, str], webhook: Any, reports: bool | None
) -> None:
    checks, _seen = looked(answering(200, body={"results": []}), service, **given)

    assert checks["reports"].is_ok is reports
    assert ("webhook" not in checks) if webhook == "none" else (checks["webhook"].is_ok is webhook)
    assert infobip(**given).pulls_reports() is (reports is True)


def page_of(conduct: Callable[[str], Any], service: str = "lon") -> tuple[Reports, Any]:
    async def run() -> tuple[Reports, Any]:
        async with conduct("") as (where, seen), session() as client:
            url = where if isinstance(where, str) else f"http://127.0.0.1:{where}"
            return await infobip(url, is_patient=True).reports(client, service=service), seen

    return asyncio.run(run())


@pytest.mark.parametrize(("service", "path"), [("lon", "/line/1/"), ("oa", "/line-oa/1/")])
def test_a_page_of_reports_is_handed_on_as_it_came(service: str, path: str) -> None:
    raw = webhooks("infobip")["delivered"].replace(b",", b" ,\n")
    asked = []

    async def answer(request: web.Request) -> web.StreamResponse:
        asked.append((request.method, request.path, dict(request.query)))
        return web.Response(body=raw)

    page, _seen = page_of(lambda _: serving(answer), service)

    assert page == Reports(raw, is_last=True)
    assert asked == [("GET", f"{path}reports", {"limit": "500"})]


def test_a_full_page_is_not_the_last_and_a_large_one_is_read_whole() -> None:
    one = json.loads(webhooks("infobip")["delivered"])["results"][0]
    one["callbackData"] = "x" * 4_000
    raw = json.dumps({"results": [one] * 1_000}).encode()

    async def answer(request: web.Request) -> web.StreamResponse:
        return web.Response(body=raw)

    page, _seen = page_of(lambda _: serving(answer))

    assert (page.body, page.is_last) == (raw, False)
    assert len(InfobipProvider.events(page.body)) == 1_000


def test_an_empty_page_is_not_kept() -> None:
    page, _seen = page_of(lambda _: serving(answering(200, body={"results": []})))

    assert page == Reports()


def test_a_page_that_breaks_off_is_handed_on_as_far_as_it_came() -> None:
    raw = webhooks("infobip")["delivered"]
    conduct = saying(b"HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\n" + raw[:-2] + b",{")

    page, _seen = page_of(lambda _: listening(conduct))

    assert (page.body, page.is_last, page.problem) == (raw[:-2] + b",{", False, "")


@pytest.mark.parametrize(
    ("code", "words"), [(401, "answered 401"), (429, "answered 429"), (500, "answered 500")]
)
def test_why_no_page_came_is_said(code: int, words: str) -> None:
    page, _seen = page_of(lambda _: serving(answering(code, body=ANSWERS["unknown key"])))

    assert page.body == b""
    assert words in page.problem


def test_a_page_that_was_lost_on_its_way_is_said_to_be() -> None:
    page, _seen = page_of(lambda _: listening(saying(b"")))

    assert page.problem.endswith("Reports that were on their way may be lost.")


def test_catalogue_content_and_other_countries_are_not_served() -> None:
    served = InfobipProvider.serves
    unfit = InfobipProvider.unfit(service="lon", kind="catalogue", content={}, drawing={})

    assert (served["lon"].countries, served["oa"].countries) == (("TH",), ("TW", "TH"))
    assert unfit == "Infobip does not take templates made of LINE's own template keys."
    assert InfobipProvider.may_repeat == frozenset()
