"""Drain one road: claim, draw, send, record, for about a second at a time.

Each message is posted at its own slot's time; slices are begun while earlier ones are under way,
and results are written as they come. No database connection is held while waiting for the
provider. Results in hand are written even if the database restarts meanwhile.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import math
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

import aiohttp
from django.db import InterfaceError, OperationalError

from lineportal.accounts.models import Road
from lineportal.providers import http
from lineportal.providers.base import (
    FaultScope,
    Outcome,
    OutgoingMessage,
    Provider,
    SendResult,
    WireRequest,
)
from lineportal.providers.line import BadCredentials
from lineportal.sending import breakers, clock, outbox, pacing, routing
from lineportal.sending.due import LEASE, Claimed
from lineportal.sending.outbox import Claim, Sent
from recipients.intake import Invalid
from templates_app import rendering, workflow
from templates_app.models import MessageTemplate

log = logging.getLogger(__name__)

CONNECTIONS = 512  # open at once per road and worker: 2,000 a second at a quarter second each
SLICE = 128  # messages that become `sending` at once, just before their POSTs
SLICE_SECONDS = 0.05  # of slots in one slice, so that few are `sending` before their time
CLAIM = 1_000  # messages
TURN_SECONDS = 1.0  # a lane gives way after this, so that roads share workers
# No POST starts later than this after its row became `sending`, so that the lease outlasts it.
POST_SECONDS = LEASE.total_seconds() - http.TOTAL_SECONDS
RECORD_TRIES = 30  # one a second: longer than a restart of the database
SOON_SECONDS = 0.005  # a post this early is not worth a timer
GATHER_SECONDS = 0.01  # results are written together when they come this close

_LOST_CONNECTION = (OperationalError, InterfaceError)
_TOO_SLOW = SendResult(
    Outcome.UNAVAILABLE, code="too_slow", detail="The worker was too slow; nothing was sent."
)

Result = TypeVar("Result")


class InDatabase(Protocol):
    """Runs a function that uses the database in a thread, away from the event loop."""

    def __call__(
        self, function: Callable[..., Result], *args: Any, **kw: Any
    ) -> Awaitable[Result]: ...


@dataclass(frozen=True, slots=True)
class Drawing:
    """A template as the worker needs it; `is_intact` False: it is not what was approved."""

    stencil: rendering.Stencil
    is_catalogue: bool
    unit: str
    content_hash: str
    is_intact: bool


@dataclass(slots=True)
class RoadWork:
    """What a worker process keeps for one road between turns."""

    road: Road
    provider: Provider
    session: aiohttp.ClientSession
    drawings: dict[int, Drawing] = field(default_factory=dict)
    clock: clock.Follower = field(default_factory=clock.Follower)
    in_flight: int = 0  # POSTs, over both lanes
    room: asyncio.Event = field(default_factory=asyncio.Event)  # set when one of them ended
    next_at: float = 0.0  # monotonic; this process' own posts keep their distance


class Roads:
    """The roads of one worker process, opened when first needed and closed together.

    `build` makes a road's provider.
    """

    def __init__(self, build: Callable[[Road], Provider] = routing.build) -> None:
        self._build = build
        self._open: dict[int, RoadWork] = {}
        self._replaced: list[RoadWork] = []  # the other lane may be in the middle of a slice

    async def get(self, road_id: int, in_database: InDatabase) -> RoadWork:
        """Return the road's work; built anew when its credentials or address changed."""
        road = await in_database(_load_road, road_id)
        known = self._open.get(road_id)
        if known is not None:
            same = ("credentials", "api_base_url")
            if all(getattr(known.road, name) == getattr(road, name) for name in same):
                known.road = road
                return known
            self._replaced.append(known)
        routing.check_base_url(road.api_base_url)
        work = RoadWork(road, self._build(road), http.session(connections=CONNECTIONS))
        self._open[road_id] = work
        return work

    async def close(self) -> None:
        for work in (*self._open.values(), *self._replaced):
            await work.session.close()
        self._open.clear()
        self._replaced.clear()


async def drain(road_id: int, roads: Roads, in_database: InDatabase) -> bool:
    """Send what is due on a road for about a second; return whether more may be due."""
    try:
        work = await roads.get(road_id, in_database)
    except (Invalid, BadCredentials, Road.DoesNotExist) as refusal:
        log.error("road %s is not used: %s", road_id, refusal)
        return False
    turn = Turn(work, in_database)
    try:
        return await turn.run()
    finally:
        await turn.end()


class Turn:
    """One lane's turn on a road: posts under way, and the results that wait to be written."""

    def __init__(self, work: RoadWork, in_database: InDatabase) -> None:
        self._work = work
        self._in_database = in_database
        self._must_wait = False  # the provider throttles, fails or cannot be reached
        self._posts: dict[int, asyncio.Task[None]] = {}  # by message id
        self._results: list[Sent] = []
        self._came = asyncio.Event()
        self._is_ending = False
        self._recorder = asyncio.create_task(self._keep_recording())
        self._bug: BaseException | None = None

    async def run(self) -> bool:
        ends_at = time.monotonic() + TURN_SECONDS
        while time.monotonic() < ends_at and not self._must_wait:
            claim = await self._in_database(_claim, self._work)
            if not claim.messages:
                if claim.taken:
                    continue  # all of them are excluded or too late now; there may be more
                ahead = (claim.slots.begin_at - claim.at - pacing.HORIZON).total_seconds()
                if claim.slots.count == 0 and ahead >= 0:
                    await asyncio.sleep(min(ahead + 0.01, TURN_SECONDS))  # the slots are taken
                    continue
                return False
            try:
                await self._send(claim)
            finally:
                await self._in_database(outbox.release, claim.token)
        return True

    async def end(self) -> None:
        """Wait for the posts under way and write their results."""
        if self._posts:
            await asyncio.wait(self._posts.values())
        self._is_ending = True
        self._came.set()
        await self._recorder
        if self._bug:
            raise self._bug

    async def _send(self, claim: Claim) -> None:
        work, rate = self._work, claim.slots.rate_per_second
        # The lease counts from the claim; nothing is begun that it might not cover.
        lease_ends = time.monotonic() + LEASE.total_seconds() - http.TOTAL_SECONDS
        await _load_drawings(work, claim, self._in_database)
        first = time.monotonic() + (claim.slots.begin_at - work.clock.now()).total_seconds()
        size = max(1, min(SLICE, math.ceil(rate * SLICE_SECONDS)))
        for begin in range(0, len(claim.messages), size):
            slice_of = claim.messages[begin : begin + size]
            due_at = first + begin / rate
            if (early := due_at - time.monotonic()) > 0:
                await asyncio.sleep(early)
            while work.in_flight + len(slice_of) > CONNECTIONS:
                work.room.clear()
                await work.room.wait()
            if self._must_wait or time.monotonic() > lease_ends:
                return
            await self._begin(claim, slice_of, due_at)

    async def _begin(self, claim: Claim, slice_of: list[Claimed], due_at: float) -> None:
        """Draw a slice, move it to `sending`, and set its posts going."""
        work, rate = self._work, claim.slots.rate_per_second
        hashes: list[tuple[Claimed, str]] = []
        ready: list[tuple[Claimed, OutgoingMessage, WireRequest]] = []
        unsent: list[Sent] = []
        for message in slice_of:
            drawn = _draw(work, message)
            if isinstance(drawn, SendResult):
                hashes.append((message, hashlib.sha256(b"").hexdigest()))
                unsent.append(Sent(message, drawn))
                continue
            request = work.provider.wire(drawn)
            hashes.append((message, hashlib.sha256(request.body).hexdigest()))
            ready.append((message, drawn, request))
        work.in_flight += len(ready)  # kept for them, whatever the other lane does meanwhile
        ends_at = time.monotonic() + POST_SECONDS
        try:
            begun = await self._begun(claim, hashes, ends_at)
        except BaseException:
            self._leave(len(ready))
            raise
        self._results += [each for each in unsent if each.message.id in begun]
        now = time.monotonic()
        loop = asyncio.get_running_loop()
        for message, drawn, request in ready:
            if message.id not in begun:
                self._leave(1)
                continue
            # Late slots are made up for slowly: never above the configured rate.
            post_at = work.next_at = max(due_at, work.next_at + 1 / (1.02 * rate), now)
            due_at += 1 / rate
            self._posts[message.id] = loop.create_task(
                self._post(message, drawn, request, post_at, ends_at)
            )
        if self._results:
            self._came.set()

    async def _begun(
        self, claim: Claim, hashes: list[tuple[Claimed, str]], ends_at: float
    ) -> set[int]:
        is_repeat = False
        while True:
            try:
                return await self._in_database(_begin, self._work, claim, hashes, is_repeat)
            except _LOST_CONNECTION:
                if time.monotonic() > ends_at:
                    raise
                # It may have been done before the connection was lost; nothing is posted yet.
                is_repeat = True
                await asyncio.sleep(1)

    async def _post(
        self,
        message: Claimed,
        drawn: OutgoingMessage,
        request: WireRequest,
        post_at: float,
        ends_at: float,
    ) -> None:
        early = post_at - time.monotonic()
        if early > SOON_SECONDS:
            await asyncio.sleep(early)
        try:
            if time.monotonic() > ends_at:
                result = _TOO_SLOW
            else:
                result = await self._work.provider.send(self._work.session, drawn, request)
        except Exception as bug:  # noqa: BLE001 - a provider never raises; the sweep settles it
            self._bug = bug
        else:
            self._results.append(Sent(message, result))
            self._came.set()
        finally:
            del self._posts[message.id]
            self._leave(1)

    def _leave(self, count: int) -> None:
        self._work.in_flight -= count
        self._work.room.set()

    async def _keep_recording(self) -> None:
        while True:
            await self._came.wait()
            if not self._is_ending:
                await asyncio.sleep(GATHER_SECONDS)
            self._came.clear()
            sent, self._results = self._results, []
            if sent:
                try:
                    self._must_wait |= await self._record(sent)
                except BaseException:
                    self._must_wait = True  # nothing is posted whose answer cannot be kept
                    raise
            elif self._is_ending:
                return
            if self._is_ending or self._results:
                self._came.set()

    async def _record(self, sent: list[Sent]) -> bool:
        for _try in range(RECORD_TRIES):
            try:
                return await self._in_database(_record_now, self._work, sent)
            except _LOST_CONNECTION as error:
                log.warning("results of %d messages wait: %s", len(sent), type(error).__name__)
                self._must_wait = True
                await asyncio.sleep(1)
        return await self._in_database(_record_now, self._work, sent)


def _draw(work: RoadWork, message: Claimed) -> OutgoingMessage | SendResult:
    if not message.may_be_repeated:
        return SendResult(
            Outcome.UNCERTAIN,
            code="retry_key_forgotten",
            detail="The last try was over 23 hours ago; LINE would not know it as a repeat.",
        )
    drawing = work.drawings[message.template_id]
    if not drawing.is_intact or drawing.content_hash != message.body_template_hash:
        return SendResult(
            Outcome.FAULT,
            code="content_changed",
            detail="The template is not what was approved; nothing was sent.",
            scope=FaultScope.TEMPLATE,
        )
    try:
        body = drawing.stencil.fill(message.values)
    except rendering.MissingValues as error:
        return SendResult(Outcome.FAULT, code="missing_values", detail=str(error))
    return OutgoingMessage(
        service=message.service,
        address=message.address,
        body=body,
        reference=message.reference,
        unit=drawing.unit,
        is_catalogue=drawing.is_catalogue,
    )


async def _load_drawings(work: RoadWork, claim: Claim, in_database: InDatabase) -> None:
    wanted = {message.template_id for message in claim.messages} - set(work.drawings)
    if wanted:
        work.drawings.update(await in_database(_drawings, sorted(wanted)))


# --- in the database, in a thread


def _load_road(road_id: int) -> Road:
    return Road.objects.select_related("account").get(pk=road_id)


def _claim(work: RoadWork) -> Claim:
    moment = clock.now()
    work.clock.set(moment)
    return outbox.claim(work.road, limit=CLAIM, at=moment)


def _begin(
    work: RoadWork, claim: Claim, hashes: list[tuple[Claimed, str]], is_repeat: bool
) -> set[int]:
    return outbox.begin(claim.token, hashes, at=work.clock.now(), is_repeat=is_repeat)


def _record_now(work: RoadWork, sent: list[Sent]) -> bool:
    at = work.clock.now()
    outbox.record(sent, at=at)
    return breakers.react(work.road, sent, at=at)


def _drawings(template_ids: list[int]) -> dict[int, Drawing]:
    return {
        template.pk: Drawing(
            stencil=rendering.Stencil(template.bubble),
            is_catalogue="templateKey" in (template.bubble or {}),
            unit=unit_name(template),
            content_hash=template.content_hash,
            is_intact=workflow.current_hash(template) == template.content_hash,
        )
        for template in MessageTemplate.objects.filter(pk__in=template_ids)
    }


def unit_name(template: MessageTemplate) -> str:
    """Return the stable name under which LINE counts a template: at most 30 of [A-Za-z0-9_]."""
    version = f"_v{template.version}"
    key = "".join(c if c.isascii() and c.isalnum() else "_" for c in template.key)
    return key[: 30 - len(version)] + version
