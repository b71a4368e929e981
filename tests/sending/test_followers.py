"""Who LINE says the friends are: by pages, taken up where it stopped, older than newer events."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.core.management import CommandError, call_command

from lineportal.accounts.models import OfficialAccount
from lineportal.audit.models import AuditEntry
from lineportal.sending import followers, forgetting
from lineportal.sending.models import FriendSync
from recipients.models import ConsentRecord, Recipient
from tests import factories, working
from tests.conversations import talk
from tests.line import Line

pytestmark = pytest.mark.django_db(transaction=True)
PEOPLE = 2_300  # three pages
PATH = "/v2/bot/followers/ids"


@pytest.fixture
def account(line: Line) -> OfficialAccount:
    line.channel()
    line.people(
        *(
            {"phone": factories.phone(n), "line_user_id": factories.user_id(n),
             "friend_status": "friend" if n < PEOPLE else "not_friend"}
            for n in range(PEOPLE + 100)
        )
    )  # fmt: skip
    return factories.account(api_base_url=line.url)


def now() -> datetime:
    return datetime.now(UTC)


def run(sync: FriendSync) -> FriendSync:
    done: FriendSync = working.run(followers.run(sync.pk, working.in_database))
    return done


def begin(account: OfficialAccount, **more: Any) -> FriendSync:
    return followers.start(account, at=now(), by=None, **more)


def test_every_page_is_asked_for_and_friends_are_recorded(
    account: OfficialAccount, line: Line
) -> None:
    told = StringIO()
    call_command("sync_friends", account=account.slug, stdout=told)

    assert "2,300 friends on 3 pages: 2,300 new people, 2,300 became friends." in told.getvalue()
    assert [entry["status"] for entry in line.requests(PATH)] == [200] * 3
    assert Recipient.objects.filter(friend_status="friend").count() == PEOPLE
    one = Recipient.objects.get(line_user_id=factories.user_id(1))
    assert (one.consent, one.phone, one.friend_source) == ("not_set", None, "line")
    assert AuditEntry.objects.get(action="friends.synced").facts["seen"] == PEOPLE

    call_command("sync_friends", account=account.slug, stdout=told)
    assert "0 new people, 0 became friends." in told.getvalue()
    assert ConsentRecord.objects.count() == PEOPLE


def test_a_run_that_stopped_goes_on_at_its_page(account: OfficialAccount, line: Line) -> None:
    class Killed(Exception):
        pass

    kept = []

    async def until_the_first_page(function: Any, *args: Any, **kw: Any) -> Any:
        done = await working.in_database(function, *args, **kw)
        if getattr(function, "__name__", "") == "_keep_now":
            kept.append(1)
            raise Killed
        return done

    sync = begin(account)
    with pytest.raises(Killed):
        working.run(followers.run(sync.pk, until_the_first_page))
    assert FriendSync.objects.get().pages == 1

    again = begin(account)
    assert again.pk == sync.pk
    done = run(again)

    assert (done.state, done.pages, done.seen) == ("finished", 3, PEOPLE)
    assert len(line.requests(PATH)) == 3
    assert Recipient.objects.filter(friend_status="friend").count() == PEOPLE


def test_a_place_that_line_has_forgotten_begins_anew(account: OfficialAccount, line: Line) -> None:
    sync = begin(account)
    place = followers._place(sync.pk)
    assert place is not None
    followers.keep(place, (factories.user_id(1),), "a token of yesterday", at=now())

    failed = run(sync)
    assert (failed.state, failed.next_token) == ("failed", "")
    assert "begin the list anew" in failed.problem
    assert run(begin(account)).state == "finished"

    FriendSync.objects.create(
        account=account, state="failed", started_at=now() - timedelta(days=2),
        listed_at=now() - timedelta(days=2), page_at=now() - timedelta(hours=25), pages=1,
        next_token="old",
    )  # fmt: skip
    assert begin(account).pages == 0


def test_what_happened_since_the_list_began_wins_over_it(account: OfficialAccount) -> None:
    user = factories.user_id(5)
    sync = begin(account)
    talk.hear(account, talk.event("unfollow", now(), user=user), at=now())

    run(sync)

    assert Recipient.objects.get(line_user_id=user).friend_status == "blocked"


def test_an_older_block_is_over_when_line_lists_the_person(account: OfficialAccount) -> None:
    user = factories.user_id(5)
    talk.hear(account, talk.event("unfollow", now() - timedelta(days=9), user=user), at=now())

    run(begin(account))

    assert Recipient.objects.get(line_user_id=user).friend_status == "friend"


def test_who_asked_to_be_forgotten_stays_so(account: OfficialAccount) -> None:
    user = factories.user_id(5)
    talk.hear(account, talk.event("follow", now() - timedelta(days=9), user=user), at=now())
    forgetting.erase(Recipient.objects.get(line_user_id=user), at=now(), by=None)

    run(begin(account))

    assert not Recipient.objects.filter(line_user_id=user).exists()


def test_friends_whom_line_does_not_list_are_counted_and_stay(account: OfficialAccount) -> None:
    shy = "U" + "e" * 32
    talk.hear(account, talk.event("follow", now() - timedelta(days=9), user=shy), at=now())
    known = factories.user_id(7)
    talk.hear(account, talk.event("follow", now() - timedelta(days=9), user=known), at=now())

    done = run(begin(account))

    assert done.unlisted == 1
    assert Recipient.objects.get(line_user_id=shy).friend_status == "friend"


def test_two_runs_at_once_keep_each_page_once(account: OfficialAccount) -> None:
    async def both(pk: int) -> None:
        await asyncio.gather(*(followers.run(pk, working.in_database) for _ in range(2)))

    sync = begin(account)
    working.run(both(sync.pk))

    sync.refresh_from_db()
    assert (sync.state, sync.pages, sync.seen, sync.created) == ("finished", 3, PEOPLE, PEOPLE)
    assert ConsentRecord.objects.count() == PEOPLE


def test_an_account_that_line_does_not_list_for_is_told_so(
    account: OfficialAccount, line: Line
) -> None:
    line.fault("status", status=403, path=PATH)

    with pytest.raises(CommandError, match="verified and premium accounts only"):
        call_command("sync_friends", account=account.slug)


def test_only_lines_own_road_lists_friends(account: OfficialAccount) -> None:
    account.roads.all().delete()

    with pytest.raises(CommandError, match="no two-way road to LINE"):
        call_command("sync_friends", account=account.slug)


@pytest.mark.parametrize("role", ["author", "reviewer", "auditor", "agent"])
def test_who_may_not_bring_people_in_lists_nobody(account: OfficialAccount, role: str) -> None:
    by: User = factories.user(role)
    with pytest.raises(PermissionDenied):
        followers.start(account, at=now(), by=by)
