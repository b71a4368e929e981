"""A person sends a message once more: who may, from which statuses, and what is kept of before."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db import transaction

from lineportal.accounts.models import AccountScope
from lineportal.audit.models import AuditEntry
from lineportal.providers.base import Outcome, SendResult
from lineportal.sending import (
    campaigns,
    messages,
    outbox,
    receipts,
    retries,
    timekeeping,
    withdrawal,
)
from lineportal.sending.models import Attempt, Campaign, Message
from lineportal.sending.outbox import Sent
from tests import factories
from tests.sending import placed
from tests.sending.placed import Held

REPEATABLE = {"uncertain", "failed", "refused", "expired"}
MAY = {
    "author": False,
    "reviewer": False,
    "sender": True,
    "auditor": False,
    "manager": True,
    "superuser": True,
    "nobody": False,  # no role at all
    "sender of another account": False,
}
DAY = timedelta(hours=24)


def person(role: str) -> User:
    if role == "superuser":
        return factories.superuser()
    if role == "nobody":
        return factories.user()
    made = factories.user(role.split()[0])
    if role == "sender of another account":
        other = factories.account("another", channel="2000000002")
        AccountScope.objects.create(user=made).accounts.set([other])
    return made


def again(held: Held, by: User, at: datetime) -> str:
    """Send again; return what came of it."""
    try:
        with transaction.atomic():
            return messages.send_again(placed.row(held), by=by, at=at).status
    except (PermissionDenied, messages.CannotSendAgain) as refusal:
        return type(refusal).__name__


@pytest.mark.parametrize("service", placed.SERVICES)
@pytest.mark.parametrize("role", MAY)
def test_who_may_send_again_and_from_which_statuses(
    role: str, service: str, db: None, at: datetime
) -> None:
    cases = placed.one_in_each_status(service, at=at, tried=("queued", "skipped", "cancelled"))
    by = person(role)

    came = {before: again(held, by, at) for before, held in cases.items()}

    if MAY[role]:
        assert came == {
            before: "queued" if before in REPEATABLE else "CannotSendAgain" for before in cases
        }
        assert placed.moved(cases) == dict.fromkeys(REPEATABLE, "queued")
        assert Attempt.objects.count() == len(REPEATABLE)
    else:
        assert set(came.values()) == {"PermissionDenied"}
        assert placed.moved(cases) == {}
        assert not Attempt.objects.exists()


@pytest.mark.parametrize("service", placed.SERVICES)
@pytest.mark.parametrize("role", MAY)
def test_retrying_a_campaign_queues_what_failed_by_our_fault_and_nothing_else(
    role: str, service: str, db: None, at: datetime
) -> None:
    cases = placed.one_in_each_status(service, at=at, tried=("queued", "skipped", "cancelled"))
    campaign, by = placed.row(cases["failed"]).campaign, person(role)
    assert campaign is not None

    if MAY[role]:
        assert retries.retry_failed(campaign, by=by, at=at) == 1
        assert placed.moved(cases) == {"failed": "queued"}
        kept = Attempt.objects.get()
        assert (kept.message_id, kept.reference, kept.outcome) == (
            cases["failed"].pk, cases["failed"].message.reference, "fault",
        )  # fmt: skip
    else:
        with pytest.raises(PermissionDenied):
            retries.retry_failed(campaign, by=by, at=at)
        assert placed.moved(cases) == {}


@pytest.mark.parametrize("service", placed.SERVICES)
@pytest.mark.parametrize("before", sorted(REPEATABLE))
def test_sending_again_begins_anew_and_keeps_the_old_attempt(
    before: str, service: str, sender: User, at: datetime
) -> None:
    held = placed.one_in_each_status(service, at=at)[before]
    old, later = placed.row(held), at + DAY

    messages.send_again(old, by=sender, at=later)

    row = placed.row(held)
    assert row.status == "queued"
    assert row.reference not in (None, held.message.reference)
    assert row.ready_at == later
    for name in ("attempt_started_at", "attempt_ended_at", "accepted_at", "expires_at"):
        assert getattr(row, name) is None, name
    assert (row.http_status, row.request_id, row.outcome, row.detail) == (None, "", "", "")
    kept = row.past_attempts.get()
    assert (kept.number, kept.reference, kept.outcome, kept.http_status) == (
        1, held.message.reference, old.outcome, old.http_status,
    )  # fmt: skip
    assert (kept.started_at, kept.ended_at) == (at, at)
    entry = AuditEntry.objects.order_by("pk").last()
    assert entry is not None
    assert (entry.action, entry.actor) == ("message.again", f"user:{sender.pk}")


def test_every_attempt_has_its_number_and_its_tag(sender: User, at: datetime) -> None:
    held = placed.one_in_each_status("lon", at=at)["uncertain"]
    tags = [held.message.reference]

    for n in range(3):
        message = messages.send_again(placed.row(held), by=sender, at=at)
        assert message.reference not in tags
        tags.append(message.reference)
        for step in ("sending", ("uncertain", "refused", "failed")[n]):
            placed.move(held.pk, step, at=at)

    kept = list(Attempt.objects.order_by("number").values_list("number", "reference", "outcome"))
    assert kept == [
        (1, tags[0], "uncertain"),
        (2, tags[1], "uncertain"),
        (3, tags[2], "refused"),
    ]
    assert placed.row(held).reference == tags[3]


@pytest.mark.parametrize("meanwhile", ["queued", "sending", "accepted", "uncertain", "refused"])
def test_a_late_event_of_the_old_attempt_still_counts(
    meanwhile: str, sender: User, at: datetime
) -> None:
    held = placed.one_in_each_status("lon", at=at)["uncertain"]
    message = messages.send_again(placed.row(held), by=sender, at=at)
    placed.put(held.pk, meanwhile, at=at)
    told = placed.told(message.account, held.message.reference, at=at)

    assert receipts.apply(told, at=at) == 1
    assert placed.row(held).status == "delivered"


def test_a_late_event_takes_the_next_try_out_of_the_queue(sender: User, at: datetime) -> None:
    campaign = placed.campaign("lon", people=1, at=at)
    [held] = placed.hold_all(campaign, at=at)
    placed.put(held.pk, "uncertain", at=at)
    message = messages.send_again(placed.row(held), by=sender, at=at)
    [taken] = placed.hold_all(campaign, at=at)

    told = placed.told(message.account, held.message.reference, at=at)
    receipts.apply(told, at=at)

    assert outbox.begin(taken.token, [(taken.message, "")], at=at) == set()
    assert placed.row(held).status == "delivered"


@pytest.mark.parametrize("outcome", list(Outcome))
def test_a_late_answer_of_the_old_attempt_says_nothing_about_the_new_one(
    outcome: Outcome, sender: User, at: datetime
) -> None:
    held = placed.one_in_each_status("lon", at=at)["uncertain"]
    messages.send_again(placed.row(held), by=sender, at=at)
    placed.move(held.pk, "sending", at=at)

    assert outbox.record([Sent(held.message, SendResult(outcome))], at=at) == 0
    assert placed.row(held).status == "sending"


@pytest.mark.parametrize(
    ("state", "expected"),
    [("running", "running"), ("paused", "paused"), ("finished", "running")],
)
def test_a_campaign_that_was_finished_runs_again_for_it(
    state: str, expected: str, sender: User, at: datetime
) -> None:
    campaign, pk = one_refused(at)
    if state == "paused":
        campaigns.pause(campaign, by=sender, at=at)
    if state == "finished":
        timekeeping.finish_done(at=at)
    assert Campaign.objects.get().state == state

    messages.send_again(Message.objects.get(pk=pk), by=sender, at=at)

    assert Campaign.objects.get().state == expected
    assert Message.objects.get().status == "queued"


def test_nothing_is_sent_again_from_a_cancelled_campaign(sender: User, at: datetime) -> None:
    campaign, pk = one_refused(at)
    campaigns.cancel(campaign, by=sender, at=at)

    with pytest.raises(messages.CannotSendAgain, match="cancelled"):
        messages.send_again(Message.objects.get(pk=pk), by=sender, at=at)

    assert Message.objects.get().status == "refused"


def test_nothing_is_sent_again_on_a_revoked_template(
    sender: User, reviewer: User, at: datetime
) -> None:
    campaign, pk = one_refused(at)
    withdrawal.revoke_template(campaign.template, by=reviewer, at=at, reason="LINE withdrew it")

    with pytest.raises(messages.CannotSendAgain, match="not approved any more"):
        messages.send_again(Message.objects.get(pk=pk), by=sender, at=at)

    assert Message.objects.get().status == "refused"


def one_refused(at: datetime) -> tuple[Campaign, int]:
    campaign = placed.campaign("lon", people=1, at=at)
    message = campaign.messages.get()
    placed.put(message.pk, "refused", at=at)
    return campaign, message.pk
