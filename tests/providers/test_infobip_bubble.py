"""The bubble in Infobip's words: nothing but words changes, and the way back gives the original."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lineportal.providers.base import CannotWire
from lineportal.providers.infobip import InfobipProvider, bubble
from templates_app import rendering
from tests.factories import PARCEL, VALUES

# LINE's words that Infobip does not write just in upper case; `height` and sizes have others.
OTHER_WORDS = {
    "flex": {"LINE_NOTIFICATION", "FLEX"},
    "ltr": {"LEFT_TO_RIGHT"},
    "rtl": {"RIGHT_TO_LEFT"},
    "sm": {"SM", "SMALL"},
    "md": {"MD", "MEDIUM"},
    "line-through": {"LINE_THROUGH"},
    "semi-bold": {"SEMI_BOLD"},
    "3xl": {"XXXL"},
    "4xl": {"XXXXL"},
    "5xl": {"XXXXXL"},
}
FREE_NAMES = {"text", "altText", "label", "uri", "url", "data", "desktop", "aspectRatio", "color",
              "displayText", "initial", "max", "min"}  # fmt: skip


Make = Callable[[random.Random], Any]


def one_of(*words: Any) -> Make:
    return lambda dice: dice.choice(words)


def number(least: int, most: int) -> Make:
    return lambda dice: dice.randint(least, most)


def either(*makes: Make) -> Make:
    return lambda dice: dice.choice(makes)(dice)


def several(make: Make, least: int, most: int) -> Make:
    return lambda dice: [make(dice) for _ in range(dice.randint(least, most))]


def some(type_: str, required: dict[str, Make], **optional: Make) -> Make:
    """Make objects with all that is required and, each by chance, what is optional."""

    def make(dice: random.Random) -> dict[str, Any]:
        chosen = {name: each for name, each in optional.items() if dice.random() < 0.5}
        made = {name: each(dice) for name, each in (required | chosen).items()}
        return {"type": type_, **made} if type_ else made

    return make


FLAG = one_of(True, False)
TEXTS = one_of("ถึงแล้ว", "bold", "BOLD", "box", "md", "ltr", "{{name}}", 'a"b\\c', "📦", " ")
SIDES = ("Top", "Bottom", "Start", "End")
COLOURS = one_of("#06C755", "#fff")
SPACES = one_of("none", "xs", "sm", "md", "lg", "xl", "xxl")
LENGTHS = one_of("none", "xs", "sm", "md", "lg", "xl", "xxl", "4px", "10%", "0.3px", "-2px")
SIZES = one_of("xxs", "xs", "sm", "md", "lg", "xl", "xxl", "3xl", "4xl", "5xl")
POSITION, ALIGN = one_of("relative", "absolute"), one_of("start", "end", "center")
GRAVITY, WEIGHT = one_of("top", "bottom", "center"), one_of("bold", "regular")
LABEL, URI = one_of("md", "ดู", ""), one_of("https://example.com/URI?box=md", "tel:1")


def actions(service: str) -> Make:
    both = [
        some("uri", {"label": LABEL, "uri": URI}, altUri=some("", {}, desktop=URI)),
        some("postback", {"label": LABEL, "data": TEXTS}),
    ]
    if service == "lon":
        return either(*both)
    modes = one_of("date", "time", "datetime")
    return either(
        *both,
        some("message", {"label": LABEL, "text": TEXTS}),
        some("datetimepicker", {"label": LABEL, "data": TEXTS, "mode": modes}, initial=TEXTS),
        *(some(name, {"label": LABEL}) for name in ("camera", "cameraRoll", "location")),
    )


def messages(service: str) -> Make:
    """Make Flex messages of LINE's that Infobip can say, with every property that there is."""
    is_lon = service == "lon"
    action, flex = actions(service), number(0, 20 if is_lon else 10)
    placed = {"margin": SPACES, "position": POSITION} | {f"offset{each}": LENGTHS for each in SIDES}
    span = some("span", {"text": TEXTS}, color=COLOURS, size=SIZES, weight=WEIGHT,
                style=one_of("normal", "italic"),
                decoration=one_of("none", "underline", "line-through"))  # fmt: skip
    image_size = SIZES if is_lon else either(SIZES, one_of("full"))
    parts = [
        some("text", {"text": TEXTS}, contents=several(span, 0, 2), flex=flex, size=SIZES,
             align=ALIGN, gravity=GRAVITY, wrap=FLAG, maxLines=number(0, 9), color=COLOURS,
             weight=WEIGHT, action=action, **(placed if is_lon else {"margin": SPACES})),
        span,
        some("separator", {}, margin=SPACES, color=COLOURS),
        some("button", {"action": action}, flex=flex, height=one_of("sm", "md"),
             style=one_of("link", "primary", "secondary"), color=COLOURS, gravity=GRAVITY,
             **placed),
        some("icon", {"url": URI}, size=SIZES, aspectRatio=one_of("20:13"), **placed),
        some("image", {"url": URI}, flex=flex, align=ALIGN, gravity=GRAVITY, size=image_size,
             aspectRatio=one_of("20:13"), aspectMode=one_of("cover", "fit"),
             backgroundColor=COLOURS, action=action, **placed),
    ]  # fmt: skip
    if not is_lon:
        parts += [some("filler", {}), some("spacer", {}, size=SPACES)]
    box = either(*parts)
    for _depth in range(3):
        box = some(
            "box",
            {"layout": one_of("horizontal", "vertical", "baseline"),
             "contents": several(either(*parts, box), 1, 3)},
            flex=flex, action=action, spacing=SPACES, backgroundColor=COLOURS,
            borderColor=COLOURS, cornerRadius=SPACES, width=one_of("10px"), height=one_of("5%"),
            borderWidth=one_of("none", "light", "normal", "medium", "semi-bold", "bold"),
            **{f"padding{each}": LENGTHS for each in ("All", *SIDES)}, **placed,
        )  # fmt: skip
    blocks = ("header", "body", "footer") if is_lon else ("header", "hero", "body", "footer")
    style = some("", {}, backgroundColor=COLOURS, separator=FLAG, separatorColor=COLOURS)
    bubbles = some(
        "bubble",
        {"body": box},
        size=one_of("nano", "micro", "kilo", "mega", "giga"), direction=one_of("ltr", "rtl"),
        header=box, footer=box, action=action,
        styles=some("", {}, **dict.fromkeys(blocks, style)),
        **({} if is_lon else {"hero": either(*parts, box)}),
    )  # fmt: skip
    carousels = some("carousel", {"contents": several(bubbles, 1, 3)})
    containers = bubbles if is_lon else either(bubbles, carousels)
    return some("flex", {"altText": TEXTS, "contents": containers})


def leaves(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every value that holds no others, with the name it stands under, in order."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from leaves(inner, key)
    elif isinstance(value, list):
        for inner in value:
            yield from leaves(inner, name)
    else:
        yield name, value


def names(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield key
            yield from names(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from names(inner)


@pytest.mark.parametrize("service", ["lon", "oa"])
def test_nothing_but_words_changes_and_the_way_back_gives_the_original(service: str) -> None:
    make = messages(service)

    @settings(max_examples=200, deadline=None)
    @given(st.integers(0, 2**32))
    def hold(seed: int) -> None:
        message = make(random.Random(seed))
        before = json.dumps(message)

        content = bubble.recased(message, service=service)

        assert json.dumps(message) == before
        assert bubble.restored(content, service=service) == message
        for (name, here), (_name, there) in zip(leaves(message), leaves(content), strict=True):
            if here != there:
                assert name not in FREE_NAMES or name == "type"
                assert there in OTHER_WORDS.get(here, {here.upper()})
        pairs = zip(names(message), names(content), strict=True)
        assert {pair for pair in pairs if pair[0] != pair[1]} <= {("styles", "style")}
        assert bubble.problems(message, service=service) == []

    hold()


def test_what_the_editor_draws_can_be_said_and_has_only_infobips_words() -> None:
    drawing = rendering.draw({**PARCEL, "icon": "📦", "explanation": "x"}, service="lon")
    filled = rendering.fill(drawing, VALUES)

    content = bubble.recased(filled, service="lon")

    assert bubble.restored(content, service="lon") == filled
    words = {value for name, value in leaves(content) if name in {"type", "layout", "weight",
             "align", "gravity", "style"}}  # fmt: skip
    assert words == {
        "LINE_NOTIFICATION", "BUBBLE", "BOX", "TEXT", "SEPARATOR", "BUTTON", "URI", "HORIZONTAL",
        "VERTICAL", "BASELINE", "BOLD", "END", "CENTER", "PRIMARY",
    }  # fmt: skip
    assert {value for name, value in leaves(content) if name == "height"} == {"SMALL"}
    # Lengths and sizes stay as LINE writes them, as in Infobip's own sample.
    assert {value for name, value in leaves(content) if name == "size"} <= {
        "xxs",
        "sm",
        "xl",
        "xxl",
    }


def flex(part: Any = None, **bubble_more: Any) -> dict[str, Any]:
    body = {"type": "box", "layout": "vertical", "contents": [part] if part else []}
    if not part:
        body["contents"] = [{"type": "text", "text": "t"}]
    return {"type": "flex", "altText": "t",
            "contents": {"type": "bubble", "body": body, **bubble_more}}  # fmt: skip


HERE = "contents.body.contents[0]"
LONG = "https://e.com/" + "x" * 990
BUTTON = {"type": "button", "action": {"type": "uri", "label": "a", "uri": "https://e.com"}}


@pytest.mark.parametrize(
    ("service", "message", "problem"),
    [
        ("lon", flex(hero=BUTTON), "contents.hero is not known there."),
        ("lon", flex(size="deca"),
         "contents.size must be one of nano, micro, kilo, mega, giga."),
        ("lon", flex({"type": "video", "url": "u", "previewUrl": "p", "altContent": BUTTON}),
         f"{HERE} must be an object of type box or button or icon or image or separator or span or"
         " text."),
        ("lon", flex({"type": "text", "text": "t", "lineSpacing": "20px"}),
         f"{HERE}.lineSpacing is not known there."),
        ("lon", flex({"type": "text", "text": "t", "flex": 21}),
         f"{HERE}.flex must be a whole number from 0 to 20."),
        ("oa", flex({"type": "text", "text": "t", "flex": 11}),
         f"{HERE}.flex must be a whole number from 0 to 10."),
        ("lon", flex({"type": "text", "text": "t", "weight": "{{weight}}"}),
         f"{HERE}.weight must be one of bold, regular."),
        ("lon", flex({"type": "text", "text": "t", "wrap": "yes"}),
         f"{HERE}.wrap must be true or false."),
        ("lon", flex({**BUTTON, "action": {**BUTTON["action"], "label": "x" * 21}}),
         f"{HERE}.action.label has 21 characters; at most 20 are taken."),
        ("lon", flex({**BUTTON, "action": {"type": "uri", "uri": "https://e.com"}}),
         f"{HERE}.action needs label."),
        ("lon", flex({**BUTTON, "action": {"type": "message", "label": "a", "text": "b"}}),
         f"{HERE}.action must be an object of type postback or uri."),
        ("lon", flex({**BUTTON, "action": {**BUTTON["action"], "uri": LONG}}),
         f"{HERE}.action.uri has 1004 characters; at most 1000 are taken."),
        ("oa", flex({"type": "text", "text": "t", "size": "14px"}),
         f"{HERE}.size must be one of xxs, xs, sm, md, lg, xl, xxl, 3xl, 4xl, 5xl."),
        ("oa", flex({"type": "text", "text": "t", "color": "#06C755FF"}),
         f"{HERE}.color must be a colour such as #06C755."),
        ("oa", {"type": "text", "text": "x" * 5001},
         "text has 5001 characters; at most 5000 are taken."),
        ("oa", {"type": "sticker", "packageId": "1"},
         "message must be an object of type flex or text."),
        ("lon", {"templateKey": "a", "body": {}}, "message must be an object of type flex."),
        ("lon", {**flex(), "altText": "x" * 401 + "{{name}}"},
         "altText has 401 characters; at most 400 are taken."),
        ("lon", flex({"type": "box", "layout": "vertical", "contents": "x"}),
         f"{HERE}.contents must be a list."),
        ("oa", flex({"type": "box", "layout": "vertical", "contents": []}),
         f"{HERE}.contents must have 1 or more entries."),
        ("lon", flex(styles={"hero": {"separator": True}}),
         "contents.styles.hero is not known there."),
        ("lon", flex(style={"body": {}}), "contents.style is not known there."),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_what_infobip_cannot_say_is_said_at_the_template(
    service: str, message: dict[str, Any], problem: str
) -> None:
    assert bubble.problems(message, service=service) == [problem]
    unfit = InfobipProvider.unfit(service=service, kind="flex", content={}, drawing=message)
    assert unfit == f"Infobip cannot say this template: {problem}"


def test_values_count_for_nothing_before_they_are_there() -> None:
    drawing = {**flex(), "altText": "x" * 398 + "{{a_long_name_of_a_value}}"}

    assert bubble.problems(drawing, service="lon") == []
    with pytest.raises(CannotWire, match="altText has 401 characters"):
        bubble.recased({**drawing, "altText": "x" * 398 + "abc"}, service="lon")


def test_length_is_counted_as_line_counts_it() -> None:
    assert bubble.problems({**flex(), "altText": "📦" * 200}, service="lon") == []
    assert bubble.problems({**flex(), "altText": "📦" * 201}, service="lon") == [
        "altText has 402 characters; at most 400 are taken."
    ]


def test_several_problems_are_counted() -> None:
    drawing = flex({"type": "text", "text": "t", "flex": -1, "wrap": 1}, hero=BUTTON)

    unfit = InfobipProvider.unfit(service="lon", kind="flex", content={}, drawing=drawing)

    assert unfit.endswith("There are 2 more such places.")


def test_what_is_no_content_of_infobips_does_not_come_back() -> None:
    with pytest.raises(CannotWire, match="no message that LINE could show"):
        bubble.restored({"type": "flex", "altText": "t", "contents": {}}, service="lon")
