"""The embedded server: started by whoever comes first, whatever happened to the last one."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest

from lineportal import postgres, postgres_place
from lineportal.embedded_backend import creation

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A data folder whose server, if any, is stopped afterwards."""
    folder = tmp_path / "postgres"
    yield folder
    if folder.exists():
        postgres.stop(folder)
        place = postgres_place.Place.of(folder)
        shutil.rmtree(place.home, ignore_errors=True)
        if place.socket.parent == postgres_place.SHORT:
            shutil.rmtree(place.socket)


def connect(where: postgres.ConnectionInfo) -> psycopg.Connection[Any]:
    return psycopg.connect(
        host=where.host, port=where.port, user=where.user, dbname=where.name, autocommit=True
    )


def answer(where: postgres.ConnectionInfo, query: str) -> Any:
    with closing(connect(where)) as link:
        row = link.execute(query.encode()).fetchone()
        assert row is not None
        return row[0]


def pid_of(folder: Path) -> int:
    data = postgres_place.Place.of(folder).data
    return int((data / "postmaster.pid").read_text().split("\n")[0])


def command(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "lineportal.postgres", *arguments, "--data", str(folder)],
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin"},  # no HOME: a service has none
        capture_output=True,
        text=True,
        check=False,
    )


def killed(pid: int, number: int = signal.SIGKILL) -> None:
    os.kill(pid, number)
    for _ in range(200):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return
        time.sleep(0.02)
    raise AssertionError(f"{pid} still lives")


def test_it_starts_keeps_rows_over_a_stop_and_opens_no_tcp_port(folder: Path) -> None:
    where = postgres.start(folder)
    answer(where, "SELECT 1")
    with closing(connect(where)) as link:
        link.execute("CREATE TABLE kept AS SELECT 'ก' AS letter")
    assert postgres.stop(folder)
    assert not postgres.is_running(folder)

    where = postgres.start(folder)

    assert answer(where, "SELECT letter FROM kept") == "ก"
    assert answer(where, "SHOW listen_addresses") == ""
    assert answer(where, "SHOW max_connections") == "200"
    assert answer(where, "SHOW fsync") == "on"
    assert answer(where, "SHOW server_encoding") == "UTF8"
    assert answer(where, "SELECT 'ÀÉ' ~* 'àé'") is True  # the locale knows letters
    assert Path(where.host).stat().st_mode & 0o077 == 0


def test_stopping_what_never_ran_changes_nothing(folder: Path) -> None:
    assert not postgres.stop(folder)
    assert not folder.exists()


def test_eight_starters_at_once_get_one_server(folder: Path) -> None:
    starters = [
        subprocess.Popen(
            [sys.executable, "-m", "lineportal.postgres", "start", "--data", str(folder)],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for _ in range(8)
    ]
    said = [starter.communicate(timeout=90)[0] for starter in starters]

    assert [starter.returncode for starter in starters] == [0] * 8, said
    assert len({line.split("psql")[1] for line in said}) == 1
    assert answer(postgres.start(folder), "SELECT 1") == 1


def test_a_killed_server_starts_again_with_its_rows_although_a_client_hangs_on(
    folder: Path,
) -> None:
    where = postgres.start(folder)
    with closing(connect(where)) as client:
        client.execute("CREATE TABLE kept AS SELECT 7 AS n")
        killed(pid_of(folder))

        where = postgres.start(folder)

    assert answer(where, "SELECT n FROM kept") == 7


def test_a_pid_file_that_names_a_living_stranger_is_no_obstacle(folder: Path) -> None:
    where = postgres.start(folder)
    answer(where, "SELECT 1")
    killed(pid_of(folder))
    place = postgres_place.Place.of(folder)
    # A process of the server's own user: one that PostgreSQL itself would take for a server.
    sleeper = [sys.executable, "-c", "import time; time.sleep(300)"]
    if place.identity:
        sleeper = ["/bin/sleep", "300"]
    identity = {"user": place.identity[0]} if place.identity else {}
    stranger = subprocess.Popen(sleeper, **identity)  # type: ignore[call-overload]
    try:
        for file in (place.data / "postmaster.pid", place.socket / ".s.PGSQL.5432.lock"):
            rest = file.read_text().split("\n")[1:]
            file.write_text("\n".join([str(stranger.pid), *rest]))
        assert not postgres.is_running(folder)

        where = postgres.start(folder)

        assert answer(where, "SELECT 1") == 1
        assert stranger.poll() is None
        assert postgres.stop(folder)
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_an_interrupted_first_start_leaves_nothing_that_counts(folder: Path) -> None:
    folder.mkdir()
    with postgres_place.locked(folder) as place:
        postgres_place.prepare(place)
        postgres_place.make_empty(place.base / "data.new", place)
        (place.base / "data.new" / "PG_VERSION").write_text("18\n")

    assert answer(postgres.start(folder), "SELECT 1") == 1


def test_a_removed_socket_comes_back(folder: Path) -> None:
    where = postgres.start(folder)
    shutil.rmtree(where.host)

    where = postgres.start(folder)

    assert answer(where, "SELECT 1") == 1


def test_a_removed_folder_means_a_new_database(folder: Path) -> None:
    where = postgres.start(folder)
    with closing(connect(where)) as link:
        link.execute("CREATE TABLE kept ()")
    shutil.rmtree(folder)

    where = postgres.start(folder)

    assert answer(where, "SELECT to_regclass('kept')") is None


@pytest.mark.parametrize("name", ["a b'c", "ข้อมูล", "x" * 120, "a,b"])
def test_any_folder_name_will_do(tmp_path: Path, name: str) -> None:
    folder = tmp_path / name / "postgres"
    try:
        assert answer(postgres.start(folder), "SELECT 1") == 1
    finally:
        postgres.stop(folder)
        place = postgres_place.Place.of(folder)
        shutil.rmtree(place.home, ignore_errors=True)
        if place.socket.parent == postgres_place.SHORT:
            shutil.rmtree(place.socket)


def test_a_folder_that_cannot_be_made_is_refused_with_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    refusal = command(tmp_path / "file" / "postgres", "start")

    assert refusal.returncode == 1
    assert "LINEPORTAL_DATA" in refusal.stderr
    assert refusal.stderr.count("\n") == 1


def test_the_command_says_what_it_did(folder: Path) -> None:
    said = [command(folder, action) for action in ("status", "start", "start", "status", "stop")]

    assert [one.stdout.split(":")[0].split(";")[0].strip() for one in said] == [
        "PostgreSQL does not run.",
        "PostgreSQL started",
        "PostgreSQL was running",
        "PostgreSQL runs",
        "PostgreSQL stopped.",
    ]
    assert [one.returncode for one in said] == [1, 0, 0, 0, 0]


THROUGH_DJANGO = """
import django
from pathlib import Path
django.setup()
from django.conf import settings
from django.db import connection
from procrastinate.contrib.django.utils import connector_params
from lineportal import postgres

folder = Path(settings.DATABASES["default"]["EMBEDDED_FOLDER"])

def user():
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_user")
        return cursor.fetchone()[0]

before = folder.exists()
first = user()
connection.close()
postgres.stop(folder)
print(before, first, user(), connector_params()["host"] == postgres.start(folder).host)
"""


def test_django_starts_it_when_it_connects_and_again_after_a_stop(folder: Path) -> None:
    said = subprocess.run(
        [sys.executable, "-c", THROUGH_DJANGO],
        cwd=ROOT,
        env={
            "PATH": "/usr/bin:/bin",
            "DJANGO_SETTINGS_MODULE": "lineportal.settings",
            "LINEPORTAL_DATA": str(folder.parent),
        },
        capture_output=True,
        text=True,
        check=False,
    )

    assert said.stdout == "False lineportal lineportal True\n", said.stderr


def test_only_databases_of_dead_test_runs_are_dropped(folder: Path) -> None:
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    mine, gone = f"test_lineportal_{os.getpid()}", f"test_lineportal_{dead.pid}_gw0"
    other = "test_lineportal_x"
    with closing(connect(postgres.start(folder))) as link, link.cursor() as cursor:
        for name in (mine, gone, other):
            cursor.execute(f"CREATE DATABASE {name}".encode())

        creation.drop_abandoned(cursor)

        cursor.execute("SELECT datname FROM pg_database WHERE datname LIKE 'test%' ORDER BY 1")
        assert cursor.fetchall() == [(mine,), (other,)]


def test_nobody_becomes_root_and_no_folder_above_is_opened(folder: Path) -> None:
    modes = {above: above.stat().st_mode for above in folder.parents}

    postgres.start(folder)

    place = postgres_place.Place.of(folder)
    assert place.owner != 0
    assert place.data.stat().st_uid == place.owner
    assert place.data.stat().st_mode & 0o077 == 0
    assert {above: above.stat().st_mode for above in folder.parents} == modes


def test_a_planted_link_is_not_followed(folder: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir(mode=0o755)
    folder.mkdir()
    with postgres_place.locked(folder) as place:
        place.base.mkdir(exist_ok=True)
        (place.base / "data.new").symlink_to(elsewhere)
        place.socket.symlink_to(elsewhere)

    with pytest.raises(postgres.DatabaseDidNotStart, match="belongs to another user"):
        postgres.start(folder)

    assert elsewhere.stat().st_mode & 0o777 == 0o755
    assert list(elsewhere.iterdir()) == []
