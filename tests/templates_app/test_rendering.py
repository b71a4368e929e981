"""Drawing a template and filling its gaps: approved and sent differ by the values only."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from templates_app import content as contents
from templates_app import rendering
from tests import factories

FULL: dict[str, Any] = {
    "title": "พัสดุมาถึงแล้ว",
    "company": "ไทยขนส่ง",
    "icon": "📦",
    "greeting": "เรียน {{name}}",
    "emphasis": {"label": "เลขพัสดุ", "value": "{{no}}"},
    "items": [{"label": "จาก", "value": "{{shop}}"}, {"label": "ถึง", "value": "บ้าน"}],
    "explanation": "โทร 02 123 4567",
    "buttons": [
        {"label": "ติดตาม", "url": "https://example.com/t/{{no}}?s={{shop}}"},
        {"label": "ช่วยเหลือ", "url": "https://example.com/help"},
    ],
    "alt_text": "พัสดุของคุณ",
}
CATALOGUE: dict[str, Any] = {
    "template_key": "shipment_completed_ja",
    "emphasis": {"item_key": "date_001_ja", "value": "{{no}}"},
    "items": [{"item_key": "number_001_ja", "value": "{{shop}}"}],
    "buttons": [{"button_key": "check_ja", "url": "https://example.com/{{no}}"}],
}
FLEX: dict[str, Any] = {
    "alt_text": "ข่าว {{name}}",
    "flex": {
        "type": "bubble",
        "body": {
            "type": "box",
            "layout": "vertical",
            "contents": [
                {"type": "text", "text": "{{shop}}", "flex": 3},
                {
                    "type": "button",
                    "action": {
                        "type": "uri",
                        "label": "{{name}}",
                        "uri": "https://example.com/{{no}}",
                        "altUri": {"desktop": "https://example.com/d/{{no}}"},
                    },
                },
            ],
        },
    },
}
PICTURE: dict[str, Any] = {
    "image": {"url": "https://example.com/{{no}}.jpg", "shape": "square"},
    "caption": "เรียน {{name}}",
    "buttons": [{"label": "ดู", "url": "https://example.com/{{shop}}"}],
    "alt_text": "ข่าว",
}
KINDS = [
    pytest.param(FULL, "lon", id="bubble"),
    pytest.param(CATALOGUE, "lon", id="catalogue"),
    pytest.param({"text": "{{name}} {{no}}"}, "oa", id="text"),
    pytest.param(FLEX, "oa", id="flex"),
    pytest.param(PICTURE, "oa", id="picture"),
]
NAMES = ("name", "no", "shop")


def texts(node: Any) -> list[str]:
    if isinstance(node, str):
        return [node]
    inner = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    return [text for each in inner for text in texts(each)]


def addresses(node: Any) -> list[str]:
    return [text for text in texts(node) if text.startswith("https://example.com")]


def test_a_picture_is_drawn_above_its_words_and_leads_where_its_button_leads() -> None:
    drawing = rendering.draw(PICTURE, service="oa")

    open_it = {"type": "uri", "label": "ดู", "uri": "https://example.com/{{shop}}"}
    container = drawing["contents"]
    assert (drawing["type"], drawing["altText"]) == ("flex", "ข่าว")
    assert container["hero"] == {
        "type": "image", "url": "https://example.com/{{no}}.jpg", "size": "full",
        "aspectRatio": "1:1", "aspectMode": "cover", "action": open_it,
    }  # fmt: skip
    assert [each["text"] for each in container["body"]["contents"]] == ["เรียน {{name}}"]
    assert [each["action"] for each in container["footer"]["contents"]] == [open_it]


def test_a_picture_alone_is_wide_and_opens_nothing() -> None:
    drawing = rendering.draw({"image": {"url": "https://example.com/a.png"}, "alt_text": "a"},
                             service="oa")  # fmt: skip

    assert drawing["contents"] == {
        "type": "bubble",
        "hero": {
            "type": "image", "url": "https://example.com/a.png", "size": "full",
            "aspectRatio": "20:13", "aspectMode": "cover",
        },
    }  # fmt: skip


def test_a_bubble_is_drawn_with_all_its_parts_in_order() -> None:
    drawing = rendering.draw(FULL, service="lon")

    assert (drawing["type"], drawing["altText"]) == ("flex", "พัสดุของคุณ")
    assert drawing["contents"]["type"] == "bubble"
    assert drawing["contents"]["header"]["backgroundColor"] == "#06C755"
    shown = [
        text for text in texts(drawing["contents"]["body"]) if text in texts(FULL)
    ]  # leaves out colours and sizes
    assert shown == [
        "ไทยขนส่ง", "📦", "พัสดุมาถึงแล้ว", "เรียน {{name}}", "เลขพัสดุ", "{{no}}",
        "จาก", "{{shop}}", "ถึง", "บ้าน", "โทร 02 123 4567",
        "ติดตาม", "https://example.com/t/{{no}}?s={{shop}}",
        "ช่วยเหลือ", "https://example.com/help",
    ]  # fmt: skip


@pytest.mark.parametrize("part", [part for part in FULL if part != "title"])
def test_a_part_left_out_is_not_drawn(part: str) -> None:
    content = {name: value for name, value in FULL.items() if name != part}

    drawing = rendering.draw(content, service="lon")

    left_out = set(texts(FULL[part])) - set(texts(content))
    assert left_out
    assert not left_out & set(texts(drawing))


def test_without_an_alternative_text_the_title_serves() -> None:
    drawing = rendering.draw({"title": "Arrived", "items": []}, service="lon")

    assert drawing["altText"] == "Arrived"


def test_catalogue_content_is_drawn_as_lines_template_api_takes_it() -> None:
    assert rendering.draw(CATALOGUE, service="lon") == {
        "templateKey": "shipment_completed_ja",
        "body": {
            "emphasizedItem": {"itemKey": "date_001_ja", "content": "{{no}}"},
            "items": [{"itemKey": "number_001_ja", "content": "{{shop}}"}],
            "buttons": [{"buttonKey": "check_ja", "url": "https://example.com/{{no}}"}],
        },
    }


def test_two_way_content_goes_out_as_it_is_written() -> None:
    assert rendering.draw({"text": "สวัสดี"}, service="oa") == {"type": "text", "text": "สวัสดี"}
    assert rendering.draw(FLEX, service="oa") == {
        "type": "flex",
        "altText": FLEX["alt_text"],
        "contents": FLEX["flex"],
    }


@pytest.mark.parametrize(("content", "service"), KINDS)
def test_a_drawing_holds_the_placeholders_of_its_content(
    content: dict[str, Any], service: str
) -> None:
    contents.validate(content, service=service)

    drawing = rendering.draw(content, service=service)

    assert set(contents.placeholders(drawing)) == set(contents.placeholders(content))


def test_a_drawing_is_never_changed_by_filling_it() -> None:
    drawing = rendering.draw(FULL, service="lon")
    before = rendering.canonical(drawing)

    rendering.fill(drawing, {"name": "a", "no": "b", "shop": "c"})

    assert rendering.canonical(drawing) == before


@pytest.mark.parametrize("empty", ["", "  ", None])
def test_missing_and_empty_values_are_named(empty: str | None) -> None:
    drawing = rendering.draw(FULL, service="lon")

    with pytest.raises(rendering.MissingValues, match="no, shop") as refusal:
        rendering.fill(drawing, {"name": "Somchai", "no": empty})

    assert refusal.value.names == ["no", "shop"]


def test_zero_is_a_value() -> None:
    assert rendering.fill({"text": "{{n}}"}, {"n": 0}) == {"text": "0"}


def test_a_value_that_looks_like_a_placeholder_stays_text() -> None:
    filled = rendering.fill(
        {"type": "text", "text": "{{name}} {{no}}"}, {"name": "{{no}}", "no": "{{name}}"}
    )

    assert filled["text"] == "{{no}} {{name}}"


@pytest.mark.parametrize(
    ("value", "wire"),
    [
        ("TH 1", "TH%201"),
        ("a/b", "a%2Fb"),
        ("../x", "..%2Fx"),
        ("?a=b&c#d", "%3Fa%3Db%26c%23d"),
        ("ก", "%E0%B8%81"),
        ("📦", "%F0%9F%93%A6"),
        ("100%", "100%25"),
        ("A-z_0.9~", "A-z_0.9~"),
    ],
)
def test_in_an_address_a_value_is_percent_encoded(value: str, wire: str) -> None:
    filled = rendering.fill(
        rendering.draw(FLEX, service="oa"), {"name": value, "no": value, "shop": value}
    )

    assert addresses(filled) == [f"https://example.com/{wire}", f"https://example.com/d/{wire}"]
    button = filled["contents"]["body"]["contents"][1]["action"]
    assert button["label"] == value  # as it is, everywhere else


ANY_TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40)
NASTY = st.sampled_from(
    ['"', "\\", '"}]}', "{{name}}", "{{ no }}", "}}", "{{", "'", "<b>", "\n", "https://evil.test/"]
)
VALUES = st.fixed_dictionaries(
    {name: (ANY_TEXT | NASTY).filter(lambda text: text.strip() != "") for name in NAMES}
)


@pytest.mark.parametrize(("content", "service"), KINDS)
@given(values=VALUES)
def test_whatever_the_values_only_the_gaps_change(
    content: dict[str, Any], service: str, values: dict[str, str]
) -> None:
    drawing = rendering.draw(content, service=service)

    filled = rendering.fill(drawing, values)

    marked = {name: f"<{name}>" for name in NAMES}
    pattern = rendering.fill(drawing, marked)
    # The same shape, whatever quotes and braces the values hold ...
    assert shape(filled) == shape(pattern)
    # ... and every text is the approved one with the values put in, all of them, once.
    for approved, sent in zip(texts(drawing), texts(filled), strict=True):
        parts = contents.PLACEHOLDER.split(approved)
        names, fixed = parts[1::2], parts[::2]
        is_url = approved.startswith("https://")
        expected = fixed[0]
        for name, rest in zip(names, fixed[1:], strict=True):
            expected += (quoted(values[name]) if is_url else values[name]) + rest
        assert sent == expected
    assert json.loads(json.dumps(filled)) == filled


@given(values=VALUES)
def test_no_value_leads_a_button_elsewhere(values: dict[str, str]) -> None:
    filled = rendering.fill(rendering.draw(FULL, service="lon"), values)

    first, second = (urlsplit(url) for url in addresses(filled))
    assert (first.scheme, first.netloc, first.fragment) == ("https", "example.com", "")
    assert unquote(first.path) == f"/t/{values['no']}"
    assert unquote(first.query) == f"s={values['shop']}"
    assert second.geturl() == "https://example.com/help"


@given(values=st.fixed_dictionaries({name: st.text("abc0กข漢字", min_size=1) for name in NAMES}))
def test_filling_never_leaves_a_placeholder(values: dict[str, str]) -> None:
    for content, service in ((FULL, "lon"), (CATALOGUE, "lon"), (FLEX, "oa")):
        filled = rendering.fill(rendering.draw(content, service=service), values)

        assert contents.placeholders(filled) == []
        assert not any("{{" in text or "}}" in text for text in texts(filled))


def quoted(value: str) -> str:
    """Return the value percent-encoded by RFC 3986, written anew here."""
    safe = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"
    return "".join(chr(byte) if byte in safe else f"%{byte:02X}" for byte in value.encode())


def shape(node: Any) -> Any:
    if isinstance(node, dict):
        return {name: shape(inner) for name, inner in node.items()}
    if isinstance(node, list):
        return [shape(inner) for inner in node]
    return type(node)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | ANY_TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(ANY_TEXT, inner, max_size=4),
    max_leaves=12,
)


def reordered(node: Any) -> Any:
    if isinstance(node, dict):
        return {name: reordered(node[name]) for name in reversed(list(node))}
    if isinstance(node, list):
        return [reordered(inner) for inner in node]
    return node


@given(content=JSON, bubble=JSON)
def test_the_hash_does_not_depend_on_the_order_of_names(content: Any, bubble: Any) -> None:
    details = {"service": "lon", "purpose": "p", "category": "transactional", "language": "th"}

    one = rendering.content_hash(content=content, bubble=bubble, **details)
    other = rendering.content_hash(content=reordered(content), bubble=reordered(bubble), **details)

    assert one == other


@pytest.mark.parametrize(
    "changed",
    [
        {"content": {**factories.PARCEL, "title": "x"}},
        {"bubble": {"type": "text"}},
        {"service": "oa"},
        {"purpose": "x"},
        {"category": "marketing"},
        {"language": "ja"},
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_the_hash_covers_everything_that_is_decided_on(changed: dict[str, Any]) -> None:
    decided = {
        "content": factories.PARCEL,
        "bubble": rendering.draw(factories.PARCEL, service="lon"),
        "service": "lon",
        "purpose": "p",
        "category": "transactional",
        "language": "th",
    }

    assert rendering.content_hash(**decided) != rendering.content_hash(**{**decided, **changed})


def test_the_order_of_a_list_is_part_of_the_hash() -> None:
    assert rendering.canonical([1, 2]) != rendering.canonical([2, 1])
    assert rendering.canonical({"ข": 1, "a": "ก"}) == '{"a":"ก","ข":1}'.encode()
