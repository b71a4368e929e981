"""Two people at one template at the same moment: real threads, each with its own connection."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from threading import Barrier
from typing import Any

import pytest
from django.db import connection

from templates_app import drafting, workflow
from templates_app.models import MessageTemplate, State
from tests import factories

pytestmark = pytest.mark.django_db(transaction=True)


def at_once(*acts: Callable[[], Any]) -> list[Any]:
    """Run the acts side by side; return what each returned, or the refusal it raised."""
    start = Barrier(len(acts))

    def run(act: Callable[[], Any]) -> Any:
        start.wait(timeout=10)
        try:
            return act()
        except workflow.WrongState as refusal:
            return refusal
        finally:
            connection.close()

    with ThreadPoolExecutor(len(acts)) as pool:
        return list(pool.map(run, acts))


def refusals(results: list[Any]) -> int:
    return sum(isinstance(result, workflow.WrongState) for result in results)


@pytest.mark.parametrize("turn", range(3))
def test_of_an_approval_and_a_recall_at_once_only_one_happens(turn: int, at: datetime) -> None:
    author, reviewer = factories.user("author"), factories.user("reviewer")
    draft = factories.draft(factories.account(), by=author)
    template = workflow.submit(draft, by=author, at=at)

    results = at_once(
        lambda: workflow.approve(template, by=reviewer, at=at, line_reference="LINE-1"),
        lambda: workflow.recall(template, by=author, at=at),
    )

    assert refusals(results) == 1
    kept = MessageTemplate.objects.get(pk=template.pk)
    last = kept.events.order_by("-id")[0]
    assert (kept.state, last.kind) in {("approved", "approved"), ("draft", "recalled")}
    assert kept.events.count() == 3


def test_of_two_approvals_at_once_only_one_happens(at: datetime) -> None:
    author = factories.user("author")
    first, second = factories.user("reviewer"), factories.user("reviewer")
    draft = factories.draft(factories.account(), by=author)
    template = workflow.submit(draft, by=author, at=at)

    results = at_once(
        lambda: workflow.approve(template, by=first, at=at, line_reference="LINE-1"),
        lambda: workflow.approve(template, by=second, at=at, line_reference="LINE-2"),
    )

    assert refusals(results) == 1
    kept = MessageTemplate.objects.get(pk=template.pk)
    [approval] = kept.events.filter(kind="approved")
    assert approval.by == kept.approved_by


def test_of_an_edit_and_a_submit_at_once_the_reviewer_reads_what_is_sent(at: datetime) -> None:
    author, editor = factories.user("author"), factories.user("author")
    draft = factories.draft(factories.account(), by=author)
    changed = {**factories.PARCEL, "title": "Changed at the last moment"}

    at_once(
        lambda: workflow.submit(draft, by=author, at=at),
        lambda: drafting.edit(draft, by=editor, at=at, changes={"content": changed}),
    )

    kept = MessageTemplate.objects.get(pk=draft.pk)
    assert kept.state == State.SUBMITTED
    assert kept.bubble["altText"] == kept.content["title"]
    assert kept.content_hash == workflow.current_hash(kept)


@pytest.mark.parametrize("turn", range(3))
def test_of_two_revisions_at_once_only_one_makes_a_version(turn: int, at: datetime) -> None:
    first, second = factories.user("author"), factories.user("author")
    decided = factories.approved(factories.account())

    results = at_once(
        lambda: drafting.revise(decided, by=first, at=at),
        lambda: drafting.revise(decided, by=second, at=at + timedelta(seconds=1)),
    )

    assert refusals(results) == 1
    versions = MessageTemplate.objects.filter(key="parcel").order_by("version")
    assert [(each.version, each.state) for each in versions] == [(1, "approved"), (2, "draft")]
