"""PostgreSQL stopped and started again, and killed, in the middle of a campaign."""

from __future__ import annotations

from collections.abc import Callable

from django.db import connection

from tests.drills.scenes.stage import Stage

DOWN_SECONDS = 3.0  # far less than a worker keeps trying to write its results


def restarted(stage: Stage, *, messages: int) -> None:
    """Stop it as an administrator does (fast mode), twice, some seconds each time."""
    _with_outages(stage, stage.place.restart_server, messages=messages)


def killed(stage: Stage, *, messages: int) -> None:
    """Kill its main process, twice: what was not flushed to the disk is gone."""
    _with_outages(stage, stage.place.kill_server, messages=messages)


def _with_outages(stage: Stage, outage: Callable[..., None], *, messages: int) -> None:
    stage.simulator.fault("hang_after_acceptance", seconds=0.3, times=10**9)
    stage.begin(people=messages, rate=200)
    for part in (4, 2):
        stage.until_sent(messages // part)
        connection.close()
        outage(down_seconds=DOWN_SECONDS)
        # A worker's answer may have been lost with the statement that began its POSTs.
        stage.notes.append(f"{stage.note_sending()} POSTs under way")
    connection.close()
    stage.hurry()
    stage.until_finished(seconds=240)
