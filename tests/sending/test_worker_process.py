"""Real worker processes: several at once, one killed, one told to stop."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from urllib.parse import quote

import pytest
from django.db import connection
from procrastinate.contrib.django.models import ProcrastinateWorker

from lineportal.accounts.models import Road
from lineportal.sending import campaigns
from lineportal.sending.models import Campaign, Lease, Message
from lineportal.sending.statuses import Status
from tests import factories
from tests.drills.programs import free_port
from tests.line import Line

PROJECT = Path(__file__).resolve().parents[2]
PEOPLE = 300


def database_url() -> str:
    """Return the test database as DATABASE_URL names it."""
    settings = connection.settings_dict
    user = quote(str(settings["USER"]), safe="")
    password = f":{quote(str(settings['PASSWORD']), safe='')}" if settings["PASSWORD"] else ""
    host, port = str(settings["HOST"]), str(settings["PORT"] or 5432)
    if host.startswith("/"):
        return f"postgresql://{user}@:{port}/{settings['NAME']}?host={quote(host, safe='')}"
    return f"postgresql://{user}{password}@{host}:{port}/{settings['NAME']}"


@contextlib.contextmanager
def workers(count: int) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Start worker processes on the test database; end those still running."""
    environment = {**os.environ, "DATABASE_URL": database_url(), "LINEPORTAL_DEBUG": "1"}
    environment.pop("DJANGO_SETTINGS_MODULE", None)
    started = [
        subprocess.Popen(
            [sys.executable, "manage.py", "run_worker"],
            cwd=PROJECT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for _ in range(count)
    ]
    try:
        wait(lambda: ProcrastinateWorker.objects.count() >= count, "the workers are there")
        yield started
    finally:
        for process in started:
            if process.poll() is None:
                process.terminate()
        for process in started:
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def wait(is_so: Callable[[], bool], what: str, *, seconds: float = 60) -> None:
    ends_at = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < ends_at, f"after {seconds} s it is still not so that {what}"
        time.sleep(0.1)


def begun(line: Line, at: datetime, *, people: int = PEOPLE, rate: int = 500) -> Campaign:
    account = factories.account(api_base_url=line.url, rate_per_second=rate)
    template = factories.approved(account)
    line.channel()
    line.people(*({"phone": factories.phone(n), "consent": "agreed"} for n in range(people)))
    for n in range(people):
        factories.recipient(account, n, consent="agreed")
    by = factories.user("sender")
    campaign = campaigns.create(account, template=template, name="work", by=by, at=at)
    return campaigns.start(campaign, by=by, at=at)


def posted(line: Line) -> Counter[str]:
    return Counter(entry["phone"] for entry in line.sends())


def test_two_workers_write_to_everybody_once(
    line: Line, transactional_db: None, at: datetime
) -> None:
    campaign = begun(line, at)

    with workers(2):
        wait(lambda: _state(campaign) == Campaign.State.FINISHED, "the campaign is finished")

    assert posted(line) == {factories.phone(n): 1 for n in range(PEOPLE)}
    assert set(campaign.messages.values_list("status", flat=True)) == {Status.ACCEPTED}


def test_a_killed_worker_leaves_nobody_written_twice_and_nobody_forgotten(
    line: Line, transactional_db: None, at: datetime
) -> None:
    campaign = begun(line, at, rate=100)

    with workers(2) as (first, _second):
        wait(lambda: sum(posted(line).values()) > 40, "some are sent")
        first.send_signal(signal.SIGKILL)
        first.wait()
        # A dead worker's claims and rows in flight come free when their lease ends.
        time.sleep(1)
        Message.objects.exclude(leased_until=None).filter(status=Status.SENDING).update(
            leased_until=at
        )
        Lease.objects.update(until=at)
        wait(
            lambda: _state(campaign) == Campaign.State.FINISHED,
            "the campaign is finished",
            seconds=120,
        )

    assert max(posted(line).values()) == 1
    ends = Counter(campaign.messages.values_list("status", flat=True))
    assert set(ends) <= {Status.ACCEPTED, Status.UNCERTAIN}
    assert sum(ends.values()) == PEOPLE
    assert ends[Status.ACCEPTED] <= len(posted(line))


def test_told_to_stop_a_worker_ends_what_it_began_and_gives_the_rest_back(
    line: Line, transactional_db: None, at: datetime
) -> None:
    campaign = begun(line, at, rate=50)

    with workers(1) as (worker,):
        wait(lambda: sum(posted(line).values()) > 5, "some are sent")
        worker.terminate()
        assert worker.wait(20) == 0

    ends = Counter(campaign.messages.values_list("status", flat=True))
    assert set(ends) <= {Status.ACCEPTED, Status.QUEUED}
    assert not Lease.objects.exists()
    assert ends[Status.ACCEPTED] == sum(posted(line).values())


def test_a_worker_that_waits_for_its_database_can_be_stopped() -> None:
    nobody = f"postgresql://nobody@127.0.0.1:{free_port()}/none"
    with subprocess.Popen(
        [sys.executable, "manage.py", "run_worker"],
        cwd=PROJECT,
        env={**os.environ, "DATABASE_URL": nobody, "LINEPORTAL_DEBUG": "1"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as worker:
        try:
            assert any("the database is away" in said for said in worker.stderr or ())
            worker.terminate()
            assert worker.wait(20) == 0
        finally:
            worker.kill()


def test_all_workers_together_keep_the_rate(
    line: Line, transactional_db: None, at: datetime
) -> None:
    rate, people = 60, 240
    campaign = begun(line, at, people=people, rate=rate)

    with workers(2):
        wait(lambda: _state(campaign) == Campaign.State.FINISHED, "the campaign is finished")

    moments = sorted(datetime.fromisoformat(entry["at"]) for entry in line.sends())
    seconds = (moments[-1] - moments[0]).total_seconds()
    # A slice is a tenth of a second's worth; the last one's share is missing at the end. Two
    # workers that each kept the rate would come to twice of it; a busy machine may begin late.
    assert (people - rate / 10) / seconds <= rate * 1.4


def _state(campaign: Campaign) -> str:
    return Campaign.objects.values_list("state", flat=True).get(pk=campaign.pk)


@pytest.fixture(autouse=True)
def _roads_are_used(transactional_db: None) -> Iterator[None]:
    yield
    assert not Road.objects.filter(used_at=None, service="lon").exists()
