"""LINE as its documents describe it, as far as a push needs it; knows nothing of our simulator.

Messaging API reference, "Send push message" and "Retry failed API requests": 200; 409 to a retry
key whose message was taken before; 500 whether or not the message was taken.
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID, uuid4

from aiohttp import web

TOKEN = "witnessed"


class Witness:
    """What arrived; `trouble`: one in so many first tries ends with 500, taken or not; 0: none."""

    def __init__(self, *, trouble: int = 0) -> None:
        self.trouble = trouble
        self.url = ""
        self.tries: Counter[UUID] = Counter()  # by retry key
        self.got: Counter[str] = Counter()  # messages by the person who got them
        self.person_of: dict[UUID, str] = {}
        self.wrong: list[str] = []  # what LINE would not have taken
        self.bodies: Counter[str] = Counter()
        self._taken: set[UUID] = set()
        self._lock = threading.Lock()

    def total(self) -> int:
        with self._lock:
            return sum(self.got.values())

    async def push(self, request: web.Request) -> web.Response:
        body = await request.json()
        with self._lock:
            return self._answer(request, body)

    def _answer(self, request: web.Request, body: dict[str, Any]) -> web.Response:
        headers = {"x-line-request-id": str(uuid4())}
        try:
            key = UUID(request.headers["X-Line-Retry-Key"])
            person, [message] = body["to"], body["messages"]
            assert request.headers["Authorization"] == f"Bearer {TOKEN}"
            assert message["type"] in ("text", "flex")
        except (KeyError, ValueError, AssertionError) as error:
            self.wrong.append(repr(error))
            return web.json_response({"message": "wrong"}, status=400, headers=headers)
        self.tries[key] += 1
        if self.person_of.setdefault(key, person) != person:
            self.wrong.append("a retry key was used for two people")
        if key in self._taken:
            return web.json_response(
                {"message": "The retry key is already accepted"}, status=409,
                headers={**headers, "x-line-accepted-request-id": str(uuid4())},
            )  # fmt: skip
        chance = key.int % self.trouble if self.trouble and self.tries[key] == 1 else -1
        if chance == 1:  # not taken
            return web.json_response({"message": "Internal server error"}, status=500)
        self._taken.add(key)
        self.got[person] += 1
        self.bodies[json.dumps(message, sort_keys=True, ensure_ascii=False)] += 1
        if chance == 0:  # taken, and the answer is lost
            return web.json_response({"message": "Internal server error"}, status=500)
        return web.json_response({"sentMessages": [{"id": str(key.int)[:18]}]}, headers=headers)

    async def token(self, request: web.Request) -> web.Response:
        return web.json_response({"token_type": "Bearer", "access_token": TOKEN, "expires_in": 900})

    async def limit(self, request: web.Request) -> web.Response:
        return web.json_response({"type": "none"})

    async def used(self, request: web.Request) -> web.Response:
        return web.json_response({"totalUsage": self.total()})


@contextmanager
def listening(witness: Witness) -> Iterator[Witness]:
    """Serve on a free port of this machine until the block ends."""
    app = web.Application()
    app.router.add_post("/oauth2/v3/token", witness.token)
    app.router.add_post("/v2/bot/message/push", witness.push)
    app.router.add_get("/v2/bot/message/quota", witness.limit)
    app.router.add_get("/v2/bot/message/quota/consumption", witness.used)
    loop = asyncio.new_event_loop()
    runner = web.AppRunner(app, access_log=None)

    async def begin() -> None:
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        witness.url = f"http://127.0.0.1:{runner.addresses[0][1]}"

    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        asyncio.run_coroutine_threadsafe(begin(), loop).result(20)
        yield witness
    finally:
        asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result(20)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(20)
        loop.close()
