"""How fast the worker sends, against a floor and a naive peer in one run.

Floor: the worker's own HTTP client posting bodies prepared beforehand, no database. Peer: a worker
as one would write it first, the ORM row by row with a blocking client. Ours: one real worker
process: claim, draw, hash, send, record. All three post to the same bare sink.
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from django.db import connection

from lineportal.accounts.models import Road
from lineportal.sending import campaigns, freezing, messages, reports
from lineportal.sending.models import Campaign, Message
from lineportal.sending.statuses import Status
from templates_app import rendering
from tests import factories
from tests.benchmarks.bench_main_path import bare_insert, people, timed
from tests.line import CHANNEL, SECRET
from tests.sending.test_worker_process import wait, workers

PROJECT = Path(__file__).resolve().parents[2]
MESSAGES = 60_000
NAIVE = 300
MILLION = 1_000_000
REPORTED = 5_000_000


class Sink:
    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"

    def read(self) -> Counter[int]:
        """Return the POSTs since the last reading, by the hundredth of a second."""
        with urllib.request.urlopen(self.url, timeout=10) as answer:  # noqa: S310 - our own
            return Counter(dict(json.loads(answer.read())))


def rate(posts: Counter[int]) -> float:
    """Return POSTs a second between the first and the last."""
    return posts.total() / ((max(posts) - min(posts) + 1) / 100)


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


def made(sink: Sink, count: int, *, rate_per_second: int) -> Campaign:
    """Return a campaign to so many people, not started."""
    with connection.cursor() as cursor:
        # No channel of LINE's is faster than 2,000 a second; here the worker is its own limit.
        cursor.execute(
            "ALTER TABLE accounts_road DROP CONSTRAINT IF EXISTS rate_within_line_ceiling"
        )
    account = factories.account(
        api_base_url=sink.url,
        given={
            "channel_id": CHANNEL,
            "channel_secret": SECRET,
            "channel_access_token": "bench-token-0123456789",
        },
    )
    Road.objects.update(rate_per_second=rate_per_second)
    people(account, count)
    by, at = factories.user("sender"), datetime.now(UTC)
    return campaigns.create(
        account, template=factories.approved(account), name="bench", by=by, at=at
    )


def begun(sink: Sink, count: int, *, rate_per_second: int) -> Campaign:
    campaign = made(sink, count, rate_per_second=rate_per_second)
    at = datetime.now(UTC)
    campaign = campaigns.start(campaign, by=campaign.created_by, at=at)
    freezing.write_all(campaign.pk, at=at)
    return campaign


def is_finished(campaign: Campaign) -> bool:
    return Campaign.objects.get(pk=campaign.pk).state == Campaign.State.FINISHED


def memory_mb(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024


def floor(sink: Sink) -> float:
    command = [sys.executable, "-m", "tests.benchmarks.floor", f"{sink.url}/bot/pnp/push"]
    subprocess.run([*command, str(MESSAGES)], cwd=PROJECT, check=True)
    return rate(sink.read())


def naive(sink: Sink, campaign: Campaign) -> float:
    """Send row by row as one would write it first: two saves and a blocking POST each."""
    queued = Message.objects.filter(campaign=campaign, status=Status.QUEUED)
    begin = time.perf_counter()
    for message in queued.select_related("template")[:NAIVE]:
        message.status = Status.SENDING
        message.save()
        body = {
            "to": "a" * 64,
            "messages": [rendering.fill(message.template.bubble, message.values)],
        }
        request = urllib.request.Request(  # noqa: S310 - our own
            f"{sink.url}/bot/pnp/push",
            data=json.dumps(body).encode(),
            headers={"Content-Type": "application/json", "Authorization": "Bearer bench"},
        )
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - our own
            answer.read()
        message.status = Status.ACCEPTED
        message.save()
    sink.read()
    return NAIVE / (time.perf_counter() - begin)


def test_the_worker_against_prepared_posts_and_a_naive_worker(
    sink: Sink, transactional_db: None
) -> None:
    campaign = begun(sink, MESSAGES + NAIVE, rate_per_second=100_000)
    peer = naive(sink, campaign)
    before = floor(sink)
    with workers(1) as (worker,):
        wait(lambda: is_finished(campaign), "the campaign is finished", seconds=300)
        memory = memory_mb(worker.pid)
    ours = rate(sink.read())
    after = floor(sink)
    mean = (before + after) / 2
    print(
        f"\nworker: {ours:,.0f}/s; prepared posts: {before:,.0f} and {after:,.0f}/s, ratio"
        f" {ours / mean:.2f}; naive worker: {peer:,.0f}/s, {ours / peer:.1f} times;"
        f" memory {memory:.0f} MB"
    )
    assert campaign.messages.filter(status=Status.ACCEPTED).count() == MESSAGES + NAIVE


@pytest.mark.parametrize("limit", [300, 1_000])
def test_two_workers_keep_one_rate_and_let_one_off_messages_pass(
    limit: int, sink: Sink, transactional_db: None
) -> None:
    """For 60 s once warm, one of the two workers is killed halfway; one-off messages between."""
    campaign = begun(sink, limit * 90, rate_per_second=limit)
    by, waits = campaign.created_by, []
    with workers(2) as (first, _second):
        time.sleep(8)  # the slow start
        sink.read()
        begin = time.monotonic()
        while time.monotonic() < begin + 60:
            if time.monotonic() > begin + 30 and first.poll() is None:
                first.kill()
                first.wait()
            waits.append(_one_off(campaign, by, len(waits)))
            time.sleep(random.uniform(0.2, 0.8))
        posts = sink.read()
        campaigns.cancel(campaign, by=by, at=datetime.now(UTC))
    start = min(posts)
    seconds = [sum(posts[start + 100 * s + h] for h in range(100)) for s in range(59)]
    windows = [sum(posts[start + h + i] for i in range(100)) for h in range(5_800)]
    waits.sort()
    print(
        f"\nrate {limit}/s, two workers, one killed after 30 s: mean {rate(posts):,.1f}/s"
        f" ({rate(posts) / limit:.1%}), slowest second {min(seconds)}, any second at most"
        f" {max(windows)} ({max(windows) / limit:.1%}); one-off messages: {len(waits)}, median"
        f" {waits[len(waits) // 2]:.2f} s, 95th percentile {waits[int(len(waits) * 0.95)]:.2f} s"
    )


def _one_off(campaign: Campaign, by: object, n: int) -> float:
    """Ask for one message as the API does; return the seconds until its answer was recorded."""
    begin = time.monotonic()
    message = messages.request(
        campaign.account,
        template=campaign.template,
        phone=f"+669{n:08d}",
        line_user_id=None,
        values=factories.VALUES,
        not_after=None,
        key=f"one-off-{n}",
        body={},
        by=by,  # type: ignore[arg-type]
        at=datetime.now(UTC),
    )
    while Message.objects.get(pk=message.pk).status in (Status.QUEUED, Status.SENDING):
        assert time.monotonic() < begin + 60
        time.sleep(0.02)
    return time.monotonic() - begin


def test_a_million_are_started_against_a_bare_insert(sink: Sink, transactional_db: None) -> None:
    campaign = made(sink, MILLION, rate_per_second=2_000)
    at = datetime.now(UTC)

    def start() -> None:
        campaigns.start(campaign, by=campaign.created_by, at=at)
        freezing.write_all(campaign.pk, at=at)

    ours = timed(start)
    bare = bare_insert()
    print(f"\nstart of {MILLION:,}: {ours:.1f} s; bare INSERT ... SELECT: {bare:.1f} s;"
          f" ratio {ours / bare:.2f}")  # fmt: skip
    assert campaign.messages.count() == MILLION


def test_a_report_on_five_million_messages(sink: Sink, transactional_db: None) -> None:
    """The counts alone decide what a report costs, so the rows behind them are not written."""
    campaign = begun(sink, 1, rate_per_second=2_000)
    with connection.cursor() as cursor:
        # As 5,000,000 messages leave them when nobody squashed for a while: two rows per slice.
        cursor.execute(
            """
            INSERT INTO sending_tally (campaign_id, status, rule, n)
            SELECT %s, status, '', n FROM generate_series(1, %s) slice,
                (VALUES ('accepted', 64), ('queued', -64)) moved (status, n)
            UNION ALL SELECT %s, 'queued', '', %s
            """,
            [campaign.pk, REPORTED // 64 // 50, campaign.pk, REPORTED],
        )
    at = datetime.now(UTC)
    raw = min(timed(lambda: reports.report(campaign, at=at)) for _ in range(5))
    reports.squash()
    squashed = min(timed(lambda: reports.report(campaign, at=at)) for _ in range(5))
    total = reports.report(campaign, at=at).total
    print(f"\nreport on {total:,} messages: {1000 * raw:.1f} ms before squashing a burst of"
          f" tallies, {1000 * squashed:.1f} ms after")  # fmt: skip
