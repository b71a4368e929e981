"""With the database's guards off: what was not approved as it stands is never sent.

The send path takes the hash of the row anew and compares it with the row's own and with the one the
message was made on.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pgtrigger
import pytest
from django.contrib.auth.models import User
from django.db import connection

from lineportal.accounts.models import Road
from lineportal.providers.base import FaultScope, Outcome, OutgoingMessage, SendResult
from lineportal.sending import campaigns, drawing, outbox, withdrawal
from lineportal.sending.drawing import drawings
from lineportal.sending.models import Campaign
from templates_app import workflow
from templates_app.models import MessageTemplate
from tests import factories
from tests.templates_app.raw_sql import execute

TABLE = "templates_app_messagetemplate"
GUARDS = (
    "templates_app.MessageTemplate:what_was_decided_on_stays_as_it_was",
    "templates_app.MessageTemplate:template_moves_follow_the_workflow",
)


def tamper(sql: str, *params: Any) -> None:
    with pgtrigger.ignore(*GUARDS):
        execute(sql, *params)


def claimed(campaign: Campaign, at: datetime) -> list[Any]:
    road = Road.objects.get(account=campaign.account, service="lon")
    return outbox.claim(road, at=at).messages


def drawn(campaign: Campaign, message: Any) -> OutgoingMessage | SendResult:
    found = drawings([campaign.template_id])
    return drawing.draw(message, found[campaign.template_id])


def test_what_is_approved_goes_out(campaign: Campaign, at: datetime) -> None:
    [message] = claimed(campaign, at)

    assert isinstance(drawn(campaign, message), OutgoingMessage)


@pytest.mark.parametrize(
    "change",
    [
        "content = jsonb_set(content, '{title}', '\"sale\"')",
        "bubble = jsonb_set(bubble, '{altText}', '\"sale\"')",
        "bubble = '{}'",
        "bubble = NULL, content_hash = 'x'",
        "content_hash = repeat('a', 64)",
        "purpose = 'another'",
        "language = 'ja'",
        "service = 'oa'",
        "service = 'oa', category = 'marketing'",
    ],
)
def test_nothing_goes_out_on_a_changed_row(change: str, campaign: Campaign, at: datetime) -> None:
    [message] = claimed(campaign, at)
    with connection.cursor() as cursor:  # as a superuser could, constraints and all
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute(f"ALTER TABLE {TABLE} DROP CONSTRAINT what_left_draft_is_frozen_and_hashed")

    tamper(f"UPDATE {TABLE} SET {change}")

    result = drawn(campaign, message)
    assert isinstance(result, SendResult)
    assert (result.outcome, result.code) == (Outcome.FAULT, "content_changed")
    assert result.scope == FaultScope.TEMPLATE


def test_another_versions_bubble_with_its_own_right_hash_does_not_go_out(
    campaign: Campaign, at: datetime
) -> None:
    [message] = claimed(campaign, at)
    other = factories.approved(campaign.account, key="other", purpose="Something else entirely")

    tamper(
        f"UPDATE {TABLE} mine SET content = other.content, bubble = other.bubble,"
        " purpose = other.purpose, category = other.category, language = other.language,"
        f" content_hash = other.content_hash FROM {TABLE} other"
        " WHERE mine.id = %s AND other.id = %s",
        campaign.template_id, other.pk,
    )  # fmt: skip

    swapped = MessageTemplate.objects.get(pk=campaign.template_id)
    assert workflow.current_hash(swapped) == swapped.content_hash  # the row agrees with itself
    result = drawn(campaign, message)
    assert isinstance(result, SendResult)
    assert result.code == "content_changed"


def test_a_revocation_after_the_claim_is_in_time(
    campaign: Campaign, reviewer: User, at: datetime
) -> None:
    road = Road.objects.get(account=campaign.account, service="lon")
    claim = outbox.claim(road, at=at)
    [message] = claim.messages

    withdrawal.revoke_template(campaign.template, by=reviewer, at=at, reason="LINE withdrew it")

    assert outbox.begin(claim.token, [(message, "a" * 64)], at=at) == set()


@pytest.mark.parametrize("state", ["draft", "submitted", "rejected"])
def test_a_state_set_by_force_stops_the_claim_and_the_start(
    state: str, campaign: Campaign, sender: User, at: datetime
) -> None:
    waiting = campaigns.create(
        campaign.account, template=campaign.template, name="next", by=sender, at=at
    )
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        for name in ("a_draft_is_not_decided", "a_rejected_template_has_a_reason"):
            cursor.execute(f"ALTER TABLE {TABLE} DROP CONSTRAINT {name}")

    tamper(f"UPDATE {TABLE} SET state = %s", state)

    assert claimed(campaign, at) == []
    waiting.template.refresh_from_db()
    with pytest.raises(campaigns.WrongState):
        campaigns.start(waiting, by=sender, at=at)


def test_nothing_starts_on_a_changed_row(campaign: Campaign, sender: User, at: datetime) -> None:
    waiting = campaigns.create(
        campaign.account, template=campaign.template, name="next", by=sender, at=at
    )

    tamper(f"UPDATE {TABLE} SET purpose = 'another'")

    with pytest.raises(campaigns.WrongState, match="not what was approved"):
        campaigns.start(waiting, by=sender, at=at)
