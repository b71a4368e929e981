"""What a provider's reports short of delivery make of messages, for every status and report."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from lineportal.providers.base import Event, FaultScope
from lineportal.sending import breakers, receipts, retries
from lineportal.sending.models import Campaign, Message, StopCode, Tally
from tests.sending import placed

REPORTS = ("accepted", "refused", "failed", "expired")
# Status before, and what each report makes of it; all others stay as they are.
MOVES = {
    "sending": {"accepted": "accepted", "refused": "refused", "failed": "failed"},
    "uncertain": {each: each for each in REPORTS},
    "accepted": {"refused": "refused", "failed": "failed", "expired": "expired"},
}


def report(kind: str, reference: Any, at: datetime, **details: Any) -> Event:
    return Event(event_id=uuid4().hex, kind=kind, occurred_at=at, reference=reference, **details)


def told(message: Message, kind: str, at: datetime, **details: Any) -> list[tuple[int, Event]]:
    return [(message.account_id, report(kind, message.reference, at, **details))]


@pytest.mark.parametrize("service", placed.SERVICES)
@pytest.mark.parametrize("kind", REPORTS)
def test_a_report_moves_what_the_table_says_and_nothing_else(
    service: str, kind: str, db: None, at: datetime
) -> None:
    rows = placed.one_in_each_status(service, at=at)

    for held in rows.values():
        receipts.settle(told(placed.row(held), kind, at), at=at)

    expected = {
        status: MOVES[status][kind]
        for status in rows
        if MOVES.get(status, {}).get(kind, status) != status
    }
    assert placed.moved(rows) == expected
    counted = sum(Tally.objects.values_list("n", flat=True))
    assert counted == Message.objects.count()


def test_a_report_names_what_the_provider_said(db: None, at: datetime) -> None:
    message = _accepted(at)

    receipts.settle(
        told(message, "refused", at, code="UNDELIVERABLE_NOT_SENT", detail="no such user"), at=at
    )

    message.refresh_from_db()
    assert (message.status, message.detail) == ("refused", "UNDELIVERABLE_NOT_SENT no such user")


def test_of_several_reports_the_latest_counts(db: None, at: datetime) -> None:
    message = _accepted(at)
    later = at + timedelta(seconds=1)

    receipts.settle(told(message, "expired", later) + told(message, "refused", at), at=later)

    message.refresh_from_db()
    assert message.status == "expired"


def test_an_acceptance_told_late_takes_nothing_back(db: None, at: datetime) -> None:
    message = placed.campaign("lon", people=1, at=at).messages.get()
    placed.put(message.pk, "uncertain", at=at)
    message.refresh_from_db()
    later = at + timedelta(seconds=1)

    receipts.settle(told(message, "accepted", later) + told(message, "refused", at), at=later)

    message.refresh_from_db()
    assert message.status == "refused"


def test_a_report_of_an_earlier_attempt_says_nothing_of_this_one(db: None, at: datetime) -> None:
    message = _accepted(at)
    receipts.settle(told(message, "failed", at), at=at)
    before = message.reference
    retries.requeue([message.pk], at=at)
    placed.sql("UPDATE sending_message SET status = 'sending', attempts = 2")

    receipts.settle([(message.account_id, report("refused", before, at))], at=at)

    message.refresh_from_db()
    assert (message.status, message.reference != before) == ("sending", True)


def test_another_accounts_report_matches_nothing(db: None, at: datetime) -> None:
    message = _accepted(at)

    receipts.settle([(message.account_id + 1, report("refused", message.reference, at))], at=at)

    message.refresh_from_db()
    assert message.status == "accepted"


def test_a_report_that_overtakes_our_own_record_still_ends_by_silence(
    db: None, at: datetime
) -> None:
    message = placed.campaign("lon", people=1, at=at).messages.get()
    placed.put(message.pk, "sending", at=at)
    message.refresh_from_db()
    receipts.settle(told(message, "accepted", at), at=at)

    receipts.expire(at=at + timedelta(hours=25))

    message.refresh_from_db()
    assert message.status == "expired"


@pytest.mark.parametrize(
    ("scope", "of_template", "code"),
    [(FaultScope.ACCOUNT, False, StopCode.ACCOUNT), (FaultScope.TEMPLATE, True, StopCode.TEMPLATE)],
)
def test_a_reported_fault_of_account_or_template_stops_campaigns(
    scope: FaultScope, of_template: bool, code: str, db: None, at: datetime
) -> None:
    message = _accepted(at)
    faults = receipts.settle(
        told(message, "failed", at, code="REJECTED_SENDER", detail="no credit", scope=scope), at=at
    )

    [fault] = faults
    assert fault.template_id == (message.template_id if of_template else None)
    breakers.stop_for(fault, at=at)

    campaign = Campaign.objects.get()
    assert (campaign.state, campaign.stop_code) == ("paused", code)
    assert "no credit" in campaign.stop_reason


def test_a_reported_fault_of_one_message_stops_nothing(db: None, at: datetime) -> None:
    assert not receipts.settle(told(_accepted(at), "failed", at), at=at)


def test_a_fault_told_of_what_is_delivered_stops_nothing(db: None, at: datetime) -> None:
    message = _accepted(at)
    placed.move(message.pk, "delivered", at=at)

    assert not receipts.settle(told(message, "failed", at, scope=FaultScope.ACCOUNT), at=at)


def _accepted(at: datetime) -> Message:
    message: Message = placed.campaign("lon", people=1, at=at).messages.get()
    placed.put(message.pk, "accepted", at=at)
    message.refresh_from_db()
    return message
