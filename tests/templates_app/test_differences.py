"""The difference of two versions: words that came and went, per place."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from templates_app import differences, segmenting
from templates_app.models import MessageTemplate
from tests import factories

TEXTS = st.text(
    alphabet=st.sampled_from("ab {}é1.\nพัสดุของคุณ包裹已送達ご注文カナ{{name}}x_"), max_size=60
)


def version(**details: Any) -> MessageTemplate:
    given = {"content": factories.PARCEL, "language": "th", "purpose": "Arrival"}
    return MessageTemplate(**given | details)


def shown(old: str, new: str, language: str = "en") -> list[tuple[str, str]]:
    found = differences.between(
        version(content={"text": old}, language=language),
        version(content={"text": new}, language=language),
    )
    assert [change.place for change in found.words] == ["text"]
    return [(piece.kind, piece.text) for piece in found.words[0].pieces]


def test_a_changed_word_is_one_word_out_and_one_in() -> None:
    assert shown("Your parcel has arrived.", "Your letter has arrived.") == [
        ("same", "Your "), ("removed", "parcel"), ("added", "letter"), ("same", " has arrived."),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("old", "new", "language", "removed", "added"),
    [
        ("พัสดุของคุณมาถึงแล้ว", "จดหมายของคุณมาถึงแล้ว", "th", "พัสดุ", "จดหมาย"),
        ("您的包裹已送達", "您的信件已送達", "zh-TW", "包裹", "信件"),
        ("荷物が届きました", "手紙が届きました", "ja", "荷物が", "手紙が"),
    ],
)
def test_words_are_found_where_no_blank_parts_them(
    old: str, new: str, language: str, removed: str, added: str
) -> None:
    pieces = shown(old, new, language)

    out = "".join(text for kind, text in pieces if kind == "removed")
    came = "".join(text for kind, text in pieces if kind == "added")
    assert (removed in out, added in came) == (True, True), pieces
    assert any(kind == "same" for kind, _text in pieces), pieces


def test_a_placeholder_is_one_word() -> None:
    pieces = shown("Dear {{name}},", "Dear {{full_name}},")

    assert pieces[1:3] == [("removed", "{{name}}"), ("added", "{{full_name}}")]


def test_an_item_put_in_front_leaves_the_others_alone() -> None:
    old = version()
    items = [{"label": "ถึง", "value": "{{parcel_to}}"}, *factories.PARCEL["items"]]
    new = version(content={**factories.PARCEL, "items": items})

    found = differences.between(old, new)

    assert [(change.place, change.kind) for change in found.words] == [
        ("items[0].label", "added"),
        ("items[0].value", "added"),
    ]


def test_parts_that_come_and_go_are_whole() -> None:
    without = {name: part for name, part in factories.PARCEL.items() if name != "buttons"}
    found = differences.between(version(), version(content={**without, "explanation": "โทร 1545"}))

    assert {(change.place, change.kind) for change in found.words} == {
        ("buttons[0].label", "removed"),
        ("buttons[0].url", "removed"),
        ("explanation", "added"),
    }


def test_placeholders_details_and_samples_are_told_apart() -> None:
    old = version(placeholders=["name"], samples=[{"name": "สมชาย"}])
    new = version(
        placeholders=["no"], samples=[{"no": "1"}], purpose="Delay", language="ja",
        category="marketing",
    )  # fmt: skip

    found = differences.between(old, new)

    assert (found.placeholders_added, found.placeholders_removed) == (["no"], ["name"])
    assert [change.place for change in found.details] == ["purpose", "category", "language"]
    assert {change.place for change in found.samples} == {"samples[0].name", "samples[0].no"}
    assert not found.is_empty


def test_a_version_does_not_differ_from_itself() -> None:
    assert differences.between(version(), version()).is_empty


@given(TEXTS)
def test_words_joined_are_the_text(text: str) -> None:
    for language in ("th", "ja", "zh-TW", "en"):
        assert "".join(segmenting.words(text, language=language)) == text


@given(TEXTS, TEXTS)
def test_a_difference_holds_both_texts_whole(old: str, new: str) -> None:
    found = differences.between(version(content={"text": old}), version(content={"text": new}))
    pieces = [piece for change in found.words for piece in change.pieces]

    if old == new:
        assert pieces == []
    else:
        assert "".join(each.text for each in pieces if each.kind != "added") == old
        assert "".join(each.text for each in pieces if each.kind != "removed") == new


@pytest.mark.parametrize("word", ["a ", "ลด", "折", "{{x}}"])
def test_a_hostile_text_is_compared_at_once(word: str) -> None:
    began = time.perf_counter()

    shown((word * 5000)[:5000], ("b " + word * 5000)[:5000])

    assert time.perf_counter() - began < 10
