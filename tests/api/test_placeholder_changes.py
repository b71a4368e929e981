"""A PATCH of a draft says what it changes for API callers; no other answer carries it."""

from __future__ import annotations

from datetime import datetime

from templates_app import drafting
from tests import factories
from tests.api.client import Api

WORDS = {"content": {"title": "t", "greeting": "{{customer}} {{tracking_no}}"}}


def test_a_draft_is_compared_with_itself_until_a_version_is_approved(db: None) -> None:
    draft = factories.draft(factories.account())
    api = Api(factories.user("author"))

    answer = api.patch(f"templates/{draft.pk}/", WORDS)

    assert answer.status_code == 200
    assert answer.json()["placeholders"] == ["customer", "tracking_no"]
    assert answer.json()["placeholder_changes"] == {
        "added": ["customer"],
        "removed": ["name", "parcel_from"],
        "compared_with_version": 1,
    }
    unchanged = api.patch(f"templates/{draft.pk}/", {"purpose": "another"})
    assert unchanged.json()["placeholder_changes"] == {
        "added": [],
        "removed": [],
        "compared_with_version": 1,
    }
    assert "placeholder_changes" not in api.get(f"templates/{draft.pk}/").json()


def test_a_revision_is_compared_with_what_callers_get_today(db: None, at: datetime) -> None:
    author = factories.user("author")
    first = factories.approved(factories.account())
    second = drafting.revise(first, by=author, at=at)
    api = Api(author)

    api.patch(f"templates/{second.pk}/", WORDS)
    answer = api.patch(f"templates/{second.pk}/", {"purpose": "another"})

    assert answer.json()["placeholder_changes"] == {
        "added": ["customer"],
        "removed": ["name", "parcel_from"],
        "compared_with_version": first.version,
    }
