"""Raw SQL against what the database keeps of campaigns and messages: no way round the review."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import User

from lineportal.accounts.models import OfficialAccount
from lineportal.sending import campaigns, withdrawal
from lineportal.sending.models import Campaign, Message
from lineportal.sending.statuses import Status
from recipients.models import Recipient
from templates_app import workflow
from templates_app.models import MessageTemplate
from tests import factories
from tests.templates_app.raw_sql import execute, refused


def test_no_campaign_runs_on_a_template_that_is_not_approved(
    submitted: MessageTemplate, sender: User
) -> None:
    insert = (
        "INSERT INTO sending_campaign (account_id, template_id, name, state, audience, values,"
        " item_column, stop_reason, created_by_id, created_at, frozen_at)"
        " VALUES (%s, %s, 'x', %s, '{}', '{}', '', '', %s, now(), now())"
    )
    template = (submitted.account_id, submitted.pk)

    assert "only an approved template" in refused(insert, *template, "running", sender.pk)
    assert execute(insert, *template, "draft", sender.pk) == 1
    said = refused("UPDATE sending_campaign SET state = 'running'")
    assert "only an approved template" in said


def test_no_campaign_resumes_on_a_revoked_template(
    campaign: Campaign, reviewer: User, at: datetime
) -> None:
    withdrawal.revoke_template(campaign.template, by=reviewer, at=at, reason="LINE withdrew it")
    assert Campaign.objects.get().state == "paused"

    assert "only an approved template" in refused("UPDATE sending_campaign SET state = 'running'")


def test_campaign_and_template_are_of_one_account(
    campaign: Campaign, other_account: OfficialAccount
) -> None:
    said = refused("UPDATE sending_campaign SET account_id = %s", other_account.pk)

    assert "different accounts" in said


@pytest.mark.parametrize(
    "change",
    ["""audience = '{"consent": "agreed"}'""", """values = '{"a": "b"}'""", "frozen_at = now()"],
)
def test_a_started_campaign_is_frozen(change: str, campaign: Campaign) -> None:
    assert "frozen" in refused(f"UPDATE sending_campaign SET {change}")


def insert_message(campaign: Campaign | None, **changed: Any) -> str:
    """Return an INSERT that copies the one message there is, with these columns changed."""
    columns = [field.column for field in Message._meta.concrete_fields if field.column != "id"]
    new = {"item": "'copy'", "reference": f"'{uuid4()}'"} | {
        name: str(value) for name, value in changed.items()
    }
    selected = ", ".join(new.get(column, column) for column in columns)
    return (
        f"INSERT INTO sending_message ({', '.join(columns)}) SELECT {selected} FROM sending_message"
    )


def test_a_message_like_the_first_is_taken(campaign: Campaign) -> None:
    assert execute(insert_message(campaign)) == 1


def test_a_person_gets_an_item_once_per_campaign(campaign: Campaign) -> None:
    said = refused(insert_message(campaign, item="''"))

    assert "one_message_per_campaign_recipient_and_item" in said


def test_no_message_for_a_template_that_is_not_approved(
    campaign: Campaign, author: User, at: datetime
) -> None:
    draft = factories.draft(campaign.account, key="other", by=author)

    said = refused(insert_message(campaign, template_id=draft.pk, campaign_id="NULL"))

    assert "approved template of their own account" in said


def test_no_message_on_another_version_than_the_campaigns(campaign: Campaign) -> None:
    other = factories.approved(campaign.account, key="other")

    said = refused(insert_message(campaign, template_id=other.pk))

    assert "approved template of their own account" in said


def test_no_message_to_another_accounts_recipient(
    campaign: Campaign, other_account: OfficialAccount
) -> None:
    stranger = factories.recipient(other_account)

    assert "different accounts" in refused(insert_message(campaign, recipient_id=stranger.pk))


def test_no_message_on_another_accounts_template_or_campaign(
    campaign: Campaign, other_account: OfficialAccount, sender: User, at: datetime
) -> None:
    theirs = factories.approved(other_account)
    stranger = factories.recipient(other_account)
    foreign = campaigns.create(other_account, template=theirs, name="x", by=sender, at=at)

    for changed in (
        {"template_id": theirs.pk, "campaign_id": "NULL"},
        {"campaign_id": foreign.pk},
        {"campaign_id": campaign.pk + foreign.pk + 1},
        {"account_id": other_account.pk, "recipient_id": stranger.pk},
    ):
        said = refused(insert_message(campaign, **changed))
        assert "approved template of their own account" in said


@pytest.mark.parametrize("status", [each.value for each in Status])
def test_a_message_begins_queued_or_skipped(status: str, campaign: Campaign) -> None:
    statement = insert_message(campaign, status=f"'{status}'")

    if status == "queued":
        assert execute(statement) == 1
    else:  # a skipped one must name its rule
        assert "begins as queued, or skipped by a rule" in refused(statement)


def test_a_skipped_message_names_its_rule(campaign: Campaign) -> None:
    skipped = {"status": "'skipped'", "verdict": "'excluded'"}

    assert "by a rule" in refused(insert_message(campaign, **skipped))
    assert execute(insert_message(campaign, **skipped, rule="'blocked'")) == 1


@pytest.mark.parametrize(
    "change",
    [
        "address = '+66811111111'",
        """values = '{"name": "another"}'""",
        "erased_at = now(), address = '+66811111111'",
        """erased_at = now(), values = '{"name": "another"}'""",
        "item = 'other'",
        "erased_at = now(), item = 'other'",
        "item = 'erased ' || id",
        "values_dropped_at = now(), item = 'erased ' || id",
        "values_dropped_at = now(), address = '', values = '{}'",  # it is queued
        "values_dropped_at = now(), status = 'cancelled', address = '+66811111111'",
        """values_dropped_at = now(), status = 'cancelled', values = '{"name": "x"}'""",
        "service = 'oa'",
        "campaign_id = NULL",
        "recipient_id = recipient_id + 1",
        "template_id = template_id + 1",
        "account_id = account_id + 1",
        "body_template_hash = 'x'",
        "id = id + 1000",
        "verdict = 'excluded'",
        "rule = 'blocked'",
        "consent = 'agreed'",
        "friend_status = 'friend'",
        "rules_version = 'x'",
    ],
)
def test_what_a_message_is_about_is_frozen(change: str, campaign: Campaign) -> None:
    assert "frozen" in refused(f"UPDATE sending_message SET {change}")


def test_an_erased_person_leaves_the_message_empty(campaign: Campaign) -> None:
    changed = execute(
        "UPDATE sending_message SET erased_at = now(), address = '', values = '{}',"
        " item = 'erased ' || id"
    )

    assert changed == 1


def test_retention_empties_what_is_done(campaign: Campaign) -> None:
    empty = "SET values_dropped_at = now(), address = '', values = '{}'"

    assert execute("UPDATE sending_message SET status = 'cancelled'") == 1
    assert execute(f"UPDATE sending_message {empty}") == 1


def test_of_a_finished_attempt_only_the_providers_words_can_go(campaign: Campaign) -> None:
    execute(
        "INSERT INTO sending_attempt (message_id, number, reference, started_at, outcome, detail,"
        " request_id, body_sha256)"
        " SELECT id, 1, gen_random_uuid(), now(), 'refused', 'who is this', '', ''"
        " FROM sending_message"
    )

    for change in ("detail = 'other'", "detail = '', number = 2", "outcome = ''"):
        assert "never changes" in refused(f"UPDATE sending_attempt SET {change}")
    assert execute("UPDATE sending_attempt SET detail = ''") == 1
    assert "delete" in refused("DELETE FROM sending_attempt")


def test_nothing_is_sent_on_a_revoked_template(
    campaign: Campaign, reviewer: User, at: datetime
) -> None:
    workflow.revoke(campaign.template, by=reviewer, at=at, reason="LINE withdrew it")

    said = refused("UPDATE sending_message SET status = 'sending'")

    assert "only an approved template is sent" in said


def test_a_sent_message_keeps_a_reference(campaign: Campaign) -> None:
    said = refused("UPDATE sending_message SET status = 'sending', reference = NULL")

    assert "what_was_sent_has_a_reference" in said


def test_recipients_stay_with_their_account_and_are_not_deleted(
    campaign: Campaign, other_account: OfficialAccount
) -> None:
    assert Recipient.objects.count() == 1

    said = refused("UPDATE recipients_recipient SET account_id = %s", other_account.pk)
    assert "stays with its account" in said
    refused("DELETE FROM recipients_recipient")
