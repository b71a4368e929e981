"""The floor: the worker's HTTP client posting prepared bodies, and nothing else in the process.

`python -m tests.benchmarks.floor URL COUNT` posts COUNT times over 64 connections, as uvloop runs.
"""

from __future__ import annotations

import asyncio
import sys

import aiohttp
import uvloop

from lineportal.providers import http

_HEADERS = {
    "Content-Type": "application/json",
    "Authorization": "Bearer bench-token-0123456789",
    "X-Line-Delivery-Tag": "0" * 32,
}
_BODY = b'{"to":"' + b"a" * 64 + b'","messages":[' + b"x" * 2200 + b"]}"  # as long as ours
_CONNECTIONS = 64


async def post_all(url: str, count: int) -> None:
    left = iter(range(count))

    async def post(session: aiohttp.ClientSession) -> None:
        for _n in left:
            async with session.post(url, data=_BODY, headers=_HEADERS) as answer:
                await answer.read()

    async with http.session(connections=_CONNECTIONS) as session:
        await asyncio.gather(*(post(session) for _ in range(_CONNECTIONS)))


if __name__ == "__main__":
    uvloop.run(post_all(sys.argv[1], int(sys.argv[2])))
