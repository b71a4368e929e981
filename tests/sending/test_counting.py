"""Days beside the provider's own counts: whose midnight, waiting, late events, two at once."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pgtrigger
import pytest
from django.db import DatabaseError, connection, connections, transaction
from hypothesis import given
from hypothesis import strategies as st
from procrastinate.contrib.django.models import ProcrastinateJob

from lineportal.accounts.models import Road
from lineportal.providers import PROVIDERS
from lineportal.providers.base import Count, Event
from lineportal.providers.line import LineProvider
from lineportal.sending import counting, holdings, lanes, receipts, retries, tasks, tolerance
from lineportal.sending.models import (
    Campaign,
    CountReading,
    DayCount,
    Incident,
    Message,
    Policy,
    WebhookDelivery,
    WebhookEvent,
)
from tests import factories
from tests.line import Line
from tests.sending import line_counts, placed
from tests.sending.line_counts import Counts
from tests.sending.test_faults import begun

# Morning of a Wednesday in UTC; yesterday in LINE's zone ended 15 hours before.
NOW = datetime(2026, 11, 25, 6, 0, tzinfo=UTC)
YESTERDAY = date(2026, 11, 24)
MIDNIGHT = datetime(2026, 11, 24, 15, 0, tzinfo=UTC)  # the end of yesterday in UTC+9
HOUR = timedelta(hours=1)
WEEK = [YESTERDAY - timedelta(days=n) for n in range(6, -1, -1)]


@pytest.fixture
def counts() -> Iterator[Counts]:
    with line_counts.serving() as counts:
        yield counts


def sent(
    url: str, *moments: datetime, service: str = "lon", since: datetime | None = None
) -> Campaign:
    """Return a campaign whose messages were delivered (LON) or accepted (OA) at these moments."""
    account = placed.account(people=len(moments), api_base_url=url)
    campaign = placed.campaign(service, at=NOW, people=len(moments), of=account)
    for held, moment in zip(placed.hold_all(campaign, at=NOW), moments, strict=True):
        placed.put(held.pk, "delivered" if service == "lon" else "accepted", at=moment)
    Road.objects.filter(account=account).update(used_at=since or NOW - timedelta(days=30))
    return campaign


def look(road: Road, *, at: datetime = NOW, day: date | None = None) -> list[DayCount]:
    """Look once, as the hourly job does."""
    plan = counting.plan(road.pk, at=at, day=day)
    return counting.keep(plan.road, asyncio.run(counting.ask(plan)), at=at)


def of_day(rows: list[DayCount], day: date = YESTERDAY) -> tuple[Any, ...]:
    [row] = [row for row in rows if row.day == day]
    return row.ours, row.theirs, row.state


def told_of(counts: Counts, days: list[date], n: int = 0) -> None:
    for day in days:
        counts.tell(day, n)


@pytest.mark.parametrize(
    ("ours", "theirs", "number", "percent", "state"),
    [
        (100, 100, 0, 0, "agreed"),
        (100, 101, 0, 0, "differs"),
        (100, 99, 0, 0, "differs"),
        (0, 5, 5, 1, "agreed"),
        (0, 6, 5, 1, "differs"),
        (5, 0, 5, 1, "agreed"),
        (6, 0, 5, 1, "differs"),
        (990, 1_000, 5, 1, "agreed"),  # the share is the larger
        (989, 1_000, 5, 1, "differs"),
        (1_010, 1_000, 5, 1, "agreed"),
        (1_011, 1_000, 5, 1, "differs"),
        (480, 499, 20, 1, "agreed"),  # the number is the larger
        (478, 499, 20, 1, "differs"),
        (499, 598, 0, 10, "differs"),  # a share is rounded down: 59
        (539, 598, 0, 10, "agreed"),
        (0, 1_000_000, 0, 100, "agreed"),
        (1, 0, 0, 100, "differs"),
    ],
)
def test_a_difference_is_allowed_up_to_a_number_or_a_share(
    ours: int, theirs: int, number: int, percent: int, state: str
) -> None:
    policy = Policy(count_tolerance=number, count_tolerance_percent=percent)

    assert tolerance.judge(ours, theirs, policy) == state


@given(st.integers(0, 10**7), st.integers(0, 10**7), st.integers(0, 10**4), st.integers(0, 99))
def test_more_tolerance_never_makes_a_day_differ(
    ours: int, theirs: int, number: int, percent: int
) -> None:
    narrow = Policy(count_tolerance=number, count_tolerance_percent=percent)
    wide = Policy(count_tolerance=number + 1, count_tolerance_percent=percent + 1)

    if tolerance.judge(ours, theirs, narrow) == "agreed":
        assert tolerance.judge(ours, theirs, wide) == "agreed"
    assert tolerance.judge(ours, ours, narrow) == "agreed"


def test_a_day_begins_at_midnight_in_the_providers_zone(db: None, counts: Counts) -> None:
    tick = timedelta(microseconds=1)
    day = timedelta(days=1)
    campaign = sent(counts.url, MIDNIGHT - day - tick, MIDNIGHT - day, MIDNIGHT - tick, MIDNIGHT)

    held = holdings.ours(placed.road(campaign), [YESTERDAY - day, YESTERDAY, YESTERDAY + day])

    assert list(held.values()) == [1, 2, 1]


def test_two_way_pushes_count_on_the_day_they_were_taken(db: None, counts: Counts) -> None:
    campaign = sent(counts.url, MIDNIGHT - HOUR, MIDNIGHT - HOUR, MIDNIGHT, service="oa")
    counts.tell(YESTERDAY, 2, kind="push")

    rows = look(placed.road(campaign))

    assert of_day(rows) == (2, 2, "agreed")
    assert {kind for kind, _day in counts.asked} == {"push"}


def test_both_kinds_of_notifications_are_counted_together(db: None, counts: Counts) -> None:
    campaign = sent(counts.url, *[MIDNIGHT - HOUR] * 7)
    counts.tell(YESTERDAY, 4, other=3)

    assert of_day(look(placed.road(campaign))) == (7, 7, "agreed")


def test_a_day_that_is_not_ready_is_asked_for_again_until_it_is(db: None, counts: Counts) -> None:
    road = placed.road(sent(counts.url, MIDNIGHT - HOUR))
    told_of(counts, WEEK[:-1])

    assert of_day(look(road)) == (1, None, "waiting")
    assert len(counts.days_asked()) == 7
    assert of_day(look(road, at=NOW + HOUR)) == (1, None, "waiting")
    assert counts.days_asked() == ["20261124"]  # what was told for good is not asked for again
    counts.tell(YESTERDAY, 1)
    rows = look(road, at=NOW + 2 * HOUR)
    assert of_day(rows) == (1, 1, "agreed")
    counts.days_asked()
    look(road, at=NOW + 3 * HOUR)
    assert counts.days_asked() == []

    row = DayCount.objects.get(road=road, day=YESTERDAY)
    assert (row.asked_at, row.told_at) == (NOW + 2 * HOUR, NOW + 2 * HOUR)
    readings = CountReading.objects.filter(count=row).order_by("pk")
    assert [(each.at, each.theirs, each.state) for each in readings] == [
        (NOW, None, "waiting"),
        (NOW + 2 * HOUR, 1, "agreed"),
    ]


def test_late_events_change_ours_and_the_day_is_asked_for_once_more(
    db: None, counts: Counts
) -> None:
    campaign = sent(counts.url, *[MIDNIGHT - HOUR] * 8)
    late = campaign.messages.order_by("pk")[:6]
    references = list(late.values_list("reference", flat=True))
    placed.sql("ALTER TABLE sending_message DISABLE TRIGGER USER")
    Message.objects.filter(pk__in=list(late.values_list("pk", flat=True))).update(
        status="expired", delivered_at=None
    )
    placed.sql("ALTER TABLE sending_message ENABLE TRIGGER USER")
    told_of(counts, WEEK[:-1])
    counts.tell(YESTERDAY, 8)
    road = placed.road(campaign)
    assert of_day(look(road)) == (2, 8, "differs")
    counts.days_asked()

    receipts.apply(
        placed.told(campaign.account, *references, at=MIDNIGHT - 2 * HOUR), at=NOW + HOUR
    )
    rows = look(road, at=NOW + HOUR)

    assert of_day(rows) == (8, 8, "agreed")
    assert counts.days_asked() == ["20261124"]
    incident = Incident.objects.get()
    assert (incident.closed_at, incident.closed_by) == (NOW + HOUR, None)


def test_a_message_that_arrived_by_both_its_attempts_counts_twice(db: None, counts: Counts) -> None:
    campaign = sent(counts.url, *[MIDNIGHT - HOUR] * 2)
    road = placed.road(campaign)
    other = factories.recipient(campaign.account, 5, consent="agreed")
    first = Message.objects.order_by("pk")[0]
    fields = [f.column for f in Message._meta.concrete_fields if f.column != "id"]
    own = {
        "recipient_id": str(other.pk), "status": "'queued'", "reference": "gen_random_uuid()",
        "delivered_at": "NULL", "accepted_at": "NULL", "attempts": "0", "outcome": "''",
    }  # fmt: skip
    placed.sql(
        f"INSERT INTO sending_message ({', '.join(map(placed._quoted, fields))})"
        f" SELECT {', '.join(own.get(f) or placed._quoted(f) for f in fields)}"
        " FROM sending_message WHERE id = %(pk)s",
        pk=first.pk,
    )
    twice = Message.objects.order_by("-pk")[0]
    placed.put(twice.pk, "uncertain", at=MIDNIGHT - 4 * HOUR)
    twice.refresh_from_db()
    retries.requeue([twice.pk], at=MIDNIGHT - 3 * HOUR)
    before = twice.reference
    placed.put(twice.pk, "accepted", at=MIDNIGHT - 2 * HOUR)
    twice.refresh_from_db()

    for reference, moment in ((before, MIDNIGHT - 4 * HOUR), (twice.reference, MIDNIGHT)):
        delivered(campaign, reference, moment)

    held = holdings.ours(road, [YESTERDAY, YESTERDAY + timedelta(days=1)])
    assert held == {YESTERDAY: 3, YESTERDAY + timedelta(days=1): 1}


def delivered(campaign: Campaign, reference: Any, moment: datetime) -> None:
    """Keep and apply a delivery event, as the inbox does."""
    delivery = WebhookDelivery.objects.create(
        account=campaign.account, provider="line", body=b"", received_at=NOW, read_at=NOW
    )
    WebhookEvent.objects.create(
        delivery=delivery, account=campaign.account, event_id=str(reference), kind="delivered",
        occurred_at=moment, reference=reference,
    )  # fmt: skip
    event = Event(str(reference), "delivered", moment, reference=reference)
    receipts.apply([(campaign.account_id, event)], at=NOW)


def test_what_line_refuses_is_kept_in_its_words_and_waited_for(db: None, counts: Counts) -> None:
    road = placed.road(sent(counts.url, MIDNIGHT - HOUR, since=MIDNIGHT - HOUR))
    counts.status, counts.message = 403, "Access to this API is not available for your account"

    [row] = look(road)

    assert (row.day, row.theirs, row.state) == (YESTERDAY, None, "waiting")
    assert "not available for your account" in row.problem
    assert not Incident.objects.exists()  # LINE may still tell it

    late = NOW + timedelta(days=2)
    look(road, at=late)
    incident = Incident.objects.get()
    assert (incident.code, incident.closed_at, incident.opened_at) == ("uncounted", None, late)
    assert "not available for your account" in incident.sentence

    counts.status = 200
    told_of(counts, [YESTERDAY + timedelta(days=n) for n in range(-6, 3)], 1)
    look(road, at=late + HOUR)
    incident.refresh_from_db()
    assert incident.closed_at == late + HOUR
    assert of_day(look(road, at=late + HOUR)) == (1, 1, "agreed")


def test_what_is_not_told_within_a_week_is_not_asked_for_any_more(db: None, counts: Counts) -> None:
    road = placed.road(sent(counts.url, MIDNIGHT - HOUR, since=MIDNIGHT - HOUR))
    look(road)

    look(road, at=NOW + timedelta(days=7))

    row = DayCount.objects.get(road=road, day=YESTERDAY)
    assert (row.state, row.ours) == ("not_told", 1)
    assert "20261124" not in counts.days_asked()[7:]


def test_a_road_without_an_answer_or_credentials_says_why(db: None) -> None:
    road = placed.road(sent("http://127.0.0.1:1", MIDNIGHT - HOUR))
    [row] = [row for row in look(road) if row.day == YESTERDAY]
    assert (row.state, row.ours) == ("waiting", 1)
    assert row.problem

    Road.objects.update(credentials="not ours")
    [row] = [row for row in look(road, at=NOW + HOUR) if row.day == YESTERDAY]
    assert "LINEPORTAL_FIELD_KEYS" in row.problem


class Silent(LineProvider):
    """A provider that counts nothing."""

    name = "silent"
    title = "Silent"
    counts_in_zone = None


def test_a_provider_that_tells_nothing_is_noted_once(
    db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(PROVIDERS, "silent", Silent)  # type: ignore[arg-type]
    campaign = placed.campaign("lon", at=NOW, people=1)
    road = placed.road(campaign)
    with pgtrigger.ignore("accounts.Road:a_used_road_keeps_its_identity"):
        Road.objects.filter(pk=road.pk).update(provider="silent", used_at=NOW - timedelta(days=30))

    for days in range(4):
        look(road, at=NOW + timedelta(days=days))

    row = DayCount.objects.get()
    assert (row.state, row.problem) == ("not_told", "Silent tells no daily counts.")
    assert not Incident.objects.exists()
    assert CountReading.objects.count() == 1


def test_only_days_since_the_roads_first_message_are_asked_for(db: None, counts: Counts) -> None:
    road = placed.road(sent(counts.url, MIDNIGHT - HOUR, since=MIDNIGHT - timedelta(days=2) + HOUR))

    assert [row.day for row in look(road)] == WEEK[-2:]

    assert counting.roads() == [each.pk for each in Road.objects.order_by("pk")]
    Road.objects.filter(service="oa").update(rate_per_second=9)
    assert counting.window(Road(service="oa", provider="line"), at=NOW) == []


def test_an_account_that_is_off_is_asked_for_the_days_it_sent_on(db: None, counts: Counts) -> None:
    campaign = sent(counts.url, MIDNIGHT - timedelta(days=2, hours=1))
    campaign.account.is_active = False
    campaign.account.save(update_fields=["is_active"])

    look(placed.road(campaign))

    assert counts.days_asked() == ["20261122"]


def test_a_day_that_is_not_over_is_refused(db: None, counts: Counts) -> None:
    road = placed.road(sent(counts.url, MIDNIGHT))

    # Morning in London, afternoon in Tokyo.
    with pytest.raises(counting.NotOver, match="not over yet where LINE counts"):
        counting.plan(road.pk, at=NOW, day=YESTERDAY + timedelta(days=1))
    later = MIDNIGHT + timedelta(days=1)
    assert counting.plan(road.pk, at=later, day=YESTERDAY + timedelta(days=1)).days


def test_a_day_long_ago_may_be_asked_for_and_raises_no_alarm_when_it_is_not_told(
    db: None, counts: Counts
) -> None:
    day = YESTERDAY - timedelta(days=20)
    road = placed.road(sent(counts.url, MIDNIGHT - timedelta(days=20, hours=1)))
    told_of(counts, WEEK)

    assert of_day(look(road, day=day), day) == (1, None, "not_told")
    assert not Incident.objects.exists()
    counts.tell(day, 1)
    assert of_day(look(road, day=day), day) == (1, 1, "agreed")


def test_asking_uses_no_database(counts: Counts) -> None:
    counts.tell(YESTERDAY, 3)
    road = Road(service="lon", provider="line")
    provider = LineProvider({"channel_id": "1", "channel_secret": "s"}, api_base_url=counts.url)

    told = asyncio.run(counting.ask(counting.Plan(road, [YESTERDAY], provider)))

    assert told == {YESTERDAY: Count(3, is_final=True)}


def test_what_was_told_is_never_untold(db: None, counts: Counts) -> None:
    road = placed.road(sent(counts.url, MIDNIGHT - HOUR))
    counts.tell(YESTERDAY, 1)
    look(road)

    for late in (Count(), Count(problem="LINE answered 500: "), Count(9)):
        rows = counting.keep(road, {YESTERDAY: late}, at=NOW + HOUR)
        assert of_day(rows) == (1, 1, "agreed")


def test_two_workers_at_once_make_one_row_and_one_incident(
    transactional_db: None, counts: Counts
) -> None:
    road = placed.road(sent(counts.url, MIDNIGHT - HOUR, since=MIDNIGHT - HOUR))
    counts.tell(YESTERDAY, 500)
    counts.together = threading.Barrier(4)  # nobody is told before both asked both kinds

    def run(_turn: int) -> None:
        try:
            look(road)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(2) as threads:
        list(threads.map(run, range(2)))

    row = DayCount.objects.get()
    assert (row.ours, row.theirs, row.state) == (1, 500, "differs")
    assert row.incident == Incident.objects.get()
    assert CountReading.objects.count() == 1


def test_the_hourly_job_looks_at_each_road_one_at_a_time(
    transactional_db: None, counts: Counts, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def here(function: Any, *given: Any) -> Any:
        try:
            return function(*given)
        finally:
            connections.close_all()  # a task has its own

    monkeypatch.setattr(tasks, "in_database", here)  # whose threads would outlive the test
    road = placed.road(sent(counts.url, MIDNIGHT - HOUR, since=datetime.now(UTC) - 30 * HOUR))

    for _turn in range(2):
        lanes.wake_counter(road.pk)
    job = ProcrastinateJob.objects.get(task_name=lanes.COUNT)
    assert (job.lock, job.queueing_lock) == (f"count:{road.pk}", f"count:{road.pk}")

    asyncio.run(tasks.seed_counters(timestamp=0))
    asyncio.run(tasks.count_days(road_id=road.pk))
    assert DayCount.objects.filter(road=road, state="waiting").exists()


def test_pushes_that_were_really_sent_agree_with_the_simulators_count(
    line: Line, drain: Callable[[], None]
) -> None:
    campaign = begun(line, datetime.now(UTC), service="oa", people=7)
    drain()
    assert campaign.messages.filter(status="accepted").count() == 7
    line.advance(24 * 3_600)

    rows = look(placed.road(campaign), at=datetime.now(UTC) + timedelta(days=1))

    # Of two days, should it be midnight in Japan just now.
    assert {row.state for row in rows} == {"agreed"}
    assert (sum(row.ours for row in rows), sum(row.theirs or 0 for row in rows)) == (7, 7)


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM sending_daycount",
        "DELETE FROM sending_countreading",
        "UPDATE sending_countreading SET theirs = 7",
        "UPDATE sending_daycount SET difference = 7 WHERE theirs IS NOT NULL",
        "UPDATE sending_daycount SET state = 'agreed' WHERE theirs IS NULL",
    ],
)
def test_the_database_keeps_what_was_said(statement: str, db: None, counts: Counts) -> None:
    road = placed.road(sent(counts.url, MIDNIGHT - HOUR))
    counts.tell(YESTERDAY, 1)
    look(road)

    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)
