"""Three of the fault drills in short, at once: workers killed by `kill -9` (see docs/drills.md)."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from django.db import connection
from pytest_django.plugin import DjangoDbBlocker

from tests.drills.place import PROJECT
from tests.sending.test_worker_process import database_url

DRILLS = {"kills": ["--kills", "1", "--messages", "1000"], "kill-in-flight": [], "kill-all": []}
GIVEN_UP_SECONDS = 240

pytestmark = pytest.mark.django_db  # so that there is a test database to copy


@pytest.fixture(scope="module")
def told(
    django_db_setup: None,
    django_db_blocker: DjangoDbBlocker,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[dict[str, tuple[int, str]]]:
    """What each drill said, and its exit status; each had its own copy of the test database."""
    with contextlib.ExitStack() as stack:
        with django_db_blocker.unblock():
            connection.close()  # a database that is being copied has no other visitors
            url = database_url()
        running = {
            name: stack.enter_context(_started(name, sizes, url, tmp_path_factory.mktemp(name)))
            for name, sizes in DRILLS.items()
        }
        said = {name: process.communicate(timeout=GIVEN_UP_SECONDS)[0]
                for name, process in running.items()}  # fmt: skip
        yield {name: (process.returncode, said[name]) for name, process in running.items()}


@contextlib.contextmanager
def _started(
    name: str, sizes: list[str], url: str, folder: Path
) -> Iterator[subprocess.Popen[str]]:
    template = psycopg.conninfo.conninfo_to_dict(url)["dbname"]
    database = f"{template}_{name.replace('-', '_')}"
    with psycopg.connect(url, dbname="postgres", autocommit=True) as own:
        own.execute(f'CREATE DATABASE "{database}" TEMPLATE "{template}"')
    environment = {
        **os.environ,
        "DATABASE_URL": url.replace(f"/{template}", f"/{database}"),
        "LINEPORTAL_DEBUG": "1",
    }
    environment.pop("DJANGO_SETTINGS_MODULE", None)
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.drills.scenes", name, "--folder", str(folder), *sizes],
        cwd=PROJECT,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.terminate()  # it ends its own programs first
            process.communicate()
        with psycopg.connect(url, dbname="postgres", autocommit=True) as own:
            own.execute(f'DROP DATABASE "{database}" WITH (FORCE)')


@pytest.mark.parametrize("name", DRILLS)
def test_killed_workers_write_to_nobody_twice_and_forget_nobody(
    name: str, told: dict[str, tuple[int, str]]
) -> None:
    status, line = told[name]

    assert status == 0, line
    assert " PASS" in line
