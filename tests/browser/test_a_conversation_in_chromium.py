"""One conversation from both sides: a customer at the phone, somebody of ours at the console."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from playwright.sync_api import Browser, Locator, Page, expect
from pytest_django.live_server_helper import LiveServer

from lineportal.accounts.models import OfficialAccount
from lineportal.sending import inbox
from tests import factories
from tests.browser.test_console_in_chromium import fits, log_in, user
from tests.conversations import talk
from tests.line import CHANNEL, Line
from tests.working import post_answers

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
NUMBER = factories.phone(1)


@pytest.fixture
def account(line: Line, live_server: LiveServer) -> OfficialAccount:
    made = factories.account(api_base_url=line.url)
    line.channel(
        webhook_url=f"{live_server.url}/webhooks/line/{made.webhook_id}/",
        display_name="ไปรษณีย์",
    )
    line.people({"phone": NUMBER, "line_user_id": talk.ANNA, "friend_status": "not_friend"})
    return made


@pytest.mark.parametrize("script", [True, False], ids=["script", "no script"])
@pytest.mark.parametrize("width", [1280, 375])
def test_a_conversation_played_from_both_sides(
    width: int,
    script: bool,
    account: OfficialAccount,
    line: Line,
    chromium: Browser,
    live_server: LiveServer,
) -> None:
    phone, page = (
        opened(chromium, url, width=width, script=script) for url in (line.url, live_server.url)
    )
    phone.goto(f"/phone/{NUMBER}/account/{CHANNEL}")
    say(phone, "พัสดุของฉันอยู่ที่ไหน <script>alert(1)</script>")
    read(line)

    log_in(page, user("agent"))
    page.goto("/conversations/")
    expect(page.get_by_text("Not a friend")).to_be_visible()
    page.locator("a[href^='/conversations/']").filter(has_text="พัสดุ").first.click()
    expect(page.get_by_text("<script>alert(1)</script>")).to_be_visible()
    answer(page, "ถึงพรุ่งนี้ค่ะ")
    post_answers(account)
    phone.reload()
    expect(said(phone, "ถึงพรุ่งนี้ค่ะ")).to_be_visible()
    page.reload()
    expect(page.get_by_text("Sent as a free reply")).to_be_visible()

    # The token is used: what is said now is a push, which LINE takes, as they wrote lately.
    answer(page, "Anything else?")
    post_answers(account)
    phone.reload()
    say(phone, "ไม่มีค่ะ")
    phone.get_by_role("button", name="Unsend").last.click()
    read(line)
    page.reload()
    expect(page.get_by_text("Sent as a push")).to_be_visible()
    expect(page.get_by_text("Taken back by the customer.")).to_be_visible()
    expect(page.get_by_text("ไม่มีค่ะ")).to_have_count(0)
    if script:
        assert fits(page)
        assert fits(phone)

    phone.get_by_role("button", name="Block").click()
    read(line)
    page.reload()
    expect(page.get_by_text("This person blocked the account")).to_be_visible()
    expect(page.get_by_role("button", name="Send", exact=True)).to_have_count(0)
    for each in (phone, page):
        each.context.close()


def opened(chromium: Browser, base_url: str, *, width: int, script: bool) -> Page:
    """Return one side's page, in a browser of its own."""
    context = chromium.new_context(
        viewport={"width": width, "height": 900},
        base_url=base_url,
        java_script_enabled=script,
    )
    return context.new_page()


def say(phone: Page, words: str) -> None:
    phone.get_by_label("Write a message").fill(words)
    phone.get_by_role("button", name="Send", exact=True).click()
    expect(said(phone, words)).to_be_visible()


def said(phone: Page, words: str) -> Locator:
    return phone.get_by_role("region", name="Messages").get_by_text(words)


def answer(page: Page, words: str) -> None:
    page.get_by_label("Your answer").fill(words)
    page.get_by_role("button", name="Send", exact=True).click()
    expect(page.locator("article.lp-ours").last).to_contain_text("Waiting")


def read(line: Line) -> None:
    """Take in what LINE's webhooks told, as the worker does."""
    assert line.call("POST", "webhooks/flush", {})["settled"]
    inbox.read(at=datetime.now(UTC))
