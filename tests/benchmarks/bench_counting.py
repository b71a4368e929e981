"""Reconciliation with 5,000,000 messages: plans and seconds of a day's count.

Printed, and judged in one thing: no plan reads the whole table of messages.
`COUNTING_MESSAGES=5000000 pytest -s tests/benchmarks/bench_counting.py`
"""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime, timedelta

import pytest
from django.core.management import call_command
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from lineportal.accounts.models import Road
from lineportal.sending import counting, holdings
from tests.benchmarks import crowd

MESSAGES = int(os.environ.get("COUNTING_MESSAGES", "5000000"))


@pytest.mark.django_db(transaction=True)
def test_the_days_of_the_largest_road() -> None:
    at = datetime.now(UTC)
    began = time.perf_counter()
    made = crowd.fill(MESSAGES // 10, MESSAGES, at=at, accounts_count=3)
    print(f"\nfilled in {time.perf_counter() - began:.0f} s")
    _sent_again()
    Road.objects.update(used_at=at - timedelta(days=30))
    for service in ("lon", "oa"):
        road = Road.objects.get(account=made.accounts[0], service=service)
        days = counting.window(road, at=at)
        for _turn in range(3):
            began = time.perf_counter()
            held = holdings.ours(road, days)
            print(f"{service}: {time.perf_counter() - began:.2f} s, {held}")
        with CaptureQueriesContext(connection) as queries:
            holdings.ours(road, days)
        for query in queries.captured_queries:
            with connection.cursor() as cursor:
                cursor.execute(f"EXPLAIN (ANALYZE, BUFFERS) {query['sql']}")
                plan = "\n".join(row[0] for row in cursor.fetchall())
            print(plan)
            assert "Seq Scan on sending_message" not in plan
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname, pg_size_pretty(pg_relation_size(oid)) FROM pg_class"
            " WHERE relname IN ('sending_message', 'message_by_delivery',"
            " 'message_by_acceptance', 'message_by_status')"
        )
        print(cursor.fetchall())
    call_command("flush", verbosity=0, interactive=False)


def _sent_again() -> None:
    """Give one of 200 messages an earlier attempt that may have arrived too, over 400 days."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute(
            """
            INSERT INTO sending_attempt (message_id, number, reference, started_at, ended_at,
                request_id, outcome, detail, body_sha256)
            SELECT id, 1, gen_random_uuid(),
                   accepted_at - make_interval(days => (id / 200 % 400)::int),
                   accepted_at, '',
                   'accepted', '', ''
            FROM sending_message WHERE id % 200 = 0 AND accepted_at IS NOT NULL
            """
        )
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE sending_attempt")
