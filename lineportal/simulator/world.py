"""Everything one simulator holds: clock, people, channels, log, faults, webhooks and partners."""

from __future__ import annotations

import asyncio

from lineportal.simulator.agenda import Agenda
from lineportal.simulator.channels import Channel, Channels
from lineportal.simulator.clock import Clock
from lineportal.simulator.courier import Courier
from lineportal.simulator.delivery import Delivery
from lineportal.simulator.eight_by_eight import EightByEight
from lineportal.simulator.events import Event
from lineportal.simulator.faults import Faults
from lineportal.simulator.infobip import Infobip
from lineportal.simulator.log import RequestLog
from lineportal.simulator.notify import Notifier
from lineportal.simulator.partners import Line
from lineportal.simulator.people import People

# How often scripted answers that fall due by the clock's own running are looked for.
_TICK_SECONDS = 0.1


class World:
    """The state of one simulator; one event loop, so nothing is locked."""

    def __init__(self, *, keep_requests: int = 1_000_000) -> None:
        self._keep_requests = keep_requests
        self.url = ""  # where it listens, once it does
        self.channels = Channels()
        self.notifier = Notifier(self.channels.by_id)
        self.courier = Courier()
        self._empty()

    async def reset(self) -> None:
        """Forget everything, and set the clock to real time."""
        await self.notifier.forget()
        await self.courier.forget()
        self.channels.clear()
        self._empty()

    async def catch_up(self) -> None:
        """Do what has fallen due by now, in order of time, letting requests in between."""
        while True:
            now, agenda = self.clock.now(), self.courier.agenda
            due = min(now, agenda.next_at)
            if self.delivery.is_behind(due):
                self.delivery.catch_up(due)
            elif agenda.next_at <= now:
                agenda.do_next()
            else:
                return
            await asyncio.sleep(0)

    async def settled(self) -> bool:
        """Wait until every webhook was sent or given up; False if that took too long."""
        while await self.notifier.settled() and await self.courier.settled():
            if self.courier.agenda.next_at > self.clock.now():
                return True
            await self.catch_up()
        return False

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
        self.delivery = Delivery(self.channels.by_id, self.people, self._tell)
        self.line = Line(
            self.channels, self.people, self.delivery, self.log, self.notifier, self.courier
        )
        self.courier.agenda = Agenda()
        self.infobip = Infobip(self.line)
        self.eight_by_eight = EightByEight(self.line)

    def _tell(self, channel: Channel, event: Event) -> None:
        # A delivery event goes to whoever sent the message; all else concerns the channel.
        media = f"{self.url}/line-oa/1/media"
        if not (
            self.infobip.hears(channel, event, media=media) or self.eight_by_eight.hears(event)
        ):
            self.notifier.send(channel, event)
