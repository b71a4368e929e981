"""The counts of a report are those of the rows, whatever happened, in whatever order."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connections, transaction
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from lineportal.providers.base import Outcome, SendResult
from lineportal.sending import campaigns, messages, outbox, receipts, reports, retries, withdrawal
from lineportal.sending.models import Campaign, Message, Tally
from lineportal.sending.outbox import Sent
from recipients.models import Recipient
from tests import factories
from tests.sending import placed

PEOPLE = 12


def counted(campaign: Campaign) -> tuple[int, dict[str, int], dict[str, int]]:
    """Return total, statuses and rules of the skipped, counted from the messages themselves."""
    rows = list(Message.objects.filter(campaign=campaign).values_list("status", "rule"))
    return (
        len(rows),
        dict(Counter(status for status, _rule in rows)),
        dict(Counter(rule for status, rule in rows if status == "skipped")),
    )


def reported(campaign: Campaign, at: datetime) -> tuple[int, dict[str, int], dict[str, int]]:
    report = reports.report(Campaign.objects.get(pk=campaign.pk), at=at)
    return report.total, report.by_status, report.by_rule


def agree(campaign: Campaign, at: datetime) -> None:
    total, by_status, by_rule = reported(campaign, at)
    assert (total, by_status, by_rule) == counted(campaign)
    assert total == sum(by_status.values())
    assert sum(by_rule.values()) == by_status.get("skipped", 0)


class Acts(RuleBasedStateMachine):
    """Everything that moves messages, as machines and people would do it, in any order."""

    campaign: Campaign  # set before each run
    began_at: datetime

    def __init__(self) -> None:
        super().__init__()
        self.undo = transaction.atomic()
        self.undo.__enter__()
        self.at = self.began_at
        self.in_hand: list[placed.Held] = []
        self.under_way: list[placed.Held] = []
        self.tags: list[Any] = []
        self.person = factories.user("sender")

    def teardown(self) -> None:
        transaction.set_rollback(True)
        self.undo.__exit__(None, None, None)

    @rule(limit=st.integers(1, PEOPLE))
    def claim(self, limit: int) -> None:
        claim = outbox.claim(placed.road(self.campaign), limit=limit, at=self.at)
        self.in_hand += [placed.Held(claim.token, message) for message in claim.messages]

    @rule()
    def begin(self) -> None:
        for held in self.in_hand:
            if outbox.begin(held.token, [(held.message, "")], at=self.at):
                self.under_way.append(held)
                self.tags.append(held.message.reference)
        self.in_hand = []

    @rule()
    def give_back(self) -> None:
        for held in self.in_hand:
            outbox.release(held.token, [held.message.id])
        self.in_hand = []

    @rule(outcomes=st.lists(st.sampled_from(Outcome), min_size=PEOPLE, max_size=PEOPLE))
    def record(self, outcomes: list[Outcome]) -> None:
        answers = zip(self.under_way, outcomes, strict=False)
        outbox.record([Sent(held.message, SendResult(o)) for held, o in answers], at=self.at)

    @rule(data=st.data())
    def event(self, data: st.DataObject) -> None:
        if self.tags:
            tags = data.draw(st.lists(st.sampled_from(self.tags), max_size=5))
            receipts.apply(placed.told(self.campaign.account, *tags, at=self.at), at=self.at)

    @rule(seconds=st.sampled_from([1, 45, 90, 3600, 90_000]))
    def wait(self, seconds: int) -> None:
        self.at += timedelta(seconds=seconds)
        outbox.sweep(at=self.at)
        receipts.expire(at=self.at)

    @rule(n=st.integers(0, PEOPLE - 1), what=st.sampled_from(["rejected", "agreed"]))
    def choose(self, n: int, what: str) -> None:
        """Somebody's consent changes at LINE; the next claim skips them."""
        Recipient.objects.filter(phone=factories.phone(n)).update(consent=what)

    @rule(data=st.data())
    def send_again(self, data: st.DataObject) -> None:
        rows = list(Message.objects.filter(status__in=messages.REPEATABLE).order_by("pk"))
        if rows and self._state() != "cancelled":
            messages.send_again(data.draw(st.sampled_from(rows)), by=self.person, at=self.at)

    @rule()
    def retry(self) -> None:
        if self._state() != "cancelled" and Message.objects.filter(status="failed").exists():
            retries.retry_failed(self.campaign, by=self.person, at=self.at)

    @rule(chance=st.integers(0, 5))
    def cancel(self, chance: int) -> None:
        if chance == 0 and self._state() in ("running", "paused"):
            campaigns.cancel(self.campaign, by=self.person, at=self.at)
        withdrawal.cancel_left_behind(at=self.at)

    @rule()
    def squash(self) -> None:
        crowd(self.campaign)
        reports.squash()

    @invariant()
    def the_report_counts_what_there_is(self) -> None:
        agree(self.campaign, self.at)
        assert reported(self.campaign, self.at)[0] == PEOPLE

    def _state(self) -> str:
        return Campaign.objects.get(pk=self.campaign.pk).state


def crowd(campaign: Campaign) -> None:
    """Make a campaign's tallies so many that they are worth squashing."""
    Tally.objects.bulk_create(
        Tally(campaign=campaign, status="queued", rule="", n=n)
        for n in (1, -1)
        for _each in range(60)
    )


@pytest.mark.parametrize("service", placed.SERVICES)
def test_the_report_counts_the_rows_after_any_sequence_of_acts(
    service: str, db: None, at: datetime
) -> None:
    Acts.campaign = placed.campaign(service, people=PEOPLE, at=at)
    Acts.began_at = at

    run_state_machine_as_test(
        Acts,
        settings=settings(
            max_examples=12,
            stateful_step_count=25,
            deadline=None,
            derandomize=True,
            database=None,
            suppress_health_check=[HealthCheck.too_slow],
        ),
    )


def test_who_is_left_out_from_the_start_is_counted_by_rule(sender: User, at: datetime) -> None:
    account = placed.account(people=9)
    people = list(Recipient.objects.order_by("pk"))
    for person in people[:2]:
        Recipient.objects.filter(pk=person.pk).update(friend_status="blocked")
    for person in people[2:5]:
        Recipient.objects.filter(pk=person.pk).update(consent="rejected")
    campaign = campaigns.create(
        account, template=factories.approved(account), name="left out", by=sender, at=at
    )
    campaign = campaigns.start(campaign, by=sender, at=at)

    assert reported(campaign, at) == (
        9,
        {"queued": 4, "skipped": 5},
        {"blocked": 2, "consent_rejected": 3},
    )
    agree(campaign, at)


def test_a_skipped_message_that_was_delivered_after_all_leaves_the_rules(
    db: None, at: datetime
) -> None:
    cases = placed.one_in_each_status("lon", at=at, tried=("skipped",))
    row = placed.row(cases["skipped"])
    assert row.campaign is not None
    assert reported(row.campaign, at)[2] == {"suppressed": 1}

    receipts.apply(placed.told(row.account, row.reference, at=at), at=at)

    assert reported(row.campaign, at)[2] == {}
    agree(row.campaign, at)


def test_squashing_keeps_one_row_for_each_status_and_rule(db: None, at: datetime) -> None:
    cases = placed.one_in_each_status("lon", at=at)
    campaign = placed.row(cases["queued"]).campaign
    assert campaign is not None
    crowd(campaign)
    before = reported(campaign, at)

    reports.squash()

    rows = list(Tally.objects.values_list("status", "rule", "n"))
    assert len(rows) == len({(status, rule) for status, rule, _n in rows}) == len(placed.STATUSES)
    assert all(n == 1 for _status, _rule, n in rows)
    assert reported(campaign, at) == before
    agree(campaign, at)
    reports.squash()
    assert Tally.objects.count() == len(rows)


def test_squashing_one_campaign_leaves_the_others_alone(sender: User, at: datetime) -> None:
    campaign = placed.campaign("lon", people=2, at=at)
    other = campaigns.create(
        campaign.account, template=campaign.template, name="other", by=sender, at=at
    )
    other = campaigns.start(other, by=sender, at=at)
    crowd(campaign)

    reports.squash()

    for each in (campaign, other):
        agree(each, at)
        assert reported(each, at)[:2] == (2, {"queued": 2})


def test_one_off_messages_are_in_no_campaigns_report(sender: User, at: datetime) -> None:
    campaign = placed.campaign("lon", people=1, at=at)
    messages.request(
        campaign.account,
        template=campaign.template,
        phone=factories.phone(0),
        line_user_id=None,
        values={},
        key="k",
        body={},
        by=sender,
        at=at,
    )

    assert Message.objects.count() == 2
    assert reported(campaign, at) == (1, {"queued": 1}, {})


# --- at once


@pytest.fixture
def busy(transactional_db: None, at: datetime) -> Campaign:
    """A campaign of 240 queued messages."""
    campaign = placed.campaign("lon", people=1, at=at)
    placed.more_people(campaign.account, 239)
    assert placed.copies(campaign) == 239
    return campaign


def in_threads(*works: Callable[[], None]) -> None:
    """Run these at once, each on its own connection; the first failure of any is raised."""

    def run(work: Callable[[], None]) -> None:
        try:
            work()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(works)) as pool:
        for running in [pool.submit(run, work) for work in works]:
            running.result(60)


def test_counts_hold_while_two_workers_move_rows_and_others_squash(
    busy: Campaign, at: datetime
) -> None:
    """Every look at the report meanwhile shows every message once, in one status."""
    pks = list(busy.messages.order_by("pk").values_list("pk", flat=True))
    moving = threading.Semaphore(0)

    def moves(mine: list[int]) -> Callable[[], None]:
        def run() -> None:
            try:
                for begin in range(0, len(mine), 8):
                    for step in ("sending", "accepted", "delivered"):
                        placed.sql(
                            f"UPDATE sending_message SET status = %(to)s, {placed.FACTS[step]}"
                            " WHERE id = ANY(%(pks)s)",
                            to=step, pks=mine[begin : begin + 8], at=at,
                        )  # fmt: skip
            finally:
                moving.release()

        return run

    def until_moved(work: Callable[[], None]) -> Callable[[], None]:
        def run() -> None:
            while not moving.acquire(blocking=False):
                work()
            moving.release()

        return run

    seen: list[int] = []
    in_threads(
        moves(pks[::2]),
        moves(pks[1::2]),
        until_moved(reports.squash),
        until_moved(reports.squash),
        until_moved(lambda: seen.append(reported(busy, at)[0])),
    )

    assert set(seen) == {240}
    assert reported(busy, at) == (240, {"delivered": 240}, {})
    agree(busy, at)


def test_two_movers_of_the_same_rows_are_counted_once(busy: Campaign, at: datetime) -> None:
    both = threading.Barrier(2)

    def work() -> None:
        both.wait(30)
        placed.sql(
            "UPDATE sending_message SET status = 'cancelled' WHERE status = 'queued'"
            " AND id IN (SELECT id FROM sending_message ORDER BY id FOR UPDATE)"
        )

    in_threads(work, work)

    assert reported(busy, at) == (240, {"cancelled": 240}, {})
    agree(busy, at)


def test_a_move_that_is_undone_is_not_counted(busy: Campaign, at: datetime) -> None:
    with transaction.atomic():
        placed.sql("UPDATE sending_message SET status = 'cancelled'")
        assert reported(busy, at) == (240, {"cancelled": 240}, {})
        transaction.set_rollback(True)

    assert reported(busy, at) == (240, {"queued": 240}, {})
