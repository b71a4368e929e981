"""A PostgreSQL of the drills' own in a temporary folder, which leaves nothing behind.

No Django here: it must be known where the database is before Django is set up.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import psycopg

from lineportal import postgres, postgres_place

PROJECT = Path(__file__).resolve().parents[2]
BASE = "drill_base"  # migrated once; each drill works in a copy of it
_OURS = ("DATABASE_URL", "DJANGO_SETTINGS_MODULE", "LINEPORTAL_", "PGAPPNAME")


@dataclass(frozen=True, slots=True)
class Place:
    """The folder of a run of drills, with a PostgreSQL in it."""

    folder: Path

    @property
    def server(self) -> Path:
        return self.folder / "postgres"

    def environment(self, database: str) -> dict[str, str]:
        """Return the environment of a program that uses one of the databases, and nothing else.

        The address is given outright, so that no program starts the server by itself.
        """
        host = quote(str(postgres_place.Place.of(self.server).socket), safe="")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(_OURS)}
        return {
            **kept,
            "DATABASE_URL": f"postgresql://{postgres.USER}@:{postgres.PORT}/{database}?host={host}",
            "LINEPORTAL_DATA": str(self.folder),
            "LINEPORTAL_DEBUG": "1",
            "PYTHONUNBUFFERED": "1",
        }

    def connect(self, database: str) -> psycopg.Connection:
        """Return a connection of one's own that commits every statement."""
        socket = str(postgres_place.Place.of(self.server).socket)
        return psycopg.connect(
            host=socket, port=postgres.PORT, user=postgres.USER, dbname=database, autocommit=True
        )

    def restart_server(self, *, down_seconds: float) -> None:
        """Stop PostgreSQL as `pg_ctl stop -m fast` does, and start it some seconds later."""
        postgres.stop(self.server)
        time.sleep(down_seconds)
        postgres.start(self.server)

    def kill_server(self, *, down_seconds: float) -> None:
        """Kill PostgreSQL's main process as `kill -9` does, and start it some seconds later."""
        trace = postgres_place.Place.of(self.server).data / "postmaster.pid"
        os.kill(int(trace.read_text().split("\n", 1)[0]), signal.SIGKILL)
        time.sleep(down_seconds)
        postgres.start(self.server)


@contextlib.contextmanager
def made(*, keep: bool) -> Iterator[Place]:
    """Make the folder, its server and the migrated base; remove all of it unless told to keep."""
    folder = Path(tempfile.mkdtemp(prefix="lineportal-drills-"))
    folder.chmod(0o755 if os.geteuid() == 0 else 0o700)  # root's PostgreSQL runs as another user
    place = Place(folder)
    try:
        postgres.start(place.server)
        with place.connect("postgres") as connection:
            connection.execute(f"CREATE DATABASE {BASE}")
        subprocess.run(
            [sys.executable, "manage.py", "migrate", "--verbosity", "0"],
            cwd=PROJECT,
            env=place.environment(BASE),
            stdin=subprocess.DEVNULL,
            check=True,
        )
        yield place
    finally:
        _remove(place, keep=keep)


def _remove(place: Place, *, keep: bool) -> None:
    where = postgres_place.Place.of(place.server)
    postgres.stop(place.server)
    if keep:
        return
    # What root's server could not reach in our folder was put elsewhere.
    for folder in (where.home, where.socket, place.folder):
        shutil.rmtree(folder, ignore_errors=True)


def copied(place: Place, name: str) -> str:
    """Return the name of a fresh database that is a copy of the base."""
    database = f"drill_{name.replace('-', '_')}"
    with place.connect("postgres") as connection:
        connection.execute(f"CREATE DATABASE {database} TEMPLATE {BASE}")
    return database
