"""A campaign to friends stops exactly at what is left of the month, and says so."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import pytest
from django.contrib.auth.models import User
from django.db import connections
from hypothesis import given
from hypothesis import strategies as st

from lineportal.accounts.models import OfficialAccount, Road
from lineportal.sending import asking_quota, breakers, campaigns, outbox, quota
from lineportal.sending.models import Campaign, Incident, Message, Policy, Quota
from lineportal.sending.statuses import Status
from tests import factories
from tests.line import Line
from tests.working import in_database, run, with_roads

Drain = Callable[[], None]


def ask(road: Road) -> None:
    """Ask the simulator, as a worker does."""

    run(with_roads(lambda roads: asking_quota.ask(road.pk, roads, in_database)))


def a_minute_later(road: Road) -> None:
    """Make the last reading older, as if a minute had passed."""
    Quota.objects.filter(road=road).update(asked_at=_old(road))


def _old(road: Road) -> datetime:
    asked_at = Quota.objects.get(road=road).asked_at
    assert asked_at is not None
    return asked_at - timedelta(seconds=61)


@pytest.fixture
def account(db: None) -> OfficialAccount:
    return factories.account()


def friends(account: OfficialAccount, n: int) -> None:
    for i in range(n):
        factories.recipient(account, i, friend_status="friend")


def road_of(account: OfficialAccount) -> Road:
    return Road.objects.get(account=account, service="oa")


def set_up(line: Line, *, limit: int, people: int) -> OfficialAccount:
    line.channel(monthly_limit=limit)
    line.people(
        *({"line_user_id": factories.user_id(n), "friend_status": "friend"} for n in range(people))
    )
    account = factories.account(api_base_url=line.url)
    Policy.objects.create(account=account, windows={"marketing": None})
    friends(account, people)
    return account


def sale(account: OfficialAccount, by: User, at: datetime) -> Campaign:
    template = factories.two_way(account, category="marketing")
    return campaigns.create(account, template=template, name="Sale", by=by, at=at)


def test_a_campaign_larger_than_the_quota_stops_exactly_at_it_and_goes_on_once_there_is_more(
    line: Line, drain: Drain, sender: User, at: datetime
) -> None:
    account = set_up(line, limit=7, people=12)
    campaign, road = sale(account, sender, at), road_of(account)
    ask(road)
    with pytest.raises(quota.OverQuota, match=r"12 messages; 7 are left"):
        campaigns.start(campaign, by=sender, at=at)
    campaigns.start(campaign, by=sender, at=at, over_quota=True)

    drain()

    assert len(line.sends()) == 7
    drain()
    a_minute_later(road)
    ask(road)
    campaign.refresh_from_db()
    assert (campaign.state, campaign.stop_code) == ("paused", "quota")
    assert "Buy more" in campaign.stop_reason
    assert Incident.objects.get().code == "quota_reached"

    line.channel(monthly_limit=100)
    a_minute_later(road)
    ask(road)
    campaigns.resume(campaign, by=sender, at=at)
    drain()
    got = Counter(entry["body"]["to"] for entry in line.sends())
    assert got == {factories.user_id(i): 1 for i in range(12)}
    assert Incident.objects.get().closed_at is not None


def test_what_fits_is_started_and_what_is_not_known_yet_is_asked_for(
    line: Line, drain: Drain, sender: User, at: datetime
) -> None:
    account = set_up(line, limit=3, people=3)
    campaign, road = sale(account, sender, at), road_of(account)
    found = quota.of(campaign, at=at)
    assert found is not None
    assert (found.fits, found.needed, found.asked_at) == (None, 3, None)

    ask(road)

    found = quota.of(campaign, at=at)
    assert found is not None
    assert (found.limit, found.used, found.left, found.fits) == (3, 0, 3, True)
    campaigns.start(campaign, by=sender, at=at)
    drain()
    a_minute_later(road)
    ask(road)
    drain()
    assert len(line.sends()) == 3
    campaign.refresh_from_db()
    assert campaign.stop_code == ""  # nothing of it waits, so nothing was stopped


def test_several_workers_together_take_no_more_than_is_left(
    transactional_db: None, sender: User, at: datetime
) -> None:
    account = factories.account()
    Policy.objects.create(account=account, windows={"marketing": None})
    friends(account, 60)
    campaigns.start(sale(account, sender, at), by=sender, at=at)
    road = road_of(account)
    quota.keep(road, limit=1000, used=959, at=at)

    def claims(_n: int) -> list[int]:
        try:
            return [
                message.id
                for _again in range(6)
                for message in outbox.claim(road, limit=5, at=at + timedelta(seconds=1)).messages
            ]
        finally:
            connections.close_all()

    with ThreadPoolExecutor(6) as threads:
        taken = [pk for found in threads.map(claims, range(6)) for pk in found]

    assert len(taken) == len(set(taken)) == 41
    assert Quota.objects.get().taken_now == 41


def test_a_figure_that_lags_is_not_believed_at_once(
    account: OfficialAccount, sender: User, at: datetime
) -> None:
    road = road_of(account)
    quota.keep(road, limit=100, used=0, at=at)
    quota.take(road, 60)

    quota.keep(road, limit=100, used=10, at=at + timedelta(minutes=1))
    assert quota.free(road, at=at + timedelta(minutes=1)) == 30  # 50 of ours may not be in it

    quota.keep(road, limit=100, used=60, at=at + timedelta(minutes=2))
    assert quota.free(road, at=at + timedelta(minutes=2)) == 40


def test_one_minute_counts_once_and_a_failed_asking_changes_nothing(
    account: OfficialAccount, at: datetime
) -> None:
    road = road_of(account)
    quota.keep(road, limit=100, used=0, at=at)
    quota.take(road, 60)
    quota.keep(road, limit=100, used=0, at=at + timedelta(seconds=1))  # a second worker's
    assert quota.free(road, at=at) == 40

    quota.keep(road, limit=None, used=0, problem="No answer.", at=at + timedelta(minutes=2))
    assert quota.free(road, at=at + timedelta(minutes=2)) == 40
    assert Quota.objects.get().problem == "No answer."
    assert quota.free(road, at=at + quota.KNOWN) is None  # LINE refuses by itself then


@given(
    limit=st.integers(0, 30),
    steps=st.lists(st.tuples(st.integers(0, 8), st.integers(0, 100)), max_size=20),
)
def test_however_late_line_counts_within_a_reading_no_more_than_the_limit_is_taken(
    limit: int, steps: list[tuple[int, int]]
) -> None:
    row = Quota(limit=limit)
    total = counted = 0  # of what was taken before the last reading, all is in the next figure
    for wanted, percent in steps:
        taken = min(wanted, quota._left(row) or 0)
        total += taken
        row.taken_now += taken
        told = counted + (total - counted) * percent // 100
        counted = total
        row.used, row.taken_before, row.taken_now = told, row.taken_now, 0
        assert total <= limit


def test_a_provider_without_a_quota_has_none_to_keep(
    account: OfficialAccount, at: datetime
) -> None:
    lon = Road.objects.get(account=account, service="lon")
    assert not quota.is_told(lon)
    breakers.stop_at_quota(lon, [], at=at)
    assert not Message.objects.filter(status=Status.QUEUED).exists()
