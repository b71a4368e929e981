"""What LINE is asked beside sending: typed answers, plain sentences, the check of an account."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import date
from typing import Any, TypeVar

import aiohttp
import pytest
from aiohttp import web

from lineportal.providers.base import Check, Count, Outcome, SendResult
from lineportal.providers.line import LineProvider
from tests.providers.contract import serving, session
from tests.providers.test_line import GIVEN, STATELESS, USER

OURS = "https://portal.example/webhooks/line/abc/"
PING = {"success": True, "timestamp": "2020-09-30T05:38:20.031Z", "statusCode": 200,
        "reason": "OK", "detail": "200"}  # fmt: skip
# What LINE shows as its answers, by the end of the path.
ANSWERS: dict[str, tuple[int, Any]] = {
    "/oauth2/v3/token": (200, {"token_type": "Bearer", "access_token": "e" * 40,
                               "expires_in": 899}),
    "/v2/bot/info": (200, {"userId": "Ub9952f8", "basicId": "@216ru", "displayName": "Example name",
                           "chatMode": "chat", "markAsReadMode": "manual"}),
    "/webhook/endpoint": (200, {"endpoint": OURS, "active": True}),
    "/webhook/test": (200, PING),
    "/message/quota": (200, {"type": "limited", "value": 1000}),
    "/quota/consumption": (200, {"totalUsage": 500}),
    "/delivery/pnp": (200, {"status": "ready", "success": 3}),
    "/delivery/pnp/templated": (200, {"status": "ready", "success": 4}),
    "/delivery/push": (200, {"status": "ready", "success": 10000}),
    "/delivery/reply": (200, {"status": "unready"}),
}  # fmt: skip
CLOSED = (403, {"message": "Access to this API is not available for your account"})
NO_TOKEN = (400, {"error": "invalid_client", "error_description": "invalid client_secret"})
T = TypeVar("T")


def asked(
    ask: Callable[[LineProvider, aiohttp.ClientSession], Awaitable[T]],
    answers: Mapping[str, tuple[int, Any]],
    given: Mapping[str, str] = GIVEN,
) -> T:
    """Ask a server that gives these answers, by the end of the path."""

    async def answer(request: web.Request) -> web.StreamResponse:
        fitting = [end for end in answers if request.path.endswith(end)]
        status, body = (
            answers[max(fitting, key=len)] if fitting else (404, {"message": "Not found"})
        )
        return web.json_response(body, status=status, headers={"x-line-request-id": "r-1"})

    async def run() -> T:
        async with serving(answer) as (url, _seen), session() as client:
            return await ask(LineProvider(given, api_base_url=url), client)

    return asyncio.run(run())


def test_a_profile_is_read_and_its_absence_is_no_block() -> None:
    said = {"displayName": "LINE taro", "userId": USER, "language": "en", "statusMessage": "Hi"}

    there = asked(lambda line, s: line.profile(s, USER), {f"/profile/{USER}": (200, said)})
    absent = asked(lambda line, s: line.profile(s, USER), {})
    no_id = asked(lambda line, s: line.profile(s, "../info"), ANSWERS)

    assert (there.name, there.language, there.status_message) == ("LINE taro", "en", "Hi")
    assert (there.problem, there.request_id) == ("", "r-1")
    assert (absent.code, absent.outcome) == ("no_profile", Outcome.REFUSED)
    assert "does not say which" in absent.problem
    assert absent.request_id == "r-1"
    assert no_id.code == "bad_address"


def test_friends_come_page_by_page() -> None:
    pages = {None: (["U" + "1" * 32], "token-2"), "token-2": (["U" + "2" * 32, "?"], None)}

    async def answer(request: web.Request) -> web.StreamResponse:
        ids, following = pages[request.query.get("start")]
        assert request.query["limit"] == "1000"
        more = {"next": following} if following else {}
        return web.json_response({"userIds": ids, **more})

    async def run() -> list[str]:
        found: list[str] = []
        async with serving(answer) as (url, _seen), session() as client:
            provider, start = LineProvider(GIVEN, api_base_url=url), ""
            while True:
                page = await provider.followers(client, start=start)
                found += page.line_user_ids
                if not (start := page.next):
                    return found

    assert asyncio.run(run()) == ["U" + "1" * 32, "U" + "2" * 32]


def test_friends_are_listed_for_verified_accounts_only() -> None:
    page = asked(lambda line, s: line.followers(s), {"/followers/ids": CLOSED})

    assert page.code == "not_verified"
    assert "verified and premium" in page.problem


def test_a_message_is_validated_without_being_sent() -> None:
    no = {"message": "The request body has 1 error(s)",
          "details": [{"message": "May not be empty", "property": "messages[0].text"}]}  # fmt: skip

    async def ask(line: LineProvider, s: aiohttp.ClientSession) -> Any:
        return await line.validate(s, ["{}"])

    fine = asked(ask, {"/validate/push": (200, {})})
    wrong = asked(ask, {"/validate/push": (400, no)})
    down = asked(ask, {"/validate/push": (500, {})})

    assert (fine.is_valid, fine.problem) == (True, "")
    assert (wrong.is_valid, wrong.problem) == (False, "")
    assert wrong.faults == (("May not be empty", "messages[0].text"),)
    assert down.problem == "LINE did not answer the question; ask again later."


@pytest.mark.parametrize(
    ("body", "counted", "is_final"),
    [
        ({"status": "ready", "followers": 7620, "targetedReaches": 5848, "blocks": 237},
         (7620, 5848, 237), True),
        ({"status": "unready"}, (None, None, None), False),
        ({"status": "out_of_service"}, (None, None, None), True),
    ],
)  # fmt: skip
def test_lines_count_of_friends_is_read(
    body: Any, counted: tuple[int | None, ...], is_final: bool
) -> None:
    day = date(2026, 11, 24)
    told = asked(
        lambda line, s: line.friend_count(s, day=day),
        {**ANSWERS, "/insight/followers": (200, body)},
    )

    assert (told.followers, told.targeted_reaches, told.blocks) == counted
    assert (told.is_final, told.problem) == (is_final, "")


@pytest.mark.parametrize(
    "answer", [(200, {"status": "ready", "followers": -1}), (200, {"status": "?"}), (503, {})]
)
def test_a_count_of_friends_that_cannot_be_read_is_none(answer: tuple[int, Any]) -> None:
    day = date(2026, 11, 24)
    told = asked(
        lambda line, s: line.friend_count(s, day=day), {**ANSWERS, "/insight/followers": answer}
    )

    assert told.problem
    assert not told.is_final


def test_quota_bot_and_webhook_are_read() -> None:
    quota = asked(lambda line, s: line.quota(s), ANSWERS)
    no_limit = {**ANSWERS, "/message/quota": (200, {"type": "none"})}
    endless = asked(lambda line, s: line.quota(s), no_limit)
    bot = asked(lambda line, s: line.bot(s), ANSWERS)
    webhook = asked(lambda line, s: line.webhook(s), ANSWERS)
    changed = asked(lambda line, s: line.set_webhook(s, OURS), {"/webhook/endpoint": (200, {})})
    no = (400, {"message": "Invalid webhook endpoint URL"})
    refused = asked(lambda line, s: line.set_webhook(s, "http://x"), {"/webhook/endpoint": no})

    assert (quota.limit, quota.used, quota.left) == (1000, 500, 500)
    assert (endless.limit, endless.left) == (None, None)
    assert (bot.name, bot.basic_id, bot.user_id) == ("Example name", "@216ru", "Ub9952f8")
    assert (webhook.url, webhook.is_active) == (OURS, True)
    assert (changed.url, changed.problem) == (OURS, "")
    assert refused.code == "bad_webhook_address"


@pytest.mark.parametrize(
    ("changed", "service", "count"),
    [
        ({}, "lon", Count(7, is_final=True)),
        ({}, "oa", Count(10000, is_final=True)),
        ({"/delivery/pnp/templated": CLOSED}, "lon", Count(3, is_final=True)),
        ({"/delivery/pnp": CLOSED}, "lon", Count(4, is_final=True)),
    ],
)
def test_a_day_is_counted_over_both_kinds(
    changed: dict[str, Any], service: str, count: Count
) -> None:
    day = date(2026, 1, 9)

    assert asked(lambda line, s: line.counted(s, service=service, day=day),
                 {**ANSWERS, **changed}) == count  # fmt: skip


@pytest.mark.parametrize(
    ("answer", "is_final"),
    [
        ((200, {"status": "unready"}), False),
        ((200, {"status": "out_of_service"}), True),
        ((200, {"status": "unavailable_for_privacy"}), True),
        ((200, {"status": "hologram"}), False),
        ((200, {"status": "ready"}), False),
        ((200, {"status": "ready", "success": -1}), False),
        ((400, {"message": "The value for the 'date' parameter is invalid"}), False),
        ((429, {"message": "The API rate limit has been exceeded. Try again later."}), False),
        ((500, {}), False),
    ],
)
def test_a_day_that_is_not_told_is_no_zero(answer: tuple[int, Any], is_final: bool) -> None:
    day = date(2026, 1, 9)
    answers = {**ANSWERS, "/delivery/pnp/templated": answer, "/delivery/reply": answer}

    both = asked(lambda line, s: line.counted(s, service="lon", day=day), answers)
    replies = asked(lambda line, s: line.counted_replies(s, day=day), answers)

    assert (both.messages, replies.messages) == (None, None)
    assert both.problem.endswith(".")
    assert replies.is_final == is_final


def test_a_reply_that_cannot_be_said_is_not_posted() -> None:
    for token, messages in (("", ["{}"]), ("t" * 20, []), ("t" * 20, ["{}"] * 6)):
        result: SendResult = asked(lambda line, s, t=token, m=messages: line.reply(s, t, m), {})
        assert (result.outcome, result.code) == (Outcome.FAULT, "cannot_be_said")
        assert result.http_status is None


def checked(
    changed: Mapping[str, tuple[int, Any]], service: str = "lon", given: Mapping[str, str] = GIVEN
) -> dict[str, Check]:
    found = asked(
        lambda line, s: line.check(s, service=service, webhook_url=OURS),
        {**ANSWERS, **changed},
        given,
    )
    return {each.name: each for each in found}


@pytest.mark.parametrize("given", [GIVEN, STATELESS], ids=["fixed", "stateless"])
def test_an_account_that_is_set_up_is_told_so(given: dict[str, str]) -> None:
    checks = checked({}, given=given)

    assert list(checks) == [
        "token", "account", "webhook_address", "webhook_test", "quota", "notifications",
    ]  # fmt: skip
    assert all(each.is_ok for each in checks.values())
    assert checks["account"].sentence == "At LINE the account is “Example name” (@216ru)."
    assert "500 are left" in checks["quota"].sentence
    assert "notifications" not in checked({}, "oa")


USED_UP = (200, {"totalUsage": 1000})
NOT_FOUND = (404, {"message": "Not found"})
FAILURES: list[tuple[str, dict[str, tuple[int, Any]], str, bool | None, str]] = [
    ("lon", {"/v2/bot/info": (500, {})}, "account", None, "not found out"),
    ("lon", {"/v2/bot/info": CLOSED}, "account", False, "Account Manager"),
    ("lon", {"/webhook/endpoint": NOT_FOUND}, "webhook_address", False, f"Enter {OURS}"),
    ("lon", {"/webhook/endpoint": (200, {"endpoint": OURS[:-1], "active": True})},
     "webhook_address", False, f"Enter {OURS}"),
    ("lon", {"/webhook/endpoint": (200, {"endpoint": "https://bot.example/s3cret", "active": 1})},
     "webhook_address", False, "another address, of bot.example."),
    ("lon", {"/webhook/endpoint": (200, {"endpoint": "https://[", "active": True})},
     "webhook_address", False, "an unknown host"),
    ("lon", {"/webhook/endpoint": (200, {"endpoint": OURS, "active": False})},
     "webhook_address", False, "Switch on"),
    ("lon", {"/webhook/test": (200, {**PING, "success": False, "statusCode": 401})},
     "webhook_test", False, "channel secret"),
    ("lon", {"/webhook/test": (200, {**PING, "success": False, "statusCode": 404})},
     "webhook_test", False, "public address"),
    ("lon", {"/webhook/test": (200, {**PING, "success": False, "statusCode": 500,
                                     "reason": "ERROR_STATUS_CODE"})},
     "webhook_test", False, "not answered as it should"),
    ("lon", {"/webhook/test": (200, {**PING, "success": False, "statusCode": -1,
                                     "reason": "COULD_NOT_CONNECT"})},
     "webhook_test", False, "cannot connect"),
    ("lon", {"/webhook/test": (200, {**PING, "success": False, "statusCode": 0,
                                     "reason": "REQUEST_TIMEOUT"})},
     "webhook_test", False, "in time"),
    ("lon", {"/webhook/test": (429, {"message": "The API rate limit has been exceeded."})},
     "webhook_test", None, "allows more later"),
    ("lon", {"/webhook/test": (400, {"message": "Invalid webhook endpoint URL"})},
     "webhook_test", False, "https://"),
    ("oa", {"/quota/consumption": USED_UP}, "quota", False, "Buy more"),
    ("lon", {"/quota/consumption": USED_UP}, "quota", None, "LINE does not say"),
    ("lon", {"/quota/consumption": (503, {})}, "quota", None, "not found out"),
    ("lon", {"/delivery/pnp": CLOSED, "/delivery/pnp/templated": CLOSED},
     "notifications", False, "Ask your contact"),
    ("lon", {"/delivery/pnp/templated": CLOSED}, "notifications", True, "not templated ones"),
    ("lon", {"/delivery/pnp": (500, {})}, "notifications", None, "not found out"),
]  # fmt: skip


@pytest.mark.parametrize(("service", "changed", "name", "is_ok", "words"), FAILURES)
def test_what_is_not_set_up_is_told_with_what_to_do(
    service: str, changed: dict[str, Any], name: str, is_ok: bool | None, words: str
) -> None:
    found = checked(changed, service)

    assert found[name].is_ok is is_ok
    assert words in found[name].sentence
    assert "s3cret" not in found[name].sentence
    assert found[name].sentence.endswith(".")
    assert all(each.is_ok for other, each in found.items() if other != name)


def test_a_test_webhook_may_be_told_without_a_verdict() -> None:
    silent = {name: value for name, value in PING.items() if name != "success"}

    for status, is_ok in ((200, True), (-1, False)):
        checks = checked({"/webhook/test": (200, {**silent, "statusCode": status})})
        assert checks["webhook_test"].is_ok is is_ok


def test_without_a_token_only_that_is_told() -> None:
    [none] = checked({"/oauth2/v3/token": NO_TOKEN}, given=STATELESS).values()
    [down] = checked({"/oauth2/v3/token": (500, {})}, given=STATELESS).values()
    refused = dict.fromkeys(ANSWERS, (401, {"message": "Authentication failed"}))
    [old] = checked(refused).values()

    assert (none.name, none.is_ok) == ("token", False)
    assert "invalid_client" in none.sentence
    assert "Basic settings" in none.sentence
    assert down.is_ok is None
    assert old.is_ok is False
    assert "Issue a new one" in old.sentence
