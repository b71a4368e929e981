"""Pasted and uploaded JSON: read as LINE would, or refused with the line and column."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from templates_app import flex_json

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**20), 10**20)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")),
            inner,
            max_size=4,
        )
    ),
    max_leaves=20,
)


def refusal(given: str | bytes) -> str:
    with pytest.raises(flex_json.Unreadable) as refused:
        flex_json.read(given)
    return str(refused.value)


@given(VALUES, st.sampled_from([None, 2]), st.booleans())
def test_every_json_that_a_program_writes_is_read(
    value: object, indent: int | None, is_ascii: bool
) -> None:
    text = json.dumps(value, indent=indent, ensure_ascii=is_ascii)

    assert flex_json.read(text) == value
    assert flex_json.read(text.encode()) == value
    assert flex_json.read(b"\xef\xbb\xbf" + text.encode()) == value


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ('{"type":\n  "bubble",}', "Line 2, column 12: this is not JSON"),
        ("", "There is nothing here"),
        ("   \n", "There is nothing here"),
        ("{", "Line 1, column 2: this is not JSON"),
        ('{"a": 1} x', "Line 1, column 10: this is not JSON (Extra data)."),
        ('{"a":\n\n   NaN}', "Line 3, column 4: NaN is no number that JSON knows."),
        ("[1, -Infinity]", "Line 1, column 5: -Infinity is no number"),
        ('{"a": 1e999}', "Line 1, column 7: this number is too large."),
        (f"[{'9' * 5000}]", "Line 1, column 2: this number is too large."),
        ('{"a": 1,\n "b": {"a": 1},\n "a": 2}', "Line 3, column 2: the name “a” stands twice"),
        ('{"a": 1, "\\u0061": 2}', "Line 1, column 10: the name “a” stands twice"),
        ('["a",\n"\\ud800"]', "Line 2, column 1: this text holds NUL or half of a character."),
        ('["\\u0000"]', "Line 1, column 2: this text holds NUL"),
        ("[" * 100_000, "Line 1, column 65: objects and lists stand in each other more than 64"),
        ('{"a":' * 20_000, "Line 1, column 321: objects and lists stand in each other"),
        (b"\xff\xfe{\x00", "Byte 1 is not UTF-8; save the file as JSON in UTF-8."),
        (b"[" + b" " * 300_000 + b"]", "This is larger than 200 KB"),
        ("[" + "\u0e01" * 70_000 + "]", "This is larger than 200 KB"),
    ],
)
def test_what_is_no_json_is_refused_with_its_place(given: str | bytes, sentence: str) -> None:
    said = refusal(given)

    assert said.startswith(sentence)
    assert said.count("\n") == 0
    assert len(said) < 200


def test_names_in_different_objects_may_be_the_same() -> None:
    text = '{"a": {"a": 1}, "b": [{"a": 1}, {"a": 2}], "c": "a: \\" a :"}'

    assert flex_json.read(text)["b"] == [{"a": 1}, {"a": 2}]


@given(st.text() | st.binary())
def test_nothing_given_breaks_the_reader(given: str | bytes) -> None:
    try:
        value = flex_json.read(given)
    except flex_json.Unreadable as refused:
        assert str(refused)  # noqa: PT017 - any text may be refused, none may break it
    else:
        assert not (isinstance(value, float) and not math.isfinite(value))
