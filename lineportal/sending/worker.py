"""Drain one road: claim, draw, send, record, for about a second at a time.

No database connection is held while waiting for the provider. Results in hand are written even
if the database restarts meanwhile.
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
from django.db import DatabaseError, InterfaceError, transaction

from lineportal.accounts.models import Road
from lineportal.providers import http
from lineportal.providers.base import (
    FaultScope,
    Outcome,
    OutgoingMessage,
    Provider,
    SendResult,
)
from lineportal.providers.line import BadCredentials
from lineportal.sending import campaigns, clock, outbox, pacing, routing
from lineportal.sending.models import Campaign
from lineportal.sending.outbox import Claim, Claimed, Sent
from recipients.intake import Invalid
from templates_app import rendering, workflow
from templates_app.models import MessageTemplate

log = logging.getLogger(__name__)

CONNECTIONS = 64  # open at once per road and worker; the largest slice
CLAIM = 500  # messages
TURN_SECONDS = 1.0  # a lane gives way after this, so that a pause bites and roads share workers
# No POST starts later than this after its row became `sending`, so that the lease outlasts it.
POST_SECONDS = outbox.LEASE.total_seconds() - http.TOTAL_SECONDS
RECORD_TRIES = 30  # one a second: longer than a restart of the database

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

    bubble: Any
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
    ends_at = time.monotonic() + TURN_SECONDS
    while time.monotonic() < ends_at:
        claim = await in_database(_claim, work.road)
        if not claim.messages:
            if claim.taken:
                continue  # all of them are excluded or too late now; there may be more
            ahead = (claim.slots.begin_at - await in_database(clock.now)).total_seconds()
            if claim.slots.count == 0 and ahead > 0:
                await asyncio.sleep(min(ahead, TURN_SECONDS))  # the coming slots are taken
                continue
            return False
        try:
            await _send_claim(work, claim, in_database)
        finally:
            await in_database(outbox.release, claim.token)
    return True


async def _send_claim(work: RoadWork, claim: Claim, in_database: InDatabase) -> None:
    await _load_drawings(work, claim, in_database)
    ready_at = time.monotonic()
    now = await in_database(clock.now)
    # The lease counts from the claim; nothing is posted that it might not cover.
    lease_ends = ready_at + outbox.LEASE.total_seconds() - http.TOTAL_SECONDS
    first = ready_at + max(0.0, (claim.slots.begin_at - now).total_seconds())
    # A tenth of a second's worth at a time, so that a slow road is not served in bursts.
    size = max(1, min(CONNECTIONS, math.ceil(claim.slots.rate_per_second / 10)))
    for begin in range(0, len(claim.messages), size):
        await asyncio.sleep(first + begin / claim.slots.rate_per_second - time.monotonic())
        if time.monotonic() > lease_ends:
            return
        stop = await _send_slice(work, claim, claim.messages[begin : begin + size], in_database)
        if stop:
            return


async def _send_slice(
    work: RoadWork, claim: Claim, messages: list[Claimed], in_database: InDatabase
) -> bool:
    """Send a slice and record it; return True when the rest of the claim must not follow."""
    outgoing: dict[int, OutgoingMessage] = {}
    hashes: list[tuple[Claimed, str]] = []
    sent: list[Sent] = []
    for message in messages:
        drawn = _draw(work, message)
        body = work.provider.wire(drawn).body if isinstance(drawn, OutgoingMessage) else b""
        hashes.append((message, hashlib.sha256(body).hexdigest()))
        if isinstance(drawn, OutgoingMessage):
            outgoing[message.id] = drawn
        else:
            sent.append(Sent(message, drawn))
    ends_at = time.monotonic() + POST_SECONDS
    begun = await in_database(_begin, claim, hashes)
    sent = [each for each in sent if each.message.id in begun]
    posted = [message for message in messages if message.id in begun and message.id in outgoing]
    if time.monotonic() > ends_at:
        sent += [Sent(message, _TOO_SLOW) for message in posted]
        posted = []
    results = await asyncio.gather(
        *(work.provider.send(work.session, outgoing[message.id]) for message in posted),
        return_exceptions=True,
    )
    # A provider never raises; should one do so all the same, the others' results are still kept.
    bugs = [result for result in results if isinstance(result, BaseException)]
    sent += [
        Sent(message, result)
        for message, result in zip(posted, results, strict=True)
        if not isinstance(result, BaseException)
    ]
    await _record(sent, in_database)
    if bugs:
        raise bugs[0]
    return await in_database(_react, work.road, sent)


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
        body = rendering.fill(drawing.bubble, message.values)
    except rendering.MissingValues as error:
        return SendResult(Outcome.FAULT, code="missing_values", detail=str(error))
    return OutgoingMessage(
        service=message.service,
        address=message.address,
        body=body,
        reference=message.reference,
        unit=drawing.unit,
    )


async def _load_drawings(work: RoadWork, claim: Claim, in_database: InDatabase) -> None:
    wanted = {message.template_id for message in claim.messages} - set(work.drawings)
    if wanted:
        work.drawings.update(await in_database(_drawings, sorted(wanted)))


async def _record(sent: list[Sent], in_database: InDatabase) -> None:
    for attempt in range(RECORD_TRIES):
        try:
            await in_database(_record_now, sent)
            return
        except (DatabaseError, InterfaceError) as error:
            log.warning("results of %d messages wait: %s", len(sent), type(error).__name__)
            if attempt + 1 == RECORD_TRIES:
                raise
            await asyncio.sleep(1)


# --- in the database, in a thread


def _load_road(road_id: int) -> Road:
    return Road.objects.select_related("account").get(pk=road_id)


def _claim(road: Road) -> Claim:
    return outbox.claim(road, limit=CLAIM, at=clock.now())


def _begin(claim: Claim, hashes: list[tuple[Claimed, str]]) -> set[int]:
    return outbox.begin(claim.token, hashes, at=clock.now())


def _record_now(sent: list[Sent]) -> int:
    return outbox.record(sent, at=clock.now())


def _drawings(template_ids: list[int]) -> dict[int, Drawing]:
    return {
        template.pk: Drawing(
            bubble=template.bubble,
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


def _react(road: Road, sent: list[Sent]) -> bool:
    """Slow down, or stop campaigns that would only fail on; return whether to stop this claim."""
    at = clock.now()
    is_unreachable = any(each.result.outcome is Outcome.UNAVAILABLE for each in sent)
    if is_unreachable:
        with transaction.atomic():
            pacing.hold(road, at=at)
    throttled = [each for each in sent if each.result.outcome is Outcome.THROTTLED]
    if throttled:
        with transaction.atomic():
            pacing.slow_down(
                road, at=at, retry_after_seconds=throttled[0].result.retry_after_seconds
            )
    faults = [
        each
        for each in sent
        if each.result.outcome is Outcome.FAULT and each.result.scope is not FaultScope.MESSAGE
    ]
    for each in faults:
        running = Campaign.objects.filter(account=road.account, state=Campaign.State.RUNNING)
        running = running.filter(template__service=road.service)
        if each.result.scope is FaultScope.TEMPLATE:
            running = running.filter(template_id=each.message.template_id)
        for campaign in running:
            reason = each.result.detail or each.result.code or str(each.result.http_status)
            try:
                campaigns.pause(campaign, by=None, at=at, reason=f"{road.provider}: {reason}")
            except campaigns.WrongState:
                continue  # somebody paused or ended it meanwhile
    return bool(throttled or faults or is_unreachable)
