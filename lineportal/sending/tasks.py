"""What workers run: the lanes of the roads, the inbox, imports, and the house-keeping.

Jobs run at least once; every one of them may be run twice or at the same time without harm.
"""

from __future__ import annotations

import asyncio
import functools
import logging
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from django.db import DatabaseError, InterfaceError, close_old_connections, connections
from procrastinate import JobContext, RetryStrategy
from procrastinate.contrib.django import app
from procrastinate.exceptions import ConnectorException, UniqueViolation
from procrastinate.jobs import Status as JobStatus
from procrastinate.worker import Worker

from lineportal.conversations import linking
from lineportal.sending import (
    breakers,
    clock,
    counting,
    discussion,
    forwarding,
    forwards,
    freezing,
    inbox,
    lanes,
    link_offers,
    mails,
    outbox,
    passing,
    polling,
    receipts,
    reconcile,
    reminders,
    reports,
    retention,
    revoked_notice,
    timekeeping,
    withdrawal,
    worker,
)
from lineportal.sending.models import Campaign, WebhookDelivery
from recipients import imports
from recipients.models import RecipientImport

log = logging.getLogger(__name__)

THREADS = 8  # of database work per worker process
HEARTBEAT_SECONDS = 2.0
# A mail server may be away for about a day: asked after 5 s, then a minute later each time.
UNTIL_MAIL_GOES = RetryStrategy(max_attempts=50, wait=5, linear_wait=60)
STALLED_SECONDS = 7.0  # without a heartbeat a worker counts as dead

Result = TypeVar("Result")


class Places:
    """The places for jobs in this process: `most` of them, and how many are taken now.

    `is_closing`: the process is told to stop.
    """

    def __init__(self) -> None:
        self.most = 1
        self.is_closing = False
        self._taken = 0

    async def count(
        self, call_next: Callable[[], Awaitable[Any]], _context: JobContext, _worker: Worker
    ) -> Any:
        """Run a job, as a worker's middleware."""
        self._taken += 1
        try:
            return await call_next()
        finally:
            self._taken -= 1

    def may_be_kept(self) -> bool:
        """Return whether a job may go on for long: others have room, and nobody waits for it."""
        return self._taken < self.most and not self.is_closing


places = Places()
_pool = ThreadPoolExecutor(THREADS, thread_name_prefix="database")
roads = worker.Roads()
_passer = passing.Passer()
_draining: set[int] = set()  # roads that a lane in this process serves now


async def in_database(function: Callable[..., Result], *args: Any, **kw: Any) -> Result:
    """Run a function that uses the database in a thread of our own."""

    def run() -> Result:
        try:
            return function(*args, **kw)
        except (DatabaseError, InterfaceError):
            close_old_connections()  # a broken one; the next call makes a new one
            raise

    return await asyncio.get_running_loop().run_in_executor(_pool, run)


async def close() -> None:
    """Close the sessions with providers and bots, and every thread's database connection."""
    await roads.close()
    await _passer.close()
    loop = asyncio.get_running_loop()
    barrier = asyncio.gather(
        *(loop.run_in_executor(_pool, connections.close_all) for _ in range(THREADS))
    )
    await barrier
    _pool.shutdown(wait=True)


@app.task(name=lanes.DRAIN)
async def drain_road(road_id: int, lane: int) -> None:
    """Send what is due on a road; where places are scarce give way to the next after a second.

    Else it goes on: a lane that ends while its successor waits behind its lock is idle until some
    other job comes.
    """
    if road_id in _draining:
        return  # the other lane is for another process, so that one can be killed; see seed_lanes
    _draining.add(road_id)
    try:
        while await worker.drain(road_id, roads, in_database):
            if not places.may_be_kept():
                await in_database(lanes.wake_road, road_id)
                return
        await in_database(_finish)
    finally:
        _draining.discard(road_id)


@app.task(name=lanes.READ_INBOX)
async def read_inbox() -> None:
    """Read what providers told us."""
    await in_database(lambda: inbox.read(at=clock.now()))


@app.task(name=lanes.FORWARD)
async def forward_webhooks(forwarding_id: int) -> None:
    """Pass webhooks on to a company's bot."""
    if await _passer.run(forwarding_id, in_database, may_go_on=places.may_be_kept):
        await in_database(lanes.wake_forwarder, forwarding_id)


@app.task(name=lanes.STOP_FOR_FAULT, retry=3)
async def stop_for_fault(**fault: Any) -> None:
    """Pause the campaigns of an account or a template that a provider reported a fault of."""
    await in_database(lambda: breakers.stop_for(receipts.Fault(**fault), at=clock.now()))


@app.task(name=lanes.POLL)
async def poll_reports(road_id: int) -> None:
    """Ask a provider what became of messages, where it does not tell us by itself."""
    await polling.poll(road_id, in_database)


@app.periodic(cron="* * * * * */15")
@app.task(name="lineportal.seed_pollers", queueing_lock="seed_pollers")
async def seed_pollers(timestamp: int) -> None:
    """Wake the pollers of the roads whose reports are asked for."""
    chosen = await in_database(polling.roads)
    for road_id in chosen:
        await in_database(lanes.wake_poller, road_id)
    await in_database(polling.forget_others, chosen)


@app.task(name=lanes.COUNT)
async def count_days(road_id: int) -> None:
    """Compare what we hold of a road's days with what its provider counted."""
    plan = await in_database(lambda: counting.plan(road_id, at=clock.now()))
    told = await counting.ask(plan)
    await in_database(lambda: counting.keep(plan.road, told, at=clock.now()))


@app.task(name=linking.OFFER, retry=RetryStrategy(max_attempts=6, wait=2, linear_wait=5))
async def offer_links(account_id: int) -> None:
    """Give customers the addresses at which they link their number."""
    await link_offers.offer(account_id, in_database)


@app.periodic(cron="11 * * * *")
@app.task(name="lineportal.seed_counters", queueing_lock="seed_counters")
async def seed_counters(timestamp: int) -> None:
    """Wake the counters of the roads in use."""
    for road_id in await in_database(counting.roads):
        await in_database(lanes.wake_counter, road_id)


@app.task(name=lanes.RUN_IMPORT, retry=3)
async def run_import(import_id: int) -> None:
    """Import a received file of recipients."""
    job = await in_database(functools.partial(RecipientImport.objects.get, pk=import_id))
    await in_database(lambda: imports.run(job, at=clock.now()))


@app.task(name=lanes.FREEZE, retry=3)
async def freeze_audience(campaign_id: int) -> None:
    """Write the messages of a started campaign, chunk by chunk."""
    while await in_database(lambda: freezing.write_next(campaign_id, at=clock.now())):
        pass


@app.task(name=lanes.MAIL_ENTRY, retry=UNTIL_MAIL_GOES)
async def mail_entry(entry_id: int, user_id: int) -> None:
    """Mail an entry of a thread to somebody it mentions."""
    message = await in_database(discussion.mail, entry_id, user_id)
    if message is not None:
        await asyncio.to_thread(mails.post, message)  # which holds no connection meanwhile


@app.task(name=lanes.MAIL_REMINDER, retry=UNTIL_MAIL_GOES)
async def mail_reminder(user_id: int, reminder_ids: list[int]) -> None:
    """Mail somebody which versions wait for them longer than is usual."""
    at = await in_database(clock.now)
    message = await in_database(lambda: reminders.mail(user_id, reminder_ids, at=at))
    if message is not None:
        await asyncio.to_thread(mails.post, message)


@app.periodic(cron="*/15 * * * *")
@app.task(name="lineportal.remind", queueing_lock="remind", lock="remind")
async def remind(timestamp: int) -> None:
    """On working mornings, remind people of what waits for them longer than is usual."""
    await in_database(lambda: reminders.remind(at=clock.now()))


@app.task(name=lanes.TELL_REVOKED, retry=UNTIL_MAIL_GOES)
async def tell_revoked(template_id: int, user_id: int, campaign_ids: list[int]) -> None:
    """Mail a person that their campaigns stopped with their template."""
    message = await in_database(revoked_notice.mail, template_id, user_id, campaign_ids)
    if message is not None:
        await asyncio.to_thread(mails.post, message)


# No lock of its own, which a dead worker would hold until its jobs are put back.
@app.periodic(cron="* * * * * *")
@app.task(name="lineportal.seed_lanes", queueing_lock="seed_lanes")
async def seed_lanes(timestamp: int) -> None:
    """Wake the roads that have due messages, start what is scheduled, finish what is done."""
    await in_database(_seed)


@app.periodic(cron="* * * * * */15")
@app.task(name="lineportal.keep_house", queueing_lock="keep_house", lock="keep_house")
async def keep_house(timestamp: int) -> None:
    """Settle what dead workers left, expire what was never delivered, squash the tallies."""
    await in_database(_keep_house)


@app.periodic(cron="*/10 * * * *")
@app.task(name="lineportal.reconcile", queueing_lock="reconcile", lock="reconcile")
async def reconcile_counts(timestamp: int) -> None:
    """Compare the counts of moving campaigns with their rows."""
    for each in await in_database(lambda: reconcile.recent(at=clock.now())):
        log.error(
            "campaign %s had %d counted as %s, but %d rows", each.campaign_id, each.tallied,
            each.status, each.counted,
        )  # fmt: skip


@app.periodic(cron="*/5 * * * *")
@app.task(name="lineportal.keep_forwards", queueing_lock="keep_forwards", lock="keep_forwards")
async def keep_forwards(timestamp: int) -> None:
    """Give up what no bot took for a day, and forget what ended long ago."""
    await in_database(lambda: forwards.give_up(at=clock.now()))
    await in_database(lambda: forwarding.watch(at=clock.now()))
    while not places.is_closing and await in_database(_forget_forwards):
        pass


@app.periodic(cron="23 * * * *")
@app.task(name="lineportal.keep_periods", queueing_lock="keep_periods", lock="keep_periods")
async def keep_periods(timestamp: int) -> None:
    """Empty what is kept for longer than its account asks, batch by batch."""
    at = await in_database(clock.now)
    steps = retention.batches(at=at)
    # A worker that is told to stop leaves the rest to the next hour.
    while not places.is_closing and await in_database(next, steps, None):
        pass


@app.periodic(cron="* * * * * */2")
@app.task(name="lineportal.retry_stalled", pass_context=True)
async def retry_stalled(context: JobContext, timestamp: int) -> None:
    """Put jobs of dead workers back; Procrastinate does not do this by itself.

    It has no lock of its own, which a dead worker could hold for ever.
    """
    manager = context.app.job_manager
    for job in await manager.get_stalled_jobs(seconds_since_heartbeat=STALLED_SECONDS):
        try:
            await manager.retry_job(job)
        except UniqueViolation:
            # The same work waits in the queue already, behind this job's lock: drop this one.
            await manager.finish_job(job, JobStatus.FAILED, delete_job=True)
        except ConnectorException as error:
            log.warning("job %s was put back by another worker: %s", job.id, error)


def _seed() -> None:
    at = clock.now()
    for road_id in outbox.due_roads(at=at):
        lanes.wake_road(road_id)
    for forwarding_id in forwards.due(at=at):
        lanes.wake_forwarder(forwarding_id)
    timekeeping.finish_done(at=at)
    # Last, for a start may take long, and must not keep the others waiting.
    due = Campaign.objects.filter(state=Campaign.State.SCHEDULED, scheduled_at__lte=at)
    for campaign in due.order_by("scheduled_at"):
        timekeeping.start_scheduled(campaign, at=at)


def _forget_forwards() -> bool:
    return forwards.forget_ended(at=clock.now()) > 0


def _finish() -> None:
    timekeeping.finish_done(at=clock.now())


def _keep_house() -> None:
    at = clock.now()
    outbox.sweep(at=at)
    outbox.forget_strokes(at=at)
    receipts.expire(at=at)
    reports.squash()
    withdrawal.cancel_left_behind(at=at)
    for campaign_id in freezing.unwritten():
        lanes.wake_writer(campaign_id)
    for import_id in imports.abandoned(at=at):
        lanes.wake_import(import_id)
    if WebhookDelivery.objects.filter(read_at__isnull=True).exists():
        lanes.wake_inbox()
