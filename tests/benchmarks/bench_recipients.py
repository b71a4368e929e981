"""Previews and lists over a million people, as ratios within one run: `make bench-recipients`.

Preview: the counts by rule of a campaign to everyone, against a bare COUNT of them, and against a
loop over the ORM. Lists: a page with its count as the console reads it, against a bare scan of the
index that knows the order, and against Django's own paginator and search.
`LINEPORTAL_BENCH_RECIPIENTS` sets how many people; there are five messages to each.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import User
from django.core.management import call_command
from django.core.paginator import Paginator
from django.db import connection
from django.db.models import DateTimeField, DurationField, ExpressionWrapper, F, Q, QuerySet, Value
from django.test import Client, RequestFactory
from django.test.utils import CaptureQueriesContext

from lineportal.accounts.models import AccountScope
from lineportal.sending import audience, campaigns, overdue
from lineportal.sending.models import Message
from recipients.models import Recipient, Suppression
from templates_app.models import MessageTemplate
from tests import factories
from tests.benchmarks import crowd
from tests.console import walking

PEOPLE = int(os.environ.get("LINEPORTAL_BENCH_RECIPIENTS", 1_000_000))
MESSAGES = 5 * PEOPLE
LOOPED = 20_000  # by the ORM's loop; it goes on as it begins
TRIES = 3


def best(act: Callable[[], Any], *, at_most: int = TRIES, enough: float = 0) -> float:
    """Return the shortest of some tries, in milliseconds; fewer where one was short enough."""
    times: list[float] = []
    while len(times) < at_most and (not times or min(times) > enough):
        begin = time.perf_counter()
        act()
        times.append(1000 * (time.perf_counter() - begin))
    return min(times)


def bare(sql: str, *params: Any) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return list(cursor.fetchall())


@pytest.fixture(scope="module")
def filled(django_db_setup: None, django_db_blocker: Any) -> Iterator[crowd.Crowd]:
    with django_db_blocker.unblock():
        begin = time.perf_counter()
        made = crowd.fill(PEOPLE, MESSAGES, at=datetime.now(UTC))
        print(
            f"\n{Recipient.objects.count():,} recipients and {Message.objects.count():,} messages"
            f" made in {time.perf_counter() - begin:.0f} s"
        )
    yield made
    with django_db_blocker.unblock():
        call_command("flush", verbosity=0, interactive=False)


def looped(of: QuerySet[Recipient], names: list[str]) -> Counter[str]:
    """Judge by the ORM, one person after another, as one would write it first."""
    found: Counter[str] = Counter()
    for person in of.iterator():
        barred = Suppression.objects.filter(
            account=person.account_id, phone=person.phone, lifted_at__isnull=True
        )
        if person.erased_at:
            rule = "erased"
        elif person.phone and barred.exists():
            rule = "suppressed"
        elif person.friend_status == "blocked":
            rule = "blocked"
        elif person.consent == "rejected":
            rule = "consent_rejected"
        elif not all(str(person.attributes.get(name, "")).strip() for name in names):
            rule = "missing_values"
        else:
            rule = ""
        found[rule] += 1
    return found


def test_a_preview_against_a_bare_count_and_a_loop(filled: crowd.Crowd, db: None) -> None:
    account, at = filled.accounts[0], datetime.now(UTC)
    template = MessageTemplate.objects.get(account=account, service="lon")
    made = campaigns.create(account, template=template, name="bench", by=filled.by, at=at)
    people = Recipient.objects.filter(account=account)

    [(count,)] = bare("SELECT count(*) FROM recipients_recipient WHERE account_id = %s", account.pk)
    ours = best(lambda: audience.preview(made, at=at))
    floor = best(lambda: bare(
        "SELECT count(*) FROM recipients_recipient WHERE account_id = %s", account.pk))  # fmt: skip
    some = min(LOOPED, count)
    begin = time.perf_counter()
    looped(people.order_by("pk")[:some], template.placeholders)
    naive = 1000 * (time.perf_counter() - begin) * count / some
    print(
        f"\npreview of {count:,}, counts by rule: {ours:,.0f} ms; bare COUNT {floor:,.0f} ms, ratio"
        f" {ours / floor:.1f}; a loop over the ORM {naive:,.0f} ms (from {some:,} of them),"
        f" {naive / ours:,.0f} times"
    )
    assert sum(n for _verdict, _rule, n in audience.preview(made, at=at)) == count


@dataclass(frozen=True, slots=True)
class Listing:
    """A page of a list: as asked of the console, of an index alone, and of Django's paginator."""

    what: str
    label: str
    query: str
    floor: str  # the index scan
    naive: QuerySet[Any]
    page: int = 1
    user: User | None = None


def listings(filled: crowd.Crowd, few: User) -> list[Listing]:
    person = Recipient.objects.filter(account=filled.accounts[0], phone__isnull=False)[0]
    small = filled.accounts[-1].pk
    people = Recipient.objects.select_related("account").order_by("-id")
    messages = Message.objects.select_related("campaign", "recipient").order_by("-id")
    limits = ExpressionWrapper(
        F("template__overdue_minutes") * Value(timedelta(minutes=1)),
        output_field=DurationField(),
    )
    late = ExpressionWrapper(F("queued_at") + limits, output_field=DateTimeField())
    by_phone = Q(phone__icontains=person.phone) | Q(line_user_id__icontains=person.phone)
    newest = "SELECT id FROM {0} ORDER BY id DESC LIMIT 50"
    by_status = (
        "SELECT id FROM sending_message WHERE account_id = {0} AND service = 'lon'"
        " AND status = '{1}' ORDER BY id DESC LIMIT 50"
    )
    largest = filled.accounts[0].pk
    return [
        Listing("recipients", "recipients.recipient", "", newest.format("recipients_recipient"),
                people),
        Listing("recipients, rejected and blocked", "recipients.recipient",
                "consent__exact=rejected&friend_status__exact=blocked",
                f"SELECT id FROM recipients_recipient WHERE account_id = {largest} AND consent ="
                " 'rejected' AND friend_status = 'blocked' ORDER BY id DESC LIMIT 50",
                people.filter(consent="rejected", friend_status="blocked")),
        Listing("recipients, by phone", "recipients.recipient", f"q=%2B{str(person.phone)[1:]}",
                f"SELECT id FROM recipients_recipient WHERE phone = '{person.phone}'",
                people.filter(by_phone)),
        Listing("messages", "sending.message", "", newest.format("sending_message"), messages),
        Listing("messages, page 100", "sending.message", "",
                newest.format("sending_message") + " OFFSET 4950", messages, page=100),
        Listing("messages, uncertain", "sending.message", "status__exact=uncertain",
                by_status.format(largest, "uncertain"), messages.filter(status="uncertain")),
        Listing("messages, delivered, page 100", "sending.message", "status__exact=delivered",
                by_status.format(largest, "delivered") + " OFFSET 4950",
                messages.filter(status="delivered"), page=100),
        Listing("messages, by rule", "sending.message", "rule__exact=missing_values",
                f"SELECT id FROM sending_message WHERE account_id = {largest} AND service = 'lon'"
                " AND rule = 'missing_values' ORDER BY id DESC LIMIT 50",
                messages.filter(rule="missing_values")),
        Listing("messages, overdue", "sending.message", "overdue=yes",
                by_status.format(largest, "expired"),
                messages.filter(service="lon", status__in=overdue.UNDELIVERED,
                                template__overdue_minutes__isnull=False)
                .annotate(late=late).filter(late__lte=datetime.now(UTC))),
        Listing("messages of a small account", "sending.message", "",
                by_status.format(small, "delivered"), messages.filter(account=small), user=few),
    ]  # fmt: skip


def test_lists_against_bare_scans_and_the_own_paginator(filled: crowd.Crowd, db: None) -> None:
    few = factories.superuser()
    AccountScope.objects.create(user=few).accounts.set([filled.accounts[-1]])
    print(f"\n{'a page and its count':<36}{'ours':>9}{'scan':>9}{'ratio':>7}{'naive':>11}{'':>8}")
    for one in listings(filled, few):
        desk = walking.lists()[one.label]
        asked = RequestFactory().get("/", dict(_pairs(one.query, one.page)))
        asked.user = one.user or filled.by

        def ours(desk: admin.ModelAdmin[Any] = desk, asked: Any = asked) -> Any:
            changes = desk.get_changelist_instance(asked)
            return list(changes.result_list), changes.result_count

        def naive(one: Listing = one) -> Any:
            pages = Paginator(one.naive, 50)
            return list(pages.get_page(one.page)), pages.count

        mine, floor = best(ours), best(lambda one=one: bare(one.floor))  # type: ignore[misc]
        theirs = best(naive)
        print(f"{one.what:<36}{mine:>6.1f} ms{floor:>6.1f} ms{mine / floor:>7.0f}"
              f"{theirs:>8.0f} ms{theirs / mine:>6.0f} x")  # fmt: skip
        assert [row.pk for row in ours()[0]] == [row.pk for row in naive()[0]], one.what


@pytest.mark.parametrize("who", ["everyone", "the largest account", "the smallest account"])
def test_every_page_of_the_console(who: str, filled: crowd.Crowd, db: None) -> None:
    """The whole answer of each list, filter, search and order, first and last page."""
    user = factories.superuser()
    place = {"the largest account": 0, "the smallest account": -1}.get(who)
    if place is not None:
        AccountScope.objects.create(user=user).accounts.set([filled.accounts[place]])
    client = Client()
    client.force_login(user)

    seen: list[tuple[float, int, str]] = []
    for label in walking.lists():
        for visit in walking.visits(client, label):
            pages = client.get(visit.url).context["cl"].paginator.num_pages
            for url in {visit.url, walking.paged(visit.url, pages)}:
                with CaptureQueriesContext(connection) as queries:
                    client.get(url)
                took = best(lambda url=url: client.get(url), enough=100)  # type: ignore[misc]
                seen.append((took, len(queries), f"{label}, {visit.what}"))
    seen.sort()
    times = [took for took, _queries, _what in seen]
    print(
        f"\n{len(seen)} pages for {who}: median {times[len(seen) // 2]:.0f} ms, 95th percentile"
        f" {times[int(0.95 * len(seen))]:.0f} ms, worst {times[-1]:.0f} ms ({seen[-1][2]});"
        f" at most {max(queries for _took, queries, _what in seen)} queries"
    )


def _pairs(query: str, page: int) -> list[tuple[str, str]]:
    pairs = [part.partition("=") for part in query.split("&") if part]
    asked = [(name, value.replace("%2B", "+")) for name, _is, value in pairs]
    return [*asked, ("p", str(page))] if page > 1 else asked
