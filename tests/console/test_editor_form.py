"""The editor's fields and the content they stand for: nothing lost, each fault at its field."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import QueryDict
from hypothesis import example, given, settings
from hypothesis import strategies as st

from lineportal.console import editor_controls, editor_faults, editor_form, phone
from templates_app import content as contents
from templates_app import findings, rendering
from tests.templates_app.test_rendering import CATALOGUE, FLEX, FULL

EMOJI = "📦"  # two UTF-16 units
# What PostgreSQL can hold; a browser makes one line feed of every kind of line break.
LETTERS = st.characters(exclude_categories=["Cs"], exclude_characters="\0\r{}")


def text(most: int) -> st.SearchStrategy[str]:
    """Texts that content may hold: not blank, within a limit, a placeholder now and then."""
    words = st.text(LETTERS, min_size=1, max_size=most // 2).filter(str.strip)
    return words | words.map(lambda each: each + "{{name}}") | st.just("{{ชื่อ ลูกค้า}}")


def rows(*names: str, most: int, limits: tuple[int, int]) -> st.SearchStrategy[list[Any]]:
    first, second = names
    return st.lists(
        st.fixed_dictionaries(
            {first: text(limits[0]), second: URLS if second == "url" else text(limits[1])}
        ),
        min_size=1,
        max_size=most,
    )


URLS = st.text("abc/?=&", max_size=20).map("https://example.com/{{no}}".__add__)
KEYS = st.lists(
    st.text("abcXYZ_019.-", min_size=1, max_size=20), min_size=1, max_size=8, unique=True
)
BUBBLES = st.fixed_dictionaries(
    {"title": text(100)},
    optional={
        "company": text(40),
        "icon": text(40),
        "greeting": text(1000),
        "emphasis": st.fixed_dictionaries({"label": text(40), "value": text(15)}),
        "items": rows("label", "value", most=15, limits=(40, 300)),
        "explanation": text(1000),
        "buttons": rows("label", "url", most=2, limits=(20, 0)),
        "alt_text": text(400),
    },
)
VALUE = text(200)
CATALOGUES = KEYS.flatmap(
    lambda keys: st.fixed_dictionaries(
        {"template_key": st.just(keys[0])},
        optional={
            "emphasis": st.fixed_dictionaries({"item_key": st.just(keys[-1]), "value": text(15)}),
            "items": st.just([{"item_key": key, "value": "{{v}}\nx"} for key in keys[:-1]] or None),
            "buttons": st.just([{"button_key": keys[0], "url": "https://example.com/"}]),
        },
    )
).filter(lambda content: content.get("items", True) is not None)
FLEXES = text(300).map(
    lambda words: {
        "alt_text": words,
        "flex": {**FLEX["flex"], "n": [1, 2.5, None, True, {"{{x}}": words}]},
    }
)
PICTURES = st.fixed_dictionaries(
    {
        "image": st.fixed_dictionaries(
            {"url": URLS}, optional={"shape": st.sampled_from(["square", "tall"])}
        ),
        "alt_text": text(400),
    },
    optional={
        "caption": text(1000),
        "buttons": rows("label", "url", most=2, limits=(20, 0)),
    },
)
VALID = st.one_of(
    st.tuples(st.just("lon"), BUBBLES),
    st.tuples(st.just("lon"), CATALOGUES),
    st.tuples(st.sampled_from(["lon", "oa"]), FLEXES),
    st.tuples(st.just("oa"), st.fixed_dictionaries({"text": text(4000)})),
    st.tuples(st.just("oa"), PICTURES),
)
SAMPLES = [{"name": "สมชาย", "no": "TH1"}, {"no": "a\nb"}]


def sent(written: editor_form.Written, names: list[str]) -> QueryDict:
    """Return what a browser sends of these fields: CRLF for every line break."""
    data = QueryDict(mutable=True)
    data["kind"] = written.kind.code
    for name, value in written.texts.items():
        data[name] = value
    for thing, lines in (("item", written.items), ("button", written.buttons)):
        data.setlist(f"{thing}_label", [line.label for line in lines])
        data.setlist(f"{thing}_key", [line.key for line in lines])
        data.setlist("item_value" if thing == "item" else "button_url", [x.value for x in lines])
    data.setlist("sample_name", names)
    values = [sample.get(name, "") for sample in written.samples for name in names]
    data.setlist("sample_value", values)
    for name in list(data):
        data.setlist(name, [value.replace("\n", "\r\n") for value in data.getlist(name)])
    return data


@given(VALID)
@settings(max_examples=300)
@example(("lon", FULL))
@example(("lon", CATALOGUE))
@example(("oa", FLEX))
def test_any_content_comes_back_from_its_fields_as_it_was(given: tuple[str, Any]) -> None:
    service, content = given
    contents.validate(content, service=service)

    shown = editor_form.of_content(content, service=service, samples=SAMPLES)
    read = editor_form.of_form(sent(shown, ["name", "no"]))

    assert read.kind.service == service
    assert editor_form.to_content(read) == content
    assert editor_form.kept_samples(read, ["name", "no"]) == SAMPLES
    assert editor_faults.find(read) == {}


WORDS = st.sampled_from(["", " ", "x", "{{name}}", "{{", "a" * 41, EMOJI * 200, "\0", "<b>", "0"])
HALF_WRITTEN = st.builds(
    editor_form.Written,
    kind=st.sampled_from(editor_form.KINDS),
    texts=st.fixed_dictionaries(dict.fromkeys(editor_form.SINGLES, WORDS)),
    items=st.lists(st.builds(editor_form.Row, WORDS, WORDS, WORDS), max_size=17),
    buttons=st.lists(st.builds(editor_form.Row, WORDS, WORDS, WORDS), max_size=3),
)
ODD_JSON = st.sampled_from(
    [
        "", "{", "[]", "1", '"x"', "null", "{}", '{"type": "bubble"}', '{"type": "carousel"}',
        '{"type": "flex", "contents": 3}', '{"type": "bubble", "body": [], "styles": 1}',
        '{"type": "carousel", "contents": [1, {"type": "bubble", "body": {"type": "box"}}]}',
        '{"type": "bubble", "body": {"type": "box", "layout": {}, "contents": [{"type": []}]}}',
    ]
)  # fmt: skip


@given(HALF_WRITTEN, ODD_JSON)
@settings(max_examples=300)
def test_half_written_content_is_drawn_and_judged_as_far_as_it_goes(
    written: editor_form.Written, flex: str
) -> None:
    written.texts["flex"] = flex
    written.read_flex()
    content = editor_form.drawable(written)
    faults = editor_faults.find(written)
    service = written.kind.service

    if content is not None and isinstance(content.get("flex", {}), dict):
        assert phone.screen(rendering.draw(content, service=service), values={"name": "y"})
    if content is not None and written.kind.structure != "flex":
        findings.find(content, service=service)
    try:
        contents.validate(editor_form.to_content(written), service=service)
    except contents.InvalidContent:
        assert faults
    else:
        assert set(faults) <= {"flex"}
    shown = editor_controls.context(written, faults)
    assert all(editor_controls.said(faults)) or not faults
    placed = {
        *(name for name, control in shown["c"].items() if control.faults),
        *(
            control.id
            for line in [*shown["lines"], *shown["button_lines"]]
            for control in (line.label, line.key, line.value)
            if control.faults
        ),
    }
    lists = {"flex", "items", "buttons", ""}
    assert placed == set(faults) - lists, "every sentence stands at a control of the page"


BUBBLE: dict[str, Any] = {"title": "t", "items": [{"label": "From", "value": "shop"}]}


def faults(content: dict[str, Any], service: str = "lon") -> dict[str, list[str]]:
    """Return the faults of the fields that show a content, valid or not."""
    return editor_faults.find(editor_form.of_content(content, service=service))


@pytest.mark.parametrize(
    ("control", "limit", "make"),
    [
        ("title", 100, lambda x: {"title": x}),
        ("company", 40, lambda x: {**BUBBLE, "company": x}),
        ("icon", 40, lambda x: {**BUBBLE, "icon": x}),
        ("greeting", 1000, lambda x: {**BUBBLE, "greeting": x}),
        ("explanation", 1000, lambda x: {**BUBBLE, "explanation": x}),
        ("alt_text", 400, lambda x: {**BUBBLE, "alt_text": x}),
        ("emphasis_label", 40, lambda x: {**BUBBLE, "emphasis": {"label": x, "value": "v"}}),
        ("emphasis_value", 15, lambda x: {**BUBBLE, "emphasis": {"label": "l", "value": x}}),
        ("item_label-0", 40, lambda x: {**BUBBLE, "items": [{"label": x, "value": "v"}]}),
        ("item_value-0", 300, lambda x: {**BUBBLE, "items": [{"label": "l", "value": x}]}),
        (
            "button_label-0",
            20,
            lambda x: {**BUBBLE, "buttons": [{"label": x, "url": "https://example.com/"}]},
        ),
        (
            "button_url-0",
            1000,
            lambda x: {
                **BUBBLE,
                "buttons": [{"label": "l", "url": "https://example.com/"[: len(x)] + x[20:]}],
            },
        ),
    ],
)
def test_the_limit_of_each_field_is_said_at_that_field(control: str, limit: int, make: Any) -> None:
    fits, over = "x" * limit, "x" * (limit + 1)

    assert faults(make(fits)) == {}
    assert faults(make(fits + "{{name}}")) == {}  # placeholders aside
    [(at, [sentence])] = faults(make(over)).items()
    assert at == control
    assert f"{limit + 1} characters; LINE allows {limit}" in sentence
    shown = editor_controls.context(editor_form.of_content(make(over), service="lon"), {})
    controls = [*shown["c"].values(), *(each for line in [*shown["lines"], *shown["button_lines"]]
                                        for each in (line.label, line.value))]  # fmt: skip
    assert [each.id for each in controls if each.is_over] == [control]


def test_units_are_counted_as_line_counts_them() -> None:
    written = editor_form.of_content({"title": EMOJI * 3 + "ก{{name}}"}, service="lon")

    assert editor_controls.context(written, {})["c"]["title"].used == 7


def test_one_missing_part_does_not_hide_what_is_too_long_elsewhere() -> None:
    written = editor_form.of_content({**FULL, "greeting": "x" * 1001}, service="lon")
    written.texts["title"] = " "
    written.texts["emphasis_label"] = ""
    written.items[1].value = ""
    written.items.insert(0, editor_form.Row())
    written.buttons[0].value = "http://example.com/"
    written.buttons[1].label = ""

    found = editor_faults.find(written)

    assert set(found) == {
        "title", "greeting", "emphasis_label", "item_value-2", "button_url-0", "button_label-1",
    }  # fmt: skip
    assert found["title"] == ["A notification needs a title: LINE shows it first. Write one."]


def test_broken_placeholders_and_characters_are_found_where_they_stand() -> None:
    written = editor_form.of_content(FULL, service="lon")
    written.texts["greeting"] = "{{name"
    written.items[0].value = "{{" + "n" * 61 + "}}"
    written.texts["company"] = "a\0b"

    found = editor_faults.find(written)

    assert set(found) == {"greeting", "item_value-0", "company"}
    assert found["greeting"] == [
        "Write placeholders as {{name}}, with a name of at most 60 characters."
    ]


def test_a_wrong_key_of_the_catalogue_is_found_in_its_row() -> None:
    written = editor_form.of_content(CATALOGUE, service="lon")
    written.items.append(editor_form.Row(key="no spaces", value="x"))
    written.items.append(editor_form.Row(key="", value="x"))

    found = editor_faults.find(written)

    assert set(found) == {"item_key-1", "item_key-2"}
    assert "letters, digits and underscores only" in found["item_key-1"][0]
    written.items[1:] = [editor_form.Row(key=written.items[0].key, value="again")]
    assert editor_faults.find(written) == {
        "items": ["LINE allows each item key once, the emphasised one included."]
    }


def test_too_many_items_are_said_once_for_all_of_them() -> None:
    many = [{"label": "l", "value": "v"}] * 17

    assert faults({**BUBBLE, "items": many}) == {"items": ["LINE allows 15 here; take 2 out."]}


def test_what_8x8_takes_in_all_is_counted_without_addresses_and_alternative_text() -> None:
    total = editor_controls.totals(editor_form.of_content(FULL, service="lon"))
    long = {**BUBBLE, "greeting": "x" * 500}

    shown = [FULL["title"], FULL["company"], FULL["icon"], "เรียน ", "เลขพัสดุ", "จาก", "ถึง", "บ้าน",
             FULL["explanation"], "ติดตาม", "ช่วยเหลือ"]  # fmt: skip
    assert total["in_all"] == sum(map(contents.utf16_units, shown))
    assert not total["is_over_in_all"]
    assert editor_controls.totals(editor_form.of_content(long, service="lon"))["is_over_in_all"]
    assert faults(long) == {}  # a warning, since LINE and Infobip take it


@pytest.mark.parametrize(
    ("pressed", "labels"),
    [
        ("add_item", "abc."),
        ("item-remove-1", "ac"),
        ("item-up-1", "bac"),
        ("item-down-1", "acb"),
        ("item-up-0", "abc"),
        ("item-down-2", "abc"),
        ("item-remove-99", "abc"),
        ("item-up-99", "abc"),
        ("item-remove--1", "abc"),
        ("item-remove-x", "abc"),
        ("save", "abc"),
        ("", "abc"),
    ],
)
def test_rows_are_added_removed_and_moved(pressed: str, labels: str) -> None:
    written = editor_form.Written(editor_form.KINDS[0])
    written.items = [editor_form.Row(label=letter) for letter in "abc"]

    written.apply(pressed)

    assert "".join(row.label or "." for row in written.items) == labels


def test_samples_are_added_up_to_ten_and_those_of_gone_placeholders_are_dropped() -> None:
    written = editor_form.of_content(FULL, service="lon", samples=[{"name": "a", "gone": "x"}])
    for _n in range(12):
        written.apply("add_sample")
    assert len(written.samples) == 10
    written.samples[3]["no"] = "TH"

    assert editor_form.kept_samples(written, ["name", "no"]) == [{"name": "a"}, {"no": "TH"}]
    offered = editor_controls.samples(written, ["name", "no"])
    assert offered["sample_names"] == ["name", "no", "gone"]  # carried while one types
    assert not offered["may_add_sample"]


def test_more_placeholders_than_a_form_can_send_leave_the_samples_to_the_api() -> None:
    written = editor_form.Written(editor_form.KINDS[0])

    offered = editor_controls.samples(written, [f"p{n}" for n in range(61)])

    assert (offered["too_many_names"], offered["sample_sets"]) == (61, [])


def flex_form(*, pasted: str = "", kind: str = "lon_flex", **texts: str) -> QueryDict:
    data = QueryDict(mutable=True)
    data.update({"kind": kind, "flex": pasted, "alt_text": "news", **texts})
    return data


def upload(body: bytes) -> SimpleUploadedFile:
    return SimpleUploadedFile("bubble.json", body, "application/json")


def test_an_uploaded_bubble_takes_the_place_of_what_is_pasted() -> None:
    body = json.dumps(FLEX["flex"], ensure_ascii=False).encode()

    written = editor_form.of_form(flex_form(pasted="{old"), file=upload(body))

    assert editor_faults.find(written) == {}
    assert editor_form.to_content(written) == {"flex": FLEX["flex"], "alt_text": "news"}


def test_a_whole_message_is_taken_apart() -> None:
    message = {"type": "flex", "altText": "hello", "contents": FLEX["flex"]}

    written = editor_form.of_form(flex_form(pasted=json.dumps(message), alt_text=""))

    assert editor_form.to_content(written) == {"flex": FLEX["flex"], "alt_text": "hello"}
    assert json.loads(written.texts["flex"]) == FLEX["flex"]


DEEP = '{"type":"bubble","body":' * 5000


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (b" " * 10_000_000, "This is larger than 200 KB"),
        (DEEP.encode(), "more than 64 deep"),
        (b'{"type": "bubble", "x": NaN}', "Line 1, column 25: NaN"),
        (b'{"type": "bubble",', "Line 1, column 19: this is not JSON"),
        (
            b'{"type": "bubble",\n"type": "bubble"}',
            "Line 2, column 1: the name “type”",
        ),
        (b"\x89PNG\r\n", "Byte 1 is not UTF-8"),
        (b"", "There is nothing here"),
        (b"[]", "Give a Flex container"),
        (b'"bubble"', "Give a Flex container"),
        (b'{"type": "bubble"}', "A bubble needs a header, hero, body or footer."),
        (
            json.dumps({"type": "carousel", "contents": [FLEX["flex"]]}).encode(),
            "A notification is one Flex bubble",
        ),
        (
            b'{"type":"bubble","body":{"type":"box","layout":"vertical",'
            b'"contents":[{"type":"text"}]}}',
            "body.contents[0]: A text needs words",
        ),
        (
            b'{"type":"bubble","body":{"type":"box","layout":"vertical","contents":'
            b'[{"type":"text","text":"{{name"}]}}',
            "Write placeholders as {{name}}",
        ),
    ],
)
def test_a_hostile_or_wrong_file_is_refused_in_a_sentence_at_its_field(
    body: bytes, sentence: str
) -> None:
    written = editor_form.of_form(flex_form(pasted=json.dumps(FLEX["flex"])), file=upload(body))

    found = editor_faults.find(written)

    assert set(found) == {"flex"}
    assert any(sentence in each for each in found["flex"]), found
    assert all(len(each) < 250 for each in found["flex"])


def test_a_carousel_is_for_friends() -> None:
    carousel = json.dumps({"type": "carousel", "contents": [FLEX["flex"]] * 2})

    assert editor_faults.find(editor_form.of_form(flex_form(pasted=carousel, kind="oa_flex"))) == {}
