"""Message objects as HTML: everything of them is seen, and none of it does anything."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineportal.simulator import drawing
from lineportal.simulator.taps import Taps, link_to

HOSTILE = [
    "<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "'; background:url(//evil)",
    "javascript:alert(1)", " javascript:alert(1)", "java\nscript:alert(1)", "data:text/html,x",
    "https://evil.example/\"onmouseover=\"x", "//evil.example", "expression(alert(1))",
    "#fff;position:fixed", "10px;top:0", "#FF0000", "12px", "50%", "\ud800", "\x00\x1b", "‮gpj",
    "</div></body>", "&lt;b&gt;", "{a}", "16:9", "9999:1", "md", "center", "http://[", "https://x/y",
]  # fmt: skip
TAGS = {"div", "span", "bdi", "a", "button", "strong", "small", "mark"}
ATTRIBUTES = {
    "class", "style", "href", "target", "rel", "title", "form", "name", "value", "dir", "tabindex",
    "role", "aria-label",
}  # fmt: skip
STYLE = re.compile(r"[a-z-]+:[#0-9A-Za-z .,%/()+-]+")
LINK = re.compile(r"(https?|line|tel):", re.IGNORECASE)


class Reader(HTMLParser):
    """Reads a drawing, and fails on whatever could do something."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.words: list[str] = []
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given_ = dict(attrs)
        assert tag in TAGS
        assert set(given_) <= ATTRIBUTES
        if "href" in given_:
            assert LINK.match(given_["href"] or "")
            assert given_["rel"] == "noopener noreferrer"
        for declared in (given_.get("style") or "").split(";"):
            assert not declared or STYLE.fullmatch(declared), declared
            assert not re.search(r"url|expression|fixed|sticky", declared)
        self.open.append(tag)
        self.found.append((tag, given_))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def text(self) -> str:
        return "".join(self.words)

    def styles(self, of: str) -> str:
        return next(a["style"] or "" for _, a in self.found if of in (a.get("class") or "").split())


def drawn(*messages: Any, kind: str = "pnp", form: str | None = "press") -> Reader:
    pieces = drawing.body({"messages": list(messages)}, kind, Taps(form=form, entry="e1"))
    return Reader("".join(pieces))


def flex(*contents: Any, layout: str = "vertical", **bubble: Any) -> dict[str, Any]:
    body = {"type": "box", "layout": layout, "contents": list(contents)}
    contained = {"type": "bubble", "body": body, **bubble}
    return {"type": "flex", "altText": "alt", "contents": contained}


VALUES = st.one_of(
    st.sampled_from(HOSTILE), st.text(max_size=20), st.integers(-5, 2_000), st.booleans(), st.none()
)
TYPES = st.sampled_from(
    ["box", "text", "span", "button", "image", "icon", "separator", "filler", "video", "bubble",
     "carousel", "uri", "message", "postback", "flex", "template", "textV2", "<b>", None]
)  # fmt: skip
NAMES = st.sampled_from(
    ["text", "contents", "color", "size", "margin", "spacing", "action", "uri", "label", "url",
     "flex", "align", "gravity", "backgroundColor", "borderColor", "borderWidth", "cornerRadius",
     "width", "height", "aspectRatio", "offsetTop", "position", "layout", "maxLines", "wrap",
     "background", "angle", "startColor", "endColor", "style", "paddingAll", "lineSpacing", "body",
     "header", "footer", "hero", "styles", "substitution", "quickReply", "items", "template",
     "columns", "actions", "title", "address", "direction", "weight", "decoration", "data"]
)  # fmt: skip
NODES = st.recursive(
    VALUES,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.builds(
            lambda kind, rest: {**rest, "type": kind},
            TYPES,
            st.dictionaries(NAMES, inner, max_size=5),
        ),
    ),
    max_leaves=25,
)


@given(NODES, NODES, st.sampled_from(["pnp", "push", "templated"]))
def test_whatever_a_message_holds_its_drawing_does_nothing(one: Any, two: Any, kind: str) -> None:
    for content in (
        one,
        {"messages": [one, two]},
        {"messages": [flex(one, two, footer=two, styles=one)]},
        {"messages": [{"type": "template", "template": one, "quickReply": two}]},
        {"templateKey": one, "body": two},
        {"templateKey": "k", "body": {"emphasizedItem": one, "items": [two], "buttons": [one]}},
    ):
        pieces = drawing.body(content, kind, Taps(form="press", entry="e1"))
        Reader("".join(pieces).encode().decode())


@pytest.mark.parametrize("words", [w for w in HOSTILE if w.isprintable()])
def test_hostile_words_are_shown_as_words(words: str) -> None:
    assert words in drawn({"type": "text", "text": words}).text
    assert words in drawn(flex({"type": "text", "text": words})).text
    assert words in drawn(flex({"type": "button", "action": {"type": "x", "label": words}})).text


@pytest.mark.parametrize(
    ("address", "opens"),
    [
        ("https://example.com/a?b=1&c=2", True),
        ("http://example.com", True),
        ("line://app/1", True),
        ("tel:+6621234567", True),
        ("HTTPS://EXAMPLE.COM", True),
        ("javascript:alert(1)", False),
        ("JaVaScRiPt:alert(1)", False),
        ("java\tscript:alert(1)", False),
        ("\x01javascript:alert(1)", False),
        (" https://example.com", False),
        ("data:text/html,<script>", False),
        ("//example.com", False),
        ("example.com", False),
        ("http://[", False),
        ("file:///etc/passwd", False),
        (None, False),
        (7, False),
    ],
)
def test_only_what_line_lets_a_message_open_is_a_link(address: Any, opens: bool) -> None:
    assert link_to(address) == (address if opens else None)
    button = {"type": "button", "action": {"type": "uri", "label": "Go", "uri": address}}
    links = [a["href"] for tag, a in drawn(flex(button)).found if tag == "a"]
    assert links == ([address] if opens else [])


def test_a_text_shows_its_addresses_as_links() -> None:
    shown = drawn({"type": "text", "text": "ดูที่ https://example.com/a?b=1&c=2 <นะ>"})

    assert [a["href"] for tag, a in shown.found if tag == "a"] == ["https://example.com/a?b=1&c=2"]
    assert shown.text == "ดูที่ https://example.com/a?b=1&c=2 <นะ>"


def test_flex_looks_as_it_says() -> None:
    shown = drawn(
        flex(
            {"type": "text", "text": "Total", "size": "xl", "weight": "bold", "color": "#FF5551",
             "align": "center", "wrap": True, "margin": "md"},
            {"type": "box", "layout": "baseline", "spacing": "sm", "contents": [
                {"type": "text", "text": "Label", "flex": 4, "color": "#aaaaaa"},
                {"type": "text", "text": "包裹已送達", "flex": 5},
            ]},
            {"type": "separator", "color": "#123456"},
            {"type": "image", "url": "https://cdn.example.com/a.png", "size": "full",
             "aspectRatio": "20:13"},
            {"type": "text", "contents": [{"type": "span", "text": "แดง", "color": "#FF0000"}]},
            styles={"body": {"backgroundColor": "#EEEEEE"}},
        )
    )  # fmt: skip

    assert shown.text == "TotalLabel包裹已送達image · cdn.example.comแดง"
    total = "margin-top:8px;font-size:22px;color:#FF5551;font-weight:700;text-align:center"
    assert shown.styles("text").endswith(total)
    assert "flex:5 5 0;margin-inline-start:4px" in str(shown.found)
    assert shown.styles("rule").endswith("background-color:#123456")
    assert "width:100%;margin-inline:auto;aspect-ratio:20/13" in shown.styles("picture")
    assert shown.styles("block-body") == "background-color:#EEEEEE"
    # Nothing is fetched: a picture is a box with its name.
    assert not [tag for tag, _ in shown.found if tag == "img"]


def test_a_carousel_shows_every_bubble_and_what_is_not_known_is_named() -> None:
    body = {"type": "box", "layout": "vertical", "contents": [{"type": "hologram"}]}
    bubbles = [{"type": "bubble", "size": "kilo", "body": body}] * 3
    carousel = {"type": "carousel", "contents": bubbles}
    shown = drawn({"type": "flex", "altText": "alt", "contents": carousel}, {"type": "sticker"})

    assert str(shown.found).count("bubble bubble-kilo") == 3
    assert shown.text == "hologram" * 3 + "sticker"


def test_a_templated_message_is_shown_by_its_keys() -> None:
    content = {
        "templateKey": "shipment_completed_ja",
        "body": {
            "emphasizedItem": {"itemKey": "date_002_ja", "content": "8月10日"},
            "items": [{"itemKey": "number_001_ja", "content": "<1234567>"}],
            "buttons": [{"buttonKey": "contact_ja", "url": "https://example.com/contact"}],
        },
    }
    shown = Reader("".join(drawing.body(content, "templated", Taps())))

    for words in ("shipment_completed_ja", "date_002_ja", "8月10日", "<1234567>", "contact_ja"):
        assert words in shown.text
    assert [a["href"] for tag, a in shown.found if tag == "a"] == ["https://example.com/contact"]


def test_answering_buttons_are_numbered_in_the_order_they_are_drawn() -> None:
    taps = Taps(form="press", entry="7")
    yes = {"type": "postback", "label": "Yes", "data": "answer=yes"}
    ask = {"type": "message", "label": "Ask", "text": "May I ask?"}
    buttons = [{"type": "button", "action": action} for action in (yes, ask)]
    shown = Reader("".join(drawing.body({"messages": [flex(*buttons)]}, "push", taps)))

    pressed = [a["value"] for tag, a in shown.found if tag == "button"]
    assert pressed == ["7.0", "7.1"]
    assert "answer=yes" not in str(shown.found)
    assert (taps.action(0), taps.action(1), taps.action(2)) == (yes, ask, None)


def test_what_holds_a_button_is_not_itself_one() -> None:
    inner = {"type": "button", "action": {"type": "message", "label": "In", "text": "in"}}
    outer = {"type": "box", "layout": "vertical", "contents": [inner],
             "action": {"type": "message", "label": "Out", "text": "out"}}  # fmt: skip

    assert [a["value"] for tag, a in drawn(flex(outer)).found if tag == "button"] == ["e1.0"]


def test_a_message_of_very_many_parts_is_cut() -> None:
    many = [{"type": "text", "text": "x"}] * 5_000
    deep: dict[str, Any] = {"type": "text", "text": "bottom"}
    for _ in range(60):
        deep = {"type": "box", "layout": "vertical", "contents": [deep]}

    assert len(drawn(flex(*many)).found) < 11_000
    assert drawn(flex(*many)).text.count("x") < 1_000
    assert "bottom" not in drawn(flex(deep)).text


def test_a_huge_message_is_named_and_not_drawn() -> None:
    huge = [{"type": "text", "text": "x" * 4_000}] * 100

    assert drawn(flex(*huge)).text == drawing.HUGE


def test_a_message_that_is_no_longer_kept_says_so() -> None:
    [note] = drawing.body(None, "pnp", Taps())

    assert Reader(note).text == drawing.GONE


def test_a_body_of_another_shape_says_so() -> None:
    [note] = drawing.body({"text": "hello"}, "push", Taps())

    assert Reader(note).text == drawing.UNKNOWN
