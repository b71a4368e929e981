"""Raw SQL by the application's own role against what the database keeps of the review.

What raw SQL tries is also in `test_review_table.py`; here each trigger and constraint is met by
name. Campaigns and messages: `test_sending_guards.py`.
"""

from __future__ import annotations

from datetime import datetime
from itertools import product

import pytest
from django.contrib.auth.models import User

from lineportal.accounts.models import OfficialAccount
from lineportal.sending.models import Campaign
from templates_app import drafting, workflow
from templates_app.models import MessageTemplate
from tests import factories
from tests.templates_app.raw_sql import execute, refused

LON_DECISION = "line_reference = 'LINE-1', line_decided_on = '2026-11-01'"


def approve_as(template: MessageTemplate, approver: int | None, decision: str) -> str:
    return refused(
        "UPDATE templates_app_messagetemplate SET state = 'approved', approved_by_id = %s,"
        f" approved_at = now(), {decision} WHERE id = %s",
        approver,
        template.pk,
    )


def test_no_approval_without_an_approver(submitted: MessageTemplate) -> None:
    assert "an_approved_template_has_an_approver" in approve_as(submitted, None, LON_DECISION)


def test_no_approval_by_the_author(submitted: MessageTemplate, author: User) -> None:
    assert "nobody approves what they wrote" in approve_as(submitted, author.pk, LON_DECISION)


def test_no_approval_by_an_editor_whose_name_is_only_on_record(
    account: OfficialAccount, author: User, manager: User, at: datetime
) -> None:
    draft = factories.draft(account, by=author)
    drafting.edit(draft, by=manager, at=at, changes={"purpose": "Clearer"})
    template = workflow.submit(draft, by=author, at=at)

    assert "nobody approves what they wrote" in approve_as(template, manager.pk, LON_DECISION)


def test_no_approval_of_an_editor_after_the_names_are_changed(
    submitted: MessageTemplate, author: User, reviewer: User
) -> None:
    execute("UPDATE templates_app_messagetemplate SET submitted_by_id = %s", reviewer.pk)

    assert "nobody approves what they wrote" in approve_as(submitted, author.pk, LON_DECISION)


@pytest.mark.parametrize(
    "decision",
    [
        "line_reference = '', line_decided_on = now()",
        "line_reference = 'LINE-1', line_decided_on = NULL",
    ],
)
def test_no_approval_of_a_notification_without_lines_decision(
    decision: str, submitted: MessageTemplate, reviewer: User
) -> None:
    said = approve_as(submitted, reviewer.pk, decision)

    assert "an_approved_lon_template_has_lines_decision" in said


def test_the_same_statement_with_everything_in_place_is_taken(
    submitted: MessageTemplate, reviewer: User
) -> None:
    changed = execute(
        "UPDATE templates_app_messagetemplate SET state = 'approved', approved_by_id = %s,"
        f" approved_at = now(), {LON_DECISION} WHERE id = %s",
        reviewer.pk,
        submitted.pk,
    )

    assert changed == 1


FROZEN = {
    "content": "'{}'",
    "placeholders": "'{x}'",
    "purpose": "'other'",
    "category": "'marketing'",
    "language": "'ja'",
    "bubble": "'{}'",
    "content_hash": "repeat('a', 64)",
    "service": "'oa'",
    "key": "'other'",
    "version": "9",
    "created_by_id": "created_by_id + 1",
}


@pytest.mark.parametrize("state", ["submitted", "approved", "rejected", "revoked"])
def test_what_was_decided_on_is_never_edited(
    state: str, submitted: MessageTemplate, reviewer: User, at: datetime
) -> None:
    if state == "rejected":
        workflow.reject(submitted, by=reviewer, at=at, reason="no")
    if state in {"approved", "revoked"}:
        workflow.approve(submitted, by=reviewer, at=at, line_reference="LINE-1")
    if state == "revoked":
        workflow.revoke(submitted, by=reviewer, at=at, reason="no")

    for column, value in FROZEN.items():
        said = refused(f"UPDATE templates_app_messagetemplate SET {column} = {value}")
        assert "never edited" in said or "keeps its account" in said, column


DECISION = {
    "approved_by_id": "created_by_id",
    "approved_at": "now() - interval '1 year'",
    "line_reference": "'other'",
    "line_decided_on": "'2020-01-01'",
}
REFUSAL = {
    "rejected_by_id": "created_by_id",
    "rejected_at": "now() - interval '1 year'",
    "reason": "'other'",
    "decided_by": "'line'",
    "revoked_at": "now() - interval '1 year'",
}


@pytest.mark.parametrize(
    ("state", "column", "value"),
    [("approved", *each) for each in DECISION.items()]
    + [("revoked", *each) for each in (DECISION | REFUSAL).items()]
    + [("rejected", *each) for each in REFUSAL.items()],
)
def test_a_decision_is_never_rewritten(
    state: str, column: str, value: str, submitted: MessageTemplate, reviewer: User, at: datetime
) -> None:
    if state == "rejected":
        workflow.reject(submitted, by=reviewer, at=at, reason="no")
    else:
        workflow.approve(submitted, by=reviewer, at=at, line_reference="LINE-1")
    if state == "revoked":
        workflow.revoke(submitted, by=reviewer, at=at, reason="no")

    said = refused(f"UPDATE templates_app_messagetemplate SET {column} = {value}")

    assert "never rewritten" in said


@pytest.mark.parametrize("state", ["submitted", "approved", "rejected"])
def test_no_template_is_inserted_but_as_a_draft(
    state: str, approved: MessageTemplate, reviewer: User
) -> None:
    columns = [
        field.column
        for field in MessageTemplate._meta.concrete_fields
        if field.column not in {"id", "state", "version"}
    ]
    copied = ", ".join(columns)

    said = refused(
        f"INSERT INTO templates_app_messagetemplate ({copied}, version, state)"
        f" SELECT {copied}, 2, '{state}' FROM templates_app_messagetemplate"
    )

    assert "begins as a draft" in said


MOVES = {
    ("draft", "submitted"),
    ("submitted", "draft"),
    ("submitted", "approved"),
    ("submitted", "rejected"),
    ("approved", "rejected"),
}
STATES = ("draft", "submitted", "approved", "rejected")


@pytest.mark.parametrize(
    ("source", "target"),
    [pair for pair in product(STATES, STATES) if pair[0] != pair[1]],
)
def test_states_move_as_the_workflow_does_and_no_other_way(
    source: str, target: str, account: OfficialAccount, author: User, reviewer: User, at: datetime
) -> None:
    template = factories.draft(account, by=author)
    if source != "draft":
        workflow.submit(template, by=author, at=at)
    if source == "approved":
        workflow.approve(template, by=reviewer, at=at, line_reference="LINE-1")
    if source == "rejected":
        workflow.reject(template, by=reviewer, at=at, reason="no")
    # Everything that the target asks for, so that only the move itself can be refused.
    extras = {
        "draft": "changed_at = now()",
        "submitted": "changed_at = now()",
        "approved": f"approved_by_id = {reviewer.pk}, approved_at = now(), {LON_DECISION}",
        "rejected": "reason = 'no', revoked_at = now()",
    }[target]
    if source == "draft":
        extras += ", bubble = '{}', content_hash = repeat('a', 64)"
    statement = f"UPDATE templates_app_messagetemplate SET state = '{target}', {extras}"

    if (source, target) in MOVES:
        assert execute(statement) == 1
    else:
        said = refused(statement)
        assert f"cannot go from {source} to {target}" in said


def test_an_approval_ends_only_by_being_revoked(approved: MessageTemplate) -> None:
    said = refused("UPDATE templates_app_messagetemplate SET state = 'rejected', reason = 'no'")

    assert "cannot go from approved to rejected" in said


def test_a_second_open_version_is_refused(approved: MessageTemplate, at: datetime) -> None:
    drafting.revise(approved, by=factories.user("author"), at=at)

    said = refused(
        "INSERT INTO templates_app_messagetemplate (account_id, key, version, service, purpose,"
        " category, language, content, placeholders, state, content_hash, created_by_id,"
        " created_at, changed_at, line_reference, decided_by, reason)"
        " SELECT account_id, key, 3, service, purpose, category, language, content, placeholders,"
        " 'draft', '', created_by_id, created_at, changed_at, '', '', ''"
        " FROM templates_app_messagetemplate WHERE version = 1"
    )

    assert "one_open_version_per_template_key" in said


def test_no_notification_is_marketing(account: OfficialAccount, author: User) -> None:
    factories.draft(account, by=author)

    said = refused("UPDATE templates_app_messagetemplate SET category = 'marketing'")

    assert "lon_templates_are_transactional" in said


# What was recorded.

RECORDS = {
    "templates_app_templateevent": "note = note || 'x'",
    "audit_auditentry": "facts = '{}', action = action || 'x'",
    "recipients_consentrecord": "value = 'agreed', previous = 'x'",
}


@pytest.fixture
def records(campaign: Campaign) -> None:
    """At least one row in every table of records."""
    factories.recipient(campaign.account, 1, consent="agreed")


@pytest.mark.parametrize("table", RECORDS)
def test_records_are_neither_changed_nor_removed(table: str, records: None) -> None:
    assert execute(f"SELECT 1 FROM {table}") > 0

    refused(f"UPDATE {table} SET {RECORDS[table]}")
    refused(f"DELETE FROM {table}")


NEVER_EMPTIED = (
    *RECORDS,
    "templates_app_messagetemplate",
    "sending_message",
    "sending_attempt",
)


@pytest.mark.parametrize("table", NEVER_EMPTIED)
def test_records_are_never_truncated_outside_tests(table: str, db: None) -> None:
    said = refused(f"SET LOCAL lineportal.testing = 'off'; TRUNCATE {table} CASCADE")

    assert "may not be truncated" in said


@pytest.mark.parametrize(
    "table", ["templates_app_messagetemplate", "sending_message", "sending_campaign"]
)
def test_what_was_sent_and_on_what_is_never_deleted(table: str, campaign: Campaign) -> None:
    refused(f"DELETE FROM {table}")
