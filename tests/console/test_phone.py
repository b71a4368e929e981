"""The phone's picture is made from the drawing that goes out, and nothing in it is trusted."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineportal.console import flex, phone
from templates_app import rendering
from tests import factories

HOSTILE = "<script>alert(1)</script>\"'&"
WORDS = st.text(max_size=12) | st.sampled_from([HOSTILE, "{{name}}", "{{", "}}"])
KINDS = st.sampled_from(
    ["box", "text", "button", "separator", "image", "icon", "video", "filler", "spacer", "span", 7]
)


def components() -> st.SearchStrategy[Any]:
    keys = st.sampled_from(
        ["text", "color", "size", "margin", "spacing", "flex", "wrap", "align", "gravity", "layout",
         "backgroundColor", "cornerRadius", "paddingAll", "paddingStart", "borderWidth", "weight",
         "height", "width", "url", "style", "action", "contents", "decoration"]
    )  # fmt: skip
    leaves = st.none() | st.booleans() | st.integers() | WORDS
    return st.recursive(
        st.dictionaries(keys, leaves, max_size=5),
        lambda inner: st.fixed_dictionaries(
            {"type": KINDS},
            optional={
                "layout": st.sampled_from(["vertical", "horizontal", "baseline", "x"]),
                "contents": st.lists(inner, max_size=4),
                "action": inner,
                "text": WORDS,
                "color": WORDS,
                "size": WORDS,
            },
        ),
        max_leaves=20,
    )


@given(body=components(), header=components(), styles=components())
def test_no_flex_breaks_a_page_or_brings_markup_or_style_of_its_own(
    body: Any, header: Any, styles: Any
) -> None:
    drawn = flex.container({"type": "bubble", "body": body, "header": header, "styles": styles}, {})

    assert "<script" not in drawn
    assert set(re.findall(r"<(\w+)", drawn)) <= {"div", "span", "mark"}
    for style in re.findall(r'style="([^"]*)"', drawn):
        assert re.fullmatch(r"([a-z-]+:[#\w.%, -]+;)*", style), style


def test_a_page_survives_boxes_deeper_than_line_draws() -> None:
    node: dict[str, Any] = {"type": "text", "text": "end"}
    for _ in range(300):
        node = {"type": "box", "layout": "vertical", "contents": [node]}

    assert "end" not in flex.container({"type": "bubble", "body": node}, {})


def test_placeholders_are_marked_until_a_value_fills_them() -> None:
    drawing = rendering.draw(factories.PARCEL, service="lon")

    bare = phone.screen(drawing)
    filled = phone.screen(drawing, values={"name": HOSTILE, "tracking_no": "TH1"})

    assert "<mark>name</mark>" in bare
    assert "<mark>name</mark>" not in filled
    assert "&lt;script&gt;" in filled
    assert "<mark>parcel_from</mark>" in filled
    assert "OFFICIAL NOTIFICATION" in bare


def test_every_text_of_the_drawing_is_on_the_phone() -> None:
    content = {**factories.PARCEL, "icon": "📦", "explanation": "มีปัญหาโทร 02", "alt_text": "พัสดุ"}
    drawing = rendering.fill(rendering.draw(content, service="lon"), factories.VALUES)

    shown = phone.screen(drawing)

    texts = re.findall(
        r'"(?:text|label|altText)": "([^"]*)"', json.dumps(drawing, ensure_ascii=False)
    )
    assert len(texts) > 8
    assert [text for text in texts if text not in shown] == []


def test_a_picture_is_named_and_never_fetched() -> None:
    image = {"type": "image", "url": "https://cdn.example.com/a.png"}
    shown = flex.container({"type": "bubble", "hero": image}, {})

    assert "image from cdn.example.com" in shown
    assert "src=" not in shown
    assert "url(" not in shown


def test_keys_of_lines_catalogue_are_shown_by_what_readers_see() -> None:
    content = {
        "template_key": "shipment_completed_ja",
        "emphasis": {"item_key": "date_002_ja", "value": "{{day}}"},
        "items": [{"item_key": "number_001_ja", "value": "{{no}}"}],
        "buttons": [{"button_key": "contact_ja", "url": "https://example.com/"}],
    }
    drawing = rendering.draw(content, service="lon")
    titles = {
        ("template", "shipment_completed_ja"): "発送完了",
        ("item", "date_002_ja"): "お届け日",
    }

    shown = phone.screen(drawing, values={"day": "8/10"}, titles=titles)

    assert all(
        word in shown for word in ("発送完了", "お届け日", "8/10", "number_001_ja", "contact_ja")
    )


@pytest.mark.parametrize("kind", ["text", "carousel"])
def test_two_way_messages_are_drawn_too(kind: str) -> None:
    bubble = {"type": "bubble", "body": {"type": "box", "layout": "vertical", "contents": [
        {"type": "text", "contents": [{"type": "span", "text": "{{name}}", "color": "#FF0000"}]},
        {"type": "text", "text": "Hello"}]}}  # fmt: skip
    content = {
        "text": {"text": "Hello {{name}}\nagain"},
        "carousel": {"flex": {"type": "carousel", "contents": [bubble, bubble]}, "alt_text": "two"},
    }[kind]

    shown = phone.screen(rendering.draw(content, service="oa"))

    assert "Hello" in shown
    assert "<mark>name</mark>" in shown
