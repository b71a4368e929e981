"""Canned and automatic answers in a real browser: written, tried, and of the width of a phone."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from lineportal.conversations.models import AnswerRule
from tests import factories
from tests.browser.test_console_in_chromium import fits, log_in, user
from tests.conversations import automatic

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def test_an_answer_is_written_and_tried(page: Page) -> None:
    account = factories.account()
    settings = automatic.settings(
        account, greeting=automatic.canned(account, "Welcome to Thai Post! Ask us anything.")
    )
    log_in(page, user("manager"))

    page.goto("/conversations/cannedanswer/add/")
    page.get_by_label("Account").select_option(str(account.pk))
    page.get_by_label("Shortcut").fill("price")
    page.get_by_label("Title").fill("Prices")
    page.get_by_label("Text", exact=False).last.fill("A parcel costs 40 baht.\nค่าส่ง 40 บาท")
    assert fits(page)
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("link", name="Take out of use").or_(
        page.get_by_role("button", name="Take out of use"))).to_be_visible()  # fmt: skip

    page.goto("/conversations/answerrule/add/")
    page.get_by_label("Account").select_option(str(account.pk))
    page.get_by_label("Words").fill("ราคา\nhow much")
    page.get_by_label("Where").select_option("within")
    page.get_by_label("Canned answer").select_option(label=f"{account}: Prices")
    assert fits(page)
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("button", name="Remove")).to_be_visible()
    assert AnswerRule.objects.get().words == ["ราคา", "how much"]

    page.goto(f"/conversations/answering/{settings.pk}/change/")
    page.get_by_label("A customer writes").fill("ขอทราบราคาหน่อยค่ะ")
    page.get_by_role("button", name="What is done?").click()
    expect(page.get_by_text("The canned answer is given.")).to_be_visible()
    expect(page.get_by_text("A parcel costs 40 baht.").first).to_be_visible()
    assert fits(page)
    for desk in ("cannedanswer", "answerrule", "answering"):
        page.goto(f"/conversations/{desk}/")
        assert fits(page)
