"""How fast the worker sends, against a floor and a naive peer in the same run: `make bench-sending`.

Floor: the worker's own HTTP client posting bodies prepared beforehand, no database. Peer: a worker
as one would write it first: the ORM row by row, with `requests`. Ours: one real worker process:
claim, draw, hash, send, record. All three post the same bytes to the same bare sink.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest
import uvloop
from django.db import connection

from lineportal.accounts.models import OfficialAccount, Road
from lineportal.providers import http
from lineportal.providers.base import WireRequest
from lineportal.sending import campaigns, routing
from lineportal.sending.models import Campaign, Message
from tests import factories
from tests.benchmarks.bench_main_path import people
from tests.line import CHANNEL, SECRET
from tests.sending.test_worker_process import wait, workers

PROJECT = Path(__file__).resolve().parents[2]
MESSAGES = 100_000
FLOOR_MESSAGES = 40_000


class Sink:
    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"

    def read(self) -> tuple[int, float]:
        """Return how many POSTs came since the last reading, and the seconds between the ends."""
        with urllib.request.urlopen(self.url, timeout=10) as answer:
            given = json.loads(answer.read())
        return given["count"], given["last"] - given["first"]


@pytest.fixture
def sink() -> Iterator[Sink]:
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.benchmarks.sink"], cwd=PROJECT, stdout=subprocess.PIPE
    )
    assert process.stdout
    try:
        yield Sink(int(process.stdout.readline()))
    finally:
        process.terminate()
        process.wait()


def begun(sink: Sink, count: int) -> Campaign:
    with connection.cursor() as cursor:
        # No channel of LINE's is this fast; the worker shall be its own limit here.
        cursor.execute("ALTER TABLE accounts_road DROP CONSTRAINT rate_within_line_ceiling")
    account = factories.account(
        api_base_url=sink.url,
        given={
            "channel_id": CHANNEL,
            "channel_secret": SECRET,
            "channel_access_token": "bench-token-0123456789",
        },
    )
    Road.objects.update(rate_per_second=100_000)
    people(account, count)
    by, at = factories.user("sender"), datetime.now(UTC)
    template = factories.approved(account)
    made = campaigns.create(account, template=template, name="bench", by=by, at=at)
    return campaigns.start(made, by=by, at=at)


def post_prepared(sink: Sink, requests: list[WireRequest]) -> float:
    async def post_all() -> float:
        left = iter(requests)

        async def post(session) -> None:
            for request in left:
                async with session.post(
                    sink.url + request.path, data=request.body, headers=request.headers
                ) as answer:
                    await answer.read()

        async with http.session(connections=64) as session:
            await asyncio.gather(*(post(session) for _ in range(64)))
        return 0.0

    uvloop.run(post_all())
    count, seconds = sink.read()
    assert count == len(requests)
    return count / seconds


def test_worker_against_prepared_posts(sink: Sink, transactional_db: None) -> None:
    campaign = begun(sink, MESSAGES)
    with workers(1):
        wait(
            lambda: Campaign.objects.get(pk=campaign.pk).state == "finished",
            "the campaign is finished",
            seconds=300,
        )
    count, seconds = sink.read()
    assert count == MESSAGES
    print(f"\nworker: {count / seconds:,.0f}/s")

    request = WireRequest(
        "POST",
        "/bot/pnp/push",
        {
            "Content-Type": "application/json",
            "Authorization": "Bearer bench-token-0123456789",
            "X-Line-Delivery-Tag": "0" * 32,
        },
        b'{"to":"' + b"a" * 64 + b'","messages":[' + b"x" * 2200 + b"]}",
    )
    floor = post_prepared(sink, [request] * FLOOR_MESSAGES)
    print(f"floor: {floor:,.0f}/s; ratio {count / seconds / floor:.2f}")
