"""The load client of the webhook benchmark, a process of its own: signed LINE webhooks by POST.

`python -m tests.benchmarks.poster` reads one JSON object from stdin and prints one. Given: `url`,
`secret` (blank: GET with no body, the floor), `events`, `per_post`, `per_second` (events; 0: as
fast as the answers come) and `connections`. Printed: `events_per_second`, `p50_ms`, `p95_ms`,
`p99_ms`, `statuses`. At a set rate a POST's time counts from when it was due, not from when a
connection was free.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import sys
import time
import uuid
from collections import Counter
from typing import Any

import aiohttp
import uvloop


def body_of(count: int, at_ms: int) -> bytes:
    events = [
        {
            "type": "delivery",
            "delivery": {"data": uuid.uuid4().hex},
            "webhookEventId": uuid.uuid4().hex[:26].upper(),
            "deliveryContext": {"isRedelivery": False},
            "timestamp": at_ms,
            "mode": "active",
        }
        for _ in range(count)
    ]
    return json.dumps({"destination": "U" + "0" * 32, "events": events}).encode()


def signed(body: bytes, secret: str) -> tuple[bytes, dict[str, str]]:
    digest = hmac.new(secret.encode(), body, hashlib.sha256).digest()
    return body, {
        "Content-Type": "application/json",
        "X-Line-Signature": base64.b64encode(digest).decode(),
    }


async def post_all(given: dict[str, Any]) -> dict[str, Any]:
    count = given["events"] // given["per_post"]
    at_ms = int(time.time() * 1000)
    bodies = (body_of(given["per_post"], at_ms) for _ in range(count))
    prepared = [signed(body, given["secret"]) for body in bodies if given["secret"]]
    seconds: list[float] = []
    statuses: Counter[int] = Counter()
    numbers = iter(range(count))
    interval = given["per_post"] / given["per_second"] if given["per_second"] else 0.0
    begin = time.perf_counter()

    async def work(session: aiohttp.ClientSession) -> None:
        for number in numbers:
            due = begin + number * interval if interval else time.perf_counter()
            if (wait := due - time.perf_counter()) > 0:
                await asyncio.sleep(wait)
            if prepared:
                body, headers = prepared[number]
                call = session.post(given["url"], data=body, headers=headers)
            else:
                call = session.get(given["url"])
            async with call as answer:
                await answer.read()
            statuses[answer.status] += 1
            seconds.append(time.perf_counter() - due)

    connector = aiohttp.TCPConnector(limit=given["connections"])
    async with aiohttp.ClientSession(
        connector=connector, timeout=aiohttp.ClientTimeout(total=30)
    ) as session:
        await asyncio.gather(*(work(session) for _ in range(given["connections"])))
    took = time.perf_counter() - begin
    seconds.sort()
    return {
        "events_per_second": count * given["per_post"] / took,
        **{f"p{n}_ms": seconds[len(seconds) * n // 100] * 1000 for n in (50, 95, 99)},
        "statuses": statuses,
    }


if __name__ == "__main__":
    print(json.dumps(uvloop.run(post_all(json.loads(sys.stdin.read())))))
