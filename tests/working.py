"""The worker's own code, run by a test: its database calls in threads, as a worker makes them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from django.db import connections

from lineportal.accounts.models import OfficialAccount
from lineportal.sending import talker, worker


async def in_database(function: Callable[..., Any], *args: Any, **kw: Any) -> Any:
    def run() -> Any:
        try:
            return function(*args, **kw)
        finally:
            connections.close_all()

    return await asyncio.to_thread(run)


def run(work: Coroutine[Any, Any, Any]) -> Any:
    """Run in a thread of its own: in browser tests this one runs Playwright's loop."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, work).result()


async def with_roads(work: Callable[[worker.Roads], Awaitable[None]]) -> None:
    """Do what a worker does on its roads, with sessions of its own."""
    roads = worker.Roads()
    try:
        await work(roads)
    finally:
        await roads.close()


def post_answers(account: OfficialAccount, *, workers: int = 1) -> None:
    """Have so many workers post, each with sessions of its own, until nothing is due."""

    async def one(roads: worker.Roads) -> None:
        await talker.post(account.pk, roads, in_database, may_go_on=lambda: True)

    async def all_of_them() -> None:
        await asyncio.gather(*(with_roads(one) for _ in range(workers)))

    run(all_of_them())
