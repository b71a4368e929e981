"""The fault drills: `python -m tests.drills` (see docs/drills.md). Exit status 1 if one fails.

Makes a PostgreSQL of its own and runs each drill as a process of its own in a fresh database.
"""

from __future__ import annotations

import argparse
import contextlib
import random
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence

from tests.drills import listed, place
from tests.drills.place import PROJECT, Place
from tests.drills.programs import interrupted

GIVEN_UP_SECONDS = 1_200
_END_SECONDS = 45


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the drills asked for, all when none is named; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.drills", description=__doc__)
    parser.add_argument("--only", action="append", choices=listed.NAMES, metavar="NAME",
                        help=f"may be given again; one of {', '.join(listed.NAMES)}")  # fmt: skip
    parser.add_argument("--at-once", action="store_true", help="all at the same time")
    parser.add_argument("--keep", action="store_true", help="keep the logs, and say where")
    listed.add_sizes(parser)
    parser.set_defaults(seed=random.SystemRandom().randrange(10**6))
    options = parser.parse_args(arguments)
    names = options.only or list(listed.NAMES)
    sys.stdout.write(f"seed {options.seed}\n")
    with place.made(keep=options.keep) as where:
        if options.keep:
            sys.stdout.write(f"logs: {where.folder / 'logs'}\n")
        sys.stdout.write(listed.HEADER)
        sys.stdout.flush()
        if options.at_once:
            failed = _run(where, names, options)
        else:
            failed = [bad for name in names for bad in _run(where, [name], options)]
    if failed:
        sys.stdout.write(f"{len(failed)} of {len(names)} drills failed: {', '.join(failed)}\n")
        return 1
    sys.stdout.write(f"{len(names)} drills passed\n")
    return 0


def _run(where: Place, names: Sequence[str], options: argparse.Namespace) -> list[str]:
    """Run drills at the same time; return the names of those that failed."""
    failed = []
    with contextlib.ExitStack() as stack:
        running = [stack.enter_context(_started(where, name, options)) for name in names]
        for name, process in zip(names, running, strict=True):
            try:
                status = process.wait(GIVEN_UP_SECONDS)
            except subprocess.TimeoutExpired:
                status = None
            if status not in (0, 1):
                sys.stdout.write(f"{name} FAIL: the drill itself broke off ({status})\n")
                sys.stdout.flush()
            if status != 0:
                failed.append(name)
    return failed


@contextlib.contextmanager
def _started(
    where: Place, name: str, options: argparse.Namespace
) -> Iterator[subprocess.Popen[bytes]]:
    database = place.copied(where, name)
    process = subprocess.Popen(
        [
            sys.executable, "-m", "tests.drills.scenes", name,
            "--folder", str(where.folder), "--seed", str(options.seed),
            "--kills", str(options.kills), "--messages", str(options.messages),
        ],
        cwd=PROJECT,
        env=where.environment(database),
        stdin=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        yield process
    finally:
        if process.poll() is None:
            process.terminate()  # it ends its own programs first
            try:
                process.wait(_END_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


if __name__ == "__main__":
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, interrupted)
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
