"""Send what a road's turns have claimed: draw, begin, and post at each message's own slot.

Slices are begun while earlier ones are under way.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import math
import time
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from lineportal.providers import http
from lineportal.providers.base import (
    CannotWire,
    Outcome,
    OutgoingMessage,
    Provider,
    SendResult,
    WireRequest,
)
from lineportal.sending import clock, outbox, pacing
from lineportal.sending.drawing import Drawing, draw, drawings
from lineportal.sending.due import LEASE, Claimed
from lineportal.sending.outbox import Claim, Sent
from lineportal.sending.posting import HELD_BACK, LOST_CONNECTION, Posting
from lineportal.sending.slots import HeldSlots, Run

log = logging.getLogger(__name__)

SLICE = 256  # messages that become `sending` at once, just before their POSTs
SLICE_SECONDS = 0.05  # of slots in one slice, so that few are `sending` before their time
EARLY_SECONDS = 0.05  # a slice is begun so long before its first slot, so that it is not late
BEGINS = 2  # slices that become `sending` at the same time
# No POST starts later than this after its row became `sending`, so that the lease outlasts it.
POST_SECONDS = LEASE.total_seconds() - http.TOTAL_SECONDS

HELD_SECONDS = 1.0  # a road with no slots for longer gets its messages back

_EMPTY_SHA256 = hashlib.sha256(b"").hexdigest()

Result = TypeVar("Result")


class InDatabase(Protocol):
    """Runs a function that uses the database in a thread, away from the event loop."""

    def __call__(
        self, function: Callable[..., Result], *args: Any, **kw: Any
    ) -> Awaitable[Result]: ...


@dataclass(slots=True)
class _Fed:
    """A claim as it waits here: what is not begun yet, and until when it may be."""

    claim: Claim
    waiting: deque[Claimed]
    lease_ends: float  # monotonic; counted from the claim, so nothing later is begun
    troubles: int  # of the road, when it was claimed
    begins: set[asyncio.Task[None]] = field(default_factory=set)


class Sender:
    """One road's sender in this process; `feed` it claims.

    `reserve` takes up to so many of the road's slots, in the database.
    """

    def __init__(
        self,
        provider: Provider,
        posting: Posting,
        follower: clock.Follower,
        reserve: Callable[[int], pacing.Slots],
        in_database: InDatabase,
    ) -> None:
        self._provider = provider
        self._posting = posting
        self._clock = follower
        self._reserve = reserve
        self._in_database = in_database
        self._drawings: dict[int, Drawing] = {}
        self._slots = HeldSlots(time.monotonic, self._renew)
        self._fed: deque[_Fed] = deque()
        self._enough = 1  # messages that wait; more are claimed when they are fewer
        self._beginning = 0  # messages that are about to take slots
        self._begins = asyncio.Semaphore(BEGINS)
        self._tasks: set[asyncio.Task[None]] = set()
        self._came = asyncio.Event()
        self._went = asyncio.Event()  # a message was begun or given back
        self._is_closing = False
        self._loop = asyncio.create_task(self._keep_sending())

    def feed(self, claim: Claim) -> None:
        """Send what was claimed just now."""
        lease_ends = time.monotonic() + LEASE.total_seconds() - http.TOTAL_SECONDS
        self._enough = len(claim.messages)
        self._fed.append(
            _Fed(claim, deque(claim.messages), lease_ends, troubles=self._posting.troubles)
        )
        self._came.set()

    async def has_room(self, *, within: float) -> bool:
        """Wait `within` seconds at most until another claim is of use; return whether it is."""
        try:
            async with asyncio.timeout(within):
                while sum(len(fed.waiting) for fed in self._fed) >= self._enough:
                    await self._next_going()
        except TimeoutError:
            return False
        return True

    async def idle(self) -> None:
        """Wait until all that was fed is begun or given back."""
        while self._fed or self._tasks:
            await self._next_going()

    async def close(self) -> None:
        """Give back what is not begun; what is begun stays with the posting."""
        self._is_closing = True
        self._came.set()
        await self._loop
        if self._tasks:
            await asyncio.wait(self._tasks)

    async def _next_going(self) -> None:
        self._went.clear()
        await self._went.wait()

    async def _keep_sending(self) -> None:
        while True:
            while self._fed:
                fed = self._fed[0]
                try:
                    await self._send(fed)
                except Exception:
                    self._posting.troubles += 1
                    log.exception("a claim could not be sent")
                self._start(self._release(fed))
                self._fed.popleft()
            if self._is_closing:
                return
            self._came.clear()
            await self._came.wait()

    async def _send(self, fed: _Fed) -> None:
        await self._load_drawings(fed.claim)
        most = max(1, min(SLICE, math.ceil(fed.claim.rate_per_second * SLICE_SECONDS)))
        while fed.waiting:
            moment = await self._slots.next_at(self._beginning, len(fed.waiting))
            if moment is None:
                return
            if (early := moment - EARLY_SECONDS - time.monotonic()) > 0:
                await asyncio.sleep(early)
            size = min(most, len(fed.waiting))
            await self._posting.hold(size)
            await self._begins.acquire()
            if self._is_over(fed):
                self._begins.release()
                self._posting.leave(size)
                return
            self._beginning += size
            slice_of = [fed.waiting.popleft() for _n in range(size)]
            begin = self._start(self._begin(fed, slice_of))
            begin.add_done_callback(lambda _task: self._begins.release())
            fed.begins.add(begin)

    def _is_over(self, fed: _Fed) -> bool:
        if fed.troubles != self._posting.troubles:
            self._slots.clear()  # they were reserved at another pace
            return True
        return self._is_closing or time.monotonic() > fed.lease_ends

    async def _begin(self, fed: _Fed, slice_of: list[Claimed]) -> None:
        """Draw a slice, move it to `sending`, and set its posts going at their slots."""
        ready: dict[int, tuple[Claimed, OutgoingMessage, WireRequest]] = {}
        unsent: list[Sent] = []
        hashes: list[tuple[Claimed, str]] = []
        held = len(slice_of)  # connections
        try:
            for message in slice_of:
                made = self._made(message)
                if isinstance(made, SendResult):
                    hashes.append((message, _EMPTY_SHA256))
                    unsent.append(Sent(message, made))
                    continue
                drawn, request = made
                hashes.append((message, hashlib.sha256(request.body).hexdigest()))
                ready[message.id] = (message, drawn, request)
            ends_at = time.monotonic() + POST_SECONDS
            begun = await self._begun(fed.claim, hashes, ends_at)
            posts = [each for pk, each in ready.items() if pk in begun]
            moments: list[float] = []
            if fed.troubles == self._posting.troubles:
                moments = await self._slots.take(len(posts))
            for (message, drawn, request), moment in zip(posts, moments, strict=False):
                self._posting.post(message, drawn, request, post_at=moment, ends_at=ends_at)
                held -= 1  # the post gives its own back
            unsent += [Sent(message, HELD_BACK) for message, *_ in posts[len(moments) :]]
            for each in unsent:
                if each.message.id in begun:
                    self._posting.settle(each)
        finally:
            self._beginning -= len(slice_of)
            self._posting.leave(held)

    def _made(self, message: Claimed) -> tuple[OutgoingMessage, WireRequest] | SendResult:
        drawn = draw(message, self._drawings[message.template_id])
        if isinstance(drawn, SendResult):
            return drawn
        try:
            return drawn, self._provider.wire(drawn)
        except CannotWire as problem:
            return SendResult(Outcome.FAULT, code="cannot_be_said", detail=str(problem))

    async def _begun(
        self, claim: Claim, hashes: list[tuple[Claimed, str]], ends_at: float
    ) -> set[int]:
        is_repeat = False
        while True:
            try:
                return await self._in_database(self._begin_now, claim, hashes, is_repeat)
            except LOST_CONNECTION:
                if time.monotonic() > ends_at:
                    raise
                # It may have been done before the connection was lost; nothing is posted yet.
                is_repeat = True
                await asyncio.sleep(1)

    async def _release(self, fed: _Fed) -> None:
        if fed.begins:
            await asyncio.wait(fed.begins)
        ids = [message.id for message in fed.claim.messages]
        await self._in_database(outbox.release, fed.claim.token, ids)

    def _start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        self._went.set()
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._went.set()
        if error := task.exception():
            self._posting.troubles += 1
            log.error("sending was interrupted; leases end by themselves", exc_info=error)

    async def _renew(self, count: int) -> Run | None:
        while True:
            slots = await self._in_database(self._reserve, count)
            first = self._clock.monotonic(slots.begin_at)
            if slots.count:
                return Run(first, 1 / slots.rate_per_second, slots.count)
            ahead = first - pacing.HORIZON.total_seconds() - time.monotonic()
            if ahead > HELD_SECONDS:
                return None
            await asyncio.sleep(max(ahead, 0) + 0.01)

    async def _load_drawings(self, claim: Claim) -> None:
        wanted = {message.template_id for message in claim.messages} - set(self._drawings)
        if wanted:
            as_content = self._provider.draws_itself
            self._drawings.update(
                await self._in_database(drawings, sorted(wanted), as_content=as_content)
            )

    # --- in the database, in a thread

    def _begin_now(
        self, claim: Claim, hashes: list[tuple[Claimed, str]], is_repeat: bool
    ) -> set[int]:
        return outbox.begin(claim.token, hashes, at=self._clock.now(), is_repeat=is_repeat)
