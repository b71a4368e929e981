"""Large audiences are frozen by chunks: resumable, whole, and never sent before they are."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime

import pytest
from django.contrib.auth.models import User

from lineportal.accounts.models import Road
from lineportal.sending import campaigns, freezing, outbox, reports, timekeeping
from lineportal.sending.models import Campaign
from lineportal.sending.statuses import Status
from tests import factories
from tests.line import Line

PEOPLE = 7


@pytest.fixture
def small_chunks() -> Iterator[None]:
    """Chunks of three people, so that seven are a large audience."""
    before = freezing.CHUNK
    freezing.CHUNK = 3
    yield
    freezing.CHUNK = before


@pytest.fixture
def started(small_chunks: None, transactional_db: None, at: datetime, sender: User) -> Campaign:
    account = factories.account()
    for n in range(PEOPLE):
        factories.recipient(account, n)
    template = factories.approved(account)
    campaign = campaigns.create(account, template=template, name="large", by=sender, at=at)
    return campaigns.start(campaign, by=sender, at=at)


def test_a_large_start_answers_before_its_messages_are_written(
    started: Campaign, at: datetime
) -> None:
    assert (started.state, started.written_at) == (Campaign.State.RUNNING, None)
    assert not started.messages.exists()
    assert freezing.unwritten() == [started.pk]
    assert "being written" in reports.report(started, at=at).waits


def test_nothing_is_sent_and_nothing_finished_before_all_chunks_are_there(
    started: Campaign, at: datetime
) -> None:
    road = Road.objects.get(service="lon")
    assert freezing.write_next(started.pk, at=at)
    assert started.messages.count() == 3

    assert outbox.due_roads(at=at) == []
    assert outbox.claim(road, limit=10, at=at).messages == []
    assert timekeeping.finish_done(at=at) == 0

    freezing.write_all(started.pk, at=at)
    assert len(outbox.claim(road, limit=10, at=at).messages) == PEOPLE
    assert freezing.unwritten() == []


def test_a_crash_between_chunks_resumes_and_writes_nobody_twice(
    started: Campaign, at: datetime
) -> None:
    freezing.write_next(started.pk, at=at)
    freezing.write_next(started.pk, at=at)  # here the worker died; another one goes on

    freezing.write_all(started.pk, at=at)
    freezing.write_all(started.pk, at=at)

    people = list(started.messages.order_by("pk").values_list("recipient_id", flat=True))
    assert len(people) == len(set(people)) == PEOPLE
    assert reports.report(started, at=at).by_status == {Status.QUEUED: PEOPLE}


def test_who_comes_while_chunks_are_written_changes_nobody_elses_verdict(
    started: Campaign, at: datetime
) -> None:
    freezing.write_next(started.pk, at=at)
    before = dict(started.messages.values_list("pk", "verdict"))
    factories.recipient(started.account, PEOPLE + 1)

    freezing.write_all(started.pk, at=at)

    after = dict(started.messages.values_list("pk", "verdict"))
    assert before.items() <= after.items()


def test_cancelled_while_it_is_written_it_writes_no_more(
    started: Campaign, at: datetime, sender: User
) -> None:
    freezing.write_next(started.pk, at=at)

    campaigns.cancel(started, by=sender, at=at)

    assert not freezing.write_next(started.pk, at=at)
    assert set(started.messages.values_list("status", flat=True)) == {Status.CANCELLED}
    assert freezing.unwritten() == []


def test_paused_while_it_is_written_it_is_written_and_waits(
    started: Campaign, at: datetime, sender: User
) -> None:
    campaigns.pause(started, by=sender, at=at)

    freezing.write_all(started.pk, at=at)

    started.refresh_from_db()
    assert started.state == Campaign.State.PAUSED
    assert started.written_at is not None
    assert outbox.claim(Road.objects.get(service="lon"), limit=10, at=at).messages == []


def test_chunks_and_one_statement_write_the_same(
    small_chunks: None, db: None, at: datetime, sender: User
) -> None:
    account = factories.account()
    for n in range(PEOPLE):
        consent = ("agreed", "not_set", "rejected")[n % 3]
        factories.recipient(account, n, consent=consent, attributes=factories.VALUES if n else {})
    template = factories.approved(account)
    written = []
    for chunk, name in ((3, "chunks"), (100, "one")):
        freezing.CHUNK = chunk
        made = campaigns.create(account, template=template, name=name, by=sender, at=at)
        campaigns.start(made, by=sender, at=at)
        freezing.write_all(made.pk, at=at)
        rows = made.messages.order_by("recipient_id")
        written.append(
            list(rows.values_list("recipient_id", "verdict", "rule", "address", "values"))
        )

    assert len(written[0]) == PEOPLE
    assert written[0] == written[1]


Drain = Callable[[], None]


def test_a_worker_writes_a_large_audience_and_sends_it(
    line: Line, started: Campaign, drain: Drain, at: datetime
) -> None:
    Road.objects.update(api_base_url=line.url)
    line.channel()
    line.people(*({"phone": factories.phone(n), "consent": "agreed"} for n in range(PEOPLE)))

    freezing.write_all(started.pk, at=at)
    drain()

    assert len(line.sends()) == PEOPLE
