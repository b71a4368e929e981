"""Holding back: canary, second key, stop switches, missed schedules, breakers, retries."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied

from lineportal.accounts.models import AccountScope, OfficialAccount, Road
from lineportal.sending import (
    campaigns,
    messages,
    outbox,
    policies,
    reports,
    retries,
    stops,
    tasks,
    timekeeping,
    waiting,
)
from lineportal.sending.models import Attempt, Campaign, Message, StopCode
from lineportal.sending.statuses import Status
from recipients.intake import Invalid
from templates_app import workflow
from tests import factories
from tests.line import Line

Drain = Callable[[], None]
State = Campaign.State


def ready(line: Line, *, people: int = 6, **details: object) -> OfficialAccount:
    account = factories.account(api_base_url=line.url, **details)
    line.channel()
    line.people(*({"phone": factories.phone(n), "consent": "agreed"} for n in range(people)))
    for n in range(people):
        factories.recipient(account, n, consent="agreed")
    return account


def drafted(
    account: OfficialAccount, at: datetime, *, by: User | None = None, **details: object
) -> Campaign:
    by = by or factories.user("sender")
    template = factories.approved(account)
    return campaigns.create(account, template=template, name="held", by=by, at=at, **details)


def statuses(campaign: Campaign) -> dict[str, int]:
    return dict(Counter(campaign.messages.values_list("status", flat=True)))


# --- canary


def test_a_canary_sends_the_first_and_waits_until_a_person_has_looked(
    line: Line, drain: Drain, at: datetime, sender: User
) -> None:
    campaign = drafted(ready(line), at, canary_size=2)
    campaigns.start(campaign, by=sender, at=at)

    drain()
    timekeeping.finish_done(at=at)

    campaign.refresh_from_db()
    assert (campaign.state, campaign.stop_code) == (State.PAUSED, StopCode.CANARY)
    assert statuses(campaign) == {Status.ACCEPTED: 2, Status.QUEUED: 4}
    assert "The first 2 are sent" in reports.report(campaign, at=at).waits

    campaigns.resume(campaign, by=sender, at=at)
    drain()
    timekeeping.finish_done(at=at)

    campaign.refresh_from_db()
    assert campaign.state == State.FINISHED
    assert statuses(campaign) == {Status.ACCEPTED: 6}
    assert len(line.sends()) == 6


def test_a_canary_as_large_as_the_audience_is_none(
    line: Line, drain: Drain, at: datetime, sender: User
) -> None:
    campaign = drafted(ready(line), at, canary_size=6)
    campaigns.start(campaign, by=sender, at=at)

    drain()
    timekeeping.finish_done(at=at)

    campaign.refresh_from_db()
    assert campaign.state == State.FINISHED


def test_the_accounts_policy_gives_every_campaign_a_canary(
    line: Line, at: datetime, manager: User
) -> None:
    account = ready(line, people=1)
    policies.change(account, by=manager, at=at, changes={"canary_size": 5})

    assert drafted(account, at).canary_size == 5


# --- second key


def test_a_large_campaign_waits_for_a_second_person(
    line: Line, drain: Drain, at: datetime, sender: User, manager: User
) -> None:
    account = ready(line)
    policies.change(account, by=manager, at=at, changes={"second_key_above": 5})
    campaign = drafted(account, at, by=sender)

    campaign = campaigns.start(campaign, by=sender, at=at)
    drain()

    assert (campaign.state, campaign.stop_code) == (State.PAUSED, StopCode.SECOND_KEY)
    assert line.sends() == []
    with pytest.raises(campaigns.WrongState):
        campaigns.resume(campaign, by=factories.user("sender"), at=at)
    with pytest.raises(workflow.FourEyes):
        campaigns.confirm(campaign, by=sender, at=at)
    assert campaigns.available_acts(campaign, sender) == ["cancel"]
    with pytest.raises(PermissionDenied):
        campaigns.confirm(campaign, by=factories.user("auditor"), at=at)

    second = factories.user("sender")
    assert campaigns.available_acts(campaign, second) == ["confirm", "cancel"]
    campaign = campaigns.confirm(campaign, by=second, at=at)
    drain()

    assert campaign.confirmed_by == second
    assert statuses(campaign) == {Status.ACCEPTED: 6}


def test_a_campaign_of_just_the_limit_needs_no_second_key(
    line: Line, at: datetime, sender: User, manager: User
) -> None:
    account = ready(line)
    policies.change(account, by=manager, at=at, changes={"second_key_above": 6})

    campaign = campaigns.start(drafted(account, at, by=sender), by=sender, at=at)

    assert campaign.state == State.RUNNING


@pytest.mark.parametrize(
    "changes",
    [
        {"canary_size": 0},
        {"second_key_above": -1},
        {"refused_percent": 101},
        {"uncertain_percent": None},
        {"uncertain_percent": True},
        {"unheard_of": 1},
    ],
)
def test_a_policy_takes_only_what_it_can_keep(
    changes: dict[str, object], db: None, at: datetime, manager: User
) -> None:
    with pytest.raises(Invalid):
        policies.change(factories.account(), by=manager, at=at, changes=changes)


# --- stop switches


@pytest.mark.parametrize("is_whole_site", [False, True])
def test_nothing_leaves_while_a_stop_is_in_force(
    is_whole_site: bool, line: Line, drain: Drain, at: datetime, sender: User, manager: User
) -> None:
    account = ready(line)
    campaign = campaigns.start(drafted(account, at), by=sender, at=at)
    held = stops.stop(None if is_whole_site else account, by=sender, at=at, reason="A mistake.")

    drain()

    assert line.sends() == []
    assert outbox.due_roads(at=at) == []
    report = reports.report(campaign, at=at)
    assert (report.state, report.by_status) == (State.RUNNING, {Status.QUEUED: 6})
    assert "A mistake." in report.waits

    with pytest.raises(PermissionDenied):
        stops.lift(held.pk, by=sender, at=at)
    stops.lift(held.pk, by=manager, at=at)
    drain()

    assert len(line.sends()) == 6
    with pytest.raises(stops.NotStopped):
        stops.lift(held.pk, by=manager, at=at)


def test_a_stop_between_claim_and_post_holds_what_is_claimed(
    line: Line, db: None, at: datetime, sender: User
) -> None:
    account = ready(line)
    campaigns.start(drafted(account, at), by=sender, at=at)
    claim = outbox.claim(Road.objects.get(service="lon"), limit=10, at=at)
    stops.stop(account, by=sender, at=at, reason="Wait.")

    begun = outbox.begin(claim.token, [(each, "0" * 64) for each in claim.messages], at=at)

    assert claim.messages
    assert begun == set()


def test_a_stop_of_one_account_does_not_hold_another(
    line: Line, drain: Drain, at: datetime, sender: User
) -> None:
    account = ready(line)
    other = factories.account("other", channel="1650000002")
    campaigns.start(drafted(account, at), by=sender, at=at)
    stops.stop(other, by=sender, at=at, reason="Theirs.")

    drain()

    assert len(line.sends()) == 6


def test_an_account_is_stopped_once_and_for_a_reason(db: None, at: datetime, sender: User) -> None:
    account = factories.account()
    with pytest.raises(Invalid):
        stops.stop(account, by=sender, at=at, reason="  ")
    stops.stop(account, by=sender, at=at, reason="Once.")
    with pytest.raises(stops.AlreadyStopped):
        stops.stop(account, by=sender, at=at, reason="Twice.")
    stops.stop(None, by=sender, at=at, reason="The site too.")


def test_who_has_some_accounts_only_cannot_stop_the_whole_site(db: None, at: datetime) -> None:
    limited = factories.user("manager")
    account = factories.account()
    AccountScope.objects.create(user=limited).accounts.set([account])

    with pytest.raises(PermissionDenied):
        stops.stop(None, by=limited, at=at, reason="All of it.")
    stops.stop(account, by=limited, at=at, reason="Mine.")


# --- missed schedules


@pytest.mark.parametrize(
    ("late", "not_after", "expected"),
    [
        (timedelta(minutes=1), None, State.RUNNING),
        (timedelta(minutes=59), timedelta(hours=2), State.RUNNING),
        (timedelta(minutes=20), timedelta(minutes=10), State.DRAFT),
        (timedelta(hours=2), None, State.DRAFT),
    ],
)
def test_a_missed_schedule_is_a_question_and_never_a_surprise(
    late: timedelta,
    not_after: timedelta | None,
    expected: str,
    line: Line,
    db: None,
    at: datetime,
    sender: User,
) -> None:
    time = at + timedelta(hours=1)
    campaign = drafted(
        ready(line), at, scheduled_at=time, not_after=time + not_after if not_after else None
    )
    campaigns.start(campaign, by=sender, at=at)

    timekeeping.start_scheduled(campaign, at=time + late)

    campaign.refresh_from_db()
    assert campaign.state == expected
    if expected == State.DRAFT:
        assert campaign.stop_code == StopCode.MISSED
        assert "no worker ran" in waiting.why(campaign, at=at).sentence
        assert not campaign.messages.exists()


def test_a_missed_campaign_starts_by_a_person_with_a_later_end(
    line: Line, db: None, at: datetime, sender: User
) -> None:
    time = at + timedelta(hours=1)
    campaign = drafted(ready(line), at, scheduled_at=time, not_after=time + timedelta(minutes=5))
    campaigns.start(campaign, by=sender, at=at)
    later = time + timedelta(minutes=10)
    timekeeping.start_scheduled(campaign, at=later)

    with pytest.raises(Invalid):
        campaigns.start(campaign, by=sender, at=later)
    campaign = campaigns.start(campaign, by=sender, at=later, not_after=later + timedelta(hours=1))

    assert campaign.state == State.RUNNING
    assert campaign.stop_code == campaign.stop_reason == ""


# --- retries


def test_what_failed_by_our_fault_goes_again_as_one_set(
    line: Line, drain: Drain, at: datetime, sender: User
) -> None:
    campaign = campaigns.start(drafted(ready(line), at), by=sender, at=at)
    line.fault("status", status=403, times=6)
    drain()
    campaign.refresh_from_db()
    assert (campaign.state, campaign.stop_code) == (State.PAUSED, StopCode.ACCOUNT)
    failed = statuses(campaign)[Status.FAILED]
    assert "retry" in campaigns.available_acts(campaign, sender)
    line.call("DELETE", "faults")

    assert retries.retry_failed(campaign, by=sender, at=at) == failed
    campaign.refresh_from_db()
    if campaign.state == State.PAUSED:
        campaigns.resume(campaign, by=sender, at=at)
    drain()

    assert statuses(campaign) == {Status.ACCEPTED: 6}
    assert Attempt.objects.filter(message__campaign=campaign).count() == failed
    with pytest.raises(retries.NothingToRetry):
        retries.retry_failed(campaign, by=sender, at=at)


@pytest.mark.parametrize("role", ["author", "reviewer", "auditor"])
def test_only_who_runs_campaigns_sends_the_failed_again(
    role: str, line: Line, db: None, at: datetime, sender: User
) -> None:
    campaign = campaigns.start(drafted(ready(line), at), by=sender, at=at)
    with pytest.raises(PermissionDenied):
        retries.retry_failed(campaign, by=factories.user(role), at=at)


# --- the clock's own acts


def test_seeding_and_house_keeping_leave_uncertain_messages_alone(
    line: Line, drain: Drain, at: datetime, sender: User
) -> None:
    campaign = campaigns.start(drafted(ready(line), at), by=sender, at=at)
    line.fault("status", status=500, times=6)
    drain()
    before = dict(campaign.messages.values_list("pk", "reference"))

    tasks._seed()
    tasks._keep_house()
    drain()

    assert statuses(campaign) == {Status.UNCERTAIN: 6}
    assert dict(campaign.messages.values_list("pk", "reference")) == before
    assert len(line.sends()) == 6


def test_a_one_off_message_is_not_held_by_a_paused_campaign(
    line: Line, drain: Drain, at: datetime, sender: User
) -> None:
    account = ready(line)
    campaign = campaigns.start(drafted(account, at), by=sender, at=at)
    campaigns.pause(campaign, by=sender, at=at)
    messages.request(
        account,
        template=campaign.template,
        phone=factories.phone(0),
        line_user_id=None,
        values=factories.VALUES,
        not_after=None,
        key="one",
        body={},
        by=sender,
        at=at,
    )

    drain()

    assert Counter(Message.objects.values_list("campaign_id", "status")) == {
        (campaign.pk, Status.QUEUED): 6,
        (None, Status.ACCEPTED): 1,
    }
