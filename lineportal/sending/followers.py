"""Ask LINE who the friends of an account are, page by page; a run that stopped goes on there.

https://developers.line.biz/en/reference/messaging-api/#get-follower-ids: for verified and premium
accounts only; a place in the list is good for 24 hours. The list leaves out who deleted LINE, who
blocked the account, and who never agreed that LINE shows their profile. So a listed person is a
friend, as of when the list began; one who is not listed may be anything, and stays as we hold them.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta

import aiohttp
from django.contrib.auth.models import User
from django.db import transaction
from django.utils.translation import gettext as _

from lineportal import jobs
from lineportal.accounts import access
from lineportal.accounts.models import OfficialAccount, Road, Service
from lineportal.audit import chain
from lineportal.providers import PROVIDERS, http
from lineportal.providers.base import Outcome
from lineportal.providers.line import LineProvider
from lineportal.providers.line.told import Followers
from lineportal.sending import clock, routing
from lineportal.sending.models import FriendSync
from lineportal.sending.sender import InDatabase
from recipients import erasure, friendship
from recipients.models import FriendStatus, Recipient

SYNC = "recipients.import_recipient"  # the permission: it brings people in
TASK = "lineportal.sync_friends"
PAGE = 1_000  # ids; LINE's most
TOKEN_LIFE = timedelta(hours=24)
# Our clock may be ahead of LINE's: a block just before the list began must not be taken back.
MARGIN = timedelta(minutes=1)
_WAITS = (1, 5, 20)  # seconds before a page that did not come is asked for again
_AGAIN = frozenset({Outcome.UNAVAILABLE, Outcome.THROTTLED, Outcome.UNCERTAIN})


class NotListed(Exception):
    """The account's friends cannot be listed; the text says why."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a run is: what to ask LINE for, and with which road."""

    sync_id: int
    road: Road
    next_token: str


@transaction.atomic
def start(
    account: OfficialAccount, *, at: datetime, by: User | None, restart: bool = False
) -> FriendSync:
    """Begin a run, or take up the one that stopped; `restart` begins anew.

    A run of which LINE has forgotten the place begins anew as well. Raises PermissionDenied,
    NotListed.
    """
    if by is not None:
        access.require(by, SYNC, account)
    OfficialAccount.objects.select_for_update(no_key=True).get(pk=account.pk)
    road = Road.objects.filter(account=account, service=Service.OA).first()
    if road is None or road.provider != LineProvider.name:
        raise NotListed(
            _("Only LINE itself lists friends; the account has no two-way road to LINE.")
        )
    last = FriendSync.objects.filter(account=account).order_by("-pk").first()
    if last is not None and last.state != FriendSync.State.FINISHED:
        is_known = not last.pages or bool(last.next_token)
        if not restart and is_known and at - (last.page_at or last.started_at) < TOKEN_LIFE:
            last.state, last.problem = FriendSync.State.RUNNING, ""
            last.save(update_fields=["state", "problem"])
            return last
        last.state = FriendSync.State.FAILED
        last.problem = last.problem or _("It was begun anew.")
        last.finished_at = at
        last.save(update_fields=["state", "problem", "finished_at"])
    made = FriendSync.objects.create(account=account, started_at=at, listed_at=at, started_by=by)
    chain.write("friends.sync", subject=made, by=by, at=at, account_id=account.pk)
    return made


@transaction.atomic
def begin(
    account: OfficialAccount, *, at: datetime, by: User | None, restart: bool = False
) -> FriendSync:
    """Begin or take up a run as `start` does, and have a worker do it."""
    sync = start(account, at=at, by=by, restart=restart)
    wake(sync)
    return sync


def wake(sync: FriendSync) -> None:
    """Have a worker go on with a run; one at a time for each account."""
    name = f"sync-friends:{sync.account_id}"
    jobs.defer(TASK, lock=name, queueing_lock=name, sync_id=sync.pk)


async def run(sync_id: int, in_database: InDatabase) -> FriendSync:
    """Go on with a run to its end, and return it; every page is kept before the next is asked for.

    It ends as failed, with a sentence, where LINE does not give a page.
    """
    place = await in_database(_place, sync_id)
    if place is None:
        return await in_database(_load, sync_id)
    routing.check_base_url(place.road.api_base_url, PROVIDERS[place.road.provider])
    provider = await in_database(routing.build, place.road)
    async with http.session(connections=1) as session:
        while place is not None:
            page = await _page(provider, session, place.next_token)
            if page.problem:
                await in_database(fail, sync_id, page)
                break
            place = await in_database(_keep_now, place, page)
    return await in_database(_load, sync_id)


@transaction.atomic
def keep(place: Place, line_user_ids: tuple[str, ...], next_token: str, *, at: datetime) -> bool:
    """Keep a page and the place behind it; return whether this run still waited for it.

    Two who run it at once keep each page once. Who asked to be forgotten stays so.
    """
    sync = FriendSync.objects.select_for_update().get(pk=place.sync_id)
    if sync.state != FriendSync.State.RUNNING or sync.next_token != place.next_token:
        return False
    ids = dict.fromkeys(line_user_ids)
    for _account_id, user in erasure.erased_users({(sync.account_id, each) for each in ids}):
        ids.pop(user, None)
    held = dict(
        Recipient.objects.filter(account=sync.account_id, line_user_id__in=ids).values_list(
            "line_user_id", "friend_status"
        )
    )
    told = [
        friendship.Told(
            account_id=sync.account_id,
            line_user_id=each,
            event="follow",
            occurred_at=sync.listed_at - MARGIN,
            event_id=f"friends:{sync.pk}",
        )
        for each in ids
        if held.get(each) != FriendStatus.FRIEND
    ]
    sync.changed += len(friendship.apply_all(told, at=at))
    sync.created += len(ids) - len(held)
    sync.seen += len(ids)
    sync.pages += 1
    sync.page_at, sync.next_token = at, next_token
    if not next_token:
        _finish(sync, at=at)
    sync.save()
    return True


@transaction.atomic
def fail(sync_id: int, page: Followers) -> None:
    """End a run as failed; where LINE has forgotten its place, the next one begins anew."""
    sync = FriendSync.objects.select_for_update().get(pk=sync_id)
    if sync.state != FriendSync.State.RUNNING:
        return
    sync.state, sync.problem = FriendSync.State.FAILED, page.problem[:300]
    sync.finished_at = clock.now()
    if page.code == "bad_page":
        sync.next_token = ""
    sync.save()


def abandoned(*, at: datetime) -> list[FriendSync]:
    """Return the runs that nobody has gone on with for a while, as their worker may be dead."""
    running = FriendSync.objects.filter(state=FriendSync.State.RUNNING)
    return [each for each in running if at - (each.page_at or each.started_at) > MARGIN]


def _finish(sync: FriendSync, *, at: datetime) -> None:
    sync.state, sync.finished_at = FriendSync.State.FINISHED, at
    friends = Recipient.objects.filter(
        account=sync.account_id,
        friend_status=FriendStatus.FRIEND,
        line_user_id__isnull=False,
        friend_observed_at__lt=sync.listed_at - MARGIN,
    )
    # Those who were friends before and were listed are among what was seen and not changed.
    sync.unlisted = max(friends.count() - (sync.seen - sync.changed), 0)
    chain.write(
        "friends.synced", subject=sync, by=None, at=at, account_id=sync.account_id,
        pages=sync.pages, seen=sync.seen, created=sync.created, changed=sync.changed,
    )  # fmt: skip


def _place(sync_id: int) -> Place | None:
    sync = FriendSync.objects.get(pk=sync_id)
    if sync.state != FriendSync.State.RUNNING:
        return None
    road = Road.objects.select_related("account").get(account=sync.account_id, service=Service.OA)
    return Place(sync.pk, road, sync.next_token)


def _keep_now(place: Place, page: Followers) -> Place | None:
    keep(place, page.line_user_ids, page.next, at=clock.now())
    return _place(place.sync_id)


def _load(sync_id: int) -> FriendSync:
    return FriendSync.objects.select_related("account").get(pk=sync_id)


async def _page(provider: object, session: aiohttp.ClientSession, start_at: str) -> Followers:
    if not isinstance(provider, LineProvider):
        return Followers(problem=_("Only LINE itself lists friends."), outcome=Outcome.FAULT)
    page = await provider.followers(session, start=start_at, limit=PAGE)
    for seconds in _WAITS:
        if page.outcome not in _AGAIN:
            return page
        await asyncio.sleep(seconds)
        page = await provider.followers(session, start=start_at, limit=PAGE)
    return page
