"""Tags of a person: short words that an audience can be chosen by."""

from __future__ import annotations

from datetime import datetime

import pytest

from recipients import erasure, intake, words
from recipients.models import Source
from tests import factories


def test_tags_are_stripped_and_kept_once_in_their_order() -> None:
    assert words.tags([" vip ", "north", "vip", " "]) == ["vip", "north"]


@pytest.mark.parametrize("given", ["vip", [1], ["x" * 51], [str(n) for n in range(51)], ["a\x00"]])
def test_what_cannot_be_kept_as_tags_is_refused(given: object) -> None:
    with pytest.raises(words.UnreadableTags):
        words.tags(given)


def test_given_tags_replace_the_ones_held_and_none_given_keeps_them(db: None, at: datetime) -> None:
    person = factories.recipient(factories.account(), tags=["vip"])
    sender = factories.user("sender")

    for details, held in (
        (intake.Details(attributes={"name": "x"}), ["vip"]),
        (intake.Details(tags=["north"]), ["north"]),
        (intake.Details(tags=[]), []),
    ):
        person = intake.change(person, details, by=sender, at=at, source=Source.API)
        person.refresh_from_db()
        assert person.tags == held


def test_a_forgotten_person_has_no_tags(db: None, at: datetime) -> None:
    person = factories.recipient(factories.account(), tags=["vip"])

    assert erasure.erase(person, by=None, at=at).tags == []
