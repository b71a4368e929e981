"""Growth and blocks by the day, in the account's zone, from what LINE told."""

from __future__ import annotations

import itertools
import random
from datetime import UTC, date, datetime, timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client

from lineportal.accounts.models import AccountScope, OfficialAccount
from lineportal.sending import friend_figures
from tests import factories
from tests.api.client import Api
from tests.conversations import talk

NOW = datetime(2026, 11, 25, 5, 0, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.fixture
def account(db: None) -> OfficialAccount:
    return factories.account()


def told(account: OfficialAccount, *moves: tuple[str, str, datetime]) -> None:
    events = [talk.event(kind, at, user="U" + name * 32) for kind, name, at in moves]
    talk.hear(account, *events, at=NOW)


def by_day(account: OfficialAccount, days: int = 3) -> list[tuple[Any, ...]]:
    return [
        (d.day.day, d.friends, d.blockers, d.new, d.unblocked, d.blocked, d.lost, d.left, d.net)
        for d in friend_figures.of(account, days=days, at=NOW).days
    ]


def test_each_day_tells_who_came_and_who_went(account: OfficialAccount) -> None:
    told(
        account,
        ("follow", "a", NOW - 2 * DAY),
        ("follow", "b", NOW - 2 * DAY),
        ("unfollow", "a", NOW - DAY),
        ("unfollow", "c", NOW - DAY),  # a stranger
        ("follow", "a", NOW - HOUR),
    )

    assert by_day(account) == [
        (23, 2, 0, 2, 0, 0, 0, 0, 2),
        (24, 1, 2, 0, 0, 2, 1, 0, -1),
        (25, 2, 1, 0, 1, 0, 0, 0, 1),
    ]
    figures = friend_figures.of(account, days=3, at=NOW)
    assert (figures.friends, figures.blockers, figures.block_percent) == (2, 1, 33.3)


def test_a_day_is_one_of_the_accounts_zone(account: OfficialAccount) -> None:
    midnight = datetime(2026, 11, 24, 17, 0, tzinfo=UTC)  # in Bangkok
    told(account, ("follow", "a", midnight - HOUR), ("follow", "b", midnight))

    assert [(row[0], row[3]) for row in by_day(account, 2)] == [(24, 1), (25, 1)]


def test_the_days_before_the_first_event_have_nobody(account: OfficialAccount) -> None:
    chance = random.Random(3)
    moves = [
        (chance.choice(["follow", "unfollow"]), chance.choice("abcdef"), NOW - n * 5 * HOUR)
        for n in range(60)
    ]
    told(account, *moves)

    days = friend_figures.of(account, days=30, at=NOW).days
    assert (days[0].friends, days[0].blockers) == (0, 0)
    for before, after in itertools.pairwise(days):
        assert after.friends == before.friends + after.net
        assert min(after.friends, after.blockers) >= 0


def test_another_accounts_friends_are_not_counted(account: OfficialAccount) -> None:
    told(factories.account("b", channel="2"), ("follow", "a", NOW))

    assert by_day(account, 1) == [(25, 0, 0, 0, 0, 0, 0, 0, 0)]


def test_the_command_and_the_api_tell_the_same(account: OfficialAccount) -> None:
    talk.hear(account, talk.event("follow", datetime.now(UTC)), at=datetime.now(UTC))
    out = StringIO()
    call_command("friend_report", account=account.slug, days=2, stdout=out)
    assert "1 friends, 0 blocked (0.0 %)." in out.getvalue()

    api = Api(factories.user("sender"), "recipients")
    answer = api.get(f"accounts/{account.slug}/friends/?days=2").json()
    assert (answer["friends"], answer["days"][-1]["new"]) == (1, 1)
    assert date.fromisoformat(answer["days"][0]["day"])
    assert api.get(f"accounts/{account.slug}/friends/?days=0").status_code == 400


def test_the_page_shows_one_account_of_the_users_list(account: OfficialAccount) -> None:
    told(account, ("follow", "a", NOW))
    by = factories.user("sender")
    client = Client()
    client.force_login(by)

    page = client.get("/friends/?days=90").content.decode()
    assert "It was never asked." in page
    assert "Ask LINE</button>" in page
    AccountScope.objects.create(user=by).accounts.set([factories.account("b", channel="2")])
    assert client.get(f"/friends/?account={account.slug}").context["account"] is None


@pytest.mark.parametrize(
    ("role", "status"),
    [("sender", 302), ("manager", 302), ("auditor", 403), ("agent", 403), ("author", 403)],
)
def test_who_may_ask_line_from_the_page(account: OfficialAccount, role: str, status: int) -> None:
    client = Client()
    client.force_login(factories.user(role))

    assert client.post("/friends/", {"account": account.slug}).status_code == status
    assert ("Ask LINE</button>" in client.get("/friends/").text) == (status == 302)
