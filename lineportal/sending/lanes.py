"""Wake the workers: the names of the jobs, and how doors and acts ask for them.

Jobs are deferred in the caller's transaction, so they exist if and only if the work does.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from procrastinate.contrib.django import app
from procrastinate.contrib.django.models import ProcrastinateWorker

from lineportal import jobs
from lineportal.accounts.models import Road

LANES_PER_ROAD = 2  # each for another process, so that one of them may be killed

DRAIN = "lineportal.drain_road"
READ_INBOX = "lineportal.read_inbox"
RUN_IMPORT = "lineportal.run_import"
FREEZE = "lineportal.freeze_audience"
MAIL_ENTRY = "lineportal.mail_entry"
MAIL_REMINDER = "lineportal.mail_reminder"
TELL_REVOKED = "lineportal.tell_revoked"
POLL = "lineportal.poll_reports"
STOP_FOR_FAULT = "lineportal.stop_for_fault"
FORWARD = "lineportal.forward_webhooks"
WORKER_SILENCE = timedelta(seconds=40)  # workers beat every two seconds
COUNT = "lineportal.count_days"
_INBOX = "inbox"


def live_workers(*, at: datetime) -> int:
    """Return how many worker processes gave a sign of life lately."""
    return ProcrastinateWorker.objects.filter(last_heartbeat__gt=at - WORKER_SILENCE).count()


def wake_road(road_id: int) -> None:
    """Make sure that the road's lanes will look for due messages."""
    for lane in range(LANES_PER_ROAD):
        name = f"drain:{road_id}:{lane}"
        jobs.defer(DRAIN, lock=name, queueing_lock=name, road_id=road_id, lane=lane)


def wake_service(account_id: int, service: str) -> None:
    """Make sure that somebody looks at the road this service of the account takes."""
    wake_road(Road.objects.values_list("pk", flat=True).get(account=account_id, service=service))


def wake_inbox(forwarding_id: int | None = None) -> None:
    """Make sure that somebody reads the webhook inbox; call it once what came is committed.

    And, with `forwarding_id`, that somebody passes it on. A job that waits already will find it. To
    defer one for each POST would make them wait for each other: on the job's lock, and on NOTIFY's.
    """
    names = [_INBOX] if forwarding_id is None else [_forwarder(forwarding_id), _INBOX]
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT queueing_lock FROM procrastinate_jobs WHERE queueing_lock = ANY(%s)"
            " AND task_name = ANY(%s) AND status = 'todo'",
            [names, [READ_INBOX, FORWARD]],
        )
        waiting = {name for (name,) in cursor.fetchall()}
    if forwarding_id is not None and names[0] not in waiting:
        wake_forwarder(forwarding_id)
    if _INBOX not in waiting:
        jobs.defer(READ_INBOX, lock=_INBOX, queueing_lock=_INBOX)


def wake_forwarder(forwarding_id: int) -> None:
    """Have a worker pass webhooks on; one at a time for each forwarding."""
    name = _forwarder(forwarding_id)
    jobs.defer(FORWARD, lock=name, queueing_lock=name, forwarding_id=forwarding_id)


def stop_for_fault(**fault: Any) -> None:
    """Have the campaigns stopped that a reported fault concerns; one job for all that are alike."""
    name = ":".join(str(fault[part]) for part in ("account_id", "service", "template_id", "code"))
    jobs.defer(STOP_FOR_FAULT, lock=f"fault:{name}", queueing_lock=f"fault:{name}", **fault)


def wake_poller(road_id: int) -> None:
    """Have a worker ask for the reports of a road; one at a time, on all machines together."""
    name = f"poll:{road_id}"
    jobs.defer(POLL, lock=name, queueing_lock=name, road_id=road_id)


def wake_counter(road_id: int) -> None:
    """Have a worker compare a road's days with its provider's; one at a time, on all machines."""
    name = f"count:{road_id}"
    jobs.defer(COUNT, lock=name, queueing_lock=name, road_id=road_id)


def wake_import(import_id: int) -> None:
    """Have a worker run a received import."""
    name = f"import:{import_id}"
    jobs.defer(RUN_IMPORT, lock=name, queueing_lock=name, import_id=import_id)


def wake_writer(campaign_id: int) -> None:
    """Have a worker write the messages of a started campaign."""
    name = f"freeze:{campaign_id}"
    jobs.defer(FREEZE, lock=name, queueing_lock=name, campaign_id=campaign_id)


def mail_entry(entry_id: int, user_id: int) -> None:
    """Have a worker mail an entry of a thread to somebody it mentions."""
    name = f"mail-entry:{entry_id}:{user_id}"
    jobs.defer(MAIL_ENTRY, lock=name, queueing_lock=name, entry_id=entry_id, user_id=user_id)


def mail_reminder(user_id: int, reminder_ids: list[int]) -> None:
    """Have a worker mail somebody what waits for them; one mail for all of these reminders."""
    name = f"mail-reminder:{user_id}:{min(reminder_ids)}"
    jobs.defer(
        MAIL_REMINDER, lock=name, queueing_lock=name, user_id=user_id, reminder_ids=reminder_ids
    )


def tell_revoked(template_id: int, user_id: int, campaign_ids: list[int]) -> None:
    """Have a person told that these campaigns of theirs stopped with their template."""
    app.configure_task(TELL_REVOKED).defer(
        template_id=template_id, user_id=user_id, campaign_ids=[*campaign_ids]
    )


def _forwarder(forwarding_id: int) -> str:
    return f"forward:{forwarding_id}"
