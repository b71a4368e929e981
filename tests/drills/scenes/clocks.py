"""Clocks that are wrong: LINE's goes a day forward; our workers' machines are hours off."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from tests.drills.scenes import webhooks
from tests.drills.scenes.stage import Stage, Wrong

WRONG_CLOCK = Path(__file__).resolve().parents[1] / "wrong_clock"
OFF_SECONDS = (6 * 3600, -6 * 3600)


def silence(stage: Stage, *, messages: int) -> None:
    """Nobody answers LINE's question; after 24 hours all are expired, and none delivered."""
    stage.begin(people=messages, rate=400, consent="not_set", when_asked="silent")
    stage.until_finished()
    moment = webhooks.expire(stage, after=timedelta(hours=23))
    found = {row.status for row in stage.rows()}
    if found != {"accepted"}:
        raise Wrong(f"an hour too early messages are {', '.join(sorted(found))}")
    told = stage.simulator.call("POST", "clock", {"advance_seconds": 25 * 3600})
    if (told["lapsed"], told["delivered"]) != (messages, 0):
        raise Wrong("the simulator's own day went otherwise than the drill means")
    webhooks.expire(stage, after=timedelta(hours=25))
    found = {row.status for row in stage.rows()}
    if found != {"expired"}:
        raise Wrong(f"after the day messages are {', '.join(sorted(found))}; asked at {moment}")


def skewed(stage: Stage, *, messages: int) -> None:
    """One worker's clock is six hours fast, the other's six hours slow; nothing changes.

    Answers take seconds, so that house-keeping happens while POSTs are under way: by a wrong clock
    their leases would seem over, and the messages become uncertain.
    """
    [(began,)] = stage.ask("SELECT clock_timestamp()")
    stage.simulator.fault("hang_after_acceptance", seconds=0.5, times=10**9)
    stage.prepare(people=messages, rate=40)
    for off in OFF_SECONDS:
        stage.workers.start(PYTHONPATH=str(WRONG_CLOCK), DRILL_CLOCK_OFF_SECONDS=str(off))
    stage.until(lambda: stage.are_up(2), "the workers are up", seconds=60)
    stage.start()
    stage.until_finished()
    [(outside,)] = stage.ask(
        "SELECT count(*) FROM sending_message, clock_timestamp() AS ended WHERE NOT ("
        " attempt_started_at BETWEEN %s AND ended AND attempt_ended_at BETWEEN %s AND ended"
        " AND accepted_at BETWEEN %s AND ended AND changed_at BETWEEN %s AND ended"
        " AND expires_at - accepted_at BETWEEN '23:59:00' AND '24:01:00')",
        *[began] * 4,
    )
    if outside:
        raise Wrong(f"{outside} messages have a time by a worker's wrong clock")
    if {row.status for row in stage.rows()} != {"accepted"}:
        raise Wrong("not all messages are accepted")
    for name in stage.workers.running:
        if "clock is off" not in stage.programs.log(name).read_text(errors="replace"):
            raise Wrong("a worker ran with a right clock")
