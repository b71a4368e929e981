"""manage.py reconcile_provider: a table, and exit status 1 when a day differs."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from lineportal.accounts.models import Road
from lineportal.sending.models import DayCount
from tests import factories
from tests.sending import line_counts
from tests.sending.line_counts import Counts


@pytest.fixture
def counts(db: None) -> Iterator[Counts]:
    with line_counts.serving() as counts:
        account = factories.account(api_base_url=counts.url)
        used = datetime.now(UTC) - timedelta(days=30)
        Road.objects.filter(account=account).update(used_at=used)
        yield counts


@pytest.fixture
def yesterday() -> str:
    """Yesterday where LINE counts."""
    return f"{(datetime.now(UTC) + timedelta(hours=9)).date() - timedelta(days=1)}"


def run(*arguments: str) -> tuple[int, str]:
    """Return the exit status and what was printed."""
    out = StringIO()
    try:
        call_command("reconcile_provider", "thai-post", *arguments, stdout=out, stderr=out)
    except CommandError as error:
        return error.returncode, f"{out.getvalue()}{error}"
    return 0, out.getvalue()


def test_what_agrees_is_a_table_and_status_0(counts: Counts, yesterday: str) -> None:
    day = datetime.fromisoformat(yesterday).date()
    counts.tell(day, 3)
    counts.tell(day, 0, kind="push")

    status, text = run("--day", yesterday)

    lines = [line.split() for line in text.splitlines()]
    assert status == 0
    assert lines == [
        ["road", "day", "ours", "provider's", "difference", "state"],
        ["lon", yesterday, "0", "3", "+3", "Agrees"],
        ["oa", yesterday, "0", "0", "+0", "Agrees"],
    ]


def test_what_differs_is_status_1_and_kept(counts: Counts, yesterday: str) -> None:
    counts.tell(datetime.fromisoformat(yesterday).date(), 1_204)

    status, text = run("--day", yesterday, "--service", "lon")

    assert status == 1
    assert "+1,204  Differs" in text
    assert "1 of 1 days differ beyond the tolerance" in text
    assert DayCount.objects.get().state == "differs"


def test_a_week_of_each_road_is_looked_at_when_no_day_is_named(counts: Counts) -> None:
    status, text = run()

    assert status == 0
    assert text.count("Waiting for the provider") == 14


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--day", "2026-02-30"), "give a date such as 2026-11-24"),
        (("--day", "2999-01-01"), "is not over yet where LINE counts"),
        (("--service", "fax"), "invalid choice"),
    ],
)
def test_what_cannot_be_compared_is_said(
    arguments: tuple[str, ...], sentence: str, counts: Counts
) -> None:
    assert sentence in run(*arguments)[1]


def test_an_unknown_account_is_refused(db: None) -> None:
    assert run() == (1, "There is no account “thai-post”.")


def test_a_road_that_was_never_used_has_no_days(db: None) -> None:
    factories.account()

    assert run() == (0, "There is no day to compare.\n")
