"""Carries the partners' webhooks: real HTTP in the background, retries on the virtual clock.

What Infobip and 8x8 push differs in body, proof and retries; the way there is the same.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from lineportal.simulator.agenda import Agenda
from lineportal.simulator.clock import written

TIMEOUT_SECONDS = 5.0  # neither partner publishes its own
KEPT_POSTS = 1_000
KEPT_CHARACTERS = 50_000  # of each body
_AT_A_TIME = 8


@dataclass(slots=True, eq=False)
class Parcel:
    """One body on its way to a company's webhook."""

    partner: str  # infobip or 8x8
    owner: str  # the sender, or the sub-account
    url: str
    raw: bytes
    headers: Mapping[str, str]
    waits: tuple[float, ...]  # virtual seconds before each retry
    at: float  # the virtual instant of the first try
    given_up: Callable[[], None] | None = None
    tries: int = field(default=0)


class Courier:
    """The outgoing side of the partners; `send` never waits."""

    def __init__(self) -> None:
        self._session: aiohttp.ClientSession | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._posts: deque[dict[str, Any]] = deque(maxlen=KEPT_POSTS)
        self._free = asyncio.Semaphore(_AT_A_TIME)
        self.agenda = Agenda()

    async def start(self) -> None:
        """Open the client; call inside the event loop."""
        self._session = aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=TIMEOUT_SECONDS), auto_decompress=False
        )

    async def stop(self) -> None:
        """Give up what is under way and close the client."""
        await self.forget()
        if self._session:
            await self._session.close()

    async def forget(self) -> None:
        """Drop everything under way and remembered."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._posts.clear()

    def send(self, parcel: Parcel) -> None:
        """Take a parcel on its way."""
        task = asyncio.get_running_loop().create_task(self._carry(parcel, self.agenda))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def settled(self, within_seconds: float = 60.0) -> bool:
        """Wait until nothing is under way; retries planned for later do not count."""
        deadline = time.monotonic() + within_seconds
        while self._tasks:
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            await asyncio.wait(self._tasks, timeout=left)
        return True

    def shown(self, partner: str, limit: int) -> list[dict[str, Any]]:
        """Return the newest POSTs of one partner, oldest first."""
        posts = [post for post in self._posts if post["partner"] == partner]
        return posts[-limit:] if limit else []

    async def _carry(self, parcel: Parcel, agenda: Agenda) -> None:
        async with self._free:
            is_taken = await self._post(parcel)
        if is_taken:
            return
        if parcel.tries >= len(parcel.waits):
            if parcel.given_up:
                parcel.given_up()
            return
        wait = parcel.waits[parcel.tries]

        def again(at: float) -> None:
            parcel.tries += 1
            parcel.at = at
            self.send(parcel)

        agenda.plan(parcel.at + wait, again)

    async def _post(self, parcel: Parcel) -> bool:
        assert self._session is not None, "start() comes first"
        status, reason = 0, "ok"
        try:
            async with self._session.post(
                parcel.url, data=parcel.raw, headers=parcel.headers, allow_redirects=False
            ) as response:
                status = response.status
                await response.read()
                if not 200 <= status < 300:
                    reason = "status"
        except TimeoutError:
            status, reason = 0, "timeout"
        except (aiohttp.ClientError, OSError, ValueError):
            status, reason = 0, "connection"
        self._posts.append(
            {
                "partner": parcel.partner,
                "owner": parcel.owner,
                "at": written(parcel.at),
                "try": parcel.tries + 1,
                "url": parcel.url,
                "ok": reason == "ok",
                "status": status,
                "reason": reason,
                "body": parcel.raw.decode()[:KEPT_CHARACTERS],
            }
        )
        return reason == "ok"
