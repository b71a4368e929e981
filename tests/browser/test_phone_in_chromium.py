"""The simulator's phone in a real browser, on the simulator alone: no portal, no database."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect

from lineportal.simulator import server
from tests.simulator.driving import (
    CHANNEL,
    FLEXIBLE,
    PHONE,
    TAG,
    Line,
    eventually,
    hashed,
    receiving,
)

pytestmark = pytest.mark.browser

TITLE = "พัสดุของคุณมาถึงจุดรับแล้ว"
BUBBLE: dict[str, Any] = {
    "type": "bubble",
    "body": {
        "type": "box",
        "layout": "vertical",
        "contents": [
            {"type": "text", "text": TITLE, "weight": "bold", "size": "xl", "wrap": True},
            {"type": "box", "layout": "baseline", "contents": [
                {"type": "text", "text": "包裹號碼", "flex": 4, "color": "#aaaaaa"},
                {"type": "text", "text": "荷物-1234567890", "flex": 5, "wrap": True},
            ]},
            {"type": "image", "url": "https://cdn.example.com/a.png", "size": "full"},
            {"type": "button", "style": "primary", "action": {
                "type": "uri", "label": "ติดตาม", "uri": "https://example.com/track"}},
        ],
    },
}  # fmt: skip


@pytest.fixture
def line() -> Iterator[Line]:
    """A simulator of one account and one person, who was never asked anything."""
    with server.running() as running:
        line = Line(running.url)
        line.channel(display_name="ขนส่งสยาม")
        line.person(consent="not_set", sms_verified_at=None)
        yield line


@pytest.fixture(params=[(1280, True), (375, True), (375, False)], ids=["wide", "phone", "plain"])
def window(
    request: pytest.FixtureRequest, chromium: Browser, line: Line, outside: list[str]
) -> Iterator[BrowserContext]:
    """A browser of this width, with or without script; it fails when it asks another host."""
    width, has_script = request.param
    context = chromium.new_context(
        viewport={"width": width, "height": 800},
        base_url=line.url,
        java_script_enabled=has_script,
    )
    context.set_default_timeout(10_000)
    context.on(
        "request",
        lambda sent: None if sent.url.startswith((line.url, "data:")) else outside.append(sent.url),
    )
    yield context
    context.close()
    assert outside == []


def notify(line: Line) -> None:
    body = {
        "to": hashed(PHONE),
        "messages": [{"type": "flex", "altText": TITLE, "contents": BUBBLE}],
    }
    answer = line.call("POST", FLEXIBLE, body, headers={"X-Line-Delivery-Tag": TAG})
    assert answer.status == 200


def delivered(line: Line) -> list[str]:
    posts = line.control("GET", "webhooks")["sent"]
    events = [event for post in posts for event in post["events"]]
    return [event["delivery"]["data"] for event in events if event["type"] == "delivery"]


def is_inside(page: Page, part: Locator) -> bool:
    """Whether the part is seen whole, between the edges of the window."""
    box, window = part.bounding_box(), page.viewport_size
    assert box is not None
    assert window is not None
    return box["x"] >= 0 and box["x"] + box["width"] <= window["width"]


def test_the_first_notification_is_played_to_its_end(
    line: Line, window: BrowserContext, request: pytest.FixtureRequest
) -> None:
    is_plain = "plain" in request.node.callspec.id
    page = window.new_page()
    page.goto("/")
    page.get_by_role("link", name="Phones").click()
    page.get_by_role("link", name=PHONE).click()
    page.locator('#chats a[href$="/line"]').click()
    expect(page.get_by_text("LINE has said nothing yet.")).to_be_visible()
    with receiving() as inbox:
        line.channel(webhook_url=inbox.url)

        notify(line)
        if is_plain:
            page.reload()
        # With script the page shows it by itself.
        expect(page.get_by_text("LINE notification message received.")).to_be_visible()
        agree = page.locator("main").get_by_role("button", name="Agree")
        assert is_inside(page, agree)
        assert is_inside(page, page.locator("main").get_by_role("button", name="Refuse"))
        agree.click()

        expect(page.get_by_text("You receive LINE notification messages now")).to_be_visible()
        sms = page.get_by_role("link", name="verification code is").last.inner_text()
        page.get_by_label("Code from the SMS").fill("1")
        page.get_by_role("button", name="Verify").click()
        expect(page.get_by_role("alert")).to_contain_text("The code is wrong")
        assert delivered(line) == []
        page.get_by_label("Code from the SMS").fill(sms.strip(". ")[-6:])
        page.get_by_role("button", name="Verify").click()
        expect(page.get_by_text("Your phone number is verified")).to_be_visible()
        expect(page.get_by_role("alert")).to_have_count(0)

        page.locator("main").get_by_role("link", name="ขนส่งสยาม").last.click()
        expect(page.locator(".bubble").get_by_text(TITLE)).to_be_visible()
        expect(page.locator("main").get_by_text("Important notification").first).to_be_visible()
        expect(page.get_by_text("荷物-1234567890")).to_be_visible()
        assert is_inside(page, page.locator(".bubble"))
        track = page.get_by_role("link", name="ติดตาม")
        expect(track).to_have_attribute("rel", "noopener noreferrer")
        assert eventually(lambda: delivered(line) == [TAG])
        assert inbox.delivered == [TAG]

        page.get_by_label("Write a message").fill("ขอบคุณค่ะ 謝謝")
        page.get_by_role("button", name="Send", exact=True).click()
        expect(page.locator(".mine")).to_contain_text("ขอบคุณค่ะ 謝謝")
        page.get_by_role("button", name="Block").click()
        expect(page.get_by_text("You blocked this account")).to_be_visible()
        assert eventually(
            lambda: [event["type"] for event in inbox.events] == ["delivery", "message", "unfollow"]
        )


@pytest.mark.parametrize("window", [(1280, True)], ids=["wide"], indirect=True)
def test_what_somebody_types_stays_while_the_page_shows_what_is_new(
    line: Line, window: BrowserContext
) -> None:
    line.person(consent="agreed", sms_verified_at=line.control("GET", "clock")["now"])
    page = window.new_page()
    page.goto(f"/phone/{PHONE}/account/{CHANNEL}")
    words = page.get_by_label("Write a message")
    words.fill("half a sen")

    notify(line)
    expect(page.locator(".bubble").get_by_text(TITLE)).to_be_visible()
    line.act("follow", channel=CHANNEL)
    expect(page.get_by_text("Friend", exact=True)).to_be_visible()

    expect(words).to_have_value("half a sen")
    expect(words).to_be_focused()
    words.press_sequentially("tence")
    words.press("Enter")
    expect(page.locator(".mine")).to_contain_text("half a sentence")
