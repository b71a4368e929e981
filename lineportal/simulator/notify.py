"""Sends webhooks: signed, batched, in the background, and on demand as badly as LINE may.

One POST at a time per channel keeps the order; a backlog opens further ones, as LINE does.
"""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections import deque
from dataclasses import asdict, dataclass, field
from typing import Any

import aiohttp

from lineportal.simulator import events
from lineportal.simulator.channels import Channel
from lineportal.simulator.events import Event

TIMEOUT_SECONDS = 2.0  # LINE's own: later answers count as request_timeout
BATCH = 100  # events per POST at most
SENDERS = 4  # POSTs at a time per channel at most
REDELIVERY_WAITS = (0.1, 0.5, 2.0)  # real seconds; LINE does not publish its own
KEPT_EVENTS = 50_000
KEPT_POSTS = 10_000

_GATHER_SECONDS = 0.05  # so that shuffling has something to shuffle


@dataclass(slots=True)
class Switches:
    """How webhooks go out; all off is how LINE behaves on a good day."""

    hold: bool = False  # keep events back until flushed
    duplicate: bool = False  # send every event twice, not marked as redelivered
    shuffle: bool = False  # out of order
    bad_signature: bool = False  # signed with another secret


@dataclass(slots=True, eq=False)
class _Line:
    """What is on its way to one channel's webhook."""

    queue: deque[Event] = field(default_factory=deque)
    held: list[Event] = field(default_factory=list)
    senders: int = 0


class Notifier:
    """The outgoing side; `send` never waits."""

    def __init__(self, channels: dict[str, Channel]) -> None:
        self._channels = channels
        self._session: aiohttp.ClientSession | None = None
        self._lines: dict[str, _Line] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._events: dict[str, tuple[str, Event]] = {}
        self._posts: deque[dict[str, Any]] = deque(maxlen=KEPT_POSTS)
        self._random = random.Random(2_011)
        self.switches = Switches()

    async def start(self) -> None:
        """Open the client; call inside the event loop."""
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=64),
            timeout=aiohttp.ClientTimeout(total=TIMEOUT_SECONDS),
            auto_decompress=False,
        )

    async def stop(self) -> None:
        """Give up what is under way and close the client."""
        await self.forget()
        if self._session:
            await self._session.close()

    async def forget(self) -> None:
        """Drop everything queued, held, under way and remembered."""
        self._lines.clear()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._events.clear()
        self._posts.clear()
        self.switches = Switches()

    def send(self, channel: Channel, event: Event) -> None:
        """Queue one event for the channel's webhook, or hold it back."""
        self._events[event["webhookEventId"]] = (channel.id, event)
        if len(self._events) > KEPT_EVENTS:
            del self._events[next(iter(self._events))]
        line = self._lines.setdefault(channel.id, _Line())
        copies = 2 if self.switches.duplicate else 1
        (line.held if self.switches.hold else line.queue).extend([event] * copies)
        self._work(channel.id, line)

    def release(self) -> int:
        """Send what is held back; gives how many events that is."""
        released = 0
        for channel_id, line in self._lines.items():
            released += len(line.held)
            line.queue.extend(line.held)
            line.held.clear()
            self._work(channel_id, line)
        return released

    def redeliver(self, event_id: str | None) -> int:
        """Send one event, or all of them, again and marked so; gives how many were known."""
        known = list(self._events.values()) if event_id is None else []
        if event_id in self._events:
            known = [self._events[event_id]]
        for channel_id, event in known:
            line = self._lines.setdefault(channel_id, _Line())
            line.queue.append(events.redelivered(event))
            self._work(channel_id, line)
        return len(known)

    async def settled(self, within_seconds: float = 60.0) -> bool:
        """Wait until every webhook was sent or given up; False if that took too long."""
        deadline = time.monotonic() + within_seconds
        while self._tasks:
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            await asyncio.wait(self._tasks, timeout=left)
        return True

    async def ping(self, channel: Channel, url: str) -> dict[str, Any]:
        """POST an empty webhook, as LINE's "verify" does; gives the record of it."""
        return await self._post(channel, [], url)

    def shown(self, limit: int) -> dict[str, Any]:
        """Return switches, what is on its way, and the newest POSTs, oldest first."""
        return {
            **asdict(self.switches),
            "queued": sum(len(line.queue) for line in self._lines.values()),
            "held": sum(len(line.held) for line in self._lines.values()),
            "under_way": len(self._tasks),
            "sent": list(self._posts)[-limit:] if limit else [],
        }

    def _work(self, channel_id: str, line: _Line) -> None:
        wanted = min(SENDERS, -(-len(line.queue) // BATCH))
        while line.senders < wanted:
            line.senders += 1
            self._spawn(self._drain(channel_id, line))

    def _spawn(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _drain(self, channel_id: str, line: _Line) -> None:
        try:
            while line.queue:
                if self.switches.shuffle:
                    await asyncio.sleep(_GATHER_SECONDS)
                    self._shuffle(line.queue)
                batch = [line.queue.popleft() for _ in range(min(BATCH, len(line.queue)))]
                channel = self._channels.get(channel_id)
                if batch and channel and channel.webhook_url and channel.webhook_active:
                    await self._deliver(channel, batch, channel.webhook_url)
        finally:
            line.senders -= 1

    async def _deliver(self, channel: Channel, batch: list[Event], url: str) -> None:
        record = await self._post(channel, batch, url)
        if channel.redelivery and not record["ok"]:
            self._spawn(self._insist(channel, [events.redelivered(e) for e in batch], url))

    async def _insist(self, channel: Channel, batch: list[Event], url: str) -> None:
        for wait in REDELIVERY_WAITS:
            await asyncio.sleep(wait)
            if (await self._post(channel, batch, url))["ok"]:
                return

    async def _post(self, channel: Channel, batch: list[Event], url: str) -> dict[str, Any]:
        assert self._session is not None, "start() comes first"
        raw = json.dumps(
            {"destination": channel.bot_user_id, "events": batch}, separators=(",", ":")
        ).encode()
        secret = channel.secret + ("-another" if self.switches.bad_signature else "")
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "User-Agent": "LineBotWebhook/2.0",
            "X-Line-Signature": events.signature(secret, raw),
        }
        began = time.monotonic()
        status, reason = 0, "OK"
        try:
            async with self._session.post(
                url, data=raw, headers=headers, allow_redirects=False
            ) as response:
                status = response.status
                await response.read()
                if not 200 <= status < 300:
                    reason = "ERROR_STATUS_CODE"
        except TimeoutError:
            status, reason = 0, "REQUEST_TIMEOUT"
        except aiohttp.ClientConnectorError:
            reason = "COULD_NOT_CONNECT"
        except (aiohttp.ClientError, OSError, ValueError):
            status, reason = 0, "UNCLASSIFIED"
        record = {
            "channel": channel.id,
            "url": url,
            "ok": reason == "OK",
            "status": status,
            "reason": reason,
            "seconds": round(time.monotonic() - began, 4),
            "signature": headers["X-Line-Signature"],
            "events": batch,
        }
        self._posts.append(record)
        return record

    def _shuffle(self, queue: deque[Event]) -> None:
        before = list(queue)
        after = self._random.sample(before, len(before))
        if after == before:
            after.reverse()
        queue.clear()
        queue.extend(after)
