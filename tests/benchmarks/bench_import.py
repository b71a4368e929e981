"""How fast a file becomes people, as ratios within one run: part of `make bench-recipients`.

The floor is PostgreSQL's own COPY of the same file into a table of texts, and one unique index; it
reads nothing, judges nothing, and keeps no ledger. The naive ways are Django's: a loop of
`get_or_create`, and `bulk_create` of what `csv.DictReader` reads, without ledger and judgement too.
`LINEPORTAL_BENCH_ROWS` sets the rows (a million).
"""

from __future__ import annotations

import csv
import os
import resource
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

from django.db import connection, transaction

from lineportal.accounts.models import OfficialAccount
from recipients import imports, phones
from recipients.models import ConsentRecord, Recipient, RecipientImport
from tests import factories

ROWS = int(os.environ.get("LINEPORTAL_BENCH_ROWS", "1000000"))
NAIVE_ROWS = 5_000  # of the naive ways, whose time is multiplied
NAMES = ("สมชาย ใจดี", "สมหญิง ศรีสุข", "วิชัย ทองคำ", "มาลี วงศ์ไทย")


def people(path: Path) -> Path:
    """Write the file: phone, consent, friend status and two values for placeholders."""
    with path.open("w", encoding="utf-8") as file:
        file.write("phone,consent,friend_status,name,tracking_no\n")
        for n in range(ROWS):
            # Of no order, as a real list is.
            number = 10_000_000 + n * 7_919 % 80_000_000
            consent = ("agreed", "rejected", "not set")[n % 3]
            friend = "friend" if n % 4 else "not friend"
            file.write(f"08{number:08d},{consent},{friend},{NAMES[n % 4]},TH{n:010d}\n")
    return path


def timed(act: Callable[[], object]) -> float:
    begin = time.perf_counter()
    act()
    return time.perf_counter() - begin


def copy_and_index(path: Path) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE TABLE bench_floor (phone text, consent text, friend_status text, name text,"
            " tracking_no text)"
        )
        with (
            path.open("rb") as file,
            cursor.cursor.copy("COPY bench_floor FROM STDIN (FORMAT csv, HEADER)") as copy,
        ):
            while block := file.read(1 << 18):
                copy.write(block)
        cursor.execute("CREATE UNIQUE INDEX ON bench_floor (phone)")


def drop_floor() -> None:
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS bench_floor")


def load(account: OfficialAccount, path: Path, *, is_dry_run: bool = False) -> RecipientImport:
    with path.open("rb") as file:
        job = imports.receive(
            account, name=path.name, file=file, at=datetime.now(UTC), by=None, is_kept=False,
            is_dry_run=is_dry_run,
        )  # fmt: skip
        return imports.run(job, at=datetime.now(UTC), file=file)


def rows_of(path: Path, account: OfficialAccount) -> Iterator[Recipient]:
    at = datetime.now(UTC)
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            yield Recipient(
                account=account,
                phone=phones.read_any(row["phone"], country="TH").e164,
                phone_country="TH",
                consent=row["consent"].replace(" ", "_"),
                friend_status=row["friend_status"].replace(" ", "_"),
                attributes={"name": row["name"], "tracking_no": row["tracking_no"]},
                created_at=at,
                updated_at=at,
            )


def one_by_one(path: Path, account: OfficialAccount) -> None:
    for each in islice(rows_of(path, account), NAIVE_ROWS):
        with transaction.atomic():
            Recipient.objects.get_or_create(
                account=account,
                phone=each.phone,
                defaults={
                    "phone_country": "TH", "consent": each.consent,
                    "friend_status": each.friend_status, "attributes": each.attributes,
                    "created_at": each.created_at, "updated_at": each.updated_at,
                },
            )  # fmt: skip


def in_bulk(path: Path, account: OfficialAccount) -> None:
    Recipient.objects.bulk_create(islice(rows_of(path, account), NAIVE_ROWS))


def test_import_against_copy_and_naive_ways(transactional_db: None, tmp_path: Path) -> None:
    path = people(tmp_path / "people.csv")
    megabytes = path.stat().st_size / 1e6
    account, looped, bulk = (
        factories.account(slug, channel=f"165000000{n}") for n, slug in enumerate("abc")
    )
    floors = []
    for _run in range(3):
        drop_floor()
        floors.append(timed(lambda: copy_and_index(path)))
    floor = min(floors)
    drop_floor()
    print(f"\nfile of {ROWS:,} rows, {megabytes:.0f} MB; COPY and one index: {floor:.2f} s")

    def say(what: str, seconds: float) -> None:
        print(f"{what}: {seconds:.2f} s, {ROWS / seconds:,.0f} rows/s; ratio {seconds / floor:.1f}")

    say("dry run, nobody known", timed(lambda: load(account, path, is_dry_run=True)))
    say("import, everybody new", timed(lambda: load(account, path)))
    assert account.recipients.count() == ROWS
    assert ConsentRecord.objects.exists()
    say("the same file again", timed(lambda: load(account, path)))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(f"memory of this process at its highest: {peak} MB")
    share = ROWS / NAIVE_ROWS
    for name, way, into in (("get_or_create", one_by_one, looped), ("bulk_create", in_bulk, bulk)):
        seconds = timed(lambda way=way, into=into: way(path, into)) * share  # type: ignore[misc]
        say(f"naive {name} ({NAIVE_ROWS:,} rows, times {share:.0f})", seconds)
    assert RecipientImport.objects.filter(state="finished").count() == 3
