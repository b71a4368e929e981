"""What machines do to messages by themselves, met by a message in every status, for both services.

What is expected stands in literal tables: {status before: status after}; a status that a table
does not name stays as it is. No machine ever sends an uncertain message again.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from uuid import UUID, uuid4

import pytest

from lineportal.providers.base import Outcome, SendResult
from lineportal.sending import campaigns, clock, outbox, tasks
from lineportal.sending.models import Lease
from lineportal.sending.outbox import Sent
from tests import factories
from tests.sending import placed
from tests.sending.placed import Held

DAY = timedelta(hours=24)
SECOND = timedelta(seconds=1)
OUT_OF_IT = ("queued", "skipped", "cancelled")  # here after a try that had no known effect


# --- what a dead worker left


@pytest.mark.parametrize(
    ("service", "first_try", "after", "expected"),
    [
        ("lon", timedelta(0), timedelta(0), {}),  # its lease holds
        ("lon", timedelta(0), SECOND, {"sending": "uncertain"}),
        ("oa", timedelta(0), timedelta(0), {}),
        ("oa", timedelta(0), SECOND, {"sending": "queued"}),
        ("oa", timedelta(hours=22, minutes=59), SECOND, {"sending": "queued"}),
        ("oa", timedelta(hours=23), SECOND, {"sending": "uncertain"}),
        ("lon", timedelta(hours=23), SECOND, {"sending": "uncertain"}),
    ],
)
def test_what_a_dead_worker_left_in_flight_is_settled(
    service: str,
    first_try: timedelta,
    after: timedelta,
    expected: dict[str, str],
    db: None,
    at: datetime,
) -> None:
    cases = placed.one_in_each_status(service, at=at, tried=OUT_OF_IT)
    placed.sql(
        "UPDATE sending_message SET leased_until = %(at)s, attempt_started_at = %(first)s",
        at=at, first=at - first_try,
    )  # fmt: skip
    held, now = cases["sending"], at + after

    assert outbox.sweep(at=now) == len(expected)

    assert placed.moved(cases) == expected
    row = placed.row(held)
    assert row.reference == held.message.reference
    if expected:
        assert row.leased_until is None
    if expected == {"sending": "uncertain"}:
        assert row.expires_at == (now + DAY if service == "lon" else None)


def test_a_push_of_a_dead_worker_goes_again_under_its_retry_key(db: None, at: datetime) -> None:
    campaign = placed.campaign("oa", people=1, at=at)
    [first] = placed.hold_all(campaign, at=at)
    outbox.begin(first.token, [(first.message, "")], at=at)
    later = at + timedelta(hours=1)
    outbox.sweep(at=later)

    [again] = placed.hold_all(campaign, at=later)
    outbox.begin(again.token, [(again.message, "")], at=later)

    assert again.message.reference == first.message.reference
    assert again.message.may_be_repeated
    row = placed.row(again)
    assert (row.attempts, row.attempt_started_at) == (2, at)  # the key's life counts from there


def test_a_push_that_waited_past_23_hours_may_not_be_repeated(db: None, at: datetime) -> None:
    campaign = placed.campaign("oa", people=1, at=at)
    [first] = placed.hold_all(campaign, at=at)
    outbox.begin(first.token, [(first.message, "")], at=at)
    outbox.sweep(at=at + timedelta(hours=1))

    [again] = placed.hold_all(campaign, at=at + timedelta(hours=23))

    assert not again.message.may_be_repeated


# --- claim, begin, release, cancel


def lease_all(cases: Iterable[Held], token: UUID, *, until: datetime) -> None:
    """Have one claim hold these messages, whatever they are now."""
    Lease.objects.all().delete()
    Lease.objects.bulk_create(Lease(message_id=held.pk, token=token, until=until) for held in cases)


@pytest.mark.parametrize("service", placed.SERVICES)
def test_only_what_is_queued_is_claimed_begun_or_given_back(
    service: str, db: None, at: datetime
) -> None:
    cases = placed.one_in_each_status(service, at=at, tried=OUT_OF_IT)
    campaign = placed.row(cases["queued"]).campaign
    assert campaign is not None
    Lease.objects.all().delete()
    later = at + timedelta(hours=1)

    claim = outbox.claim(placed.road(campaign), limit=100, at=later)

    assert [message.id for message in claim.messages] == [cases["queued"].pk]
    assert placed.moved(cases) == {}

    outbox.release(uuid4(), [cases["queued"].pk])
    assert Lease.objects.count() == 1  # another's claim
    outbox.release(claim.token, [cases["queued"].pk])
    assert Lease.objects.count() == 0

    lease_all(cases.values(), claim.token, until=later)
    everything = [(held.message, "") for held in cases.values()]
    assert outbox.begin(claim.token, everything, at=later) == {cases["queued"].pk}
    assert placed.moved(cases) == {"queued": "sending"}


def test_without_its_claim_nothing_is_begun(db: None, at: datetime) -> None:
    cases = placed.one_in_each_status("lon", at=at)

    begun = outbox.begin(uuid4(), [(held.message, "") for held in cases.values()], at=at)

    assert begun == set()
    assert placed.moved(cases) == {}


@pytest.mark.parametrize("service", placed.SERVICES)
def test_cancelling_takes_out_what_is_queued_and_leaves_the_rest(
    service: str, db: None, at: datetime
) -> None:
    cases = placed.one_in_each_status(service, at=at)
    campaign = placed.row(cases["queued"]).campaign
    assert campaign is not None

    campaigns.cancel(campaign, by=factories.user("sender"), at=at)

    assert placed.moved(cases) == {"queued": "cancelled"}
    held = cases["queued"]  # a worker held it, and is too late now
    assert outbox.begin(held.token, [(held.message, "")], at=at) == set()

    outbox.record([Sent(cases["sending"].message, SendResult(Outcome.THROTTLED))], at=at)
    tasks._keep_house()
    assert placed.moved(cases) == {"queued": "cancelled", "sending": "cancelled"}


# --- uncertain


def machines(case: Held, at: datetime) -> None:
    """Everything that machines do to messages by themselves, with a claim that comes back late."""
    campaign = placed.row(case).campaign
    assert campaign is not None
    road = placed.road(campaign)
    for outcome in (Outcome.THROTTLED, Outcome.UNAVAILABLE, Outcome.UNCERTAIN):
        assert outbox.claim(road, limit=100, at=at).messages == []
        lease_all([case], case.token, until=at)
        assert outbox.begin(case.token, [(case.message, "")], at=at) == set()
        outbox.release(case.token, [case.pk])
        placed.sql("UPDATE sending_message SET leased_until = %(at)s - interval '1 hour'", at=at)
        outbox.sweep(at=at)
        assert outbox.due_roads(at=at) == []
        tasks._seed()
        tasks._keep_house()
        if placed.row(case).status == "uncertain":
            outbox.record([Sent(case.message, SendResult(outcome))], at=at)


@pytest.mark.parametrize(
    ("service", "age", "expected"),
    [
        ("lon", timedelta(0), "uncertain"),
        ("lon", timedelta(hours=23, minutes=55), "uncertain"),
        ("lon", timedelta(hours=24, minutes=5), "expired"),
        ("lon", 3650 * DAY, "expired"),
        ("oa", timedelta(0), "uncertain"),
        ("oa", timedelta(hours=24, minutes=5), "uncertain"),
        ("oa", 3650 * DAY, "uncertain"),
    ],
)
def test_an_uncertain_message_is_never_sent_again_by_machine_however_long(
    service: str, age: timedelta, expected: str, db: None, at: datetime
) -> None:
    began_at = at - age  # the house-keeping reads the database's own clock
    campaign = placed.campaign(service, people=1, at=began_at)
    [held] = placed.hold_all(campaign, at=began_at)
    placed.put(held.pk, "uncertain", at=began_at)

    machines(held, clock.now())

    row = placed.row(held)
    assert (row.status, row.attempts, row.reference) == (expected, 1, held.message.reference)
    assert not row.past_attempts.exists()
