"""A Flex container that LINE would answer 400 to is refused at its place, before review."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from templates_app import flex_rules, rendering
from tests import factories
from tests.templates_app.test_content import BUBBLE

WORDS = {"type": "text", "text": "Hello"}


def box(*contents: Any, **more: Any) -> dict[str, Any]:
    return {"type": "box", "layout": "vertical", "contents": list(contents), **more}


def bubble(*contents: Any) -> dict[str, Any]:
    return {"type": "bubble", "body": box(*contents)}


def deep(levels: int) -> dict[str, Any]:
    node: dict[str, Any] = WORDS
    for _ in range(levels):
        node = box(node)
    return node


PLACES = {
    "no block": ({"type": "bubble"}, "flex"),
    "a text as body": ({"type": "bubble", "body": WORDS}, "flex.body"),
    "unknown": (bubble({"type": "marquee"}), "flex.body.contents[0]"),
    "no type": (bubble({}), "flex.body.contents[0]"),
    "a word": (bubble("hello"), "flex.body.contents[0]"),
    "a list as type": (bubble({"type": []}), "flex.body.contents[0]"),
    "no words": (bubble(WORDS, {"type": "text"}), "flex.body.contents[1]"),
    "no layout": (bubble({"type": "box", "contents": []}), "flex.body.contents[0]"),
    "other layout": (bubble(box(layout="grid")), "flex.body.contents[0]"),
    "contents no list": (bubble({**box(), "contents": {}}), "flex.body.contents[0]"),
    "no action": (bubble({"type": "button"}), "flex.body.contents[0]"),
    "action no object": (bubble({"type": "button", "action": "x"}), "flex.body.contents[0]"),
    "no address": (bubble(box({"type": "image"})), "flex.body.contents[0].contents[0]"),
    "inner": (bubble(box(box({"type": "text"}))), "flex.body.contents[0].contents[0].contents[0]"),
    "empty carousel": ({"type": "carousel", "contents": []}, "flex.contents"),
    "no carousel": ({"type": "carousel"}, "flex.contents"),
    "13 bubbles": ({"type": "carousel", "contents": [bubble(WORDS)] * 13}, "flex.contents"),
    "no bubble": ({"type": "carousel", "contents": [box()]}, "flex.contents[0]"),
    "in a carousel": ({"type": "carousel", "contents": [bubble(WORDS), bubble({})]},
                      "flex.contents[1].body.contents[0]"),
    "30 KB": (bubble({"type": "text", "text": "ก" * 10_240}), "flex"),
}  # fmt: skip


@pytest.mark.parametrize("name", PLACES)
def test_what_line_refuses_is_refused_where_it_stands(name: str) -> None:
    container, place = PLACES[name]

    found = flex_rules.problems(container)

    assert list(found) == [place]
    assert found[place].endswith(".")


def test_boxes_too_deep_are_refused_without_a_fault() -> None:
    assert flex_rules.problems(bubble(deep(18))) == {}
    assert len(flex_rules.problems(bubble(deep(300)))) == 1


@pytest.mark.parametrize("content", [BUBBLE, factories.PARCEL])
def test_what_we_draw_ourselves_passes(content: dict[str, Any]) -> None:
    assert flex_rules.problems(rendering.draw(content, service="lon")["contents"]) == {}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["type", "contents", "layout", "body", "hero", "text", "action"]), inner
        )
    ),
    max_leaves=15,
)


@given(body=JSON, kind=st.sampled_from(["bubble", "carousel"]))
def test_no_json_makes_it_fail(body: Any, kind: str) -> None:
    flex_rules.problems({"type": kind, "body": body, "hero": body, "contents": body})
