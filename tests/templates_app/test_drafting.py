"""Samples, and what a new version takes along."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from django.contrib.auth.models import User

from templates_app import content as contents
from templates_app import drafting, workflow
from templates_app.models import Brief, DecidedBy, EntryKind, MessageTemplate, ReviewEntry
from tests import factories


def test_samples_stay_with_the_template_and_are_no_part_of_what_is_decided_on(
    author: User, at: datetime
) -> None:
    account = factories.account()
    bare = factories.draft(account, by=author)
    sampled = factories.draft(account, by=author, key="other", samples=[factories.VALUES])

    assert sampled.samples == [factories.VALUES]
    assert workflow.current_hash(sampled) == workflow.current_hash(bare)
    edited = drafting.edit(bare, by=author, at=at, changes={"samples": [factories.VALUES, {}]})
    assert MessageTemplate.objects.get(pk=edited.pk).samples == [factories.VALUES, {}]


@pytest.mark.parametrize(
    "samples",
    [
        {"name": "x"},
        "x",
        None,
        [["name", "x"]],
        [{"name": 1}],
        [{"name": None}],
        [{"name": "x" * 1001}],
        [{"name": "a\x00b"}],
        [{"na\ud800me": "x"}],
        [{}] * 11,
    ],
)
def test_samples_that_cannot_be_are_refused_and_nothing_is_kept(
    samples: Any, author: User, at: datetime
) -> None:
    account = factories.account()
    template = factories.draft(account, by=author, samples=[factories.VALUES])

    with pytest.raises(contents.InvalidContent) as creating:
        factories.draft(account, by=author, key="other", samples=samples)
    with pytest.raises(contents.InvalidContent) as editing:
        drafting.edit(template, by=author, at=at, changes={"samples": samples})

    assert list(creating.value.problems) == list(editing.value.problems) == ["samples"]
    assert [each.samples for each in MessageTemplate.objects.all()] == [[factories.VALUES]]


def test_a_new_version_begins_with_the_samples_and_brief_of_the_old(
    author: User, at: datetime
) -> None:
    template = factories.draft(factories.account(), by=author, samples=[factories.VALUES])
    brief = Brief.objects.create(
        template=template, use_case="tell of a parcel", monthly_volume=7, changed_by=author,
        changed_at=at,
    )  # fmt: skip
    workflow.submit(template, by=author, at=at)
    workflow.reject(template, by=factories.user("reviewer"), at=at, reason="too long")

    draft = drafting.revise(template, by=author, at=at)

    assert draft.samples == [factories.VALUES]
    assert (draft.brief.use_case, draft.brief.monthly_volume) == ("tell of a parcel", 7)
    brief.refresh_from_db()
    assert brief.template == template


def test_lines_decision_stands_in_the_thread_and_ours_does_not(
    author: User, reviewer: User, at: datetime
) -> None:
    account = factories.account()
    approved, ours, theirs, two_way = (
        workflow.submit(factories.draft(account, by=author, key=key, **details), by=author, at=at)
        for key, details in (
            ("approved", {}),
            ("ours", {}),
            ("theirs", {}),
            ("two-way", {"service": "oa", "content": {"text": "hello"}}),
        )
    )

    workflow.approve(approved, by=reviewer, at=at, line_reference="LINE-7")
    workflow.reject(ours, by=reviewer, at=at, reason="unclear")
    workflow.reject(theirs, by=reviewer, at=at, reason="too long", decided_by=DecidedBy.LINE)
    workflow.approve(two_way, by=reviewer, at=at)

    rows = ReviewEntry.objects.order_by("pk").values_list("template", "kind", "text", "by")
    assert list(rows) == [
        (approved.pk, EntryKind.LINE_DECIDED, "LINE-7", reviewer.pk),
        (theirs.pk, EntryKind.LINE_DECIDED, "too long", reviewer.pk),
    ]
