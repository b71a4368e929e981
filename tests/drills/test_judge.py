"""The drills' own judge: it must see every way in which rows and witness can disagree."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

from tests.drills import judge
from tests.drills.judge import Row
from tests.drills.witness import Seen

ROWS = [Row(n, f"+6680000000{n}", "accepted", f"tag{n}", f"body{n}") for n in range(3)]
SEEN = [
    Seen(row.phone, row.tag, accepted=True, status=200, body_sha256=row.body_sha256) for row in ROWS
]


def found(
    rows: list[Row] = ROWS,
    seen: list[Seen] = SEEN,
    *,
    may_be_uncertain: tuple[int, ...] = (),
    tallies: dict[str, int] | None = None,
) -> list[str]:
    """Return the judge's sentences, with a report that counts the rows unless told otherwise."""
    counted = dict(Counter(row.status for row in rows)) if tallies is None else tallies
    return judge.problems(rows, seen, people=3, may_be_uncertain=may_be_uncertain, tallies=counted)


def changed(**details: Any) -> list[Row]:
    return [replace(ROWS[0], **details), *ROWS[1:]]


def test_a_clean_campaign_has_no_problem() -> None:
    assert found() == []
    assert judge.doubles(SEEN) == 0


def test_a_second_post_after_one_that_was_accepted_is_a_double() -> None:
    assert judge.doubles([*SEEN, replace(SEEN[0], accepted=False, status=422)]) == 1
    assert found(seen=[*SEEN, SEEN[0]]) != []


@pytest.mark.parametrize("status", [None, 500])
def test_a_second_post_after_one_without_a_clear_answer_is_a_double(status: int | None) -> None:
    lost = replace(SEEN[0], accepted=False, status=status)

    assert judge.doubles([lost, *SEEN]) == 1


@pytest.mark.parametrize("status", [401, 429])
def test_a_second_post_after_a_plain_no_is_none(status: int) -> None:
    assert found(seen=[replace(SEEN[0], accepted=False, status=status), *SEEN]) == []


@pytest.mark.parametrize("status", ["accepted", "delivered"])
def test_what_is_called_accepted_must_have_been_accepted(status: str) -> None:
    assert found(changed(status=status), SEEN[1:]) != []


@pytest.mark.parametrize("status", ["refused", "failed", "cancelled", "skipped"])
def test_what_is_called_unsent_must_not_have_been_accepted(status: str) -> None:
    assert found(changed(status=status)) != []
    assert found(changed(status=status), SEEN[1:]) == []


@pytest.mark.parametrize("status", ["queued", "sending"])
def test_nothing_may_be_left_open(status: str) -> None:
    assert found(changed(status=status), SEEN[1:]) != []


def test_only_what_was_under_way_may_be_uncertain() -> None:
    assert found(changed(status="uncertain"), may_be_uncertain=(1, 2)) != []
    assert found(changed(status="uncertain"), may_be_uncertain=(0,)) == []


def test_a_post_to_a_stranger_a_lost_message_and_a_wrong_tag_are_seen() -> None:
    assert found(seen=[*SEEN, replace(SEEN[0], phone=None)]) != []
    assert found(ROWS[1:], SEEN[1:]) != []
    assert found(changed(tag="another")) != []
    assert found(changed(body_sha256="another")) != []


def test_a_report_that_counts_otherwise_is_seen() -> None:
    assert found(tallies={"accepted": 2, "uncertain": 1}) != []
    assert found(tallies={"accepted": 3, "queued": 0}) == []


def test_no_sentence_names_a_phone() -> None:
    sentences = found(changed(status="failed", tag="x"), [*SEEN, *SEEN], tallies={})

    assert sentences
    assert not any(row.phone in sentence for row in ROWS for sentence in sentences)
