"""Where a template version is used: campaigns and messages, counted without counting millions."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection

from lineportal.accounts.models import OfficialAccount
from lineportal.sending import campaigns, messages, usage
from lineportal.sending.models import Campaign
from templates_app.models import MessageTemplate
from tests import factories
from tests.sending import placed


@pytest.fixture
def template(db: None) -> MessageTemplate:
    return factories.approved(factories.account())


def campaign(template: MessageTemplate, name: str, by: User, at: datetime) -> Campaign:
    made = campaigns.create(template.account, template=template, name=name, by=by, at=at)
    return campaigns.start(made, by=by, at=at)


def one_off(template: MessageTemplate, n: int, by: User, at: datetime) -> Any:
    return messages.request(
        template.account, template=template, phone=factories.phone(n), line_user_id=None,
        values=factories.VALUES, not_after=None, triggered_at=None, key=f"k{n}", body={"n": n},
        by=by, at=at,
    )  # fmt: skip


def test_an_unused_version_is_used_nowhere(template: MessageTemplate) -> None:
    found = usage.of(template)

    assert (found.is_used, found.total, found.queued, found.last_sent_at) == (False, 0, 0, None)


def test_campaigns_and_one_off_messages_are_counted(
    template: MessageTemplate, sender: User, at: datetime
) -> None:
    for n in range(3):
        factories.recipient(template.account, n, consent="agreed")
    campaigns.create(template.account, template=template, name="draft", by=sender, at=at)
    campaign(template, "running", sender, at)
    message = one_off(template, 0, sender, at)
    other = factories.approved(template.account, key="other")
    campaign(other, "other", sender, at)

    found = usage.of(template)

    assert found.by_state == {"draft": 1, "running": 1}
    assert (found.queued, found.sent, found.is_capped) == (4, 0, False)
    assert [(each.name, each.state, each.queued) for each in found.campaigns] == [
        ("running", "running", 3),
        ("draft", "draft", 0),
    ]
    placed.sql(
        f"UPDATE sending_message SET status = 'sending', {placed.FACTS['sending']}"
        " WHERE id = %(pk)s", pk=message.pk, at=at,
    )  # fmt: skip
    placed.sql(
        f"UPDATE sending_message SET status = 'accepted', {placed.FACTS['accepted']}"
        " WHERE id = %(pk)s", pk=message.pk, at=at,
    )  # fmt: skip
    after = usage.of(template)
    assert (after.queued, after.sent, after.last_sent_at) == (3, 1, at)


def test_a_running_campaign_stands_before_newer_finished_ones(
    template: MessageTemplate, sender: User, at: datetime
) -> None:
    factories.recipient(template.account, 0, consent="agreed")
    campaign(template, "running", sender, at)
    for n in range(usage.SHOWN + 2):
        campaigns.create(template.account, template=template, name=f"c{n}", by=sender, at=at)

    found = usage.of(template)

    assert found.campaigns[0].name == "running"
    assert (len(found.campaigns), found.total) == (usage.SHOWN, usage.SHOWN + 3)


def test_one_off_messages_are_found_by_their_index(template: MessageTemplate) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute(
            "EXPLAIN SELECT count(*) FROM (SELECT id FROM sending_message WHERE template_id = %s"
            " AND campaign_id IS NULL AND status = 'queued' LIMIT 10001) rows",
            [template.pk],
        )
        plan = "\n".join(line for (line,) in cursor.fetchall())

    assert "message_one_off_of_template" in plan


def test_counting_stops_at_its_bound(template: MessageTemplate, sender: User, at: datetime) -> None:
    for n in range(2):
        factories.recipient(template.account, n, consent="agreed")
        one_off(template, n, sender, at)

    found = usage.of(template, counted=1)

    assert (found.queued, found.is_capped) == (1, True)


def test_versions_are_counted_together(
    template: MessageTemplate, sender: User, at: datetime
) -> None:
    account: OfficialAccount = template.account
    other = factories.approved(account, key="other")
    for n in range(2):
        campaigns.create(account, template=template, name=f"c{n}", by=sender, at=at)

    assert usage.campaigns_of([template.pk, other.pk]) == {template.pk: 2}
