"""What workers run for conversations; like all jobs, twice or at the same time without harm."""

from __future__ import annotations

from procrastinate.contrib.django import app

from lineportal.conversations import answers, fetching, media_store, posting
from lineportal.sending import (
    asking_quota,
    clock,
    followers,
    friend_counts,
    media_fetch,
    naming,
    quota,
    talker,
)
from lineportal.sending.tasks import in_database, places, roads


@app.task(name=answers.POST)
async def post_answers(account_id: int) -> None:
    """Post what waits in the conversations of an account."""
    if await talker.post(account_id, roads, in_database, may_go_on=_may_go_on):
        await in_database(answers.wake, account_id)


# No lock of its own, which a dead worker would hold until its jobs are put back.
@app.periodic(cron="* * * * * *")
@app.task(name="lineportal.seed_answers", queueing_lock="seed_answers")
async def seed_answers(timestamp: int) -> None:
    """Settle what dead workers left in flight, and wake the accounts with something to post."""
    await in_database(_seed)


@app.periodic(cron="* * * * * */5")
@app.task(name="lineportal.ask_profiles", queueing_lock="ask_profiles", lock="ask_profiles")
async def ask_profiles(timestamp: int) -> None:
    """Ask LINE for the names of who wrote or became a friend."""
    while _may_go_on() and await naming.ask(roads, in_database):
        pass


@app.task(name=followers.TASK, retry=3)
async def sync_friends(sync_id: int) -> None:
    """Ask LINE who the friends of an account are, from the place where the run is."""
    await followers.run(sync_id, in_database)


@app.periodic(cron="* * * * *")
@app.task(name="lineportal.seed_friend_syncs", queueing_lock="seed_friend_syncs")
async def seed_friend_syncs(timestamp: int) -> None:
    """Wake the listings of friends that nobody goes on with."""
    for sync in await in_database(lambda: followers.abandoned(at=clock.now())):
        await in_database(followers.wake, sync)


@app.task(name=quota.ASK)
async def ask_quota(road_id: int) -> None:
    """Ask LINE what is left of a road's month, unless somebody did just before."""
    await asking_quota.ask(road_id, roads, in_database)


@app.periodic(cron="* * * * *")
@app.task(name="lineportal.seed_quotas", queueing_lock="seed_quotas")
async def seed_quotas(timestamp: int) -> None:
    """Wake the asking on the roads on which campaigns to friends run."""
    for road_id in await in_database(quota.roads):
        await in_database(quota.wake, road_id)


@app.task(name=friend_counts.ASK)
async def ask_friend_counts(road_id: int) -> None:
    """Ask LINE how many friends it counted on the days that we do not know yet."""
    await friend_counts.ask(road_id, roads, in_database)


@app.periodic(cron="25 * * * *")
@app.task(name="lineportal.seed_friend_counts", queueing_lock="seed_friend_counts")
async def seed_friend_counts(timestamp: int) -> None:
    """Wake the asking on every road on which LINE counts friends."""
    for road_id in await in_database(friend_counts.roads):
        await in_database(friend_counts.wake, road_id)


@app.task(name=fetching.FETCH)
async def fetch_media() -> None:
    """Fetch the files that customers sent."""
    await media_fetch.fetch(in_database, may_go_on=_may_go_on)


@app.periodic(cron="* * * * * */5")
@app.task(name="lineportal.seed_media", queueing_lock="seed_media")
async def seed_media(timestamp: int) -> None:
    """Wake the fetching where files wait, also those of dead workers."""
    if await in_database(lambda: media_store.is_due(at=clock.now())):
        await in_database(fetching.wake)


def _may_go_on() -> bool:
    return not places.is_closing


def _seed() -> None:
    at = clock.now()
    posting.sweep(at=at)
    for account_id in talker.due_accounts(at=at):
        answers.wake(account_id)
