"""What each act on a template leaves behind.

The table of every act, state and role is in `test_review_table.py`; two at once, `test_at_once.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django_fsm import TransitionNotAllowed

from lineportal.audit import chain
from lineportal.audit.models import AuditEntry
from templates_app import content as contents
from templates_app import drafting, workflow
from templates_app.models import MessageTemplate, State, TemplateEvent
from tests import factories


def test_a_new_key_begins_as_version_one_and_names_its_placeholders(author: User) -> None:
    template = factories.draft(factories.account(), by=author)

    assert (template.version, template.state, template.created_by) == (1, State.DRAFT, author)
    assert template.placeholders == ["name", "tracking_no", "parcel_from"]
    assert (template.bubble, template.content_hash) == (None, "")


def test_a_key_is_taken_once_per_account(author: User) -> None:
    first, second = factories.account(), factories.account("other", channel="2000000002")
    factories.draft(first, by=author)
    factories.draft(second, by=author)

    with pytest.raises(drafting.KeyTaken, match="parcel"):
        factories.draft(first, by=author)


@pytest.mark.parametrize(
    ("wrong", "place"),
    [
        ({"service": "sms"}, "service"),
        ({"category": "other"}, "category"),
        ({"category": "marketing"}, "category"),
        ({"language": " "}, "language"),
        ({"purpose": " "}, "purpose"),
    ],
)
def test_details_that_cannot_be_are_named(wrong: dict[str, str], place: str, author: User) -> None:
    with pytest.raises(contents.InvalidContent) as refusal:
        factories.draft(factories.account(), by=author, **wrong)

    assert list(refusal.value.problems) == [place]
    assert not MessageTemplate.objects.exists()


def test_the_two_way_service_may_be_marketing(author: User) -> None:
    template = factories.draft(
        factories.account(), by=author, service="oa", category="marketing", content={"text": "Hi"}
    )

    assert template.category == "marketing"


def test_submit_draws_and_freezes_what_is_decided_on(
    submitted: MessageTemplate, author: User, at: datetime
) -> None:
    kept = MessageTemplate.objects.get(pk=submitted.pk)

    assert (kept.submitted_by, kept.submitted_at) == (author, at)
    assert kept.bubble["altText"] == factories.PARCEL["title"]
    assert kept.content_hash == workflow.current_hash(kept)
    assert len(kept.content_hash) == 64


def test_recall_takes_back_the_drawing_and_the_submission(
    submitted: MessageTemplate, author: User, at: datetime
) -> None:
    draft = workflow.recall(submitted, by=author, at=at)

    assert (draft.bubble, draft.content_hash) == (None, "")
    assert (draft.submitted_by, draft.submitted_at) == (None, None)
    drafting.edit(draft, by=author, at=at, changes={"content": {"title": "New", "items": []}})
    again = workflow.submit(draft, by=author, at=at)
    assert again.bubble["altText"] == "New"


@pytest.mark.parametrize(
    ("change", "value"),
    [
        ("purpose", "Another purpose"),
        ("language", "en"),
        ("content", {**factories.PARCEL, "title": "Another title"}),
    ],
)
def test_whatever_is_edited_changes_the_hash(
    change: str, value: Any, submitted: MessageTemplate, author: User, at: datetime
) -> None:
    before = submitted.content_hash
    draft = workflow.recall(submitted, by=author, at=at)

    draft = drafting.edit(draft, by=author, at=at, changes={change: value})

    assert workflow.submit(draft, by=author, at=at).content_hash != before


def test_a_refused_edit_leaves_the_draft_and_its_record_alone(author: User, at: datetime) -> None:
    draft = factories.draft(factories.account(), by=author)

    with pytest.raises(contents.InvalidContent):
        drafting.edit(draft, by=author, at=at, changes={"content": {"title": ""}})

    kept = MessageTemplate.objects.get(pk=draft.pk)
    assert kept.content == factories.PARCEL
    assert [event.kind for event in kept.events.all()] == ["created"]


def test_what_an_editor_may_not_change_is_left_out(author: User, at: datetime) -> None:
    draft = factories.draft(factories.account(), by=author)

    drafting.edit(draft, by=author, at=at, changes={"key": "other", "state": "approved"})

    kept = MessageTemplate.objects.get(pk=draft.pk)
    assert (kept.key, kept.state) == ("parcel", State.DRAFT)


def test_who_recalled_only_may_still_approve(
    submitted: MessageTemplate, author: User, manager: User, at: datetime
) -> None:
    draft = workflow.recall(submitted, by=manager, at=at)
    again = workflow.submit(draft, by=author, at=at)

    approved = workflow.approve(again, by=manager, at=at, line_reference="LINE-1")

    assert approved.approved_by == manager


def test_who_wrote_an_earlier_version_may_approve_the_next(
    submitted: MessageTemplate, reviewer: User, at: datetime
) -> None:
    first_author = User.objects.get(pk=submitted.created_by_id)
    first_author.groups.set(reviewer.groups.all())
    first = workflow.approve(submitted, by=reviewer, at=at, line_reference="LINE-1")
    someone = factories.user("author")
    second = workflow.submit(drafting.revise(first, by=someone, at=at), by=someone, at=at)

    approved = workflow.approve(second, by=first_author, at=at, line_reference="LINE-2")

    assert (approved.version, approved.approved_by) == (2, first_author)


def test_approval_keeps_lines_reference_and_date(
    submitted: MessageTemplate, reviewer: User, at: datetime
) -> None:
    decided = date(2026, 10, 30)

    workflow.approve(
        submitted, by=reviewer, at=at, line_reference="  LINE-77 ", line_decided_on=decided
    )

    kept = MessageTemplate.objects.get(pk=submitted.pk)
    assert (kept.approved_by, kept.approved_at) == (reviewer, at)
    assert (kept.line_reference, kept.line_decided_on) == ("LINE-77", decided)


def test_today_is_the_accounts_own_day(submitted: MessageTemplate, reviewer: User) -> None:
    late_in_utc = datetime(2026, 11, 23, 18, 30, tzinfo=UTC)  # 01:30 of the 24th in Bangkok

    approved = workflow.approve(
        submitted,
        by=reviewer,
        at=late_in_utc,
        line_reference="LINE-1",
        line_decided_on=date(2026, 11, 24),
    )

    assert approved.line_decided_on == date(2026, 11, 24)


def test_a_decision_of_tomorrow_is_refused(submitted: MessageTemplate, reviewer: User) -> None:
    at = datetime(2026, 11, 23, 12, tzinfo=UTC)

    with pytest.raises(workflow.MissingDecision) as refusal:
        workflow.approve(
            submitted, by=reviewer, at=at, line_reference="x", line_decided_on=date(2026, 11, 24)
        )

    assert refusal.value.field == "line_decided_on"


def test_a_two_way_template_needs_no_decision_of_line(author: User, at: datetime) -> None:
    template = factories.draft(
        factories.account(), by=author, service="oa", content={"text": "สวัสดี"}
    )
    template = workflow.submit(template, by=author, at=at)

    approved = workflow.approve(template, by=factories.user("reviewer"), at=at)

    assert (approved.line_reference, approved.line_decided_on) == ("", None)


@pytest.mark.parametrize("decided_by", ["reviewer", "line"])
def test_a_rejection_keeps_its_reason_and_who_decided(
    decided_by: str, submitted: MessageTemplate, reviewer: User, at: datetime
) -> None:
    workflow.reject(submitted, by=reviewer, at=at, reason=" Promotional ", decided_by=decided_by)

    kept = MessageTemplate.objects.get(pk=submitted.pk)
    assert (kept.reason, kept.decided_by) == ("Promotional", decided_by)
    assert (kept.rejected_by, kept.rejected_at, kept.revoked_at) == (reviewer, at, None)


def test_somebody_unknown_cannot_have_decided(
    submitted: MessageTemplate, reviewer: User, at: datetime
) -> None:
    with pytest.raises(workflow.MissingDecision) as refusal:
        workflow.reject(submitted, by=reviewer, at=at, reason="x", decided_by="nobody")

    assert refusal.value.field == "decided_by"


@pytest.mark.parametrize("act", [workflow.reject, workflow.revoke])
@pytest.mark.parametrize("reason", ["", "  \n"])
def test_no_reason_no_refusal(
    act: Callable[..., Any], reason: str, submitted: MessageTemplate, reviewer: User, at: datetime
) -> None:
    with pytest.raises(workflow.MissingDecision) as refusal:
        act(submitted, by=reviewer, at=at, reason=reason)

    assert refusal.value.field == "reason"


def test_a_revoked_version_says_when_and_why(reviewer: User, at: datetime) -> None:
    template = factories.approved(factories.account())

    revoked = workflow.revoke(template, by=reviewer, at=at, reason="LINE withdrew it")

    assert (revoked.state, revoked.revoked_at) == (State.REJECTED, at)
    assert (revoked.reason, revoked.rejected_by) == ("LINE withdrew it", reviewer)
    assert revoked.approved_by is not None  # that it once was approved stays on file


@pytest.mark.parametrize("state", ["draft", "submitted"])
def test_one_version_of_a_key_is_open_at_a_time(state: str, author: User, at: datetime) -> None:
    decided = factories.approved(factories.account())
    second = drafting.revise(decided, by=author, at=at)
    if state == "submitted":
        workflow.submit(second, by=author, at=at)

    with pytest.raises(workflow.WrongState, match="Version 2"):
        drafting.revise(decided, by=author, at=at)
    assert "revise" not in workflow.available_acts(decided, author)


def test_versions_count_on_after_the_highest(author: User, reviewer: User, at: datetime) -> None:
    first = factories.approved(factories.account())
    second = workflow.submit(drafting.revise(first, by=author, at=at), by=author, at=at)
    workflow.reject(second, by=reviewer, at=at, reason="no")

    third = drafting.revise(first, by=author, at=at)

    assert third.version == 3
    assert third.content == first.content


def test_every_step_is_recorded_with_who_and_on_which_words(
    author: User, reviewer: User, at: datetime
) -> None:
    draft = factories.draft(factories.account(), by=author)
    drafting.edit(draft, by=author, at=at, changes={"purpose": "Clearer"})
    submitted = workflow.submit(draft, by=author, at=at)
    workflow.approve(submitted, by=reviewer, at=at, line_reference="LINE-1", note="Read twice")
    workflow.revoke(submitted, by=reviewer, at=at, reason="LINE withdrew it")

    steps = TemplateEvent.objects.filter(template=draft).order_by("id")
    digest = submitted.content_hash
    assert [(step.kind, step.by, step.content_hash) for step in steps] == [
        ("created", author, ""),
        ("edited", author, ""),
        ("submitted", author, digest),
        ("approved", reviewer, digest),
        ("revoked", reviewer, digest),
    ]
    assert [step.note for step in steps][3:] == ["Read twice", "LINE withdrew it"]
    actions = AuditEntry.objects.filter(action__startswith="template.").order_by("number")
    assert [entry.action for entry in actions] == [f"template.{step.kind}" for step in steps]
    assert chain.first_break(AuditEntry.objects.order_by("number")) is None


def test_a_refused_act_leaves_no_trace(author: User, at: datetime) -> None:
    draft = factories.draft(factories.account(), by=author)
    before = AuditEntry.objects.count()

    with pytest.raises(workflow.WrongState):
        workflow.recall(draft, by=author, at=at)

    assert draft.events.count() == 1
    assert AuditEntry.objects.count() == before


def test_the_state_cannot_be_set_or_jumped_in_python(author: User) -> None:
    draft = factories.draft(factories.account(), by=author)

    with pytest.raises(AttributeError):
        draft.state = State.APPROVED
    with pytest.raises(TransitionNotAllowed):
        draft._approve()


def test_approval_stops_where_the_words_are_not_those_submitted(
    submitted: MessageTemplate, reviewer: User, at: datetime
) -> None:
    with connection.cursor() as cursor:
        # Somebody with the database owner's rights, whom triggers cannot stop.
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("ALTER TABLE templates_app_messagetemplate DISABLE TRIGGER USER")
        cursor.execute("UPDATE templates_app_messagetemplate SET purpose = 'Something else'")
        cursor.execute("ALTER TABLE templates_app_messagetemplate ENABLE TRIGGER USER")

    with pytest.raises(workflow.WrongState, match="not what was submitted"):
        workflow.approve(submitted, by=reviewer, at=at, line_reference="LINE-1")
