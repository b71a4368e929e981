"""How long and how many the parts of a message object may be: one step over each is refused."""

from __future__ import annotations

from typing import Any

import pytest

from tests.simulator.driving import FLEXIBLE, PHONE, Answer, Line, hashed, text


def validated(line: Line, message: Any) -> Answer:
    return line.call("POST", "/v2/bot/message/validate/push", {"messages": [message]})


def button(label: str = "OK", data: str = "a=1") -> dict[str, Any]:
    return {"type": "postback", "label": label, "data": data}


def template(kind: str, **parts: Any) -> dict[str, Any]:
    return {"type": "template", "altText": "x", "template": {"type": kind, **parts}}


def panel(text: str = "x", actions: int = 1, **parts: Any) -> dict[str, Any]:
    return {"text": text, "actions": [button()] * actions, **parts}


def quick(*labels: str) -> dict[str, Any]:
    items = [{"type": "action", "action": button(label)} for label in labels]
    return {**text(), "quickReply": {"items": items}}


def picture(url: str) -> dict[str, Any]:
    return {"type": "image", "originalContentUrl": url, "previewImageUrl": "https://e.com/b"}


def place(title: str, address: str) -> dict[str, Any]:
    return {"type": "location", "title": title, "address": address, "latitude": 1, "longitude": 2}


def bubble(length: int) -> dict[str, Any]:
    """A bubble that is `length` bytes of JSON and some."""
    inner = [{"type": "text", "text": "x" * 1_000}] * (length // 1_027)
    return {"type": "bubble", "body": {"type": "box", "layout": "vertical", "contents": inner}}


def flex(contents: Any) -> dict[str, Any]:
    return {"type": "flex", "altText": "x", "contents": contents}


def carousel(*bubbles: Any) -> dict[str, Any]:
    return flex({"type": "carousel", "contents": list(bubbles)})


@pytest.mark.parametrize(
    "message",
    [
        quick(*["x" * 20] * 13),
        quick("ก็" * 20),  # signs, not code points
        {**text(), "sender": {"name": "x" * 20}},
        picture("https://e.com/" + "x" * 1_986),
        place("x" * 100, "x" * 100),
        template("buttons", **panel("x" * 160, actions=4)),
        template("buttons", **panel("x" * 60, title="x" * 40)),
        template("confirm", **panel("x" * 240, actions=2)),
        template("carousel", columns=[panel("x" * 120, actions=3)] * 10),
        template("image_carousel", columns=[{"imageUrl": "https://e.com"}] * 10),
        flex(bubble(29_000)),
        carousel(bubble(24_000), bubble(24_000)),
    ],
)
def test_at_the_limit_it_is_taken(line: Line, message: Any) -> None:
    answer = validated(line, message)
    assert answer.status == 200, answer.body


@pytest.mark.parametrize(
    ("message", "where"),
    [
        (quick(*["x"] * 14), "quickReply.items"),
        (quick(), "quickReply.items"),
        (quick("x", "x" * 21), "quickReply.items[1].action.label"),
        ({**text(), "quickReply": []}, "quickReply"),
        ({**text(), "quickReply": {"items": [{}]}}, "quickReply.items[0].action"),
        ({**text(), "sender": {"name": "x" * 21}}, "sender.name"),
        (picture("http://e.com/a"), "originalContentUrl"),
        (picture("https://e.com/" + "x" * 1_987), "originalContentUrl"),
        (place("x" * 101, "x"), "title"),
        (place("x", "x" * 101), "address"),
        (template("buttons", **panel("x" * 161)), "template.text"),
        (template("buttons", **panel("x" * 61, title="x")), "template.text"),
        (template("buttons", **panel("x" * 61, thumbnailImageUrl="x")), "template.text"),
        (template("buttons", **panel(title="x" * 41)), "template.title"),
        (template("buttons", **panel(actions=5)), "template.actions"),
        (template("buttons", text="x", actions=[button("x" * 21)]), "template.actions[0].label"),
        (template("buttons", text="x", actions=[button(data="x" * 301)]),
         "template.actions[0].data"),
        (template("buttons", text="x", actions=["x"]), "template.actions[0]"),
        (template("confirm", **panel(actions=3)), "template.actions"),
        (template("carousel", columns=[panel()] * 11), "template.columns"),
        (template("carousel", columns=[panel("x" * 121)]), "template.columns[0].text"),
        (template("carousel", columns=["x"]), "template.columns[0]"),
        (template("image_carousel", columns=[]), "template.columns"),
        (template("poster"), "template.type"),
        ({"type": "template", "altText": "x", "template": "x"}, "template"),
        (flex(bubble(33_000)), "contents"),
        (carousel(bubble(29_000), bubble(29_000)), "contents"),
    ],
)  # fmt: skip
def test_over_the_limit_it_is_refused(line: Line, message: Any, where: str) -> None:
    answer = validated(line, message)
    assert answer.status == 400
    assert [detail["property"] for detail in answer.body["details"]] == [f"messages[0].{where}"]


def test_the_limits_hold_for_phone_numbers_too(line: Line) -> None:
    line.person(consent="agreed")
    sent = {"to": hashed(PHONE), "messages": [flex(bubble(33_000))]}
    assert line.call("POST", FLEXIBLE, sent).status == 400
