"""`manage.py import_recipients`: what an operator at the shell sees and gets."""

from __future__ import annotations

from io import StringIO
from pathlib import Path

import openpyxl
import pytest
from django.core.management import CommandError, call_command

from recipients.management.commands import import_recipients
from recipients.models import Recipient
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def account() -> None:
    factories.account()


def ran(path: Path, *options: str) -> str:
    out = StringIO()
    call_command("import_recipients", str(path), "--account", "thai-post", *options, stdout=out)
    return out.getvalue()


def written(folder: Path, text: str) -> Path:
    path = folder / "people.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_counts_and_the_refused_rows_are_told(tmp_path: Path) -> None:
    path = written(tmp_path, "phone,consent\n0812300001,agreed\n0812300002,perhaps\n")

    assert ran(path) == (
        "row 3, column B: unknown word; use one of: agreed, not_set, rejected\n"
        "2 rows: 1 created, 0 updated, 0 unchanged, 1 refused. Read as UTF-8.\n"
    )


def test_a_dry_run_and_the_same_file_again_change_nothing_and_say_so(tmp_path: Path) -> None:
    path = written(tmp_path, "phone\n0812300001\n")
    assert "Dry run, nothing changed: 1 rows: 1 created" in ran(path, "--dry-run")
    assert not Recipient.objects.exists()

    assert "The file changes nothing." not in ran(path)
    assert "The file changes nothing." in ran(path)


def test_foreign_names_are_given_a_meaning_once(tmp_path: Path) -> None:
    path = written(tmp_path, "มือถือ,หมายเหตุ\n0812300001,x\n")
    with pytest.raises(CommandError, match="Nothing was imported"):
        ran(path)

    ran(path, "--map", "มือถือ=phone", "หมายเหตุ=-", "--tag", "spring")

    person = Recipient.objects.get()
    assert (person.phone, person.attributes, person.tags) == ("+66812300001", {}, ["spring"])
    assert "1 unchanged" in ran(path)


def test_many_refused_rows_are_not_all_told_but_all_written(tmp_path: Path) -> None:
    beyond = import_recipients._ROWS_SHOWN + 7
    path = written(tmp_path, "phone\n" + "12\n" * beyond)
    out = tmp_path / "refused.xlsx"

    text = ran(path, "--refused", str(out))

    assert text.count("column A") == import_recipients._ROWS_SHOWN
    assert "... and 7 more refused rows." in text
    assert f"The refused rows are in {out}." in text
    assert openpyxl.load_workbook(out).active.max_row == beyond + 1


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--map", "phone"], "Give --map as COLUMN=MEANING"),
        (["--as-of", "yesterday"], "Give --as-of as YYYY-MM-DD"),
        (["--as-of", "2999-01-01"], "lies in the future"),
        (["--account", "nobody"], "no account “nobody”"),
        (["--refused", "/nowhere/at/all.xlsx"], "cannot be written"),
    ],
)
def test_what_cannot_be_used_is_said_in_one_sentence(
    options: list[str], sentence: str, tmp_path: Path
) -> None:
    with pytest.raises(CommandError, match=sentence):
        ran(written(tmp_path, "phone\n0812300001\n12\n"), *options)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="cannot be read"):
        ran(tmp_path / "missing.csv")
