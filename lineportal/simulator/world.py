"""Everything one simulator holds: clock, people, channels, log, faults and webhooks."""

from __future__ import annotations

import asyncio

from lineportal.simulator.channels import Channels
from lineportal.simulator.clock import Clock
from lineportal.simulator.delivery import Delivery
from lineportal.simulator.faults import Faults
from lineportal.simulator.log import RequestLog
from lineportal.simulator.notify import Notifier
from lineportal.simulator.people import People

# How often scripted answers that fall due by the clock's own running are looked for.
_TICK_SECONDS = 0.1


class World:
    """The state of one simulator; one event loop, so nothing is locked."""

    def __init__(self, *, keep_requests: int = 1_000_000) -> None:
        self._keep_requests = keep_requests
        self.channels = Channels()
        self.notifier = Notifier(self.channels.by_id)
        self._empty()

    async def reset(self) -> None:
        """Forget everything, and set the clock to real time."""
        await self.notifier.forget()
        self.channels.clear()
        self._empty()

    async def catch_up(self) -> None:
        """Do what has fallen due by now, letting requests in between."""
        while self.delivery.is_behind(now := self.clock.now()):
            self.delivery.catch_up(now)
            await asyncio.sleep(0)

    async def run_on(self) -> None:
        """Keep up with the clock until cancelled."""
        while True:
            await asyncio.sleep(_TICK_SECONDS)
            await self.catch_up()

    def _empty(self) -> None:
        self.clock = Clock()
        self.people = People()
        self.log = RequestLog(keep=self._keep_requests)
        self.faults = Faults()
        # Continuation tokens of follower lists: (channel id, good until, what is left).
        self.follower_pages: dict[str, tuple[str, float, list[str]]] = {}
        self.delivery = Delivery(self.channels.by_id, self.people, self.notifier.send)
