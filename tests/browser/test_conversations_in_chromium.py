"""An agent at the inbox in a real browser, with script and without: reads, answers, closes."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from playwright.sync_api import Browser, expect
from pytest_django.live_server_helper import LiveServer

from lineportal.conversations.models import Conversation
from tests import factories
from tests.browser.test_console_in_chromium import fits, log_in, user
from tests.conversations import talk

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.mark.parametrize("script", [True, False], ids=["script", "no script"])
@pytest.mark.parametrize("width", [1280, 375])
def test_an_agent_reads_answers_and_closes(
    width: int, script: bool, chromium: Browser, live_server: LiveServer
) -> None:
    now = datetime.now(UTC)
    account = factories.account()
    talk.hear(
        account,
        talk.text("พัสดุของฉันอยู่ที่ไหน <b>?</b>", now),
        talk.message("sticker", now, packageId="446", stickerId="1988", keywords=["happy"]),
        talk.text("pay \u202egnp.exe", now),
        at=now,
    )
    Conversation.objects.update(name="สมหญิง")
    context = chromium.new_context(
        viewport={"width": width, "height": 900},
        base_url=live_server.url,
        java_script_enabled=script,
    )
    page = context.new_page()
    log_in(page, user("agent"))

    page.goto("/conversations/")
    expect(page.get_by_text("Not a friend")).to_be_visible()
    if script:
        assert fits(page)
    page.get_by_role("link", name="สมหญิง").click()
    expect(page.get_by_text("พัสดุของฉันอยู่ที่ไหน <b>?</b>")).to_be_visible()
    page.get_by_label("Your answer").fill("Tomorrow\nat nine")
    if script:
        talk.hear(account, talk.text("Anybody there?", datetime.now(UTC)), at=datetime.now(UTC))
        expect(page.get_by_text("Anybody there?")).to_be_visible(timeout=15_000)
        expect(page.get_by_label("Your answer")).to_have_value("Tomorrow\nat nine")
    page.get_by_role("button", name="Send", exact=True).click()
    expect(page.locator("article.lp-ours")).to_contain_text("Waiting")
    if script:
        assert fits(page)
    page.get_by_role("button", name="Give back to the machine").click()
    page.get_by_role("button", name="Take over").click()
    page.get_by_role("button", name="Done").click()
    expect(page.get_by_text("No conversation here.")).to_be_visible()

    context.close()
    assert talk.with_(account).state == "done"
