"""Files of recipients become people: every row counted, nothing half done."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta

import pytest
from django.db import DatabaseError

from lineportal.accounts.models import OfficialAccount
from recipients import erasure, imports
from recipients.intake import Invalid
from recipients.models import ConsentRecord, ImportRefusal, Recipient, RecipientImport
from tests import factories

FILE = (
    "phone,line_user_id,consent,friend_status,Name\n"
    f"0812300001,{factories.user_id(1)},agreed,friend,สมชาย\n"
    "0812300002,,rejected,,สมหญิง\n"
    f",{factories.user_id(3)},,blocked,วิชัย\n"
)


@pytest.fixture
def account(db: None) -> OfficialAccount:
    return factories.account()


def load(
    account: OfficialAccount,
    text: str,
    *,
    as_of: datetime | None = None,
    is_dry_run: bool = False,
) -> RecipientImport:
    at = datetime.now(UTC)
    job = imports.receive(
        account, name="people.csv", file=io.BytesIO(text.encode()), at=at, by=None, as_of=as_of,
        is_dry_run=is_dry_run,
    )  # fmt: skip
    return imports.run(job, at=at)


def counts(job: RecipientImport) -> tuple[int, int, int, int]:
    return job.created, job.updated, job.unchanged, job.refused


def test_the_same_file_twice_changes_nothing_and_says_so(account: OfficialAccount) -> None:
    assert counts(load(account, FILE)) == (3, 0, 0, 0)
    ledger = ConsentRecord.objects.count()

    assert counts(load(account, FILE)) == (0, 0, 3, 0)
    assert ConsentRecord.objects.count() == ledger == 4


def test_a_dry_run_counts_and_changes_nothing(account: OfficialAccount) -> None:
    assert counts(load(account, FILE, is_dry_run=True)) == (3, 0, 0, 0)
    assert not Recipient.objects.exists()


def test_a_blank_cell_changes_nothing(account: OfficialAccount) -> None:
    load(account, FILE)

    job = load(account, "phone,consent,Name\n0812300001,,\n")

    assert counts(job) == (0, 0, 1, 0)
    person = Recipient.objects.get(phone=factories.phone(1))
    assert (person.consent, person.attributes) == ("agreed", {"Name": "สมชาย"})


@pytest.mark.parametrize(
    ("row", "column"),
    [
        ("0812300002,,agreed,,", "C"),  # undated, and we hold a refusal
        ("0812300002,,not_set,,", "C"),
        (f",{factories.user_id(3)},,friend,", "D"),
        (f"0812300001,{factories.user_id(9)},,,", "B"),  # another user id for the person
        (f"0812300002,{factories.user_id(1)},,,", "B"),  # would join two people
        ("12,,,,", "A"),
        (",,agreed,,", "A"),
    ],
)
def test_a_conflict_refuses_its_row_alone(row: str, column: str, account: OfficialAccount) -> None:
    load(account, FILE)
    header = FILE.splitlines()[0]

    job = load(account, f"{header}\n{row}\n0812300077,,,,new\n")

    assert counts(job) == (1, 0, 0, 1)
    refusal = ImportRefusal.objects.get(recipient_import=job)
    assert (refusal.row, refusal.column) == (2, column)
    assert "08123" not in refusal.reason


def test_a_newer_dated_file_may_loosen_and_an_older_one_may_not(
    account: OfficialAccount, at: datetime
) -> None:
    load(account, FILE, as_of=at - timedelta(days=10))
    agreed = "phone,consent\n0812300002,agreed\n"

    assert counts(load(account, agreed, as_of=at - timedelta(days=20))) == (0, 0, 0, 1)
    assert counts(load(account, agreed, as_of=at - timedelta(days=1))) == (0, 1, 0, 0)
    assert Recipient.objects.get(phone=factories.phone(2)).consent == "agreed"


def test_the_same_person_twice_in_a_file(account: OfficialAccount) -> None:
    job = load(
        account,
        "phone,Name\n0812300001,a\n+66 81 230 0001,a\n081-230-0001,b\n",
    )

    assert counts(job) == (1, 0, 1, 1)
    refusal = ImportRefusal.objects.get()
    assert refusal.row == 4
    assert "row 2" in refusal.reason


def test_a_forgotten_person_is_not_imported_again(account: OfficialAccount, at: datetime) -> None:
    load(account, FILE)
    erasure.erase(Recipient.objects.get(phone=factories.phone(1)), at=at, by=None)

    assert counts(load(account, "phone\n0812300001\n")) == (0, 0, 0, 1)


def test_a_file_of_the_future_is_refused(account: OfficialAccount, at: datetime) -> None:
    with pytest.raises(Invalid, match="future"):
        load(account, FILE, as_of=at + timedelta(days=1))


def test_a_crash_leaves_nothing_half_done(
    account: OfficialAccount, at: datetime, transactional_db: None
) -> None:
    job = imports.receive(account, name="x.csv", file=io.BytesIO(FILE.encode()), at=at, by=None)

    def crash(done: int) -> None:
        raise DatabaseError("the connection is gone")

    with pytest.raises(DatabaseError):
        imports.run(job, at=at, progress=crash)

    assert not Recipient.objects.exists()
    assert counts(imports.run(job, at=at)) == (3, 0, 0, 0)
    assert imports.run(job, at=at).finished_at is not None


def test_the_file_is_not_kept_once_read(account: OfficialAccount) -> None:
    job = load(account, FILE)

    assert not job.parts.exists()
