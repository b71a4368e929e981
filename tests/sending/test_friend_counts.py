"""LINE's own counts of friends: asked once a day, and laid beside what we hold."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from io import StringIO

import pytest
from django.core.management import call_command
from django.test import Client

from lineportal.accounts.models import OfficialAccount, Road
from lineportal.providers.line.told import FriendCount as Told
from lineportal.sending import clock, friend_counts, friend_figures, holdings
from lineportal.sending.models import FriendCount, Incident
from recipients import intake
from recipients.models import Source
from tests import factories
from tests.api.client import Api
from tests.line import Line
from tests.working import in_database, run, with_roads

DAY = timedelta(days=1)


def road_of(account: OfficialAccount) -> Road:
    return Road.objects.get(account=account, service="oa")


def ask(road: Road) -> None:
    """Ask the simulator, as a worker does."""

    run(with_roads(lambda roads: friend_counts.ask(road.pk, roads, in_database)))


def asked(line: Line) -> int:
    return len(line.requests("/v2/bot/insight/followers"))


@pytest.fixture
def account(transactional_db: None, line: Line) -> OfficialAccount:
    line.channel()
    line.people(
        *(
            {"line_user_id": factories.user_id(n), "friend_status": status}
            for n, status in enumerate(["friend", "friend", "friend", "blocked", "not_friend"])
        )
    )
    return factories.account(api_base_url=line.url)


def test_missing_days_are_asked_for_once(account: OfficialAccount, line: Line) -> None:
    road = road_of(account)

    ask(road)
    ask(road)

    today = clock.now().astimezone(holdings.zone(road)).date()
    rows = FriendCount.objects.filter(account=account).order_by("-day")
    told = rows.values_list("day", "followers", "targeted_reaches", "blocks")
    assert list(told) == [(today - n * DAY, 4, 3, 1) for n in (1, 2, 3)]
    assert asked(line) == 3


def test_an_outage_leaves_no_row_and_no_incident_and_is_asked_again(
    account: OfficialAccount, line: Line
) -> None:
    road = road_of(account)
    line.fault("status", status=500, path="/v2/bot/insight/followers", times=1)

    ask(road)
    assert asked(line) == 1  # the other days would not be told either
    assert not FriendCount.objects.exists()
    assert not Incident.objects.exists()

    ask(road)
    assert FriendCount.objects.count() == friend_counts.DAYS


def test_an_uncounted_day_is_asked_again_and_one_without_a_count_is_not(
    account: OfficialAccount,
) -> None:
    road, at = road_of(account), datetime(2026, 11, 25, 16, 0, tzinfo=UTC)
    days = friend_counts.missing(road.pk, at=at)
    assert days == [date(2026, 11, day) for day in (25, 24, 23)]  # of UTC+9

    friend_counts.keep(road, days[0], Told(), at=at)
    assert friend_counts.missing(road.pk, at=at) == days
    for _twice in range(2):
        friend_counts.keep(road, days[0], Told(is_final=True), at=at)

    assert friend_counts.missing(road.pk, at=at) == days[1:]
    figures = friend_figures.of(account, days=30, at=at)
    assert list(friend_counts.beside(account, figures)) == []


def test_only_roads_on_which_line_counts_friends_are_asked(account: OfficialAccount) -> None:
    other = factories.account(
        "infobip-only", provider="infobip", given={"api_key": "k", "sender": "s"}, service="lon"
    )

    assert friend_counts.roads() == [road_of(account).pk]
    assert not Road.objects.filter(account=other, pk__in=friend_counts.roads()).exists()
    assert friend_counts.missing(0, at=clock.now()) == []


@pytest.mark.parametrize(
    ("ours", "difference", "meaning"),
    [(2, -1, "fewer friends than LINE counts, by 1"), (3, 0, "as many"), (5, 2, "counts, by 2")],
)
def test_each_door_lays_them_beside_ours(
    account: OfficialAccount, ours: int, difference: int, meaning: str
) -> None:
    for n in range(ours):
        intake.add(
            account,
            intake.Details(
                line_user_id=factories.user_id(n), friend_status="friend",
                observed_at=clock.now() - 3 * DAY,
            ),
            by=factories.superuser(), at=clock.now(), source=Source.RECORDS,
        )  # fmt: skip
    yesterday = clock.now().date() - DAY
    told = Told(followers=4, targeted_reaches=2, blocks=1, is_final=True)
    friend_counts.keep(road_of(account), yesterday, told, at=clock.now())

    got = Api(factories.user("auditor")).get(f"accounts/{account.slug}/friends/").json()
    [found] = got["line_counts"]
    assert (found["friends"], found["our_friends"], found["friends_difference"]) == (
        3, ours, difference,
    )  # fmt: skip
    assert (found["blocks"], found["our_blockers"], found["blocks_difference"]) == (1, 0, -1)
    assert meaning in found["meaning"]

    console = Client()
    console.force_login(factories.superuser())
    page = console.get("/friends/", {"account": account.slug}).content.decode()
    assert meaning in page

    out = StringIO()
    call_command("friend_report", account=account.slug, stdout=out)
    assert f"LINE on {yesterday}: 3 friends ({difference:+} with us)" in out.getvalue()
