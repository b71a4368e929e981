"""Send LINE's events to each channel's address: signed, batched, repeated or disordered on demand."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import random
from collections import deque
from typing import Any

import aiohttp

from lineportal.simulator.world import Channel

BATCH = 100  # events per POST
TIMEOUT_SECONDS = 2.0  # LINE's own
REDELIVERIES = 5
WORKERS = 4
SENT_KEPT = 10_000


class Sender:
    """Queues events and posts them; `settled` waits until none is left or under way."""

    def __init__(self) -> None:
        self.hold = self.duplicate = self.shuffle = self.bad_signature = False
        self.sent: deque[dict[str, Any]] = deque(maxlen=SENT_KEPT)
        self._queues: dict[str, deque[dict[str, Any]]] = {}
        self._channels: dict[str, Channel] = {}
        self._held: list[tuple[Channel, dict[str, Any]]] = []
        self._wake = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._under_way = 0
        self._tasks: list[asyncio.Task[None]] = []
        self._session: aiohttp.ClientSession | None = None

    def reset(self) -> None:
        self.hold = self.duplicate = self.shuffle = self.bad_signature = False
        self.sent.clear()
        self._held.clear()

    async def start(self) -> None:
        self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=TIMEOUT_SECONDS))
        self._tasks = [asyncio.create_task(self._work()) for _ in range(WORKERS)]

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._session:
            await self._session.close()

    def emit(self, channel: Channel, event: dict[str, Any]) -> None:
        if not channel.webhook_url:
            return
        if self.hold:
            self._held.append((channel, event))
            return
        self._channels[channel.id] = channel
        self._queues.setdefault(channel.id, deque()).append(event)
        self._idle.clear()
        self._wake.set()

    async def flush(self) -> int:
        """Send what was held back, and wait until all is settled; return how many were held."""
        held, self._held = self._held, []
        hold, self.hold = self.hold, False
        if self.shuffle:
            random.shuffle(held)
        for channel, event in held:
            self.emit(channel, event)
        self.hold = hold
        await self.settled()
        return len(held)

    async def settled(self) -> None:
        await self._idle.wait()

    def redeliver(self, channels: dict[str, Channel], event_id: str | None) -> int:
        """Send events again that were sent before, as LINE's redelivery does; all, or one."""
        found = [
            entry
            for entry in list(self.sent)
            if event_id is None or entry["event"]["webhookEventId"] == event_id
        ]
        for entry in found:
            event = {**entry["event"], "deliveryContext": {"isRedelivery": True}}
            self.emit(channels[entry["channel"]], event)
        return len(found)

    async def _work(self) -> None:
        while True:
            channel_id = next((name for name, queue in self._queues.items() if queue), None)
            if channel_id is None:
                if self._under_way == 0:
                    self._idle.set()
                self._wake.clear()
                await self._wake.wait()
                continue
            queue = self._queues[channel_id]
            events = [queue.popleft() for _ in range(min(BATCH, len(queue)))]
            self._under_way += 1
            try:
                await self._deliver(self._channels[channel_id], events)
            finally:
                self._under_way -= 1

    async def _deliver(self, channel: Channel, events: list[dict[str, Any]]) -> None:
        if self.duplicate:
            events = events + events
        if self.shuffle:
            random.shuffle(events)
        status = await self._post(channel, events)
        for attempt in range(REDELIVERIES if channel.redelivers else 0):
            if 200 <= status < 300:
                break
            await asyncio.sleep(0.05 * 2**attempt)
            events = [{**e, "deliveryContext": {"isRedelivery": True}} for e in events]
            status = await self._post(channel, events)

    async def _post(self, channel: Channel, events: list[dict[str, Any]]) -> int:
        body = json.dumps(
            {"destination": channel.bot_user_id, "events": events}, ensure_ascii=False
        ).encode()
        secret = channel.secret + ("-wrong" if self.bad_signature else "")
        digest = hmac.new(secret.encode(), body, hashlib.sha256).digest()
        headers = {
            "Content-Type": "application/json",
            "X-Line-Signature": base64.b64encode(digest).decode(),
            "User-Agent": "LineBotWebhook/2.0",
        }
        status = 0
        if self._session is not None:
            try:
                async with self._session.post(
                    channel.webhook_url,
                    data=body,
                    headers=headers,
                    allow_redirects=False,
                ) as response:
                    await response.read()
                    status = response.status
            except (aiohttp.ClientError, OSError, TimeoutError):
                status = 0  # not reached, or not in time
        for event in events:
            self.sent.append({"channel": channel.id, "event": event, "status": status})
        return status
