"""Imports whose process is killed, or that run beside each other: all of a file, or none of it."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.db import connection

from lineportal.accounts.models import OfficialAccount
from lineportal.audit import chain
from lineportal.audit.models import AuditEntry
from lineportal.sending import lanes
from recipients import imports, intake
from recipients.models import ConsentRecord, ImportedPerson, Recipient, RecipientImport, Source
from tests import factories
from tests.sending.test_worker_process import PROJECT, database_url, wait, workers

ROWS = 20_000
KILLS = 6
State = RecipientImport.State

pytestmark = pytest.mark.django_db(transaction=True)


def people(path: Path, *, consent: str = "agreed", rows: int = ROWS) -> Path:
    lines = [f"08{10_000_000 + n},{consent},friend,{n}\n" for n in range(rows)]
    path.write_text("phone,consent,friend_status,number\n" + "".join(lines))
    return path


def command(account: OfficialAccount, path: Path) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "DATABASE_URL": database_url(), "LINEPORTAL_DEBUG": "1"}
    environment.pop("DJANGO_SETTINGS_MODULE", None)
    return subprocess.Popen(
        [sys.executable, "manage.py", "import_recipients", str(path), "--account", account.slug],
        cwd=PROJECT, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )  # fmt: skip


def held() -> tuple[int, int, int]:
    """Return how many people, ledger lines and memberships there are."""
    return (
        Recipient.objects.count(), ConsentRecord.objects.count(), ImportedPerson.objects.count()
    )  # fmt: skip


def others_are_gone() -> bool:
    """Whether the server has noticed that the killed process is gone, and undone its work."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        [(others,)] = cursor.fetchall()
    return bool(others == 0)


def test_a_command_killed_at_random_moments_leaves_all_or_nothing(tmp_path: Path) -> None:
    account = factories.account()
    path = people(tmp_path / "people.csv")
    chance = random.Random(4)
    for _attempt in range(KILLS):
        process = command(account, path)
        begun = RecipientImport.objects.count()
        wait(lambda before=begun: RecipientImport.objects.count() > before, "it has begun")  # type: ignore[misc]
        time.sleep(chance.uniform(0, 0.8))  # where it is then is left to chance, on purpose
        process.kill()
        process.wait()
        wait(others_are_gone, "its work is undone")
        found, ledger, members = held()
        assert (found, ledger) in {(0, 0), (ROWS, 2 * ROWS)}
        assert members in {found * n for n in range(KILLS)}

    imports.abandoned(at=datetime.now(UTC) + timedelta(minutes=2))
    assert set(RecipientImport.objects.values_list("state", flat=True)) <= {
        State.FAILED, State.FINISHED,
    }  # fmt: skip
    assert command(account, path).wait() == 0
    assert held()[:2] == (ROWS, 2 * ROWS)
    assert chain.first_break(AuditEntry.objects.order_by("number")) is None


def test_a_killed_workers_import_is_done_by_the_next(tmp_path: Path, at: datetime) -> None:
    account = factories.account()
    path = people(tmp_path / "people.csv")
    with path.open("rb") as file:
        job = imports.receive(account, name=path.name, file=file, at=at, by=None)
    with workers(1) as [worker]:
        lanes.wake_import(job.pk)
        wait(lambda: _state(job) == State.RUNNING, "the import runs")
        worker.kill()
        worker.wait()
        wait(others_are_gone, "its work is undone")
    assert _state(job) in {State.RUNNING, State.FINISHED}

    with workers(1):
        wait(lambda: _state(job) == State.FINISHED, "the import is finished")
        job.refresh_from_db()
        assert (job.created, job.refused) == (ROWS, 0)
    assert held() == (ROWS, 2 * ROWS, ROWS)


def test_imports_at_once_of_the_same_people_lose_nothing(tmp_path: Path, at: datetime) -> None:
    """Two files of one account, a third of another account whose people share the phones."""
    accounts = [factories.account(), factories.account("second", channel="1650000002")]
    agreed = people(tmp_path / "agreed.csv", rows=2_000)
    rejected = people(tmp_path / "rejected.csv", consent="rejected", rows=2_000)
    given = [(accounts[0], agreed), (accounts[0], rejected), (accounts[1], agreed)]

    def load(account: OfficialAccount, path: Path) -> None:
        try:
            with path.open("rb") as file:
                job = imports.receive(account, name=path.name, file=file, at=at, by=None)
                imports.run(job, at=at)
        finally:
            connection.close()

    with ThreadPoolExecutor(len(given)) as pool:
        for done in [pool.submit(load, *each) for each in given]:
            done.result()

    assert set(RecipientImport.objects.values_list("state", flat=True)) == {State.FINISHED}
    assert accounts[0].recipients.count() == 2_000
    # Whoever came first: a refusal stays on every account, for nothing undated lifts it; the rows
    # of the second account that would are refused where they come last.
    assert set(Recipient.objects.values_list("consent", flat=True)) == {"rejected"}


def _state(job: RecipientImport) -> str:
    return RecipientImport.objects.values_list("state", flat=True).get(pk=job.pk)


def test_people_added_at_once_in_two_accounts_know_of_each_other(at: datetime) -> None:
    accounts = [factories.account(), factories.account("second", channel="1650000002")]
    by = factories.user("manager")

    def add(account: OfficialAccount, consent: str | None, number: int) -> None:
        try:
            details = intake.Details(phone=factories.phone(number), consent=consent)
            intake.add(account, details, by=by, at=at, source=Source.API)
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        for done in [
            pool.submit(add, account, consent, number)
            for number in range(20)
            for account, consent in zip(accounts, ("rejected", None), strict=True)
        ]:
            done.result()

    assert set(Recipient.objects.values_list("consent", flat=True)) == {"rejected"}
    assert Recipient.objects.count() == 40
