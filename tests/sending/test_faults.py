"""What LINE's faults make of messages, over real HTTP to the simulator."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection

from lineportal.accounts.models import OfficialAccount, Road
from lineportal.sending import campaigns, outbox, withdrawal
from lineportal.sending.models import Campaign, Message
from lineportal.sending.statuses import Status
from tests import factories
from tests.line import Line

Drain = Callable[[], None]


def begun(line: Line, at: datetime, *, service: str = "lon", people: int = 3) -> Campaign:
    """Return a running campaign to some people whom the simulator would let have it."""
    account = factories.account(api_base_url=line.url)
    make = factories.approved if service == "lon" else factories.two_way
    template = make(account)
    line.channel()
    for n in range(people):
        factories.recipient(account, n, consent="agreed", friend_status="friend")
        line.people(
            {
                "phone": factories.phone(n),
                "line_user_id": factories.user_id(n),
                "consent": "agreed",
                "friend_status": "friend",
            }
        )
    by = factories.user("sender")
    campaign = campaigns.create(account, template=template, name="faults", by=by, at=at)
    return campaigns.start(campaign, by=by, at=at)


def statuses(campaign: Campaign) -> dict[str, int]:
    return dict(Counter(campaign.messages.values_list("status", flat=True)))


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        ({"kind": "status", "status": 422}, Status.REFUSED),
        ({"kind": "status", "status": 500}, Status.UNCERTAIN),
        ({"kind": "status", "status": 500, "after_acceptance": True}, Status.UNCERTAIN),
        ({"kind": "drop_after_acceptance"}, Status.UNCERTAIN),
        ({"kind": "unreadable"}, Status.UNCERTAIN),
    ],
)
def test_a_notification_is_posted_once_whatever_the_answer(
    fault: dict[str, Any], expected: str, line: Line, drain: Drain, at: datetime
) -> None:
    campaign = begun(line, at)
    line.fault(**fault, phone=factories.phone(1))

    drain()
    drain()

    assert statuses(campaign) == {Status.ACCEPTED: 2, expected: 1}
    assert Counter(entry["phone"] for entry in line.sends()) == {
        factories.phone(n): 1 for n in range(3)
    }


def test_a_push_is_repeated_under_its_retry_key_and_arrives_once(
    line: Line, drain: Drain, at: datetime
) -> None:
    campaign = begun(line, at, service="oa")
    line.fault("drop_after_acceptance", user_id=factories.user_id(1))

    drain()
    Message.objects.update(ready_at=at)
    drain()

    assert statuses(campaign) == {Status.ACCEPTED: 3}
    tries = [entry for entry in line.sends() if entry["user_id"] == factories.user_id(1)]
    assert len(tries) == 2
    assert len({entry["retry_key"] for entry in tries}) == 1
    assert len(line.person(factories.user_id(1))["inbox"]) == 1


def test_too_fast_is_tried_again_and_written_once(line: Line, drain: Drain, at: datetime) -> None:
    campaign = begun(line, at)
    line.fault("status", status=429, times=2)

    drain()
    Message.objects.update(ready_at=at)
    drain()

    assert statuses(campaign) == {Status.ACCEPTED: 3}
    accepted = Counter(e["phone"] for e in line.sends() if e["status"] == 200)
    assert set(accepted.values()) == {1}


@pytest.mark.parametrize(
    ("status", "message"),
    [(401, None), (403, None), (400, None), (429, "You have reached your monthly limit.")],
)
def test_a_fault_of_ours_pauses_the_campaign_and_says_why(
    status: int, message: str | None, line: Line, drain: Drain, at: datetime
) -> None:
    campaign = begun(line, at)
    line.fault("status", status=status, times=100, **({"message": message} if message else {}))

    drain()

    campaign.refresh_from_db()
    assert campaign.state == Campaign.State.PAUSED
    assert campaign.stop_reason.startswith("line: ")
    assert Status.ACCEPTED not in statuses(campaign)


def test_a_closed_port_leaves_everything_queued(line: Line, drain: Drain, at: datetime) -> None:
    campaign = begun(line, at)
    Road.objects.update(api_base_url="http://127.0.0.1:9")

    drain()

    assert statuses(campaign) == {Status.QUEUED: 3}
    Road.objects.update(api_base_url=line.url)
    Message.objects.update(ready_at=at)
    drain()
    assert statuses(campaign) == {Status.ACCEPTED: 3}


def test_edited_content_is_never_sent_even_past_the_triggers(
    line: Line, drain: Drain, at: datetime
) -> None:
    campaign = begun(line, at)
    table = "templates_app_messagetemplate"
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        cursor.execute(f"UPDATE {table} SET bubble = jsonb_set(bubble, '{{altText}}', '\"SALE\"')")
        cursor.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")

    drain()

    assert line.sends() == []
    assert Status.FAILED in statuses(campaign)


BETWEEN: dict[str, tuple[str, str]] = {
    "blocked": ("UPDATE recipients_recipient SET friend_status = 'blocked'", "blocked"),
    "rejected": ("UPDATE recipients_recipient SET consent = 'rejected'", "consent_rejected"),
    "suppressed": (
        "INSERT INTO recipients_suppression (account_id, phone, reason, created_at)"
        " SELECT account_id, phone, 'asked', now() FROM recipients_recipient",
        "suppressed",
    ),
    "erased": ("UPDATE recipients_recipient SET erased_at = now()", "erased"),
}


@pytest.mark.parametrize("change", BETWEEN)
def test_what_changes_between_start_and_claim_is_obeyed(
    change: str, line: Line, drain: Drain, at: datetime
) -> None:
    campaign = begun(line, at, people=1)
    statement, rule = BETWEEN[change]
    with connection.cursor() as cursor:
        cursor.execute(statement)

    drain()

    assert line.sends() == []
    [message] = campaign.messages.all()
    assert (message.status, message.rule, message.verdict) == ("skipped", rule, "excluded")


def test_a_revoked_template_is_not_sent(line: Line, drain: Drain, at: datetime) -> None:
    campaign = begun(line, at)
    withdrawal.revoke_template(
        campaign.template, by=factories.user("reviewer"), at=at, reason="LINE took it back"
    )

    drain()

    campaign.refresh_from_db()
    assert (campaign.state, statuses(campaign)) == ("paused", {Status.CANCELLED: 3})
    assert line.sends() == []


@pytest.mark.parametrize("stop", ["pause", "account off"])
def test_what_is_stopped_waits(stop: str, line: Line, drain: Drain, at: datetime) -> None:
    campaign = begun(line, at)
    if stop == "pause":
        campaigns.pause(campaign, by=factories.user("sender"), at=at)
    else:
        OfficialAccount.objects.update(is_active=False)

    drain()

    assert (line.sends(), statuses(campaign)) == ([], {Status.QUEUED: 3})


def test_past_its_time_a_message_is_cancelled(line: Line, drain: Drain, at: datetime) -> None:
    campaign = begun(line, at)
    Message.objects.update(not_after=at - timedelta(seconds=1))

    drain()

    assert (line.sends(), statuses(campaign)) == ([], {Status.CANCELLED: 3})
    assert set(campaign.messages.values_list("detail", flat=True)) == {"too_late"}


def test_rows_of_a_dead_worker_are_uncertain_or_go_again(
    line: Line, at: datetime, transactional_db: None
) -> None:
    campaign = begun(line, at, people=2)
    later = at + timedelta(hours=1)
    Message.objects.update(
        status=Status.SENDING, leased_until=at, attempts=1, attempt_started_at=at
    )

    outbox.sweep(at=later)

    assert statuses(campaign) == {Status.UNCERTAIN: 2}


def test_two_claims_never_share_a_message(line: Line, at: datetime, transactional_db: None) -> None:
    begun(line, at, people=6)
    road = Road.objects.select_related("account").get(service="lon")

    first = outbox.claim(road, limit=4, at=at)
    second = outbox.claim(road, limit=4, at=at)

    ids = [message.id for message in (*first.messages, *second.messages)]
    assert len(ids) == len(set(ids)) == 6
