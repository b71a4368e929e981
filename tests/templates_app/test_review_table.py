"""Every act on a template, from every state, as every role."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta
from itertools import product
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db import DatabaseError, connection, transaction

from lineportal.accounts.models import AccountScope
from templates_app import drafting, workflow
from templates_app.models import MessageTemplate, State
from tests import factories

STATES = ("draft", "submitted", "approved", "rejected")
ROLES = ("author", "reviewer", "sender", "auditor", "manager", "superuser")
CONTENT = {**factories.PARCEL, "greeting": "สวัสดี"}

ACTS: dict[str, Callable[..., Any]] = {
    "edit": lambda t, **kw: drafting.edit(t, changes={"content": CONTENT}, **kw),
    "submit": workflow.submit,
    "recall": workflow.recall,
    "approve": lambda t, **kw: workflow.approve(t, line_reference="LINE-2", **kw),
    "reject": lambda t, **kw: workflow.reject(t, reason="too long", **kw),
    "revise": drafting.revise,
    "revoke": lambda t, **kw: workflow.revoke(t, reason="LINE took it back", **kw),
}
FROM = {
    "edit": {"draft": "draft"},
    "submit": {"draft": "submitted"},
    "recall": {"submitted": "draft"},
    "approve": {"submitted": "approved"},
    "reject": {"submitted": "rejected"},
    "revise": {"approved": "approved", "rejected": "rejected"},
    "revoke": {"approved": "rejected"},
}
MAY = {
    "edit": {"author", "manager", "superuser"},
    "submit": {"author", "manager", "superuser"},
    "recall": {"author", "manager", "superuser"},
    "approve": {"reviewer", "manager", "superuser"},
    "reject": {"reviewer", "manager", "superuser"},
    "revise": {"author", "manager", "superuser"},
    "revoke": {"reviewer", "manager", "superuser"},
}


def template_in(state: str) -> MessageTemplate:
    account = factories.account()
    template = factories.draft(account)
    at = template.created_at
    if state != "draft":
        template = workflow.submit(template, by=factories.user("author"), at=at)
    if state == "approved":
        by = factories.user("reviewer")
        template = workflow.approve(template, by=by, at=at, line_reference="LINE-1")
    if state == "rejected":
        template = workflow.reject(template, by=factories.user("reviewer"), at=at, reason="no")
    return template


def someone(role: str) -> User:
    return factories.superuser() if role == "superuser" else factories.user(role)


@pytest.mark.parametrize(("act", "state", "role"), list(product(ACTS, STATES, ROLES)))
def test_an_act_needs_its_state_and_its_role(
    act: str, state: str, role: str, db: None, at: datetime
) -> None:
    template, by = template_in(state), someone(role)
    offered = act in workflow.available_acts(template, by)

    if role not in MAY[act]:
        with pytest.raises(PermissionDenied):
            ACTS[act](template, by=by, at=at)
    elif state not in FROM[act]:
        with pytest.raises(workflow.WrongState):
            ACTS[act](template, by=by, at=at)
    else:
        ACTS[act](template, by=by, at=at)

    is_done = role in MAY[act] and state in FROM[act]
    assert offered == is_done
    after = FROM[act][state] if is_done else state
    assert MessageTemplate.objects.get(pk=template.pk).state == after


@pytest.mark.parametrize("wrote", ["created", "edited", "submitted"])
@pytest.mark.parametrize("role", ["manager", "superuser"])
def test_nobody_approves_what_they_wrote_or_submitted(
    wrote: str, role: str, db: None, at: datetime
) -> None:
    who = someone(role)
    account = factories.account()
    template = factories.draft(account, by=who if wrote == "created" else None)
    if wrote == "edited":
        drafting.edit(template, by=who, at=at, changes={"purpose": "better words"})
    submitter = who if wrote == "submitted" else factories.user("author")
    workflow.submit(template, by=submitter, at=at)

    with pytest.raises(workflow.FourEyes):
        workflow.approve(template, by=who, at=at, line_reference="LINE-1")

    assert MessageTemplate.objects.get(pk=template.pk).state == State.SUBMITTED


def test_an_edit_before_a_recall_still_counts_as_writing(db: None, at: datetime) -> None:
    who, author = factories.user("manager"), factories.user("author")
    template = factories.draft(factories.account(), by=author)
    workflow.submit(template, by=author, at=at)
    workflow.recall(template, by=author, at=at)
    drafting.edit(template, by=who, at=at, changes={"purpose": "better words"})
    workflow.submit(template, by=author, at=at)

    with pytest.raises(workflow.FourEyes):
        workflow.approve(template, by=who, at=at, line_reference="LINE-1")


def test_a_bubble_needs_lines_reference_and_no_date_of_tomorrow(db: None, at: datetime) -> None:
    template, by = template_in("submitted"), factories.user("reviewer")

    with pytest.raises(workflow.MissingDecision, match="reference"):
        workflow.approve(template, by=by, at=at)
    tomorrow = date.today() + timedelta(days=2)
    with pytest.raises(workflow.MissingDecision, match="future"):
        workflow.approve(template, by=by, at=at, line_reference="x", line_decided_on=tomorrow)


def test_catalogue_content_rests_on_its_entry(db: None, at: datetime) -> None:
    content = {
        "template_key": "shipment_completed_ja",
        "items": [{"item_key": "number_001_ja", "value": "{{no}}"}],
        "buttons": [],
    }
    template = factories.draft(factories.account(), content=content)
    workflow.submit(template, by=factories.user("author"), at=at)

    approved = workflow.approve(template, by=factories.user("reviewer"), at=at)

    assert "shipment_completed_ja" in approved.line_reference
    assert approved.bubble == {
        "templateKey": "shipment_completed_ja",
        "body": {"items": [{"itemKey": "number_001_ja", "content": "{{no}}"}]},
    }


def test_reject_and_revoke_need_a_reason(db: None, at: datetime) -> None:
    by = factories.user("reviewer")
    with pytest.raises(workflow.MissingDecision):
        workflow.reject(template_in("submitted"), by=by, at=at, reason="  ")


def test_revise_makes_one_new_draft_beside_the_decided_version(db: None, at: datetime) -> None:
    template, by = template_in("approved"), factories.user("author")

    draft = drafting.revise(template, by=by, at=at)

    assert (draft.version, draft.state, draft.content) == (2, State.DRAFT, template.content)
    assert MessageTemplate.objects.get(pk=template.pk).state == State.APPROVED
    with pytest.raises(workflow.WrongState, match="Version 2"):
        drafting.revise(template, by=by, at=at)


def test_a_user_without_the_account_may_do_nothing_there(db: None, at: datetime) -> None:
    template, by = template_in("draft"), factories.user("manager")
    AccountScope.objects.create(user=by)

    with pytest.raises(PermissionDenied):
        workflow.submit(template, by=by, at=at)


TAMPERING = {
    "draft": (
        "state = 'approved'",
        "state = 'rejected', reason = 'x', bubble = '{}', content_hash = 'x'",
        "version = 7",
        "account_id = account_id + 1",
    ),
    "submitted": (
        "content = '{}'",
        "bubble = '{}'",
        "content_hash = 'x'",
        "purpose = 'other'",
        "language = 'ja'",
        "state = 'approved'",
        "state = 'approved', approved_by_id = created_by_id, approved_at = now(),"
        " line_reference = 'x', line_decided_on = now()",
        "state = 'approved', approved_by_id = submitted_by_id, approved_at = now(),"
        " line_reference = 'x', line_decided_on = now()",
    ),
    "approved": (
        "content = '{}'",
        "bubble = '{}'",
        "category = 'marketing'",
        "state = 'draft'",
        "state = 'submitted'",
        "state = 'rejected', reason = 'x'",
        "line_reference = 'other'",
        "approved_by_id = created_by_id",
    ),
    "rejected": ("state = 'approved'", "state = 'draft'", "content = '{}'"),
}


@pytest.mark.parametrize(
    ("state", "change"),
    [(state, change) for state, changes in TAMPERING.items() for change in changes],
)
def test_raw_sql_cannot_get_round_the_review(state: str, change: str, db: None) -> None:
    template = template_in(state)

    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"UPDATE templates_app_messagetemplate SET {change}")

    assert MessageTemplate.objects.get(pk=template.pk).state == state


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM templates_app_messagetemplate",
        "DELETE FROM templates_app_templateevent",
        "UPDATE templates_app_templateevent SET by_id = by_id, note = 'x'",
        "UPDATE audit_auditentry SET action = 'nothing'",
        "DELETE FROM audit_auditentry",
        "SET LOCAL lineportal.testing = 'off'; TRUNCATE audit_auditentry",
        "SET LOCAL lineportal.testing = 'off'; TRUNCATE templates_app_templateevent",
    ],
)
def test_raw_sql_cannot_remove_or_rewrite_the_record(statement: str, db: None) -> None:
    template_in("approved")

    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)
