"""The review desk with 5,000 versions: seconds and queries of each kind of page. `make bench-desk`.

Printed, not judged: seconds are the machine's. Queries are judged in tests/console/test_desk.py.
"""

from __future__ import annotations

import statistics
import time
from datetime import UTC, datetime

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from templates_app import desk
from templates_app.desk import Filter
from tests.benchmarks import versions

COUNT = 5_000
TURNS = 5
PAGES = {
    "as it opens": "",
    "an account": "?account=desk-th",
    "a person": "?who={reviewer}",
    "rejected": "?state=rejected",
    "search, English": "?q=arrived",
    "search, Thai": "?q=ผู้รับพัสดุ",
    "search, Chinese": "?q=包裹",
    "search, nothing": "?q=nowhere-at-all",
}


@pytest.mark.parametrize(
    ("drafts", "open_ones"), [(10, 30), (50, 100)], ids=["most decided", "all open"]
)
@pytest.mark.django_db
def test_the_desk_at_full_size(drafts: int, open_ones: int) -> None:
    at = datetime.now(UTC)
    made = versions.fill(COUNT, at=at, drafts=drafts, open_ones=open_ones)
    for who in ("reviewer", "author"):
        client = Client()
        client.force_login(made[who])
        for name, query in PAGES.items():
            url = f"/review-desk/{query.format(reviewer=made['reviewer'].pk)}"
            print(f"{who:9} {name:18} {_timed(lambda: client.get(url))}")  # noqa: B023
        print(f"{who:9} {'rules alone':18} {_timed(lambda: desk.board(made[who], at=at))}")  # noqa: B023
        search = Filter(text="包裹")
        print(f"{who:9} {'search alone':18} "
              f"{_timed(lambda: desk.board(made[who], at=at, wanted=search))}")  # noqa: B023  # fmt: skip


def _timed(act: object) -> str:
    seconds = []
    for _ in range(TURNS):
        begin = time.perf_counter()
        act()  # type: ignore[operator]
        seconds.append(time.perf_counter() - begin)
    with CaptureQueriesContext(connection) as queries:
        act()  # type: ignore[operator]
    middle, longest = statistics.median(seconds), max(seconds)
    return (
        f"median {middle * 1000:6.0f} ms, longest {longest * 1000:6.0f} ms, {len(queries)} queries"
    )
