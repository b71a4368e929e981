"""The LINE side: every call is read, logged, spoilt by a fault if one is on order, and answered.

The order of the checks is: fault before the work, token, rate, size, the call's own rules.
"""

from __future__ import annotations

import asyncio
import inspect
import json
import re
import uuid
from typing import Any

from aiohttp import web

from lineportal.simulator import account, sending, two_way, users
from lineportal.simulator.calls import LARGEST_BODY, Answer, Call, Endpoint, Refused, parsed
from lineportal.simulator.faults import Fault
from lineportal.simulator.files import File
from lineportal.simulator.people import Person
from lineportal.simulator.world import World

_SECRET = re.compile(rb"(client_secret=)[^&]*")
_MINUTE, _HOUR = 60.0, 3_600.0
_MESSAGE, _WEBHOOK = "/v2/bot/message", "/v2/bot/channel/webhook"
# Rates: https://developers.line.biz/en/reference/messaging-api/#rate-limits
ENDPOINTS = (
    Endpoint("POST", "/bot/pnp/push", sending.push_flexible, sends=True),
    Endpoint("POST", f"{_MESSAGE}/pnp/templated/push", sending.push_templated, sends=True),
    Endpoint("POST", f"{_MESSAGE}/push", two_way.push, sends=True, takes_retry_key=True),
    Endpoint(
        "POST", f"{_MESSAGE}/multicast", two_way.multicast,
        sends=True, takes_retry_key=True, rate=(200, 1.0),
    ),
    Endpoint("POST", f"{_MESSAGE}/reply", two_way.reply, sends=True),
    *(
        Endpoint("POST", f"{_MESSAGE}/validate/{kind}", two_way.validate)
        for kind in ("reply", "push", "multicast", "narrowcast", "broadcast")
    ),
    Endpoint("GET", f"{_MESSAGE}/delivery/pnp", account.count("pnp")),
    Endpoint("GET", f"{_MESSAGE}/delivery/pnp/templated", account.count("templated")),
    *(
        Endpoint("GET", f"{_MESSAGE}/delivery/{kind}", account.count(kind))
        for kind in ("push", "multicast", "reply")
    ),
    Endpoint("GET", f"{_MESSAGE}/quota", account.quota),
    Endpoint("GET", f"{_MESSAGE}/quota/consumption", account.consumption),
    Endpoint("GET", f"{_MESSAGE}/aggregation/info", account.count_units),
    Endpoint("GET", f"{_MESSAGE}/aggregation/list", account.list_units),
    Endpoint("GET", f"{_MESSAGE}/{{message_id}}/content", users.content),
    Endpoint("GET", f"{_MESSAGE}/{{message_id}}/content/transcoding", users.transcoding),
    Endpoint("GET", "/v2/bot/info", account.bot_info),
    Endpoint("GET", "/v2/bot/profile/{user_id}", users.profile),
    Endpoint("POST", "/v2/bot/user/{user_id}/linkToken", users.link_token),
    Endpoint("GET", "/v2/bot/followers/ids", users.followers),
    Endpoint("GET", "/v2/bot/insight/followers", account.followers),
    Endpoint("GET", f"{_WEBHOOK}/endpoint", account.get_webhook, rate=(1_000, _MINUTE)),
    Endpoint("PUT", f"{_WEBHOOK}/endpoint", account.set_webhook, rate=(1_000, _MINUTE)),
    Endpoint("POST", f"{_WEBHOOK}/test", account.test_webhook, rate=(60, _HOUR)),
    Endpoint("POST", "/oauth2/v3/token", account.issue_token, needs_token=False),
)  # fmt: skip
_NO_AUTHORIZATION = (
    "Authentication failed due to the following reason: missing 'Authorization' header. Confirm"
    " that the access token in the authorization header is valid."
)


def _not_found(call: Call) -> Answer:
    raise Refused(404)


UNKNOWN = Endpoint("*", "unknown", _not_found, needs_token=False)


def routes(world: World) -> list[web.RouteDef]:
    """Return the routes of the LINE side, answering from this world."""
    line = _LineSide(world)
    known = [web.route(e.method, e.path, line.handler(e)) for e in ENDPOINTS]
    unknown = line.handler(UNKNOWN)
    return [*known, *(web.route("*", p, unknown) for p in ("/v2/{_:.*}", "/bot/{_:.*}"))]


class _LineSide:
    def __init__(self, world: World) -> None:
        self._world = world

    def handler(self, endpoint: Endpoint) -> Any:
        async def handle(request: web.Request) -> web.StreamResponse:
            return await self._handle(endpoint, request)

        return handle

    async def _handle(self, endpoint: Endpoint, request: web.Request) -> web.StreamResponse:
        is_too_large = (request.content_length or 0) > LARGEST_BODY
        raw = b"" if is_too_large or not request.can_read_body else await request.read()
        call = self._call(endpoint, request, raw)
        to = call.json.get("to") if isinstance(call.json, dict) else None
        self._resolve(endpoint, call, to)
        fault = self._fault(endpoint, call, to, accepted=False)
        if fault is not None:
            return await self._spoilt(call, fault, None)
        headers: dict[str, str] = {}
        try:
            self._let_in(endpoint, call)
            if is_too_large or len(raw) > LARGEST_BODY:
                raise Refused(413, "The request body is larger than 2 MB")
            acted = endpoint.act(call)
            status, answer = await acted if inspect.isawaitable(acted) else acted
        except Refused as refused:
            status, answer, headers = refused.status, refused.answer, refused.headers
        response = _response(call, status, answer, headers)
        if call.entry.accepted:
            fault = self._fault(endpoint, call, to, accepted=True)
            if fault is not None:
                return await self._spoilt(call, fault, response)
        return response

    def _call(self, endpoint: Endpoint, request: web.Request, raw: bytes) -> Call:
        world, at = self._world, self._world.clock.now()
        is_form = request.content_type == "application/x-www-form-urlencoded"
        kept = _SECRET.sub(rb"\1***", raw) if is_form else raw
        entry = world.log.open(
            raw,
            world.log.content(kept, request.raw_headers),
            at=at,
            method=request.method,
            path=request.path,
            query=request.query_string,
            label=endpoint.path,
        )
        entry.request_id = str(uuid.uuid4())
        entry.tag = request.headers.get(sending.DELIVERY_TAG)
        entry.retry_key = request.headers.get(sending.RETRY_KEY)
        json_value = None if is_form else parsed(raw)
        return Call(world, request, entry.request_id, at, raw, entry, json_value)

    def _resolve(self, endpoint: Endpoint, call: Call, to: object) -> None:
        """Find whom a sending call is for, for the log as well as for the rules."""
        person: Person | None = None
        if endpoint.act is two_way.reply:
            person = two_way.whom_replied(call)
        elif not endpoint.sends or not isinstance(to, str):
            return
        elif endpoint.takes_retry_key:
            person = self._world.people.by_user_id(to)
            call.entry.user_id = to[:100]
        elif len(to) == 64:
            try:
                person = self._world.people.by_digest(bytes.fromhex(to))
            except ValueError:
                person = None
        if person is not None:
            call.person = person
            call.entry.phone, call.entry.user_id = person.phone, person.user_id

    def _let_in(self, endpoint: Endpoint, call: Call) -> None:
        if not endpoint.needs_token:
            return
        given = call.request.headers.get("Authorization", "")
        if not given:
            raise Refused(401, _NO_AUTHORIZATION)
        scheme, _, token = given.partition(" ")
        channel = self._world.channels.of_token(token.strip(), call.at) if token else None
        if scheme.lower() != "bearer" or channel is None:
            raise Refused(401)
        call.channel = channel
        call.entry.channel_id = channel.id
        if not channel.may_call(f"{endpoint.method} {endpoint.path}", endpoint.rate):
            raise Refused(429)
        if not endpoint.takes_retry_key and sending.RETRY_KEY in call.request.headers:
            raise Refused(400, f"The header, {sending.RETRY_KEY}, is not supported by this API")

    def _fault(self, endpoint: Endpoint, call: Call, to: object, *, accepted: bool) -> Fault | None:
        faults = self._world.faults
        if not faults:
            return None
        fault = faults.take(
            call.request.path, sends=endpoint.sends, to=to, person=call.person, accepted=accepted
        )
        if fault is not None:
            call.entry.fault = fault.kind
        return fault

    async def _spoilt(
        self, call: Call, fault: Fault, response: web.Response | None
    ) -> web.StreamResponse:
        """Answer as the fault says; `response` is the right answer, where the work was done."""
        if fault.kind == "status":
            headers = {"Location": "/"} if 300 <= fault.status < 400 else {}
            return _response(call, fault.status, {"message": fault.message}, headers)
        call.entry.status = None
        if fault.kind in ("hang", "hang_after_acceptance"):
            await asyncio.sleep(fault.seconds)
            if response is not None:
                call.entry.status = response.status
                return response
        transport = call.request.transport
        if transport is not None:
            if fault.kind == "unreadable":
                transport.write(b"\x00\x01 this is no HTTP answer\r\n\r\n")
            transport.close()
        return web.Response()


def _response(
    call: Call, status: int, answer: dict[str, Any] | File, headers: dict[str, str]
) -> web.Response:
    call.entry.status = status
    if isinstance(answer, File):
        body, media_type = answer.data, answer.media_type
    else:
        body, media_type = json.dumps(answer).encode(), "application/json"
    return web.Response(
        status=status,
        body=body,
        content_type=media_type,
        headers={"x-line-request-id": call.request_id, **headers},
    )
