"""The full table of the review: every act, from every state, as every role, at every door.

The function, the API and the console give the same answer; a button is there exactly when pressing
it would work.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import product
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.test import Client
from django.urls import reverse

from lineportal.accounts.models import AccountScope
from lineportal.console.templates_desk import TemplateDesk
from lineportal.sending import withdrawal
from templates_app import drafting, waivers, workflow
from templates_app.models import MessageTemplate, State
from tests import factories
from tests.api.client import Api
from tests.console.test_editor import Fields

STATES = ("draft", "submitted", "approved", "rejected")
ROLES = ("author", "reviewer", "sender", "auditor", "manager", "superuser")
CONTENT = {**factories.PARCEL, "greeting": "สวัสดี"}
# What every rule of promotion and of links would bar, so that there is something to waive.
BARRED = {
    **factories.PARCEL,
    "explanation": "ลดราคา 50% ซื้อ 1 แถม 1 รับคูปองฟรีวันนี้เท่านั้น https://bit.ly/x",
}
REASON = {"reason": "too long"}
DECISION = {"line_reference": "LINE-2"}
EDIT = "admin:templates_app_messagetemplate_edit"
CHANGE = "admin:templates_app_messagetemplate_change"
ACT = "admin:templates_app_messagetemplate_act"

WRITERS = {"author", "manager", "superuser"}
REVIEWERS = {"reviewer", "manager", "superuser"}


@dataclass(frozen=True, slots=True)
class Act:
    """One row of the table: who may, from which state to which, and the same act at each door."""

    may: set[str]
    moves: dict[str, str]
    function: Callable[..., Any]
    given: dict[str, Any]
    method: str = "post"
    status: int = 200


ACTS = {
    "edit": Act(WRITERS, {"draft": "draft"}, drafting.edit, {"changes": {"content": CONTENT}},
                method="patch"),
    "submit": Act(WRITERS, {"draft": "submitted"}, workflow.submit, {}),
    "recall": Act(WRITERS, {"submitted": "draft"}, workflow.recall, {}),
    "approve": Act(REVIEWERS, {"submitted": "approved"}, workflow.approve, DECISION),
    "reject": Act(REVIEWERS, {"submitted": "rejected"}, workflow.reject, REASON),
    "revise": Act(WRITERS, {"approved": "approved", "rejected": "rejected"}, drafting.revise, {},
                  status=201),
    "revoke": Act(REVIEWERS, {"approved": "rejected"}, withdrawal.revoke_template, REASON),
    "waive": Act(WRITERS, {"draft": "draft"}, workflow.waive, REASON),
}  # fmt: skip
DONE, FORBIDDEN, CONFLICT = "done", "forbidden", "conflict"


def template_in(state: str, content: dict[str, Any] = factories.PARCEL) -> MessageTemplate:
    template = factories.draft(factories.account(), content=content)
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


@contextmanager
def undone() -> Iterator[None]:
    """Let each door find the same row."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def given_for(act: str, template: MessageTemplate) -> tuple[dict[str, Any], bool]:
    """Return what an act is told, and whether it has an object: what bars is waived, no other."""
    if act != "waive":
        return ACTS[act].given, True
    barring = [each.finding["digest"] for each in waivers.judged(template) if each.bars]
    return {"digest": barring[0] if barring else "0" * 64, **REASON}, bool(barring)


def by_function(act: str, template: MessageTemplate, by: User, given: dict[str, Any]) -> str:
    try:
        ACTS[act].function(template, by=by, at=datetime.now(UTC), **given)
    except PermissionDenied:
        return FORBIDDEN
    except workflow.WrongState:
        return CONFLICT
    return DONE


def by_api(act: str, template: MessageTemplate, by: User, given: dict[str, Any]) -> str:
    api = Api(by)
    if act == "edit":
        answer = api.patch(f"templates/{template.pk}/", given["changes"])
    else:
        answer = api.post(f"templates/{template.pk}/{act}/", given)
    known = {ACTS[act].status: DONE, 403: FORBIDDEN, 409: CONFLICT}
    return known.get(answer.status_code, f"HTTP {answer.status_code}: {answer.content!r}")


def by_console(act: str, template: MessageTemplate, by: User, given: dict[str, Any]) -> str:
    client = Client()
    client.force_login(by)
    if act == "edit":
        url = reverse(EDIT, args=[template.pk])
        page = client.get(url)
        if page.status_code == 200:
            answer = client.post(url, {**Fields(page.content.decode()).sent, "do": "save"})
            return {302: DONE}.get(answer.status_code, f"HTTP {answer.status_code}")
        return {302: CONFLICT, 403: FORBIDDEN}.get(page.status_code, f"HTTP {page.status_code}")
    form = {**given, "decided_by": "reviewer"} if act == "reject" else given
    answer = client.post(reverse(ACT, args=[template.pk, act]), form)
    known = {302: DONE, 403: FORBIDDEN, 409: CONFLICT}
    return known.get(answer.status_code, f"HTTP {answer.status_code}")


@pytest.mark.parametrize(("act", "state", "role"), list(product(ACTS, STATES, ROLES)))
def test_every_door_gives_the_same_answer(act: str, state: str, role: str, db: None) -> None:
    row, by = ACTS[act], someone(role)
    template = template_in(
        state, BARRED if (act, state) == ("waive", "draft") else factories.PARCEL
    )
    given, has_object = given_for(act, template)
    expected = DONE
    if role not in row.may:
        expected = FORBIDDEN
    elif state not in row.moves or not has_object:
        expected = CONFLICT
    after = row.moves[state] if expected == DONE else state

    for door in (by_function, by_api, by_console):
        with undone():
            said = door(act, template, by, given)
            found = MessageTemplate.objects.get(pk=template.pk)
            versions = MessageTemplate.objects.count()
        assert (door.__name__, said, found.state) == (door.__name__, expected, after)
        assert versions == 1 + (act == "revise" and expected == DONE)


@pytest.mark.parametrize(("state", "role"), list(product(STATES, ROLES)))
def test_a_button_is_there_exactly_when_it_would_work(state: str, role: str, db: None) -> None:
    template, by = template_in(state), someone(role)
    client = Client()
    client.force_login(by)
    works = {name for name, act in ACTS.items() if role in act.may and state in act.moves}

    html = client.get(reverse(CHANGE, args=[template.pk])).content.decode()

    buttons = {name for name in ACTS if f'"{reverse(ACT, args=[template.pk, name])}"' in html}
    assert buttons == works - {"edit", "waive"}  # one has a form, the other stands at its finding
    assert (f'"{reverse(EDIT, args=[template.pk])}"' in html) == ("edit" in works)
    assert set(workflow.available_acts(template, by)) == works
    assert buttons <= set(TemplateDesk.act_labels)


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
