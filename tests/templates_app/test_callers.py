"""What a change of words means for API callers, against the version that they get today."""

from __future__ import annotations

import json
from datetime import datetime

from django.contrib.auth.models import User
from hypothesis import given
from hypothesis import strategies as st

from templates_app import callers, drafting
from templates_app.models import MessageTemplate
from tests import factories

NAMES = st.lists(st.text("abcde", min_size=1, max_size=2), unique=True)


@given(NAMES, NAMES)
def test_added_and_removed_lead_from_one_version_to_the_other(
    before: list[str], after: list[str]
) -> None:
    change = callers.compare(before, after)

    assert set(before) - set(change.removed) | set(change.added) == set(after)
    assert not set(change.added) & set(before)
    assert bool(change) == (set(before) != set(after)) == bool(callers.sentence(change))


def test_the_sentence_names_both_sides() -> None:
    change = callers.compare(["name", "old"], ["name", "new", "due"])

    assert callers.sentence(change) == (
        "API callers must now also pass: new, due; no longer needed: old."
    )
    assert callers.sentence(callers.compare(["a"], [])) == "API callers no longer need to pass: a."
    assert callers.sentence(callers.compare(["a"], ["a"])) == ""
    assert callers.of_edit(change) == "This edit brings in: new, due; takes out: old."
    assert callers.of_edit(callers.compare(["a"], [])) == "This edit takes out: a."
    assert callers.of_edit(callers.compare([], ["a"])) == "This edit brings in: a."
    assert callers.of_edit(callers.compare([], [])) == ""


def test_the_example_has_a_value_for_every_placeholder() -> None:
    shown = json.loads(callers.example(["name", "no"], {"name": "สมชาย", "gone": "x"}))

    assert shown == {"values": {"name": "สมชาย", "no": "…"}}


def test_an_edit_is_compared_with_the_approved_version_and_else_with_the_draft(
    author: User, at: datetime
) -> None:
    account = factories.account()
    first = factories.draft(account, content={"title": "t", "greeting": "{{a}} {{b}}"})
    edited = drafting.edit(first, by=author, at=at, changes={"content": {"title": "{{a}} {{c}}"}})

    change = callers.change_of(edited, before=first.placeholders)
    assert (change.added, change.removed, change.compared_with_version) == (["c"], ["b"], 1)

    approved = factories.approved(account, key="news", content={"title": "t", "greeting": "{{a}}"})
    draft = drafting.revise(approved, by=author, at=at)
    words = {"content": {"title": "t", "greeting": "{{b}}"}}
    second = drafting.edit(draft, by=author, at=at, changes=words)
    change = callers.change_of(second, before=["b"])
    assert (change.added, change.removed, change.compared_with_version) == (["b"], ["a"], 1)
    assert callers.approved_before(approved) is None
    assert callers.approved_before(MessageTemplate.objects.get(pk=draft.pk)) == approved
