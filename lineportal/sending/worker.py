"""Drain one road: claim for about a second at a time, and have the sender send it."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable

from lineportal.accounts.credentials import UnreadableCredentials
from lineportal.accounts.models import Road
from lineportal.providers import PROVIDERS, http
from lineportal.providers.base import BadCredentials, Provider
from lineportal.sending import breakers, clock, outbox, pacing, routing
from lineportal.sending.outbox import Claim, Sent
from lineportal.sending.posting import CONNECTIONS, Posting
from lineportal.sending.sender import InDatabase, Sender
from recipients.intake import Invalid

log = logging.getLogger(__name__)

TURN_SECONDS = 1.0  # a lane gives way after this, so that roads share workers


class RoadWork:
    """What a worker process keeps for one road between turns."""

    def __init__(self, road: Road, provider: Provider, in_database: InDatabase) -> None:
        self.road = road
        self._in_database = in_database
        self._clock = clock.Follower()
        self.provider = provider
        self.session = http.session(connections=CONNECTIONS)
        self._posting = Posting(provider, self.session, self._record)
        self._sender = Sender(provider, self._posting, self._clock, self._reserve_now, in_database)

    async def turn(self) -> bool:
        """Claim what is due for about a second; return whether more may be due."""
        ends_at = time.monotonic() + TURN_SECONDS
        troubles = self._posting.troubles
        while (left := ends_at - time.monotonic()) > 0 and self._posting.troubles == troubles:
            if not await self._sender.has_room(within=left):
                break
            claim = await self._in_database(self._claim_now)
            if claim.messages:
                self._sender.feed(claim)
            elif claim.wait_seconds > 0:
                await asyncio.sleep(min(claim.wait_seconds + 0.01, left))
            elif not claim.taken:  # else all of them are excluded or too late; there may be more
                await self._sender.idle()
                return False
        return True

    async def close(self) -> None:
        """Give back what is not begun, end what is, and write its results."""
        await self._sender.close()
        await self._posting.close()
        await self.session.close()

    async def _record(self, sent: list[Sent]) -> bool:
        return await self._in_database(self._record_now, sent)

    # --- in the database, in a thread

    def _claim_now(self) -> Claim:
        moment = clock.now()
        self._clock.set(moment)
        return outbox.claim(self.road, at=moment)

    def _reserve_now(self, count: int) -> pacing.Slots:
        moment = clock.now()
        self._clock.set(moment)
        return pacing.reserve(self.road, wanted=count, at=moment)

    def _record_now(self, sent: list[Sent]) -> bool:
        at = self._clock.now()
        outbox.record(sent, at=at)
        return breakers.react(self.road, sent, at=at)


class Roads:
    """The roads of one worker process, opened when first needed and closed together.

    `build` makes a road's provider.
    """

    def __init__(self, build: Callable[[Road], Provider] = routing.build) -> None:
        self._build = build
        self._open: dict[int, RoadWork] = {}
        self._replaced: list[RoadWork] = []  # what they began goes on

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
        routing.check_base_url(road.api_base_url, PROVIDERS[road.provider])
        work = self._open[road_id] = RoadWork(road, self._build(road), in_database)
        return work

    async def close(self) -> None:
        for work in (*self._open.values(), *self._replaced):
            await work.close()
        self._open.clear()
        self._replaced.clear()


async def drain(road_id: int, roads: Roads, in_database: InDatabase) -> bool:
    """Send what is due on a road for about a second; return whether more may be due."""
    try:
        work = await roads.get(road_id, in_database)
    except (Invalid, BadCredentials, UnreadableCredentials, Road.DoesNotExist) as refusal:
        log.error("road %s is not used: %s", road_id, refusal)
        return False
    return await work.turn()


def _load_road(road_id: int) -> Road:
    return Road.objects.select_related("account").get(pk=road_id)
