"""Every statement that moves messages, met by a message in every status, for both services.

What is expected stands in literal tables: {status before: status after}; a status that a table
does not name stays as it is.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from lineportal.providers.base import Outcome, SendResult
from lineportal.sending import outbox, receipts
from lineportal.sending.models import Attempt
from lineportal.sending.outbox import Sent
from tests import factories
from tests.sending import placed
from tests.sending.placed import Held

DAY = timedelta(hours=24)
SECOND = timedelta(seconds=1)
ATTEMPTED = (
    "sending", "accepted", "delivered", "expired", "refused", "failed", "uncertain",
)  # fmt: skip
NEVER_TRIED = ("queued", "skipped", "cancelled")


def answered(held: Held, outcome: Outcome, **details: Any) -> Sent:
    return Sent(held.message, SendResult(outcome, **details))


# --- an attempt's answer

# The same attempt's late answer settles an uncertain message, unless it is no answer at all.
ANSWERS = {
    ("lon", Outcome.ACCEPTED): {"sending": "accepted", "uncertain": "accepted"},
    ("lon", Outcome.REFUSED): {"sending": "refused", "uncertain": "refused"},
    ("lon", Outcome.FAULT): {"sending": "failed", "uncertain": "failed"},
    ("lon", Outcome.THROTTLED): {"sending": "queued"},
    ("lon", Outcome.UNAVAILABLE): {"sending": "queued"},
    ("lon", Outcome.UNCERTAIN): {"sending": "uncertain"},
    ("oa", Outcome.ACCEPTED): {"sending": "accepted", "uncertain": "accepted"},
    ("oa", Outcome.REFUSED): {"sending": "refused", "uncertain": "refused"},
    ("oa", Outcome.FAULT): {"sending": "failed", "uncertain": "failed"},
    ("oa", Outcome.THROTTLED): {"sending": "queued"},
    ("oa", Outcome.UNAVAILABLE): {"sending": "queued"},
    ("oa", Outcome.UNCERTAIN): {"sending": "queued"},  # again, under the same retry key
}


@pytest.mark.parametrize(("service", "outcome"), ANSWERS)
def test_an_answer_moves_what_is_under_way_or_uncertain(
    service: str, outcome: Outcome, db: None, at: datetime
) -> None:
    cases = placed.one_in_each_status(service, at=at)

    took = outbox.record([answered(held, outcome) for held in cases.values()], at=at + SECOND)

    assert placed.moved(cases) == ANSWERS[service, outcome]
    assert took == len(ATTEMPTED)
    for before in ATTEMPTED:
        assert placed.row(cases[before]).outcome == outcome
    for before in NEVER_TRIED:
        assert placed.row(cases[before]).outcome == ""


@pytest.mark.parametrize("outcome", list(Outcome))
def test_a_repeated_answer_changes_nothing_more(outcome: Outcome, db: None, at: datetime) -> None:
    cases = placed.one_in_each_status("lon", at=at)
    answers = [answered(held, outcome) for held in cases.values()]
    outbox.record(answers, at=at + SECOND)
    before = placed.now(cases)

    outbox.record(answers, at=at + 2 * SECOND)

    assert placed.now(cases) == before


@pytest.mark.parametrize("service", placed.SERVICES)
@pytest.mark.parametrize("outcome", list(Outcome))
def test_an_answer_to_an_earlier_reference_moves_nothing(
    outcome: Outcome, service: str, db: None, at: datetime
) -> None:
    cases = placed.one_in_each_status(service, at=at)
    stale = [
        Sent(replace(held.message, reference=uuid4()), SendResult(outcome))
        for held in cases.values()
    ]

    assert outbox.record(stale, at=at + SECOND) == 0
    assert placed.moved(cases) == {}


@pytest.mark.parametrize("outcome", [Outcome.THROTTLED, Outcome.UNAVAILABLE])
def test_an_answer_that_is_written_twice_leaves_the_next_try_alone(
    outcome: Outcome, db: None, at: datetime
) -> None:
    """The database restarts after it wrote the answer and before it says so.

    The worker writes it again; meanwhile another one has begun the next try, whose POST is under
    way. Back in the queue, the notification would be sent twice.
    """
    campaign = placed.campaign("lon", people=1, at=at)
    [first] = placed.hold_all(campaign, at=at)
    outbox.begin(first.token, [(first.message, "")], at=at)
    outbox.record([answered(first, outcome)], at=at)
    later = at + timedelta(minutes=2)
    [second] = placed.hold_all(campaign, at=later)
    assert outbox.begin(second.token, [(second.message, "")], at=later) == {second.pk}

    outbox.record([answered(first, outcome)], at=later)

    row = placed.row(second)
    assert (row.status, row.attempts) == ("sending", 2)
    outbox.record([answered(second, Outcome.ACCEPTED)], at=later)
    assert placed.row(second).status == "accepted"


def test_a_push_whose_retry_key_line_forgot_ends_uncertain(db: None, at: datetime) -> None:
    campaign = placed.campaign("oa", people=1, at=at)
    [held] = placed.hold_all(campaign, at=at)
    outbox.begin(held.token, [(held.message, "")], at=at)
    late = at + timedelta(hours=23)

    outbox.record([answered(held, Outcome.UNCERTAIN)], at=late)

    assert placed.row(held).status == "uncertain"
    assert placed.hold_all(campaign, at=late + timedelta(days=365)) == []


def test_only_a_notification_gets_24_hours(db: None, at: datetime) -> None:
    for service, expires_at in (("lon", at + DAY), ("oa", None)):
        of = placed.account(people=2, slug=service, channel=f"16500000{len(service)}")
        campaign = placed.campaign(service, people=2, of=of, at=at)
        held = placed.hold_all(campaign, at=at)
        for each in held:
            outbox.begin(each.token, [(each.message, "")], at=at)

        outbox.record(
            [answered(held[0], Outcome.ACCEPTED), answered(held[1], Outcome.UNCERTAIN)], at=at
        )

        assert {placed.row(each).expires_at for each in held} == {expires_at}


# --- delivery events

EVERYTHING_TRIED = {before: "delivered" for before in ATTEMPTED if before != "delivered"}
BACK_IN_THE_QUEUE = dict.fromkeys(NEVER_TRIED, "delivered")


@pytest.mark.parametrize("service", placed.SERVICES)
@pytest.mark.parametrize("tag", ["own", "earlier"])
@pytest.mark.parametrize(
    ("tried", "expected"),
    [((), EVERYTHING_TRIED), (NEVER_TRIED, EVERYTHING_TRIED | BACK_IN_THE_QUEUE)],
)
def test_a_delivery_event_wins_over_everything_that_had_an_attempt(
    tried: tuple[str, ...],
    expected: dict[str, str],
    tag: str,
    service: str,
    db: None,
    at: datetime,
) -> None:
    cases = placed.one_in_each_status(service, at=at, tried=tried)
    tags = {before: held.message.reference for before, held in cases.items()}
    if tag == "earlier":
        tags = {before: earlier(held, at) for before, held in cases.items()}
    account = placed.row(cases["queued"]).account
    seen_at = at + timedelta(minutes=1)

    moved = receipts.apply(placed.told(account, *tags.values(), at=seen_at), at=at + DAY)

    assert placed.moved(cases) == expected
    assert moved == len(expected)
    for before in expected:
        row = placed.row(cases[before])
        assert (row.delivered_at, row.leased_until) == (seen_at, None)
        assert row.accepted_at is not None


def earlier(held: Held, at: datetime) -> Any:
    """Give a message an attempt from before a person sent it again; return that one's tag."""
    return Attempt.objects.create(
        message_id=held.pk, number=1, reference=uuid4(), started_at=at
    ).reference


@pytest.mark.parametrize("service", placed.SERVICES)
def test_a_tag_counts_on_its_own_account_only(service: str, db: None, at: datetime) -> None:
    cases = placed.one_in_each_status(service, at=at, tried=NEVER_TRIED)
    stranger = factories.account("stranger", channel="2000000002")
    tags = [held.message.reference for held in cases.values()]
    tags += [earlier(held, at) for held in cases.values()]

    assert receipts.apply(placed.told(stranger, *tags, at=at), at=at) == 0
    assert placed.moved(cases) == {}


def test_a_tag_that_nobody_knows_moves_nothing(db: None, at: datetime) -> None:
    cases = placed.one_in_each_status("lon", at=at, tried=NEVER_TRIED)
    account = placed.row(cases["queued"]).account

    assert receipts.apply(placed.told(account, uuid4(), None, at=at), at=at) == 0
    assert placed.moved(cases) == {}


def test_a_repeated_event_keeps_the_first_moment(db: None, at: datetime) -> None:
    cases = placed.one_in_each_status("lon", at=at)
    held, account = cases["accepted"], placed.row(cases["accepted"]).account

    counts = [
        receipts.apply(placed.told(account, held.message.reference, at=at + n * SECOND), at=at)
        for n in (1, 2, 0)
    ]

    assert counts == [1, 0, 0]
    assert placed.row(held).delivered_at == at + SECOND


@pytest.mark.parametrize("outcome", list(Outcome))
def test_an_event_before_our_own_record_wins_and_the_record_adds_its_facts(
    outcome: Outcome, db: None, at: datetime
) -> None:
    cases = placed.one_in_each_status("lon", at=at)
    held, account = cases["sending"], placed.row(cases["sending"]).account

    receipts.apply(placed.told(account, held.message.reference, at=at), at=at)
    outbox.record([answered(held, outcome, http_status=299, request_id="r-1")], at=at + SECOND)

    row = placed.row(held)
    assert (row.status, row.delivered_at, row.accepted_at) == ("delivered", at, at)
    assert (row.http_status, row.request_id, row.outcome) == (299, "r-1", outcome)


# --- 24 hours of silence


@pytest.mark.parametrize(
    ("service", "after", "expected"),
    [
        ("lon", DAY - SECOND, {}),
        ("lon", DAY, {"accepted": "expired", "uncertain": "expired"}),
        ("oa", DAY - SECOND, {}),
        ("oa", 3650 * DAY, {}),
    ],
)
def test_silence_of_24_hours_expires_notifications(
    service: str, after: timedelta, expected: dict[str, str], db: None, at: datetime
) -> None:
    cases = placed.one_in_each_status(service, at=at, tried=NEVER_TRIED)
    placed.sql("UPDATE sending_message SET expires_at = %(end)s", end=at + DAY)

    assert receipts.expire(at=at + after) == len(expected)
    assert placed.moved(cases) == expected
    assert receipts.expire(at=at + after) == 0


def test_an_event_after_24_hours_still_wins(db: None, at: datetime) -> None:
    cases = placed.one_in_each_status("lon", at=at)
    account = placed.row(cases["accepted"]).account
    receipts.expire(at=at + DAY)
    late = [cases[before].message.reference for before in ("accepted", "uncertain", "expired")]

    receipts.apply(placed.told(account, *late, at=at + 2 * DAY), at=at + 2 * DAY)

    assert placed.moved(cases) == dict.fromkeys(("accepted", "uncertain", "expired"), "delivered")
