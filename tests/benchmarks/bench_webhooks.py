"""How fast webhooks are stored and read, as ratios within one run.

`python -m pytest -q -s tests/benchmarks/bench_webhooks.py`. Intake: gunicorn as it runs in
production, a load client in a process of its own. Its floors: the same client and gunicorn with a
view that does nothing, and a bare loop of INSERT of the same bodies. Processing: `inbox.read` of
50,000 delivery events against a bare UPDATE ... FROM unnest of as many messages. Passing on: an
account with forwarding against one without, turn by turn.
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
import socket
import statistics
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection

from lineportal.accounts import credentials
from lineportal.accounts.models import OfficialAccount
from lineportal.sending import campaigns, forwarding, forwards, freezing, inbox, lanes
from lineportal.sending.models import (
    Forward,
    Forwarding,
    Message,
    WebhookDelivery,
    WebhookEvent,
)
from tests import factories
from tests.benchmarks import poster
from tests.benchmarks.bench_main_path import people, timed
from tests.line import SECRET
from tests.sending.test_worker_process import database_url, wait, workers

PROJECT = Path(__file__).resolve().parents[2]
EVENTS = 20_000
SINGLE_EVENTS = 4_000
FLOOR = 2_000  # requests, and INSERTs
GOAL_PER_SECOND = 2_000
SERVER = ("--workers", "2", "--threads", "4")
CONNECTIONS = 16
ROUNDS = 3
RECEIPTS = 50_000
PER_DELIVERY = 10
UPDATE_BATCH = 5_000


@contextlib.contextmanager
def gunicorn() -> Iterator[str]:
    """Serve the portal on the test database, with debugging off; yield its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {
        **os.environ,
        "DATABASE_URL": database_url(),
        "LINEPORTAL_DEBUG": "0",
        "LINEPORTAL_SECRET_KEY": "bench-" * 10,
        "LINEPORTAL_FIELD_KEYS": ",".join(settings.FIELD_KEYS),
    }
    environment.pop("DJANGO_SETTINGS_MODULE", None)
    process = subprocess.Popen(
        [sys.executable, "-m", "gunicorn", "lineportal.wsgi", *SERVER,
         "--bind", f"127.0.0.1:{port}", "--log-level", "warning"],
        cwd=PROJECT,
        env=environment,
    )  # fmt: skip
    url = f"http://127.0.0.1:{port}"
    try:
        wait(lambda: _answers(url), "gunicorn answers")
        yield url
    finally:
        process.terminate()
        process.wait(20)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/healthz", timeout=5) as answer:  # noqa: S310 - our own
            return bool(answer.status == 200)
    except OSError:
        return False


def post(url: str, *, per_post: int, per_second: int = 0, events: int, secret: str = SECRET) -> Any:
    given = {
        "url": url,
        "secret": secret,
        "events": events,
        "per_post": per_post,
        "per_second": per_second,
        "connections": CONNECTIONS,
    }
    done = subprocess.run(
        [sys.executable, "-m", "tests.benchmarks.poster"],
        cwd=PROJECT, input=json.dumps(given), capture_output=True, text=True, check=True,
        timeout=180,
    )  # fmt: skip
    found = json.loads(done.stdout)
    assert set(found["statuses"]) == {"200"}, found["statuses"]
    return found


def shown(name: str, found: dict[str, Any]) -> float:
    rate: float = found["events_per_second"]
    print(f"{name}: {rate:,.0f} events/s; p50 {found['p50_ms']:.0f}, p95 {found['p95_ms']:.0f},"
          f" p99 {found['p99_ms']:.0f} ms")  # fmt: skip
    return rate


def test_intake(transactional_db: None) -> None:
    account = factories.account()
    with gunicorn() as url:
        hook = f"{url}/webhooks/line/{account.webhook_id}/"
        post(hook, per_post=10, events=1_000)  # both processes warm
        print(f"\ngunicorn {' '.join(SERVER)}, {CONNECTIONS} connections of one client")
        found = post(f"{url}/healthz", per_post=1, events=FLOOR, secret="")
        floor = shown("nothing done, flat out, one GET as one event", found)
        for per_post, events in ((10, EVENTS), (1, SINGLE_EVENTS)):
            if per_post > 1:
                found = post(hook, per_post=per_post, per_second=GOAL_PER_SECOND, events=events)
                shown(f"POSTs of {per_post}, {GOAL_PER_SECOND:,}/s offered", found)
            found = post(hook, per_post=per_post, events=events)
            posts = shown(f"POSTs of {per_post}, flat out", found) / per_post
            inserts = FLOOR / timed(functools.partial(insert, account, per_post, FLOOR))
            print(
                f"  {posts:,.0f} POSTs/s: {posts / floor:.2f} of nothing done,"
                f" {posts / inserts:.2f} of bare INSERTs one by one ({inserts:,.0f}/s)"
            )
    posted = 100 + 2 * EVENTS // 10 + SINGLE_EVENTS
    assert WebhookDelivery.objects.count() == posted + 2 * FLOOR


def insert(account: OfficialAccount, per_post: int, count: int) -> None:
    body = poster.body_of(per_post, 0)
    with connection.cursor() as cursor:
        for _ in range(count):
            cursor.execute(
                "INSERT INTO sending_webhookdelivery (account_id, provider, body, received_at,"
                " problem) VALUES (%s, 'line', %s, now(), '')",
                [account.pk, body],
            )


def test_intake_while_a_worker_reads(transactional_db: None) -> None:
    account = factories.account()
    with gunicorn() as url, workers(1):
        hook = f"{url}/webhooks/line/{account.webhook_id}/"
        post(hook, per_post=10, events=1_000)
        found = post(hook, per_post=10, per_second=GOAL_PER_SECOND, events=EVENTS)
        print()
        shown(f"POSTs of 10, {GOAL_PER_SECOND:,}/s offered, a worker beside", found)
        ended = time.monotonic()
        unread = WebhookDelivery.objects.filter(read_at=None)
        wait(lambda: not unread.exists(), "all is read")
        print(f"  all is applied {time.monotonic() - ended:.1f} s after the last answer")
    assert WebhookEvent.objects.count() == EVENTS + 1_000


def test_passing_on(transactional_db: None) -> None:
    """An account that passes nothing on is as quick as before; one that does, nearly."""
    at = datetime.now(UTC)
    plain = factories.account()
    with gunicorn() as url, sink() as bot:
        forwarded = factories.account("forwarded", channel="1650000002")
        forwarding.pass_on(forwarded, url=bot, by=None, at=at)
        # Without a worker: no bot is asked, as if it rested.
        Forwarding.objects.update(rests_until=at + timedelta(days=1))
        print()
        rates: dict[str, list[float]] = {"plain": [], "forwarded": []}
        for n in range(1 + ROUNDS):
            for name, account in (("plain", plain), ("forwarded", forwarded)):
                hook = f"{url}/webhooks/line/{account.webhook_id}/"
                found = post(hook, per_post=1, events=SINGLE_EVENTS // 2)
                if n:  # both processes are warm
                    rates[name].append(shown(f"POSTs of 1, flat out, {name}", found))
        medians = {name: statistics.median(each) for name, each in rates.items()}
        print(f"  ratio of the medians {medians['forwarded'] / medians['plain']:.2f}")

        store = functools.partial(inbox.store, provider="line", body=b"x" * 300, at=at)
        given = {"Content-Type": "application/json", "X-Line-Signature": "x" * 44}
        sign = functools.partial(
            credentials.webhook_signers, plain.webhook_id, provider="line", at=at
        )
        asked = forwards.is_on_sql("account.id", "road.provider")
        ways = {
            "signers": sign,
            "signers, and whether it is passed on": lambda: sign(asking=asked),
            "stored": lambda: store(plain.pk),
            "stored, to be passed on": lambda: store(forwarded.pk, headers=given),
        }
        lanes.wake_inbox()  # so that no job is made meanwhile
        took: dict[str, list[float]] = {name: [] for name in ways}
        for _n in range(FLOOR):
            for name, way in ways.items():
                took[name].append(timed(way))
        for name, each in took.items():
            print(f"  {name}: median {statistics.median(each) * 1e6:,.0f} µs")

        Forwarding.objects.update(rests_until=None)
        waiting = Forward.objects.filter(state="waiting")
        count, begin = waiting.count(), time.monotonic()
        with workers(1):
            wait(lambda: not waiting.exists(), "all is passed on")
            print(f"  {count:,} passed on by one worker in {time.monotonic() - begin:.1f} s,"
                  " its start included")  # fmt: skip
            hook = f"{url}/webhooks/line/{forwarded.webhook_id}/"
            found = post(hook, per_post=10, per_second=GOAL_PER_SECOND, events=EVENTS)
            shown(f"POSTs of 10, {GOAL_PER_SECOND:,}/s offered, a worker beside", found)
            ended = time.monotonic()
            wait(lambda: not waiting.exists(), "all is passed on")
            print(f"  all is passed on {time.monotonic() - ended:.1f} s after the last answer")
            late = Forward.objects.order_by("-pk")[: EVENTS // 10]
            seconds = sorted(
                (each.ended_at - each.received_at).total_seconds() for each in late if each.ended_at
            )
            print(f"  from our door to the bot's answer: p50 {seconds[len(seconds) // 2]:.2f},"
                  f" p99 {seconds[len(seconds) * 99 // 100]:.2f} s")  # fmt: skip


@contextlib.contextmanager
def sink() -> Iterator[str]:
    """Run a bot that takes everything at once; yield its address."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.benchmarks.sink"], cwd=PROJECT, stdout=subprocess.PIPE,
        text=True,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        try:
            yield f"http://127.0.0.1:{int(process.stdout.readline())}/"
        finally:
            process.terminate()


def test_processing(transactional_db: None) -> None:
    account, at = factories.account(), datetime.now(UTC)
    references = accepted(account, 2 * RECEIPTS, at=at)
    ours, theirs = references[::2], references[1::2]
    stamp = int(at.timestamp() * 1000)
    WebhookDelivery.objects.bulk_create(
        (
            WebhookDelivery(
                account=account,
                provider="line",
                body=delivery_body(ours[n : n + PER_DELIVERY], stamp),
                received_at=at,
            )
            for n in range(0, RECEIPTS, PER_DELIVERY)
        ),
        batch_size=1_000,
    )

    reading = timed(lambda: inbox.read(at=at))

    def update() -> None:
        for n in range(0, RECEIPTS, UPDATE_BATCH):
            with connection.cursor() as cursor:
                cursor.execute(
                    "UPDATE sending_message message SET status = 'delivered', delivered_at = %s"
                    " FROM unnest(%s::uuid[]) given (reference)"
                    " WHERE message.reference = given.reference",
                    [at, theirs[n : n + UPDATE_BATCH]],
                )

    with without_triggers():
        floor = timed(update)
    print(f"\nreading {RECEIPTS:,} receipts in deliveries of {PER_DELIVERY}:"
          f" {RECEIPTS / reading:,.0f} events/s; a bare UPDATE in batches of {UPDATE_BATCH:,}:"
          f" {RECEIPTS / floor:,.0f}/s; ratio {reading / floor:.2f}")  # fmt: skip
    assert Message.objects.filter(status="delivered").count() == 2 * RECEIPTS


def accepted(account: OfficialAccount, count: int, *, at: datetime) -> list[UUID]:
    """Make messages that LINE accepted; return their tags."""
    people(account, count)
    by = factories.user("sender")
    made = campaigns.create(
        account, template=factories.approved(account), name="bench", by=by, at=at
    )
    campaigns.start(made, by=by, at=at)
    freezing.write_all(made.pk, at=at)
    with without_triggers(), connection.cursor() as cursor:
        cursor.execute(
            "UPDATE sending_message SET status = 'accepted', attempts = 1,"
            " reference = gen_random_uuid(), attempt_started_at = %(at)s, accepted_at = %(at)s,"
            " expires_at = %(at)s + interval '24 hours'",
            {"at": at},
        )
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE sending_message")
    return list(Message.objects.order_by("pk").values_list("reference", flat=True))


@contextlib.contextmanager
def without_triggers() -> Iterator[None]:
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE sending_message DISABLE TRIGGER USER")
        yield
        cursor.execute("ALTER TABLE sending_message ENABLE TRIGGER USER")


def delivery_body(references: list[UUID], stamp: int) -> bytes:
    events = [
        {
            "type": "delivery",
            "delivery": {"data": reference.hex},
            "webhookEventId": reference.hex[:26].upper(),
            "deliveryContext": {"isRedelivery": False},
            "timestamp": stamp,
            "mode": "active",
        }
        for reference in references
    ]
    return json.dumps({"destination": "U" + "0" * 32, "events": events}).encode()
