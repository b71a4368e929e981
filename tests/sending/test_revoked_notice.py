"""When a template is revoked, what runs pauses and its senders are told why."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core import mail
from django.db import connection, connections, transaction
from django.test import Client
from django.urls import reverse

from lineportal.accounts.models import AccountScope
from lineportal.sending import campaigns, mails, revoked_notice, tasks, waiting, withdrawal
from lineportal.sending.models import Campaign
from templates_app.models import MessageTemplate
from tests import factories

REASON = "LINE found the words too loud"


@pytest.fixture
def template(db: None) -> MessageTemplate:
    made = factories.approved(factories.account())
    factories.recipient(made.account, 0, consent="agreed")
    return made


@pytest.fixture
def maker(db: None) -> User:
    return factories.user("sender", email="maker@example.com")


@pytest.fixture
def starter(db: None) -> User:
    return factories.user("sender", email="starter@example.com")


def campaign(template: MessageTemplate, name: str, by: User, at: datetime) -> Campaign:
    return campaigns.create(template.account, template=template, name=name, by=by, at=at)


def revoke(template: MessageTemplate, at: datetime) -> MessageTemplate:
    by = factories.user("reviewer")
    return withdrawal.revoke_template(template, by=by, at=at, reason=REASON)


def jobs() -> list[dict[str, object]]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT (args->>'user_id')::bigint, args->'campaign_ids' FROM procrastinate_jobs"
            " WHERE task_name = 'lineportal.tell_revoked' ORDER BY id"
        )
        return [{"user": user, "campaigns": pks} for user, pks in cursor.fetchall()]


def deliver() -> None:
    """Run the jobs as a worker does, in the test's own transaction."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT (args->>'template_id')::bigint, (args->>'user_id')::bigint,"
            " ARRAY(SELECT jsonb_array_elements_text(args->'campaign_ids'))::bigint[]"
            " FROM procrastinate_jobs WHERE task_name = 'lineportal.tell_revoked' ORDER BY id"
        )
        for template_id, user_id, campaign_ids in cursor.fetchall():
            if message := revoked_notice.mail(template_id, user_id, campaign_ids):
                mails.post(message)


def test_who_made_and_who_started_a_campaign_are_told_why(
    template: MessageTemplate, maker: User, starter: User, at: datetime
) -> None:
    started = campaigns.start(campaign(template, "November", maker, at), by=starter, at=at)
    campaign(template, "only a draft", factories.user("sender", email="no@example.com"), at)

    revoke(template, at)
    deliver()

    assert {to for letter in mail.outbox for to in letter.to} == {maker.email, starter.email}
    letter = mail.outbox[0]
    assert "parcel" in letter.subject
    assert REASON in letter.body
    assert "November" in letter.body
    assert reverse("admin:sending_campaign_change", args=[started.pk]) in letter.body
    assert "only a draft" not in letter.body
    assert factories.phone(0) not in letter.body
    started.refresh_from_db()
    assert (started.state, started.stop_code) == ("paused", "revoked")
    assert REASON in started.stop_reason


def test_one_person_gets_one_letter_about_all_of_it(
    template: MessageTemplate, maker: User, at: datetime
) -> None:
    campaigns.start(campaign(template, "runs", maker, at), by=maker, at=at)
    paused = campaigns.start(campaign(template, "paused before", maker, at), by=maker, at=at)
    campaigns.pause(paused, by=maker, at=at)
    later = campaigns.create(
        template.account, template=template, name="tomorrow", by=maker, at=at,
        scheduled_at=at + timedelta(days=1),
    )  # fmt: skip
    campaigns.start(later, by=maker, at=at)

    revoke(template, at)
    deliver()

    [letter] = mail.outbox
    for name in ("runs", "paused before", "tomorrow"):
        assert f"- {name}: http" in letter.body
    later.refresh_from_db()
    assert REASON in waiting.why(later, at=at).sentence


def test_nobody_is_told_of_what_was_rolled_back(
    template: MessageTemplate, maker: User, at: datetime
) -> None:
    campaigns.start(campaign(template, "November", maker, at), by=maker, at=at)

    savepoint = transaction.savepoint()
    revoke(template, at)
    assert len(jobs()) == 1
    transaction.savepoint_rollback(savepoint)

    assert jobs() == []


def test_who_may_not_see_the_account_any_more_is_not_told(
    template: MessageTemplate, maker: User, starter: User, at: datetime
) -> None:
    campaigns.start(campaign(template, "November", maker, at), by=starter, at=at)
    AccountScope.objects.create(user=maker)
    starter.is_active = False
    starter.save()

    revoke(template, at)
    deliver()

    assert len(jobs()) == 2
    assert mail.outbox == []


def test_a_campaign_that_started_while_it_was_revoked_is_told_of_once(
    template: MessageTemplate, maker: User, at: datetime
) -> None:
    campaigns.start(campaign(template, "November", maker, at), by=maker, at=at)

    revoke(template, at)
    withdrawal.cancel_left_behind(at=at)

    assert len(jobs()) == 1


def test_the_campaigns_page_says_why_and_leads_to_the_template(
    template: MessageTemplate, maker: User, at: datetime
) -> None:
    started = campaigns.start(campaign(template, "November", maker, at), by=maker, at=at)
    revoke(template, at)
    client = Client()
    client.force_login(maker)

    html = client.get(reverse("admin:sending_campaign_change", args=[started.pk])).content.decode()

    assert REASON in html
    assert reverse("admin:templates_app_messagetemplate_change", args=[template.pk]) in html


def test_the_workers_job_sends_the_letter(
    transactional_db: None, at: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    template = factories.approved(factories.account())
    factories.recipient(template.account, 0, consent="agreed")
    maker = factories.user("sender", email="maker@example.com")

    async def here(function: Any, *args: Any, **kw: Any) -> Any:
        try:
            return function(*args, **kw)
        finally:
            connections.close_all()  # a task has its own

    monkeypatch.setattr(tasks, "in_database", here)  # whose threads would outlive the test
    started = campaigns.start(campaign(template, "November", maker, at), by=maker, at=at)
    revoke(template, at)

    asyncio.run(tasks.tell_revoked(template.pk, maker.pk, [started.pk]))

    [letter] = mail.outbox
    assert REASON in letter.body
