"""What a template may hold: LINE's limits at their edges, and what is refused with which place."""

from __future__ import annotations

from typing import Any

import pytest

from templates_app import content as contents

EMOJI = "📦"  # outside the basic plane: two UTF-16 units
THAI = "ก"

EMPTY = {"type": "bubble", "body": {"type": "box", "layout": "vertical", "contents": []}}
BUBBLE: dict[str, Any] = {"title": "Your parcel", "items": [{"label": "From", "value": "A shop"}]}
CATALOGUE: dict[str, Any] = {
    "template_key": "shipment_completed_ja",
    "emphasis": {"item_key": "date_001_ja", "value": "{{day}}"},
    "items": [{"item_key": "number_001_ja", "value": "{{no}}"}],
    "buttons": [{"button_key": "check_ja", "url": "https://example.com/{{no}}"}],
}


def bubble(**parts: Any) -> dict[str, Any]:
    return {**BUBBLE, **parts}


def item(**parts: str) -> dict[str, Any]:
    return bubble(items=[{"label": "From", "value": "A shop", **parts}])


def emphasis(**parts: str) -> dict[str, Any]:
    return bubble(emphasis={"label": "No.", "value": "1", **parts})


def button(**parts: str) -> dict[str, Any]:
    return bubble(buttons=[{"label": "Track", "url": "https://example.com/", **parts}])


def problems(content: Any, service: str = "lon") -> dict[str, str]:
    """Return what `validate` objects to; nothing if the content is right."""
    try:
        contents.validate(content, service=service)
    except contents.InvalidContent as refusal:
        return refusal.problems
    return {}


LIMITS = {
    "title": (100, lambda text: bubble(title=text)),
    "company": (40, lambda text: bubble(company=text)),
    "icon": (40, lambda text: bubble(icon=text)),
    "greeting": (1000, lambda text: bubble(greeting=text)),
    "explanation": (1000, lambda text: bubble(explanation=text)),
    "alt_text": (400, lambda text: bubble(alt_text=text)),
    "emphasis.value": (15, lambda text: emphasis(value=text)),
    "emphasis.label": (40, lambda text: emphasis(label=text)),
    "items[0].value": (300, lambda text: item(value=text)),
    "items[0].label": (40, lambda text: item(label=text)),
    "buttons[0].label": (20, lambda text: button(label=text)),
}


def exactly(units: int, character: str) -> str:
    """Return a text of this many UTF-16 units, of this character as far as it goes."""
    width = 2 if character == EMOJI else 1
    return character * (units // width) + "x" * (units % width)


@pytest.mark.parametrize("place", LIMITS)
@pytest.mark.parametrize("character", ["x", THAI, EMOJI])
def test_a_text_may_fill_its_limit_and_not_pass_it(place: str, character: str) -> None:
    limit, content = LIMITS[place]
    text = exactly(limit, character)

    assert problems(content(text)) == {}
    assert list(problems(content(text + "x"))) == [place]


def test_an_address_may_fill_its_limit_and_not_pass_it() -> None:
    start = "https://example.com/"

    assert problems(button(url=start + "x" * (1000 - len(start)))) == {}
    assert list(problems(button(url=start + "x" * (1001 - len(start))))) == ["buttons[0].url"]


@pytest.mark.parametrize(
    ("place", "limit", "content"),
    [
        ("emphasis.value", 15, lambda text: {**CATALOGUE, "emphasis": {
            "item_key": "date_001_ja", "value": text}}),
        ("items[0].value", 300, lambda text: {**CATALOGUE, "items": [
            {"item_key": "number_001_ja", "value": text}]}),
    ],
)  # fmt: skip
@pytest.mark.parametrize("character", ["x", THAI, EMOJI])
def test_catalogue_values_have_the_same_limits(
    place: str, limit: int, content: Any, character: str
) -> None:
    text = exactly(limit, character)

    assert problems(content(text)) == {}
    assert list(problems(content(text + "x"))) == [place]


@pytest.mark.parametrize("character", ["x", THAI, EMOJI])
def test_a_two_way_text_may_have_5000_units(character: str) -> None:
    text = exactly(5000, character)

    assert problems({"text": text}, "oa") == {}
    assert list(problems({"text": text + "x"}, "oa")) == ["text"]


def test_a_placeholder_takes_no_room_of_its_own() -> None:
    long_name = "{{" + "n" * 60 + "}}"

    assert problems(emphasis(value="x" * 15 + long_name)) == {}
    assert list(problems(emphasis(value="x" * 16 + long_name))) == ["emphasis.value"]


def test_the_sentence_says_how_long_it_is_and_may_be() -> None:
    sentence = problems(emphasis(value=EMOJI * 8))["emphasis.value"]

    assert "16 characters" in sentence
    assert "15" in sentence


@pytest.mark.parametrize(
    ("place", "most", "content"),
    [
        ("items", 15, lambda n: bubble(items=[{"label": "a", "value": "b"}] * n)),
        ("buttons", 2, lambda n: bubble(
            buttons=[{"label": "a", "url": "https://example.com/"}] * n)),
        ("items", 15, lambda n: {"template_key": "k", "items": [
            {"item_key": f"i{i}", "value": "v"} for i in range(n)]}),
        ("buttons", 2, lambda n: {"template_key": "k", "buttons": [
            {"button_key": f"b{i}", "url": "https://example.com/"} for i in range(n)]}),
    ],
    ids=["items", "buttons", "catalogue items", "catalogue buttons"],
)  # fmt: skip
def test_items_and_buttons_have_a_most(place: str, most: int, content: Any) -> None:
    assert problems(content(0)) == {}
    assert problems(content(most)) == {}
    assert "take 1 out" in problems(content(most + 1))[place]


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com",
        "https://example.com/t/{{no}}",
        "https://example.com?no={{no}}&b={{b}}",
        "https://example.com#{{part}}",
        "https://example.com:8443/{{no}}",
        "HTTPS://example.com/",
    ],
)
def test_an_address_that_names_its_host_is_taken(url: str) -> None:
    assert problems(button(url=url)) == {}


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/",
        "example.com",
        "//example.com/",
        "https://",
        "https:///path",
        "javascript:alert(1)",
        "line://app",
        "tel:021234567",
        "{{link}}",
        "https://{{host}}/",
        "https://{{shop}}.example.com/",
        "https://example.com{{rest}}",
        "https://example.com:{{port}}/",
        "https://{{user}}@example.com/",
        "https://[not-an-address/",
        "https://example.com:port/",
        "https://example.com/a b",
        "https://example.com/\n",
    ],
)
def test_an_address_that_a_value_could_lead_astray_is_refused(url: str) -> None:
    assert list(problems(button(url=url))) == ["buttons[0].url"]


@pytest.mark.parametrize(
    ("content", "place"),
    [
        ([], "content"),
        ("text", "content"),
        (None, "content"),
        ({}, "title"),
        ({"title": ""}, "title"),
        ({"title": "  "}, "title"),
        ({"title": 5}, "title"),
        (bubble(subtitle="x"), "content"),
        (bubble(greeting=""), "greeting"),
        (bubble(greeting=None), "greeting"),
        (bubble(explanation=["x"]), "explanation"),
        (bubble(items=None), "items"),
        (bubble(items={"label": "a", "value": "b"}), "items"),
        (bubble(items=[{"label": "a"}]), "items"),
        (bubble(items=[{"label": "a", "value": ""}]), "items"),
        (bubble(items=[{"label": "a", "value": 5}]), "items"),
        (bubble(items=[{"label": "a", "value": "b", "more": "c"}]), "items"),
        (bubble(items=["a"]), "items"),
        (bubble(buttons=[{"label": "a"}]), "buttons"),
        (bubble(emphasis="a"), "emphasis"),
        (bubble(emphasis=None), "emphasis"),
        (bubble(emphasis={"label": "a"}), "emphasis"),
        ({"template_key": ""}, "template_key"),
        ({"template_key": "{{key}}"}, "template_key"),
        ({"template_key": "a b"}, "template_key"),
        ({"template_key": "k" * 101}, "template_key"),
        ({"template_key": "k", "items": [{"item_key": "{{k}}", "value": "v"}]}, "template_key"),
        ({"template_key": "k", "title": "t"}, "content"),
        ({"template_key": "k", "items": [{"label": "a", "value": "b"}]}, "items"),
        ({**CATALOGUE, "items": [{"item_key": "a", "value": "b"}] * 2}, "items"),
        ({**CATALOGUE, "items": [{"item_key": "date_001_ja", "value": "b"}]}, "items"),
        ({**CATALOGUE, "buttons": CATALOGUE["buttons"] * 2}, "buttons"),
    ],
)  # fmt: skip
def test_a_wrong_notification_is_refused_at_its_place(content: Any, place: str) -> None:
    assert list(problems(content)) == [place]


@pytest.mark.parametrize("wrong", ["\x00", chr(0xD83D), chr(0xDCE6)], ids=["NUL", "high", "low"])
@pytest.mark.parametrize("service", ["lon", "oa"])
def test_what_no_database_can_hold_is_refused(wrong: str, service: str) -> None:
    in_a_text = bubble(greeting=f"a{wrong}b") if service == "lon" else {"text": f"a{wrong}b"}
    in_a_name = {"alt_text": "x", "flex": {"type": "bubble", f"na{wrong}me": 1}}

    assert list(problems(in_a_text, service)) == ["content"]
    assert list(problems(in_a_name, "oa")) == ["content"]


def flex(**action: Any) -> dict[str, Any]:
    inner = {"type": "button", "action": {"type": "uri", "label": "Go", **action}}
    body = {"type": "box", "layout": "vertical", "contents": [inner]}
    return {"alt_text": "News", "flex": {"type": "bubble", "body": body}}


def picture(**parts: Any) -> dict[str, Any]:
    return {"image": {"url": "https://example.com/a.jpg"}, "alt_text": "News", **parts}


@pytest.mark.parametrize(
    ("content", "place"),
    [
        ({}, "text"),
        ({"text": " "}, "text"),
        ({"text": "a", "more": "b"}, "content"),
        ({"flex": EMPTY}, "alt_text"),
        ({"flex": {"type": "box"}, "alt_text": "a"}, "flex"),
        ({"flex": [], "alt_text": "a"}, "flex"),
        ({"flex": EMPTY, "alt_text": "a" * 401}, "alt_text"),
        ({"flex": EMPTY, "alt_text": "a", "text": "b"}, "content"),
        (picture(image="https://example.com/a.jpg"), "image"),
        (picture(image={"url": " "}), "image"),
        (picture(image={"url": "https://example.com/a.jpg", "size": "full"}), "image"),
        (picture(image={"url": "https://example.com/a.jpg", "shape": "round"}), "image.shape"),
        (picture(image={"url": "https://example.com/a.jpg", "shape": ""}), "image.shape"),
        (picture(image={"url": "https://example.com/a.jpg", "shape": ["tall"]}), "image.shape"),
        (picture(image={"url": "http://example.com/a.jpg"}), "image.url"),
        (picture(image={"url": "https://{{host}}/a.jpg"}), "image.url"),
        (picture(image={"url": "https://example.com/" + "a" * 981}), "image.url"),
        (picture(caption=" "), "caption"),
        (picture(caption="a" * 1001), "caption"),
        (picture(alt_text=""), "alt_text"),
        (picture(text="a"), "content"),
        (picture(items=[]), "content"),
        (picture(buttons=[{"label": "Go"}]), "buttons"),
        (picture(buttons=[{"label": "a" * 21, "url": "https://e.com/"}]), "buttons[0].label"),
        (picture(buttons=[{"label": "Go", "url": "javascript:a"}]), "buttons[0].url"),
        (flex(uri="https://{{host}}/"), "flex"),
        (flex(uri="{{link}}"), "flex"),
        (flex(uri="javascript:alert(1)"), "flex"),
        (flex(uri="https://example.com/", altUri={"desktop": "https://{{host}}/"}), "flex"),
    ],
)
def test_a_wrong_two_way_message_is_refused_at_its_place(content: Any, place: str) -> None:
    assert list(problems(content, "oa")) == [place]


@pytest.mark.parametrize(
    "uri", ["https://example.com/{{no}}", "tel:021234567", "line://app/123", "http://example.com/"]
)
def test_a_flex_button_may_open_what_line_can_open(uri: str) -> None:
    assert problems(flex(uri=uri), "oa") == {}


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("{{name}}", ["name"]),
        ("{{ name }}", ["name"]),
        ("{{b}} {{a}} {{b}}", ["b", "a"]),
        ("{{ชื่อ ลูกค้า}}", ["ชื่อ ลูกค้า"]),
        ("{{" + "n" * 60 + "}}", ["n" * 60]),
        ("{name}", []),
        ("no braces", []),
    ],
)
def test_placeholders_are_found_in_order_once_each(text: str, names: list[str]) -> None:
    assert contents.placeholders(bubble(greeting=text)) == names
    assert problems(bubble(greeting=text)) == {}


@pytest.mark.parametrize(
    "text",
    ["{{", "}}", "{{}}", "{{ }}", "{{name", "name}}", "{{na{me}}", "{{{{a}}}}",
     "{{" + "n" * 61 + "}}"],
)  # fmt: skip
def test_braces_that_are_no_placeholder_are_refused(text: str) -> None:
    assert list(problems(bubble(greeting=text))) == ["placeholders"]


@pytest.mark.parametrize(
    ("content", "service", "kind"),
    [
        (BUBBLE, "lon", "bubble"),
        (CATALOGUE, "lon", "catalogue"),
        ({"text": "a"}, "oa", "text"),
        (picture(), "oa", "picture"),
        (picture(image={"url": "https://e.com/{{n}}.png", "shape": "tall"}), "oa", "picture"),
        ({"flex": {"type": "carousel", "contents": [EMPTY]}, "alt_text": "a"}, "oa", "flex"),
        ({"flex": EMPTY, "alt_text": "a"}, "lon", "flex"),
    ],
)
def test_the_kind_follows_from_the_parts(content: Any, service: str, kind: str) -> None:
    assert contents.kind(content, service=service) == kind
    assert problems(content, service) == {}


def test_a_notification_is_one_bubble() -> None:
    carousel = {"type": "carousel", "contents": [EMPTY]}

    assert problems({"flex": EMPTY, "alt_text": "a"}) == {}
    assert list(problems({"flex": carousel, "alt_text": "a"})) == ["flex"]
