"""The review desk in a real browser: what waits moves from one to the other, and is searched."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Page, expect

from templates_app import thread, workflow
from tests import factories
from tests.browser.test_console_in_chromium import fits, log_in, user

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def test_the_desk_shows_whom_it_waits_for_and_finds_what_was_rejected(page: Page) -> None:
    at = datetime.now(UTC)
    author, reviewer, colleague = user("author"), user("reviewer"), user("reviewer")
    account = factories.account()
    long_ago = at - timedelta(days=20)
    for n, key in enumerate(("parcel-arrived", "parcel-late", "card-blocked", "at-line", "turned")):
        draft = factories.draft(account, key=key, by=author)
        if n == 1:
            continue
        workflow.submit(draft, by=author, at=long_ago if n in (0, 3, 4) else at)
        if key == "card-blocked":
            thread.say(draft, "question", "ใครได้รับ?", by=colleague, at=at)
        if key == "at-line":
            thread.say(draft, "dossier_sent", by=reviewer, at=long_ago, party="Khun Somying",
                       happened_on=long_ago.date())  # fmt: skip
        if key == "turned":
            workflow.reject(
                draft, by=reviewer, at=at - timedelta(days=1), decided_by="line",
                reason="ข้อความต้องมีเลขที่คำสั่งซื้อ",
            )  # fmt: skip

    log_in(page, reviewer)
    page.goto("/")
    page.get_by_role("link", name="Review desk: what waits").click()
    expect(page.locator("#me")).to_contain_text("parcel-arrived v1")
    expect(page.locator("#me")).to_contain_text("1 late")
    page.get_by_text("Filters").click()
    expect(page.locator("#others")).to_contain_text("card-blocked v1")
    expect(page.locator("#line")).to_contain_text("at-line v1")
    assert fits(page)

    log_in(page, author)
    page.goto("/review-desk/")
    expect(page.locator("#me")).to_contain_text("A question to its writers is open")
    page.get_by_label("Search").fill("คำสั่งซื้อ")
    page.get_by_role("button", name="Show", exact=True).click()
    expect(page.locator("#decided")).to_contain_text("ข้อความต้องมีเลขที่คำสั่งซื้อ")
    expect(page.locator("#me")).to_contain_text("Nothing of what you asked for.")
    assert fits(page)
    page.get_by_role("link", name="turned v1").click()
    expect(page.get_by_text("Why it was turned down")).to_be_visible()
