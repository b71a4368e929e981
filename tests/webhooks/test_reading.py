"""Reading the inbox in batches: what one batch does is what its events would do one by one."""

from __future__ import annotations

import itertools
import json
import sys
import threading
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection, connections
from procrastinate.contrib.django.models import ProcrastinateJob

from lineportal.accounts.models import OfficialAccount
from lineportal.sending import inbox
from lineportal.sending.models import Attempt, Message, WebhookDelivery, WebhookEvent
from lineportal.sending.statuses import Status
from recipients.models import ConsentRecord, Recipient
from tests import factories
from tests.webhooks.test_line_webhook import body_of, delivery, event, post, sent_message

PERSON = {"type": "user", "userId": factories.user_id(7)}
SECOND = timedelta(seconds=1)


@pytest.fixture
def account(db: None) -> OfficialAccount:
    return factories.account()


def store(account: OfficialAccount, at: datetime, *events: dict[str, Any]) -> None:
    inbox.store(account.pk, provider="line", body=body_of(*events), at=at)


def friend_events(account: OfficialAccount, at: datetime, kinds: str) -> list[dict[str, Any]]:
    """Return one event a second: `f` is a follow, `u` an unfollow."""
    names = {"f": "follow", "u": "unfollow"}
    return [
        event(names[kind], at + n * SECOND, number=n, source=PERSON) for n, kind in enumerate(kinds)
    ]


def test_a_batch_counts_each_event_once_for_each_account(
    account: OfficialAccount, at: datetime
) -> None:
    other = factories.account("other", channel="1650000002", secret="s" * 32)
    first, second = friend_events(account, at, "fu")

    store(account, at, first, first)
    store(other, at, first)
    store(account, at, second, first)
    assert inbox.read(at=at) == 3

    kept = WebhookEvent.objects.order_by("account", "event_id")
    ids = [first["webhookEventId"], second["webhookEventId"]]
    assert list(kept.values_list("account", "event_id")) == [
        (account.pk, ids[0]),
        (account.pk, ids[1]),
        (other.pk, ids[0]),
    ]
    assert Recipient.objects.get(account=account).friend_status == "blocked"
    assert Recipient.objects.get(account=other).friend_status == "friend"
    oldest = WebhookDelivery.objects.order_by("pk")[0]
    assert kept[0].delivery == oldest


def test_what_an_earlier_batch_brought_is_nothing_new(
    account: OfficialAccount, at: datetime
) -> None:
    follow, unfollow = friend_events(account, at, "fu")
    store(account, at, follow)
    inbox.read(at=at)

    store(account, at, unfollow, follow)
    inbox.read(at=at)

    assert WebhookEvent.objects.count() == 2
    assert ConsentRecord.objects.count() == 2


def test_an_unreadable_body_between_others_stops_none_of_them(
    account: OfficialAccount, at: datetime
) -> None:
    message = sent_message(account, at)
    [follow] = friend_events(account, at, "f")

    store(account, at, follow)
    inbox.store(account.pk, provider="line", body=b"\xff no json", at=at)
    store(account, at, delivery(message, at, number=9))
    inbox.read(at=at)

    message.refresh_from_db()
    assert message.status == Status.DELIVERED
    assert Recipient.objects.get(line_user_id=PERSON["userId"]).friend_status == "friend"
    problems = WebhookDelivery.objects.order_by("pk").values_list("problem", flat=True)
    assert [bool(problem) for problem in problems] == [False, True, False]
    assert not WebhookDelivery.objects.filter(read_at=None).exists()


@pytest.fixture
def deep_python() -> Iterator[None]:
    """Let Python nest deeper than the database may, as its newer versions do."""
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(10_000)
    yield
    sys.setrecursionlimit(limit)


@pytest.mark.usefixtures("deep_python")
def test_what_postgresql_cannot_store_is_flagged_and_stops_no_other(
    account: OfficialAccount, at: datetime
) -> None:
    [follow] = friend_events(account, at, "f")
    nested: Any = []
    for _ in range(2_000):
        nested = [nested]

    store(account, at, event("message", at, number=5, nested=nested))
    store(account, at, follow)
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL max_stack_depth = '100kB'")
    inbox.read(at=at)

    deep, good = WebhookDelivery.objects.order_by("pk")
    assert "cannot be stored" in deep.problem
    assert json.loads(bytes(deep.body))["events"]
    assert (good.problem, good.events.get().effect) == ("", "friend status")
    assert not deep.events.exists()
    assert deep.read_at


@pytest.mark.parametrize("kinds", ["fu", "uf", "fuf", "ufu", "ffu"])
def test_friend_events_of_one_batch_count_in_lines_order(
    kinds: str, account: OfficialAccount, at: datetime
) -> None:
    last = "friend" if kinds.endswith("f") else "blocked"
    events = friend_events(account, at, kinds)
    orders = list(itertools.permutations(range(len(events))))

    for n, order in enumerate(orders):
        source = {"type": "user", "userId": factories.user_id(100 + n)}
        shuffled = [
            {**events[k], "source": source, "webhookEventId": f"01G{n:010d}{k:013d}"} for k in order
        ]
        store(account, at, *shuffled[:1])
        store(account, at, *shuffled[1:])
    inbox.read(at=at)

    people = Recipient.objects.filter(account=account)
    assert people.count() == len(orders)
    assert set(people.values_list("friend_status", "friend_source")) == {(last, "line")}
    for person in people:
        entries = ConsentRecord.objects.filter(recipient=person).order_by("pk")
        moments = list(entries.values_list("observed_at", flat=True))
        assert moments == sorted(moments)
        assert entries.reverse()[0].value == last


def test_an_event_of_the_same_moment_leaves_the_more_careful_status(
    account: OfficialAccount, at: datetime
) -> None:
    events = [event(kind, at, number=n, source=PERSON) for n, kind in enumerate(("unfollow",
              "follow"))]  # fmt: skip

    store(account, at, *events)
    inbox.read(at=at)

    assert Recipient.objects.get().friend_status == "blocked"
    effects = WebhookEvent.objects.order_by("event_id").values_list("effect", flat=True)
    assert list(effects) == ["friend status", "nothing new"]


def test_an_event_before_our_own_record_wins(account: OfficialAccount, at: datetime) -> None:
    message = sent_message(account, at)
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE sending_message DISABLE TRIGGER USER")
    Message.objects.update(status=Status.SENDING, accepted_at=None, expires_at=None)
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE sending_message ENABLE TRIGGER USER")

    store(account, at, delivery(message, at))
    inbox.read(at=at)

    message.refresh_from_db()
    assert message.status == Status.DELIVERED
    assert message.accepted_at == message.delivered_at


def test_a_tag_of_an_earlier_attempt_counts(account: OfficialAccount, at: datetime) -> None:
    message = sent_message(account, at)
    earlier = uuid4()
    Attempt.objects.create(message=message, number=1, reference=earlier, started_at=at)
    told = event("delivery", at, delivery={"data": earlier.hex})

    store(account, at, told)
    inbox.read(at=at)

    message.refresh_from_db()
    assert message.status == Status.DELIVERED


def test_of_two_events_for_one_message_the_earlier_moment_counts(
    account: OfficialAccount, at: datetime
) -> None:
    message = sent_message(account, at)
    whole = at.replace(microsecond=0)

    store(account, at, delivery(message, whole + SECOND, number=1))
    store(account, at, delivery(message, whole, number=2))
    inbox.read(at=at)

    message.refresh_from_db()
    assert message.delivered_at == whole


def test_bodies_larger_than_a_batch_are_read_all(account: OfficialAccount, at: datetime) -> None:
    for number in range(4):
        store(account, at, event("message", at, number=number, text="x" * 900_000))

    assert inbox.read(at=at) == 4

    assert WebhookEvent.objects.count() == 4


def test_two_readers_at_once_apply_each_event_once(transactional_db: None, at: datetime) -> None:
    account = factories.account()
    message = sent_message(account, at)
    count = 1_500
    body = [
        body_of(
            event("follow", at + SECOND, number=(n * 7) % 1_000,
                  source={"type": "user", "userId": factories.user_id(n % 50)}),
            delivery(message, at, number=2_000 + n % 3),
        )
        for n in range(count)
    ]  # fmt: skip
    WebhookDelivery.objects.bulk_create(
        WebhookDelivery(account=account, provider="line", body=each, received_at=at)
        for each in body
    )
    begin = threading.Barrier(2)
    done: list[int] = []

    def reader() -> None:
        begin.wait(10)
        try:
            done.append(inbox.read(at=at))
        finally:
            connections.close_all()

    threads = [threading.Thread(target=reader) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert (len(done), sum(done)) == (2, count)
    assert not WebhookDelivery.objects.filter(read_at=None).exists()
    assert WebhookEvent.objects.count() == 1_000 + 3
    message.refresh_from_db()
    assert message.status == Status.DELIVERED
    people = Recipient.objects.filter(friend_status="friend")
    assert people.count() == 50
    assert ConsentRecord.objects.filter(subject="friend").count() == 50


def test_one_job_waits_for_all_that_is_stored(transactional_db: None, at: datetime) -> None:
    account = factories.account()
    jobs = ProcrastinateJob.objects.filter(task_name="lineportal.read_inbox")

    for _ in range(3):
        post(account, body_of())
    assert jobs.filter(status="todo").count() == 1
    # A job under way may have looked already: what comes now gets one of its own.
    with connection.cursor() as cursor:
        cursor.execute("UPDATE procrastinate_jobs SET status = 'doing'")
    post(account, body_of())

    assert jobs.filter(status="todo").count() == 1
    assert jobs.count() == 2
