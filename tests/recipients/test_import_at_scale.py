"""Imports of real files: foreign headers, many columns, several accounts, dry runs, repairs."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta
from typing import Any

import openpyxl
import pytest
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied

from lineportal.accounts.models import OfficialAccount
from lineportal.audit.models import AuditEntry
from recipients import columns, imports, repairs
from recipients.intake import Invalid
from recipients.models import ConsentRecord, ImportedPerson, Recipient, RecipientImport
from tests import factories

AT = datetime(2026, 6, 1, tzinfo=UTC)
State = RecipientImport.State


@pytest.fixture
def account(db: None) -> OfficialAccount:
    return factories.account()


@pytest.fixture
def by(account: OfficialAccount) -> User:
    return factories.user("sender")


def received(account: OfficialAccount, text: str | bytes, **options: Any) -> RecipientImport:
    content = text.encode() if isinstance(text, str) else text
    return imports.receive(
        account, name="people.csv", file=io.BytesIO(content), **{"at": AT, "by": None, **options}
    )


def load(account: OfficialAccount, text: str | bytes, **options: Any) -> RecipientImport:
    job = imports.run(received(account, text, **options), at=AT)
    assert job.state == State.FINISHED, job.problem
    return job


def counts(job: RecipientImport) -> tuple[int, int, int, int]:
    return job.created, job.updated, job.unchanged, job.refused


# --- what the columns mean


def test_a_file_with_foreign_headers_waits_for_a_person_and_is_remembered(
    account: OfficialAccount, by: User
) -> None:
    text = "電話,追蹤號碼,備註\n0812300001,TH1,x\n"
    job = received(account, text)
    assert imports.needs_meanings(job)
    assert columns.guesses(job.header or [], job.mapping) == {
        "電話": "phone", "追蹤號碼": "追蹤號碼", "備註": "備註",
    }  # fmt: skip

    imports.set_meanings(
        job, {"電話": "phone", "追蹤號碼": "tracking_no", "備註": "-"}, by=by, at=AT
    )
    assert counts(imports.run(job, at=AT)) == (1, 0, 0, 0)
    assert Recipient.objects.get().attributes == {"tracking_no": "TH1"}

    # The next one is read without a question.
    later = received(account, text.replace("TH1", "TH2"))
    assert not imports.needs_meanings(later)
    assert counts(imports.run(later, at=AT)) == (0, 1, 0, 0)
    assert Recipient.objects.get().attributes == {"tracking_no": "TH2"}


@pytest.mark.parametrize(
    ("mapping", "sentence"),
    [
        ({"b": "-"}, "neither a column “phone” nor “line_user_id”"),
        ({"a": "phone", "b": "phone"}, "Columns A and B both mean “phone”"),
        ({"a": ""}, "names and texts"),
        ({"a": "x" * 101}, "at most 100 characters"),
    ],
)
def test_meanings_that_cannot_be_used_change_nothing(
    mapping: dict[str, str], sentence: str, account: OfficialAccount, by: User
) -> None:
    job = received(account, "a,b\n0812300001,2\n")

    with pytest.raises(Invalid, match=sentence):
        imports.set_meanings(job, mapping, by=by, at=AT)

    assert columns.remembered(account) == {}


def test_a_dry_run_is_read_again_with_other_meanings(account: OfficialAccount, by: User) -> None:
    job = load(account, "phone,note\n0812300001,x\n", is_dry_run=True)

    again = imports.set_meanings(job, {"note": "-"}, by=by, at=AT)

    assert again.pk != job.pk
    assert again.is_dry_run
    assert counts(imports.run(again, at=AT)) == (1, 0, 0, 0)
    assert not imports.can_be_applied(job)
    imports.run(imports.apply(again, by=by, at=AT), at=AT)
    assert Recipient.objects.get().attributes == {}


# --- dry runs


def test_a_dry_run_is_applied_with_the_counts_it_showed(account: OfficialAccount, by: User) -> None:
    load(account, "phone,consent\n0812300001,agreed\n")
    text = "phone,consent\n0812300001,agreed\n0812300002,rejected\n12,agreed\n"
    shown = load(account, text, is_dry_run=True, tag="spring")
    assert counts(shown) == (1, 1, 0, 1)
    assert Recipient.objects.count() == 1

    job = imports.run(imports.apply(shown, by=by, at=AT), at=AT)

    assert counts(job) == counts(shown)
    assert job.started_by == by
    assert [person.tags for person in Recipient.objects.all()] == [["spring"], ["spring"]]
    with pytest.raises(imports.NotWaiting, match="not kept any more"):
        imports.apply(shown, by=by, at=AT)


def test_a_discarded_dry_run_keeps_no_file(account: OfficialAccount, by: User) -> None:
    job = load(account, "phone\n0812300001\n", is_dry_run=True)

    imports.discard(job, by=by, at=AT)

    assert not job.parts.exists()
    for act in (imports.apply, imports.discard):
        with pytest.raises(imports.NotWaiting):
            act(job, by=by, at=AT)


@pytest.mark.parametrize("role", ["auditor", "author", "reviewer"])
def test_only_who_may_import_decides_about_a_file(role: str, account: OfficialAccount) -> None:
    job = load(account, "phone\n0812300001\n12\n", is_dry_run=True)
    by = factories.user(role)

    for act in (imports.apply, imports.discard, repairs.workbook):
        with pytest.raises(PermissionDenied):
            act(job, by=by, at=AT)
    with pytest.raises(PermissionDenied):
        imports.set_meanings(job, {}, by=by, at=AT)


# --- the size and the kind of real files


def test_two_hundred_columns_are_taken(account: OfficialAccount) -> None:
    names = ",".join(f"c{n}" for n in range(199))
    values = ",".join(f"v{n}" for n in range(199))

    load(account, f"{names},phone\n{values},0812300001\n")

    assert Recipient.objects.get().attributes == {f"c{n}": f"v{n}" for n in range(199)}


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "cp874"])
def test_values_arrive_as_they_were_typed(encoding: str, account: OfficialAccount) -> None:
    value = "สมชาย \\N \\. \\t\t'\"\r\nบรรทัดสอง {}%s"
    quoted = '"' + value.replace('"', '""') + '"'

    load(account, f"phone,name\r\n0812300001,{quoted}\r\n".encode(encoding))

    assert Recipient.objects.get().attributes == {"name": value}


def test_people_of_the_file_are_known_by_it(account: OfficialAccount) -> None:
    load(account, "phone\n0812300001\n")
    job = load(account, "phone\n0812300001\n0812300002\n12\n")

    assert set(
        ImportedPerson.objects.filter(recipient_import=job).values_list("recipient", flat=True)
    ) == set(Recipient.objects.values_list("pk", flat=True))


def test_the_same_file_again_is_known_by_its_bytes(account: OfficialAccount) -> None:
    first = load(account, "phone\n0812300001\n")
    dry = load(account, "phone\n0812300001\n", is_dry_run=True)
    assert imports.earlier_of_same_file(first) is None
    assert imports.earlier_of_same_file(dry) == first
    other = factories.account("second", channel="1650000002")
    assert imports.earlier_of_same_file(load(other, "phone\n0812300001\n")) is None


# --- several accounts: LINE's consent belongs to the phone


def test_consent_holds_for_the_phone_in_every_account(account: OfficialAccount) -> None:
    other = factories.account("second", channel="1650000002")
    load(other, "phone\n0812300001\n0812300002\n")

    load(account, "phone,consent\n0812300001,rejected\n0812300002,agreed\n", as_of=AT)

    held = dict(other.recipients.values_list("phone", "consent"))
    assert held == {"+66812300001": "rejected", "+66812300002": "agreed"}
    assert ConsentRecord.objects.filter(recipient__account=other, subject="consent").count() == 2


def test_a_new_row_takes_over_what_another_account_knows(account: OfficialAccount) -> None:
    other = factories.account("second", channel="1650000002")
    load(other, "phone,consent\n0812300001,rejected\n", as_of=AT)

    load(account, "phone\n0812300001\n")
    refused = load(account, "phone,consent\n0812300001,agreed\n")

    assert counts(refused) == (0, 0, 0, 1)  # undated: it cannot lift a refusal
    assert account.recipients.get().consent == "rejected"


def test_friendship_stays_with_its_account(account: OfficialAccount) -> None:
    other = factories.account("second", channel="1650000002")
    load(other, "phone\n0812300001\n")

    load(account, "phone,friend_status\n0812300001,blocked\n", as_of=AT)

    assert other.recipients.get().friend_status == "not_friend"


# --- the refused rows


def test_refused_rows_are_grouped_by_what_is_wrong(account: OfficialAccount) -> None:
    job = load(account, "phone,consent\n12,\n13,\n0812300001,perhaps\n0812300002,agreed\n")

    found = [(group.rows, group.column, group.first_row) for group in repairs.groups(job)]

    assert found == [(2, "A", 2), (1, "B", 4)]


def test_refused_rows_are_repaired_and_uploaded_again(account: OfficialAccount, by: User) -> None:
    job = load(
        account,
        'phone,consent,name\n12,agreed,"=1+1"\n0812300001,perhaps,"a\nb\x01"\n0812300002,agreed,c\n',
    )
    with repairs.workbook(job, by=by, at=AT) as file:
        book = openpyxl.load_workbook(file)
    rows = [[cell.value for cell in row] for row in book.active.iter_rows()]
    assert rows[0] == ["refused_row", "refused_because", "phone", "consent", "name"]
    assert rows[1][0] == "2"
    assert rows[1][1].startswith("A2: ")
    assert rows[1][2:] == ["12", "agreed", "=1+1"]  # as text: nothing in it is carried out
    assert rows[2][2:] == ["0812300001", "perhaps", "a\nb"]
    entry = AuditEntry.objects.get(action="recipients.import_refused_rows")
    assert entry.facts["rows"] == 2

    book.active["C2"], book.active["D3"] = "0812300003", "agreed"
    book.active["E2"].data_type = "s"
    out = io.BytesIO()
    book.save(out)
    again = load(account, out.getvalue())

    assert counts(again) == (2, 0, 0, 0)
    person = Recipient.objects.get(phone="+66812300003")
    assert person.attributes == {"name": "=1+1"}


def test_a_refused_row_keeps_the_cells_beyond_the_header(
    account: OfficialAccount, by: User
) -> None:
    job = load(account, "phone\n0812300001,stray\n0812300002\n")

    with repairs.workbook(job, by=by, at=AT) as file:
        rows = list(openpyxl.load_workbook(file).active.iter_rows(values_only=True))

    assert rows[1][2:] == ("0812300001", "stray")


# --- jobs that nobody works on


def test_an_import_that_was_left_alone_is_found_again(account: OfficialAccount, by: User) -> None:
    kept = received(account, "phone\n0812300001\n")
    gone = received(account, "phone\n0812300001\n", is_kept=False)
    waiting = received(account, "mobile\n0812300001\n")
    RecipientImport.objects.filter(pk=kept.pk).update(state=State.RUNNING)

    assert imports.abandoned(at=AT + timedelta(seconds=30)) == []
    assert imports.abandoned(at=AT + timedelta(minutes=2)) == [kept.pk]

    gone.refresh_from_db()
    assert (gone.state, gone.problem_kind) == (State.FAILED, "file")
    assert imports.needs_meanings(RecipientImport.objects.get(pk=waiting.pk))
    assert counts(imports.run(kept, at=AT)) == (1, 0, 0, 0)
