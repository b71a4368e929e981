"""Every list of the console, with each filter, search and order: few queries, few rows read."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import connection, reset_queries, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext

from lineportal.accounts.models import AccountScope
from lineportal.console import lists
from lineportal.sending import overdue
from lineportal.sending.models import Attempt, Message
from recipients.models import Recipient
from tests import factories
from tests.benchmarks import crowd
from tests.console import walking

# Tables that hold millions, and how many of their rows a query of a list may read: what is counted
# of them, and some lanes of the last page beside.
BIG = {
    "sending_message", "recipients_recipient", "recipients_consentrecord", "audit_auditentry",
    "recipients_importedperson", "sending_webhookevent", "recipients_suppression",
}  # fmt: skip
MOST_ROWS = 2 * lists.COUNTED
PEOPLE, MESSAGES = 25_000, 50_000


@pytest.fixture(scope="module")
def crowded(django_db_setup: None, django_db_blocker: Any) -> Iterator[crowd.Crowd]:
    """One crowd for all tests here; committed, as only what was vacuumed is planned like it."""
    with django_db_blocker.unblock():
        made = crowd.fill(PEOPLE, MESSAGES, at=datetime.now(UTC), accounts_count=3)
    yield made
    with django_db_blocker.unblock():
        call_command("flush", verbosity=0, interactive=False)


@pytest.fixture
def filled(crowded: crowd.Crowd, db: None) -> crowd.Crowd:
    return crowded


def limited_to(account: Any) -> User:
    user = factories.superuser()
    AccountScope.objects.create(user=user).accounts.set([account])
    return user


def login(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def scans(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    if plan.get("Relation Name") in BIG:
        yield plan
    for below in plan.get("Plans", ()):
        yield from scans(below)


def rows_read(sql: str) -> float:
    """Return how many rows of the big tables a statement looks at, as if they were bigger."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute(f"EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) {sql}")
        answer = cursor.fetchone()[0]
        cursor.execute("SET LOCAL enable_seqscan = on")
    plan = (json.loads(answer) if isinstance(answer, str) else answer)[0]["Plan"]
    return sum(
        (scan["Actual Rows"] + scan.get("Rows Removed by Filter", 0)) * scan["Actual Loops"]
        for scan in scans(plan)
    )


def look_at(statement: str, visit: walking.Visit) -> None:
    """Assert that a statement neither counts nor skips nor reads far."""
    tables = {table for table in BIG if f'"{table}"' in statement}
    if "COUNT(" in statement and tables:
        assert f"LIMIT {lists.COUNTED + 1}" in statement, (visit, statement)
    for offset in re.findall(r"OFFSET (\d+)", statement):
        assert int(offset) < walking.LAST_PAGE * 50, (visit, statement)
    if tables and statement.lstrip("(").startswith("SELECT"):
        assert rows_read(statement) <= MOST_ROWS, (visit, statement)


def looked_at(client: Client, visit: walking.Visit, url: str, seen: set[str]) -> Any:
    """Return a page once its statements were looked at."""
    reset_queries()  # only so many are kept
    with CaptureQueriesContext(connection) as queries:
        page = client.get(url)
    assert page.status_code == 200, visit
    assert len(queries), visit
    assert len(queries) <= walking.MOST_QUERIES, (visit, queries.captured_queries)
    for query in queries.captured_queries:
        if query["sql"] not in seen:
            look_at(query["sql"], visit)
            seen.add(query["sql"])
    return page


@pytest.mark.parametrize("who", ["everyone", "largest", "smallest"])
def test_no_list_counts_or_reads_a_whole_table(who: str, filled: crowd.Crowd) -> None:
    account = {"largest": filled.accounts[0], "smallest": filled.accounts[-1]}.get(who)
    client = login(limited_to(account) if account else filled.by)

    seen: set[str] = set()
    for label in walking.lists():
        for visit in walking.visits(client, label):
            page = looked_at(client, visit, visit.url, seen)
            changes = page.context["cl"]
            if changes.paginator.num_pages > 1:
                last = walking.paged(visit.url, changes.paginator.num_pages)
                looked_at(client, visit, last, seen)
            # What is found by lanes is what the filters say.
            shown = [row.pk for row in changes.result_list]
            assert shown == [row.pk for row in changes.queryset[:50]], visit


def test_a_long_list_says_more_than_ten_thousand_and_ends_at_its_hundredth_page(
    filled: crowd.Crowd,
) -> None:
    client = login(filled.by)
    url = walking.url_of("sending.message")

    first = client.get(url).content.decode()
    hundredth = client.get(walking.paged(url, 100))
    beyond = client.get(walking.paged(url, 101))

    assert "More than 10,000 messages" in first
    assert "The pages end after 5,000" in first
    assert len(hundredth.context["cl"].result_list) == 50
    assert beyond.status_code == 302


def test_a_short_list_says_how_many_there_are(filled: crowd.Crowd) -> None:
    client = login(filled.by)

    page = client.get(walking.url_of("sending.campaign") + "?state__exact=paused").content.decode()

    paused = sum(one.state == "paused" for one in filled.campaigns)
    assert f"{paused} campaigns" in page
    assert "The pages end" not in page


@pytest.mark.parametrize(
    "asked",
    [
        "recipients_recipient/?phone__startswith=%2B668",
        "recipients_recipient/?line_user_id__contains=ab",
        "recipients_recipient/?attributes__name__icontains=a",
        "sending_message/?recipient__phone__startswith=%2B668",
        "sending_message/?detail__icontains=a",
        "sending_message/?status__contains=a",
        "audit_auditentry/?facts__contains=a",
    ],
)
def test_a_list_is_asked_nothing_but_what_it_offers(asked: str, manager: User) -> None:
    """Another lookup reads the whole table, and guesses a masked number digit by digit."""
    model, _slash, query = asked.partition("/")
    url = walking.url_of(model.replace("_", ".", 1))

    assert login(manager).get(url + query).status_code == 400


def test_facets_are_not_counted(manager: User) -> None:
    page = login(manager).get(walking.url_of("recipients.recipient") + "?_facets=True")

    assert page.context["cl"].add_facets is False


def test_the_filter_names_only_the_accounts_that_one_may_touch(
    filled: crowd.Crowd,
) -> None:
    for label in ("recipients.recipient", "sending.message", "sending.campaign"):
        page = login(limited_to(filled.accounts[1])).get(walking.url_of(label)).content.decode()
        assert str(filled.accounts[0]) not in page, label


def test_a_person_is_found_by_whole_addresses_only(manager: User) -> None:
    person = factories.recipient(factories.account(), 7)
    client, url = login(manager), walking.url_of("recipients.recipient")

    def found(text: str) -> list[int]:
        return [row.pk for row in client.get(url, {"q": text}).context["cl"].result_list]

    phone, user_id = factories.phone(7), factories.user_id(7)
    for text in (phone, "0" + phone[3:], f" {phone[:5]} {phone[5:]}", user_id, str(person.pk)):
        assert found(text) == [person.pk], text
    for text in (phone[:-1], phone[3:8], user_id[:-1], "สมชาย", "9" * 30, "²"):
        assert found(text) == [], text


def test_a_message_is_found_by_number_tag_and_person(filled: crowd.Crowd) -> None:
    client, url = login(filled.by), walking.url_of("sending.message")
    message = Message.objects.filter(status="delivered", recipient__line_user_id__isnull=False)[0]
    earlier = Attempt.objects.create(
        message=message, number=1, reference="11111111-2222-3333-4444-555555555555",
        started_at=message.queued_at,
    )  # fmt: skip

    def found(text: str) -> list[int]:
        return [row.pk for row in client.get(url, {"q": text}).context["cl"].result_list]

    assert message.reference
    for text in (str(message.pk), str(message.reference), message.reference.hex):
        assert found(text) == [message.pk], text
    assert found(str(earlier.reference)) == [message.pk]
    theirs = Message.objects.filter(recipient=message.recipient_id).order_by("-pk")
    for text in (message.recipient.phone, message.recipient.line_user_id):
        assert found(str(text)) == [row.pk for row in theirs[:50]], text
    assert found("nothing of the kind") == []


def test_a_search_stays_within_the_accounts_of_who_searches(filled: crowd.Crowd) -> None:
    person = Recipient.objects.filter(account=filled.accounts[0], phone__isnull=False)[0]
    client = login(limited_to(filled.accounts[1]))

    for label in ("recipients.recipient", "sending.message"):
        page = client.get(walking.url_of(label), {"q": person.phone})
        assert page.context["cl"].result_count == 0, label


def test_the_overdue_are_those_that_each_message_says_of_itself(
    filled: crowd.Crowd, at: datetime
) -> None:
    page = login(filled.by).get(walking.url_of("sending.message") + "?overdue=yes")

    known = ("pk", "service", "status", "queued_at", "template__overdue_minutes")
    by_hand = [
        pk
        for pk, service, status, queued_at, minutes in Message.objects.order_by("-pk").values_list(
            *known
        )
        if overdue.is_overdue(
            service=service, status=status, queued_at=queued_at, minutes=minutes, at=at
        )
    ]
    assert len(by_hand) > 50
    assert [row.pk for row in page.context["cl"].result_list] == by_hand[:50]


def test_within_a_campaign_only_what_is_a_question_there_is_asked(filled: crowd.Crowd) -> None:
    client, url = login(filled.by), walking.url_of("sending.message")
    finished = [one for one in filled.campaigns if one.state == "finished"]
    with_limit = next(one for one in finished if one.template.overdue_minutes)
    without = next(one for one in finished if not one.template.overdue_minutes)

    def asked(campaign: Any, **more: str) -> Any:
        return client.get(url, {"campaign__id__exact": campaign.pk, **more})

    assert [spec.title for spec in asked(with_limit).context["cl"].filter_specs] == [
        "status", "overdue", "rule",
    ]  # fmt: skip
    assert asked(with_limit, overdue="yes").context["cl"].result_count > 0
    assert asked(without, overdue="yes").context["cl"].result_count == 0
    assert asked(with_limit, account__id__exact="1").status_code == 400


def test_the_pages_of_one_thing_and_the_overview_ask_few_queries(filled: crowd.Crowd) -> None:
    client = login(filled.by)
    message = Message.objects.filter(status="delivered")[0]
    urls = [
        "/",
        f"/sending/message/{message.pk}/change/",
        f"/recipients/recipient/{message.recipient_id}/change/",
        *(f"/sending/campaign/{one.pk}/change/" for one in filled.campaigns[:6]),
        *(f"/sending/campaign/{one.pk}/progress/" for one in filled.campaigns[4:6]),
    ]

    for url in urls:
        with CaptureQueriesContext(connection) as queries:
            assert client.get(url).status_code == 200, url
        # Two more for what the side bar counts and for whom a number is linked with.
        assert len(queries) <= walking.MOST_QUERIES + 2, (url, len(queries))
