"""One drill in a process of its own: `python -m tests.drills.scenes NAME`. It prints one line.

`tests.drills` starts it, with the environment that names the drill's database.
"""

from __future__ import annotations

import argparse
import signal
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from tests.drills import judge, listed
from tests.drills.programs import DidNotHappen, interrupted
from tests.drills.scenes import clocks, database, kills, provider, webhooks
from tests.drills.scenes.stage import Stage, Wrong, open_stage


def drills(options: argparse.Namespace) -> dict[str, Callable[[Stage], None]]:
    """Return every drill by name."""
    return {
        "kills": partial(kills.at_random, messages=options.messages, kills=options.kills),
        "kill-in-flight": partial(kills.in_flight, messages=1_000),
        "kill-all": partial(kills.all_at_once, messages=1_000),
        "database-restarted": partial(database.restarted, messages=2_000),
        "database-killed": partial(database.killed, messages=2_000),
        "line-down": partial(provider.down, messages=2_000),
        "line-slow": partial(provider.slow, messages=400),
        "line-silent": partial(provider.silent, messages=800),
        "line-500": partial(provider.errors, messages=2_000),
        "line-429": partial(provider.throttled, messages=1_000),
        "line-401": partial(provider.unauthorised, messages=1_000),
        "events-disordered": partial(webhooks.disordered, messages=600),
        "events-late": partial(webhooks.late, messages=2_000),
        "clock-forward": partial(clocks.silence, messages=1_000),
        "clock-skewed": partial(clocks.skewed, messages=800),
    }


def run(stage: Stage, drill: Callable[[Stage], None]) -> list[str]:
    """Do the drill and return what is wrong at its end; none when it is passed."""
    try:
        drill(stage)
        found: list[str] = []
    except (DidNotHappen, Wrong) as problem:
        found = [str(problem)]
    return found + judge.problems(
        stage.rows(),
        stage.witness.read(),
        people=stage.people,
        may_be_uncertain=stage.may_be_uncertain,
        tallies=stage.tallies(),
    )


def main() -> int:
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, interrupted)
    parser = argparse.ArgumentParser()
    parser.add_argument("name")
    parser.add_argument("--folder", type=Path, required=True)
    listed.add_sizes(parser)
    options = parser.parse_args()
    began = time.monotonic()
    with open_stage(options.name, options.folder, options.seed) as stage:
        found = run(stage, drills(options)[options.name])
        seen = stage.witness.read()
        rows = stage.rows()
    if stage.workers.ended:
        stage.notes.append(f"{stage.workers.ended} workers ended by themselves")
    sys.stdout.write(
        listed.line(
            options.name,
            seconds=time.monotonic() - began,
            sent=len(seen),
            accepted=sum(each.accepted for each in seen),
            uncertain=sum(row.status == "uncertain" for row in rows),
            doubles=judge.doubles(seen),
            problems=found,
            notes=stage.notes,
        )
    )
    return 1 if found else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
