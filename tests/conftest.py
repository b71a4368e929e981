"""What every test may use: the moment, users by role, the simulator, and a worker's turn."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any, cast

import pytest
from django.contrib.auth.models import User
from django.db import connection

from lineportal.providers import PROVIDERS
from lineportal.sending import worker
from lineportal.sending.models import Message
from lineportal.simulator import server
from tests import factories, working
from tests.elsewhere import Elsewhere
from tests.line import Line
from tests.platform import log_scan

# Playwright's own loop runs in the main thread of browser tests; our ORM calls there are fine.
os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "1")


def pytest_configure(config: pytest.Config) -> None:
    """Keep what the suite writes, and fail the run if it names anybody."""
    config.pluginmanager.register(log_scan.Scan(), "log-scan")


@pytest.fixture
def at() -> datetime:
    """Now; tests that need another moment add to it."""
    return datetime.now(UTC)


@pytest.fixture
def author(db: None) -> User:
    return factories.user("author")


@pytest.fixture
def reviewer(db: None) -> User:
    return factories.user("reviewer")


@pytest.fixture
def sender(db: None) -> User:
    return factories.user("sender")


@pytest.fixture
def auditor(db: None) -> User:
    return factories.user("auditor")


@pytest.fixture
def manager(db: None) -> User:
    return factories.user("manager")


@pytest.fixture(scope="session")
def simulator() -> Iterator[str]:
    """The address of a LINE simulator that lives as long as the run."""
    with server.running(port=0) as running:
        yield running.url


@pytest.fixture
def line(simulator: str) -> Line:
    """The simulator as a test uses it: emptied, with helpers to make people and read its log."""
    line = Line(simulator)
    line.reset()
    return line


@pytest.fixture(autouse=True)
def _no_jobs_left(request: pytest.FixtureRequest) -> Iterator[None]:
    """Procrastinate's tables are not Django's to flush; empty them after transactional tests."""
    is_transactional = bool({"transactional_db", "live_server"} & set(request.fixturenames))
    if is_transactional:
        request.getfixturevalue("transactional_db")  # so that ours ends before the database does
    yield
    if is_transactional:
        with connection.cursor() as cursor:
            cursor.execute("TRUNCATE procrastinate_jobs, procrastinate_workers CASCADE")


@pytest.fixture
def drain(transactional_db: None) -> Callable[[], None]:
    """Give every road worker's turns until nothing is due; the real worker, in this process."""

    def run() -> None:
        async def turns(roads: worker.Roads) -> None:
            for road_id in await working.in_database(_road_ids):
                while await worker.drain(road_id, roads, working.in_database):
                    pass

        working.run(working.with_roads(turns))

    return run


def _road_ids() -> list[int]:
    return list(
        Message.objects.order_by()
        .values_list("account__roads", flat=True)
        .distinct()
        .exclude(account__roads=None)
    )


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have one more provider than the product knows."""
    monkeypatch.setitem(cast("dict[str, Any]", PROVIDERS), Elsewhere.name, Elsewhere)
