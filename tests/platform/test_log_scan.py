"""The scan of the suite's logs finds what it is for, and nothing else."""

from __future__ import annotations

import re
import subprocess
import sys
import uuid
from pathlib import Path

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineportal import logs
from tests.drills.place import PROJECT
from tests.platform import log_scan

USER_ID = "U4af4980629b1a2c3d4e5f60718293a4b"
FOUND = [
    "+66812345678", "0812345678", "081-234-5678", "(02) 123-4567", "+66 (0)81 234 5678",
    "66812345678", "+886 912 345 678", "0912-345-678", "886912345678", "+81 90-1234-5678",
    "090-1234-5678", "090ー1234ー5678", "０８１２３４５６７８", "๐๘๑-๒๓๔-๕๖๗๘",
    "item 81230001 of 812300017", USER_ID, USER_ID.lower(),
]  # fmt: skip
NOT_FOUND = [
    "2026-11-25 09:12:38.680566 INFO", "2026-11-25T09:12:38.680566+00:00", "127.0.0.1:54321",
    "sha256 0812345678" + "0" * 54, "campaign 1234567 has 1000000 messages", "+66 ** *** *678",
    "0.000812345", "1,000,000 of 5,000,000 in 12.345678 s", str(uuid.UUID(int=812345678)),
    "redo lsn=0/23454560, lsn=0/81234567", "redo starts at 0/81234567",
    "U4af4980629", "GET /x/ 200 1234 127.0.0.1", "lp_0812abc", "port 54321 pid 4194304",
]  # fmt: skip

INNER = """
import logging, subprocess, sys
import pytest

def test_inner(capfd):
    {act}
"""
CONFTEST = """
from lineportal import logs
from tests.platform import log_scan

def pytest_configure(config):
    configuration = logs.configuration(debug=False)
    {change}
    config.pluginmanager.register(log_scan.Scan(configuration), "log-scan")
"""
NO_MASKING = "configuration['handlers']['stderr'].pop('filters')"
PLANTED = "logging.getLogger('recipients').debug('to %s', '+66812345678')"
CHILD = (
    "subprocess.run([sys.executable, '-c',"
    " 'import sys; sys.stderr.write(\"lineportal: 0812345678\")'],"
    " stderr=subprocess.DEVNULL, check=True)"
)


@pytest.mark.parametrize("text", FOUND)
def test_a_number_is_found_in_any_notation(text: str) -> None:
    assert list(log_scan.numbers_in(f"it said {text}, twice")) != []


@pytest.mark.parametrize("text", NOT_FOUND)
def test_what_is_no_number_is_left_alone(text: str) -> None:
    assert list(log_scan.numbers_in(f"it said {text}, twice")) == []


@given(
    st.sampled_from(["TH", "TW", "JP"]),
    st.integers(0, 10**8 - 1),
    st.sampled_from(["", " ", "-", ".", " - "]),
)
def test_every_mobile_of_the_countries_served_is_found(
    country: str, number: int, separator: str
) -> None:
    example = phonenumbers.example_number_for_type(country, phonenumbers.PhoneNumberType.MOBILE)
    assert example is not None
    national = phonenumbers.national_significant_number(example)[:2] + f"{number:08d}"
    national = national[: 10 if country == "JP" else 9]
    read = phonenumbers.parse(f"+{example.country_code}{national}")
    if not phonenumbers.is_valid_number(read):
        return
    spelled = separator.join(national)

    for text in (f"+{example.country_code}{separator}{spelled}", f"0{spelled}"):
        assert list(log_scan.numbers_in(text)) != []
        assert list(log_scan.numbers_in(logs.masked(text))) == []


def run_inner(
    folder: Path, *given: str, act: str, change: str = "pass"
) -> subprocess.CompletedProcess[str]:
    (folder / "conftest.py").write_text(CONFTEST.format(change=change))
    (folder / "test_inner.py").write_text(INNER.format(act=act))
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(folder),
         "-c", str(PROJECT / "pyproject.toml"), "--basetemp", str(folder / "base"), *given,
         str(folder)],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )  # fmt: skip


@pytest.mark.parametrize("given", [(), ("-n", "1")], ids=["one process", "processes"])
def test_a_run_that_writes_a_number_fails_and_does_not_repeat_it(
    given: tuple[str, ...], tmp_path: Path
) -> None:
    done = run_inner(tmp_path, *given, act=PLANTED, change=NO_MASKING)

    assert done.returncode == 1, done.stdout
    assert "full numbers where none may be" in done.stdout
    assert "812345678" not in done.stdout


@pytest.mark.parametrize("given", [(), ("-n", "1")], ids=["one process", "processes"])
def test_the_same_record_through_the_real_handler_passes(
    given: tuple[str, ...], tmp_path: Path
) -> None:
    done = run_inner(tmp_path, *given, act=PLANTED)

    assert done.returncode == 0, done.stdout
    assert re.search(r"[1-9]\d* lines of logs and exports name nobody", done.stdout)


def test_a_started_process_is_heard_too(tmp_path: Path) -> None:
    assert run_inner(tmp_path, act=CHILD).returncode == 1
