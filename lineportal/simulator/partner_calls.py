"""Requests to the partners' sides: read, logged, spoilt by a fault if one is on order, answered.

As on the LINE side: fault before the work, key, rate, the call's own rules, fault after.
"""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from lineportal.simulator.faults import MESSAGES, Fault
from lineportal.simulator.files import File
from lineportal.simulator.log import Entry
from lineportal.simulator.people import Person, digest
from lineportal.simulator.world import World


class PartnerRefused(Exception):
    """The partner answers with an error."""

    def __init__(
        self, status: int, text: str = "", *, code: int = 0, found: Iterable[tuple[str, str]] = ()
    ) -> None:
        super().__init__(status)
        self.status = status
        self.text = text
        self.code = code  # 8x8 numbers its errors
        self.found = list(found)  # Infobip lists (property, violation)


@dataclass(slots=True, eq=False)
class PartnerCall:
    """A request that has been read."""

    world: World
    request: web.Request
    at: float
    entry: Entry
    json: Any  # the body, None where it is no JSON
    recipients: list[tuple[str, Person | None]] = field(default_factory=list)

    def token(self, scheme: str) -> str:
        """Return what the Authorization header holds of this scheme, empty if nothing."""
        word, _, token = self.request.headers.get("Authorization", "").partition(" ")
        return token.strip() if word.lower() == scheme.lower() else ""


# Gives (status, body), JSON or a file.
Answer = tuple[int, dict[str, Any] | File]


@dataclass(frozen=True, slots=True)
class PartnerEndpoint:
    """One call that a partner offers."""

    method: str
    path: str
    act: Callable[[PartnerCall], Answer]
    # Finds in a body whom it is for: what the partner calls a recipient, as LINE knows it.
    recipients: Callable[[Any], Iterable[object]] | None = None

    @property
    def sends(self) -> bool:
        """Whether faults without a path strike this call."""
        return self.recipients is not None


class PartnerSide:
    """All calls of one partner; `failure` writes its error bodies."""

    def __init__(
        self, world: World, failure: Callable[[World, PartnerRefused, float], dict[str, Any]]
    ) -> None:
        self._world = world
        self._failure = failure

    def handler(self, endpoint: PartnerEndpoint) -> Any:
        """Return the handler of one call."""

        async def handle(request: web.Request) -> web.StreamResponse:
            return await self._handle(endpoint, request)

        return handle

    async def _handle(self, endpoint: PartnerEndpoint, request: web.Request) -> web.StreamResponse:
        raw = await request.read()
        if not endpoint.sends:
            await self._world.catch_up()  # who asks for reports sees all that are due
        call = self._call(endpoint, request, raw)
        fault = self._fault(endpoint, call, accepted=False)
        if fault is not None:
            return await self._spoilt(call, fault, None)
        try:
            status, answer = endpoint.act(call)
        except PartnerRefused as refused:
            status, answer = refused.status, self._failure(self._world, refused, call.at)
        response = _response(call, status, answer)
        if call.entry.accepted:
            fault = self._fault(endpoint, call, accepted=True)
            if fault is not None:
                return await self._spoilt(call, fault, response)
        return response

    def _call(self, endpoint: PartnerEndpoint, request: web.Request, raw: bytes) -> PartnerCall:
        world, at = self._world, self._world.clock.now()
        entry = world.log.open(
            raw,
            world.log.content(raw, request.raw_headers),
            at=at,
            method=request.method,
            path=request.path,
            query=request.query_string,
            label=endpoint.path,
        )
        entry.request_id = str(uuid.uuid4())
        call = PartnerCall(world, request, at, entry, _parsed(raw))
        if endpoint.recipients is not None:
            for to in endpoint.recipients(call.json):
                if isinstance(to, str) and to.isascii() and len(to) <= 100:
                    call.recipients.append((to, world.line.find(to)))
        if call.recipients:
            to, person = call.recipients[0]
            if person is None:
                # Whoever has no LINE is in the log too.
                entry.user_id, entry.phone = (to, None) if to[:1] == "U" else (None, _plus(to))
            else:
                entry.user_id, entry.phone = person.user_id, person.phone
        return call

    def _fault(
        self, endpoint: PartnerEndpoint, call: PartnerCall, *, accepted: bool
    ) -> Fault | None:
        faults, path = self._world.faults, call.request.path
        if not faults:
            return None
        for to, person in call.recipients or [("", None)]:
            known_as = to if to[:1] == "U" else digest(_plus(to)).hex()
            fault = faults.take(
                path, sends=endpoint.sends, to=known_as, person=person, accepted=accepted
            )
            if fault is not None:
                call.entry.fault = fault.kind
                return fault
        return None

    async def _spoilt(
        self, call: PartnerCall, fault: Fault, response: web.Response | None
    ) -> web.StreamResponse:
        if fault.kind == "status":
            # A fault's own text, where the order gave one; LINE's would be out of place.
            is_own = fault.message != MESSAGES.get(fault.status, "Internal server error")
            refused = PartnerRefused(fault.status, fault.message if is_own else "")
            return _response(call, fault.status, self._failure(self._world, refused, call.at))
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


def _plus(to: str) -> str:
    return to if to.startswith("+") else f"+{to}"


def _parsed(raw: bytes) -> Any:
    try:
        return json.loads(raw) if raw else None
    except (ValueError, RecursionError):
        return None


def _response(call: PartnerCall, status: int, answer: dict[str, Any] | File) -> web.Response:
    call.entry.status = status
    if isinstance(answer, File):
        return web.Response(body=answer.data, content_type=answer.media_type)
    headers = {"Location": "/"} if 300 <= status < 400 else {}
    return web.Response(
        status=status,
        body=json.dumps(answer).encode(),
        content_type="application/json",
        headers=headers,
    )
