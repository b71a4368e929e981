"""8x8's calls: one official notification, or a batch of them.

https://developer.8x8.com/connect/docs/line/official-notification-lon
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from typing import Any

from aiohttp import web

from lineportal.simulator import eight_by_eight, eight_by_eight_requests
from lineportal.simulator.eight_by_eight import SubAccount
from lineportal.simulator.partner_calls import (
    Answer,
    PartnerCall,
    PartnerEndpoint,
    PartnerRefused,
    PartnerSide,
)
from lineportal.simulator.world import World

_PATH = "/api/v1/subaccounts/{account}/lon"
_ACCOUNT = re.compile(r"[A-Za-z0-9\-._&]{3,50}")
# https://developer.8x8.com/connect/docs/api-error-codes
_TEXTS = {
    1000: "Invalid parameter",
    1001: "Illegal SubAccountId",
    1200: "Unauthorized Access",
    1201: "Access forbidden",
    1300: "Not found",
    1400: "Too many requests",
    2000: "Internal Error",
}
_CODES = {400: 1000, 401: 1200, 403: 1201, 404: 1300, 429: 1400}


def routes(world: World) -> list[web.RouteDef]:
    """Return the routes of 8x8's side, answering from this world."""
    side = PartnerSide(world, failure)
    endpoints = (
        PartnerEndpoint("POST", _PATH, _send, recipients=_recipients),
        PartnerEndpoint("POST", f"{_PATH}/batch", _send_batch, recipients=_recipients),
    )
    known = [web.route(e.method, e.path, side.handler(e)) for e in endpoints]
    unknown = side.handler(PartnerEndpoint("*", "unknown", _not_found))
    return [*known, web.route("*", "/api/v1/{_:.*}", unknown)]


def failure(world: World, refused: PartnerRefused, at: float) -> dict[str, Any]:
    """Return an error body."""
    code = refused.code or _CODES.get(refused.status, 1000 if refused.status < 500 else 2000)
    return {
        "code": code,
        "message": refused.text or _TEXTS.get(code, "Invalid parameter"),
        "errorId": str(uuid.uuid4()),
        "timestamp": eight_by_eight.written(at),
    }


def _send(call: PartnerCall) -> Answer:
    account = _let_in(call)
    problem = eight_by_eight_requests.problem_of(call.json, account.emphasis)
    if problem:
        raise PartnerRefused(400, problem[1], code=problem[0])
    call.entry.tag = call.json.get("clientMessageId")
    answer = call.world.eight_by_eight.take(account, call.json, call.at)
    call.world.log.accepted(call.entry)
    return 200, answer


def _send_batch(call: PartnerCall) -> Answer:
    account = _let_in(call)
    problem = eight_by_eight_requests.problem_of_batch(call.json)
    if problem:
        raise PartnerRefused(400, problem[1], code=problem[0])
    answers, rejected = [], 0
    for message in call.json["messages"]:
        problem = eight_by_eight_requests.problem_of(message, account.emphasis)
        if problem is None:
            answers.append(call.world.eight_by_eight.take(account, message, call.at))
            continue
        rejected += 1
        status = {
            "state": "rejected",
            "timestamp": eight_by_eight.written(call.at),
            "errorCode": problem[0],
            "errorMessage": problem[1],
        }
        answers.append(eight_by_eight.answer(str(uuid.uuid4()), message, status))
    if rejected < len(answers):
        call.world.log.accepted(call.entry)
    answer: dict[str, Any] = {
        "batchId": str(uuid.uuid4()),
        "acceptedCount": len(answers) - rejected,
        "rejectedCount": rejected,
    }
    if call.json.get("clientBatchId"):
        answer["clientBatchId"] = call.json["clientBatchId"]
    if call.json.get("includeMessagesInResponse"):
        answer["messages"] = answers
    return 200, answer


def _not_found(call: PartnerCall) -> Answer:
    raise PartnerRefused(404)


def _let_in(call: PartnerCall) -> SubAccount:
    """Return the sub-account of the address, if its key came with the call, or refuse."""
    account_id = call.request.match_info["account"]
    if not _ACCOUNT.fullmatch(account_id):
        raise PartnerRefused(400, code=1001)
    account = call.world.eight_by_eight.accounts.get(account_id)
    if account is None or call.token("Bearer") != account.api_key:
        raise PartnerRefused(401)
    if account.bucket and not account.bucket.take():
        raise PartnerRefused(429)
    if call.request.content_type != "application/json" or call.json is None:
        raise PartnerRefused(400, "Invalid parameter: the body must be JSON")
    call.entry.channel_id = account.channel_id
    return account


def _recipients(body: Any) -> Iterator[object]:
    messages = body.get("messages") if isinstance(body, dict) else None
    for message in messages if isinstance(messages, list) else [body]:
        if isinstance(message, dict):
            yield eight_by_eight_requests.number_of(message.get("user"))
