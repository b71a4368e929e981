"""Workers killed by `kill -9`: at random moments, with POSTs under way, and both at once."""

from __future__ import annotations

import time

from tests.drills.scenes.stage import Stage, Wrong

ANSWER_SECONDS = 0.15  # about LINE's own, so that a kill finds POSTs under way
PATIENCE_SECONDS = 3.0  # for sending to be under way again; a kill while it waits is one too


def at_random(stage: Stage, *, messages: int, kills: int) -> None:
    """Kill one of two workers again and again; another one takes its place at once."""
    stage.simulator.fault("hang_after_acceptance", seconds=ANSWER_SECONDS, times=10**9)
    # A kill takes two seconds or more, so that all of them fall into the campaign.
    stage.begin(people=messages, rate=max(20, messages // (kills * 4)))
    stage.until_sent(1)
    hits = 0
    for n in range(kills):
        _until_sending(stage)
        stage.let_pass(stage.random.uniform(0, 1.5))
        stage.until(lambda: bool(_up(stage)), "a worker is up", seconds=60)
        if stage.state() != "running":
            raise Wrong(f"the campaign ended after {n} kills of {kills}")
        hits += stage.kill_workers(stage.random.choice(_up(stage))) > 0
    stage.notes.append(f"{kills} kills, {hits} of them with new POSTs under way")
    stage.hurry()
    stage.until_finished(seconds=300)


def in_flight(stage: Stage, *, messages: int) -> None:
    """Kill one of two workers while every POST waits for its answer."""
    stage.simulator.fault("hang_after_acceptance", seconds=4, times=10**9)
    stage.begin(people=messages, rate=100)
    stage.until_sent(messages // 10)
    found = stage.kill_workers(stage.random.choice(_up(stage)))
    stage.notes.append(f"{found} POSTs under way")
    stage.simulator.call("DELETE", "faults")
    stage.hurry()
    stage.until_finished()


def all_at_once(stage: Stage, *, messages: int) -> None:
    """Kill both workers at one moment; nobody works for some seconds, then two new ones."""
    stage.simulator.fault("hang_after_acceptance", seconds=ANSWER_SECONDS, times=10**9)
    stage.begin(people=messages, rate=100)
    stage.until_sent(messages // 10)
    found = stage.kill_workers(*stage.workers.running, are_replaced=False)
    stage.notes.append(f"{found} POSTs under way")
    stage.let_pass(2)
    stage.workers.start()
    stage.workers.start()
    stage.hurry()
    stage.until_finished()


def _until_sending(stage: Stage) -> None:
    """Wait until more is sent, but not for long."""
    before, ends_at = stage.witness.count(), time.monotonic() + PATIENCE_SECONDS
    stage.until(
        lambda: stage.witness.count() > before or time.monotonic() > ends_at,
        "more is sent",
        seconds=60,
    )


def _up(stage: Stage) -> list[str]:
    return sorted(stage.connected() & set(stage.workers.running))
