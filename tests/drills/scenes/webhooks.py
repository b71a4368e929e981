"""LINE's events through the real web door: doubled, out of order, late, before our own record."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta

from tests.drills import programs
from tests.drills.scenes.stage import TOKEN, Stage, Wrong, phone

DAY_AND_MORE_SECONDS = 25 * 3600


def disordered(stage: Stage, *, messages: int) -> None:
    """Every event comes twice and out of order, before the answer to its own POST.

    Some answers are lost altogether, so that those messages are uncertain until their event.
    """
    _open_door(stage)
    stage.simulator.call("POST", "webhooks", {"duplicate": True, "shuffle": True})
    for n in stage.random.sample(range(messages), messages // 50):
        stage.simulator.fault("drop_after_acceptance", phone=phone(n))
    stage.simulator.fault("hang_after_acceptance", seconds=1, times=10**9)
    stage.ready(people=messages, rate=200)
    _point_channel(stage)
    stage.start()
    stage.until_finished()
    stage.until(lambda: _counts(stage) == {"delivered": messages}, "all are delivered", seconds=60)
    early = stage.ask("SELECT count(*) FROM sending_message WHERE delivered_at < attempt_ended_at")
    stage.notes.append(f"{early[0][0]} events came before our record of the answer")
    if not early[0][0]:
        raise Wrong("no event came before our own record of the answer")
    _expect_events(stage, messages)


def late(stage: Stage, *, messages: int) -> None:
    """All events are held back until our 24 hours are over, and then come twice: they still win."""
    _open_door(stage)
    stage.simulator.call("POST", "webhooks", {"hold": True})
    stage.ready(people=messages, rate=400)
    _point_channel(stage)
    stage.start()
    stage.until_finished()
    if _counts(stage) != {"accepted": messages}:
        raise Wrong(f"without any event there are {_counts(stage)}")
    expire(stage, after=timedelta(seconds=DAY_AND_MORE_SECONDS))
    if _counts(stage) != {"expired": messages}:
        raise Wrong(f"a day later without any event there are {_counts(stage)}")
    stage.simulator.call("POST", "webhooks", {"hold": False})
    stage.simulator.call("POST", "webhooks/redeliver", {"all": True})
    stage.until(lambda: _counts(stage) == {"delivered": messages}, "all are delivered", seconds=60)
    _expect_events(stage, messages)


def expire(stage: Stage, *, after: timedelta) -> datetime:
    """Run `expire_messages` as if that much time had passed; return the moment it was given."""
    [(now,)] = stage.ask("SELECT clock_timestamp()")
    moment: datetime = now + after
    process = stage.programs.start(
        "expire", "manage.py", "expire_messages", "--now", moment.isoformat()
    )
    if process.wait(60):
        raise Wrong("expire_messages was refused")
    return moment


def _open_door(stage: Stage) -> None:
    """Start the web server; `_point_channel` waits for it."""
    port = programs.free_port()
    url = f"http://127.0.0.1:{port}"
    stage.web = url
    stage.programs.start(
        "web", "-m", "gunicorn", "lineportal.wsgi", "--bind", f"127.0.0.1:{port}",
        "--workers", "1", "--threads", "4", LINEPORTAL_PUBLIC_URL=url,
    )  # fmt: skip


def _point_channel(stage: Stage) -> None:
    """Give the simulator the account's webhook address; LINE repeats what we fail to take."""
    assert stage.account
    stage.until(
        lambda: programs.answers(f"{stage.web}/healthz"), "the web server answers", seconds=60
    )
    stage.simulator.channel(
        channel_access_token=TOKEN,
        rate_per_second=100_000,
        webhook_url=f"{stage.web}/webhooks/line/{stage.account.webhook_id}/",
        redelivery=True,
    )


def _counts(stage: Stage) -> Counter[str]:
    return Counter(row.status for row in stage.rows())


def _expect_events(stage: Stage, messages: int) -> None:
    """Every event was taken once, however often it came."""
    sent = stage.simulator.call("GET", "webhooks?limit=10000")["sent"]
    posted = sum(len(post["events"]) for post in sent if post["ok"])
    [(kept,)] = stage.ask("SELECT count(*) FROM sending_webhookevent")
    stage.notes.append(f"{posted} events posted, {kept} kept")
    if kept != messages or posted < 2 * messages:
        raise Wrong(f"{posted} events were posted and {kept} kept, for {messages} messages")
