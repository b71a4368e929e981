"""Post what waits in the conversations of an account: one at a time in each, several in parallel.

Every post has a slot of the road's, as those of campaigns have, so its rate holds over all.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime

from django.db import DatabaseError, InterfaceError, transaction

from lineportal.accounts.credentials import UnreadableCredentials
from lineportal.accounts.models import Road, Service
from lineportal.conversations import posting
from lineportal.conversations.posting import Claimed
from lineportal.providers.base import BadCredentials, Outcome, OutgoingMessage, SendResult
from lineportal.sending import clock, pacing, stops, worker
from lineportal.sending.sender import InDatabase
from recipients.intake import Invalid

log = logging.getLogger(__name__)

AT_ONCE = 8  # conversations of an account that are posted to at the same time
LOOK_SECONDS = 0.25  # between looks for new messages while posts are under way
RECORD_TRIES = 30  # a second apart: longer than a restart of the database, within the lease


def due_accounts(*, at: datetime) -> list[int]:
    """Return the ids of accounts that have something to post, and are not stopped."""
    return [pk for pk in posting.due_accounts(at=at) if not stops.in_force(pk).exists()]


async def post(
    account_id: int, roads: worker.Roads, in_database: InDatabase, *, may_go_on: Callable[[], bool]
) -> bool:
    """Post what is due; return whether more may be, as `may_go_on` said no."""
    road_id = await in_database(_road_id, account_id)
    if road_id is None:
        log.error("account %s has messages to post, but no road for them", account_id)
        return False
    try:
        work = await roads.get(road_id, in_database)
    except (Invalid, BadCredentials, UnreadableCredentials, Road.DoesNotExist) as refusal:
        log.error("road %s is not used: %s", road_id, refusal)
        return False
    under_way: dict[asyncio.Task[None], int] = {}
    try:
        while True:
            may_start = may_go_on()
            for talk_id in await in_database(_due, account_id) if may_start else []:
                if len(under_way) < AT_ONCE and talk_id not in under_way.values():
                    one = asyncio.create_task(_post_first(talk_id, work, in_database))
                    under_way[one] = talk_id
            if not under_way:
                return not may_start
            done, _rest = await asyncio.wait(
                under_way, timeout=LOOK_SECONDS, return_when=asyncio.FIRST_COMPLETED
            )
            for one in done:
                del under_way[one]
                one.result()
    finally:
        # What was posted is recorded, whatever became of the others.
        if under_way:
            await asyncio.wait(under_way)


async def _post_first(talk_id: int, work: worker.RoadWork, in_database: InDatabase) -> None:
    """Post the first message that waits in a conversation, at the road's next slot."""
    while True:
        seconds, count = await in_database(_reserve, work.road)
        await asyncio.sleep(seconds)
        if count:
            break
    claimed = await in_database(_claim, talk_id, work.road)
    if claimed is None:
        return
    message = OutgoingMessage(
        Service.OA, claimed.address, claimed.body, claimed.reference, reply_token=claimed.token
    )
    result = await work.provider.send(work.session, message)
    for _try in range(RECORD_TRIES):
        try:
            await in_database(_record, work.road, claimed, result)
        except (DatabaseError, InterfaceError) as error:
            log.warning("a result waits for the database (%s)", type(error).__name__)
            await asyncio.sleep(1)
        else:
            return
    log.error("the result of chat message %s was not written; the sweep settles it", claimed.id)


# --- in the database, in a thread


def _road_id(account_id: int) -> int | None:
    roads = Road.objects.filter(account=account_id, service=Service.OA)
    return roads.values_list("pk", flat=True).first()


def _due(account_id: int) -> list[int]:
    if stops.in_force(account_id).exists():
        return []
    # Those just begun are still among them, so more than can be begun are looked at.
    return posting.due(account_id, at=clock.now(), limit=2 * AT_ONCE)


def _reserve(road: Road) -> tuple[float, int]:
    """Return in how many seconds to go on, and how many slots there are then: one or none."""
    at = clock.now()
    slots = pacing.reserve(road, wanted=1, at=at)
    if slots.count:
        return max((slots.begin_at - at).total_seconds(), 0.0), slots.count
    return max((slots.begin_at - at - pacing.HORIZON).total_seconds(), 0.05), 0


@transaction.atomic
def _claim(talk_id: int, road: Road) -> Claimed | None:
    if stops.in_force(road.account_id).exists():
        return None
    return posting.claim(talk_id, road, at=clock.now())


def _record(road: Road, claimed: Claimed, result: SendResult) -> None:
    at = clock.now()
    posting.record(claimed, result, at=at)
    if result.outcome is Outcome.THROTTLED:
        with transaction.atomic():
            pacing.slow_down(road, at=at, retry_after_seconds=result.retry_after_seconds)
    elif result.outcome is Outcome.UNAVAILABLE:
        with transaction.atomic():
            pacing.hold(road, at=at)
