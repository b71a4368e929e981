"""The audit chain: appended in order by many at once, and broken visibly by any change."""

from __future__ import annotations

import hashlib
import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from io import StringIO
from itertools import pairwise
from threading import Barrier

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection, transaction

from lineportal.audit import chain
from lineportal.audit.models import AuditEntry
from tests import factories

AT = datetime(2026, 11, 23, 9, 30, 15, 123456, tzinfo=UTC)


def write(count: int, *, at: datetime = AT, step: timedelta = timedelta(seconds=1)) -> None:
    subject = User.objects.first() or factories.user()
    for n in range(count):
        with transaction.atomic():
            chain.write("test.act", subject=subject, by=subject, at=at + n * step, n=n, text="ก📦")


def found() -> chain.Break | None:
    return chain.first_break(AuditEntry.objects.order_by("number"))


def tamper(sql: str, *params: object) -> None:
    """Change the chain as somebody with the owner's rights can, with the triggers off."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("ALTER TABLE audit_auditentry DISABLE TRIGGER USER")
        cursor.execute(sql, params)
        cursor.execute("ALTER TABLE audit_auditentry ENABLE TRIGGER USER")


def verify() -> str:
    out = StringIO()
    call_command("verify_audit", stdout=out)
    return out.getvalue()


def test_an_empty_chain_holds(db: None) -> None:
    assert found() is None
    assert "empty" in verify()


def test_entries_are_numbered_and_each_follows_the_one_before(db: None) -> None:
    write(4)

    entries = list(AuditEntry.objects.order_by("number"))
    assert [entry.number for entry in entries] == [1, 2, 3, 4]
    assert entries[0].previous_hash == chain.START
    assert [each.previous_hash for each in entries[1:]] == [each.hash for each in entries[:-1]]
    assert found() is None
    assert verify().split() == ["4", "entries", "hold.", "Head", "4:", entries[-1].hash]


def test_an_entry_says_who_did_what_to_what(db: None) -> None:
    by, account = factories.user(), factories.account()

    with transaction.atomic():
        entry = chain.write("x.y", subject=account, by=by, at=AT, account_id=account.pk, rows=3)
        system = chain.write("x.z", subject=account, by=None, at=AT)

    assert (entry.actor, entry.action, entry.facts) == (f"user:{by.pk}", "x.y", {"rows": 3})
    assert (entry.subject, entry.account_id) == (f"officialaccount:{account.pk}", account.pk)
    assert system.actor == "system"


@pytest.mark.parametrize(
    "change",
    [
        "at = at + interval '1 microsecond'",
        "actor = 'user:999'",
        "action = 'other.act'",
        "account_id = 7",
        "subject = 'user:999'",
        """facts = facts || '{"n": 99}'""",
        "facts = '{}'",
    ],
)
@pytest.mark.parametrize("number", [1, 3, 5])
def test_a_changed_entry_is_found_by_its_number(number: int, change: str, db: None) -> None:
    write(5)
    tamper(f"UPDATE audit_auditentry SET {change} WHERE number = %s", number)

    assert found() == chain.Break(number, "its content was changed")
    with pytest.raises(CommandError, match=f"Entry {number} breaks the chain"):
        verify()


def test_a_changed_entry_with_a_hash_made_anew_breaks_at_the_next(db: None) -> None:
    write(5)
    entry = AuditEntry.objects.get(number=3)
    entry.facts = {"n": 99}
    tamper(
        "UPDATE audit_auditentry SET facts = %s::jsonb, hash = %s WHERE number = 3",
        json.dumps(entry.facts),
        chain.digest(entry),
    )

    assert found() == chain.Break(4, "it does not follow from the entry before it")


@pytest.mark.parametrize("number", [1, 3])
def test_a_removed_entry_is_missed_by_its_number(number: int, db: None) -> None:
    write(5)
    tamper("DELETE FROM audit_auditentry WHERE number = %s", number)

    assert found() == chain.Break(number, f"entry {number} is missing")


def test_a_removed_entry_whose_gap_was_closed_shows_all_the_same(db: None) -> None:
    write(5)
    tamper("DELETE FROM audit_auditentry WHERE number = 3")
    tamper("UPDATE audit_auditentry SET number = 3 WHERE number = 4")
    tamper("UPDATE audit_auditentry SET number = 4 WHERE number = 5")

    assert found() == chain.Break(3, "it does not follow from the entry before it")


def test_an_inserted_entry_is_found_by_its_number(db: None) -> None:
    write(5)
    tamper("UPDATE audit_auditentry SET number = number + 100 WHERE number >= 3")
    tamper("UPDATE audit_auditentry SET number = number - 99 WHERE number > 100")
    tamper(
        "INSERT INTO audit_auditentry (number, at, actor, action, subject, facts, previous_hash,"
        " hash) SELECT 3, at, actor, action, subject, facts, hash, repeat('0', 64)"
        " FROM audit_auditentry WHERE number = 2"
    )

    assert found() == chain.Break(3, "its content was changed")


def test_the_anchored_head_shows_that_the_end_was_cut_off(db: None) -> None:
    write(5)
    anchored = verify().split()[-2:]
    tamper("DELETE FROM audit_auditentry WHERE number = 5")

    assert found() is None  # the chain alone cannot know; its head, kept elsewhere, does
    assert verify().split()[-2:] != anchored


def test_a_range_is_checked_from_the_entry_before_it(db: None) -> None:
    write(5)
    second = AuditEntry.objects.get(number=2)
    rest = AuditEntry.objects.filter(number__gt=2).order_by("number")

    assert chain.first_break(rest, number=2, hash=second.hash) is None
    assert chain.first_break(rest, number=2, hash=chain.START) is not None


def test_an_entry_is_only_written_with_the_act_it_records(transactional_db: None) -> None:
    user = factories.user()

    with pytest.raises(transaction.TransactionManagementError):
        chain.write("x.y", subject=user, by=user, at=AT)

    assert not AuditEntry.objects.exists()


def test_an_act_that_fails_leaves_no_entry_and_no_gap(transactional_db: None) -> None:
    write(2)
    user = User.objects.get()

    def fail() -> None:
        with transaction.atomic():
            chain.write("x.y", subject=user, by=user, at=AT)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    write(1)

    assert list(AuditEntry.objects.order_by("number").values_list("number", flat=True)) == [1, 2, 3]
    assert found() is None


def test_writers_side_by_side_leave_no_gap(transactional_db: None) -> None:
    user = factories.user()
    writers, each = 6, 10
    start = Barrier(writers)

    def run(_writer: int) -> None:
        start.wait(timeout=10)
        try:
            for _turn in range(each):
                with transaction.atomic():
                    chain.write("x.y", subject=user, by=user, at=datetime.now(UTC))
        finally:
            connection.close()

    with ThreadPoolExecutor(writers) as pool:
        list(pool.map(run, range(writers)))

    numbers = AuditEntry.objects.order_by("number").values_list("number", flat=True)
    assert list(numbers) == list(range(1, writers * each + 1))
    assert found() is None


# The export, checked by what an auditor has: the lines, Python's hashlib, and the rule.


def export(first: str, last: str) -> list[dict[str, object]]:
    out = StringIO()
    call_command("export_audit", "--from", first, "--to", last, stdout=out)
    return [json.loads(line) for line in out.getvalue().splitlines()]


def holds_offline(lines: list[dict[str, object]]) -> bool:
    for line in lines:
        told = {name: value for name, value in line.items() if name != "hash"}
        text = json.dumps(told, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        if hashlib.sha256(text.encode()).hexdigest() != line["hash"]:
            return False
    return all(after["previous_hash"] == before["hash"] for before, after in pairwise(lines))


def test_an_exported_range_can_be_verified_without_us(db: None) -> None:
    write(6, step=timedelta(hours=12))  # from the 23rd, 09:30, to the 25th, 21:30

    lines = export("2026-11-24", "2026-11-25")

    assert [line["number"] for line in lines] == [3, 4, 5, 6]
    assert holds_offline(lines)
    lines[1]["action"] = "other.act"
    assert not holds_offline(lines)


def test_a_range_has_no_gap_where_times_and_numbers_differ(db: None) -> None:
    midnight = datetime(2026, 11, 24, tzinfo=UTC)
    for seconds in (-2, 1, -1, 2):  # the third began before midnight and was written after
        write(1, at=midnight + timedelta(seconds=seconds))

    lines = export("2026-11-24", "2026-11-24")

    assert [line["number"] for line in lines] == [2, 3, 4]
    assert holds_offline(lines)


def test_days_are_whole_and_in_utc(db: None) -> None:
    write(1, at=datetime(2026, 11, 24, 0, 0, tzinfo=UTC))
    write(1, at=datetime(2026, 11, 24, 23, 59, 59, 999999, tzinfo=UTC))
    write(1, at=datetime(2026, 11, 25, 0, 0, tzinfo=UTC))

    assert [line["number"] for line in export("2026-11-24", "2026-11-24")] == [1, 2]
    assert export("2026-11-26", "2026-12-31") == []


@pytest.mark.parametrize(
    ("first", "last", "sentence"),
    [("yesterday", "2026-11-24", "YYYY-MM-DD"), ("2026-11-24", "2026-02-30", "YYYY-MM-DD"),
     ("2026-11-25", "2026-11-24", "swap")],
)  # fmt: skip
def test_a_range_that_cannot_be_is_refused(first: str, last: str, sentence: str, db: None) -> None:
    with pytest.raises(CommandError, match=sentence):
        export(first, last)
