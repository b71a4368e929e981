"""The seed's verification flow from both sides: the console sends, the phone answers."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from playwright.sync_api import Browser, Page, expect
from pytest_django.live_server_helper import LiveServer

from lineportal.sending import inbox
from lineportal.sending.models import Message
from tests import factories
from tests.browser.test_console_in_chromium import log_in, user
from tests.line import Line

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.mark.parametrize("page", [1280], ids=["desktop"], indirect=True)
def test_a_first_notification_is_sent_agreed_to_verified_and_delivered(
    page: Page,
    chromium: Browser,
    line: Line,
    live_server: LiveServer,
    drain: Callable[[], None],
) -> None:
    account = factories.account(api_base_url=line.url)
    line.channel(
        webhook_url=f"{live_server.url}/webhooks/line/{account.webhook_id}/",
        display_name="ไปรษณีย์",
    )
    template = factories.approved(account)
    recipient = factories.recipient(account, 1, consent="not_set")
    number = factories.phone(1)
    line.people({"phone": number, "line_user_id": factories.user_id(1), "sms_verified_at": None})
    log_in(page, user("sender"))
    page.goto("/sending/campaign/add/")
    page.locator("select[name=account]").select_option(str(account.pk), force=True)
    page.locator("select[name=template]").select_option(str(template.pk), force=True)
    page.fill("input[name=name]", "First words")
    page.get_by_role("button", name="Save", exact=True).click()
    page.wait_for_url(re.compile(r"/campaign/\d+/change/"))
    page.get_by_role("button", name=re.compile("^Send 1 message")).click()
    expect(page.get_by_text("Waiting to be sent").first).to_be_visible()
    drain()
    assert Message.objects.get().status == "accepted"

    context = chromium.new_context(viewport={"width": 375, "height": 800}, base_url=line.url)
    phone = context.new_page()
    phone.goto(f"/phone/{number}/line")
    phone.locator("main").get_by_role("button", name="Agree").click()
    sms = phone.get_by_role("link", name="verification code is").last.inner_text()
    phone.get_by_label("Code from the SMS").fill(sms.strip(". ")[-6:])
    phone.get_by_role("button", name="Verify").click()
    phone.locator("main").get_by_role("link", name="ไปรษณีย์").last.click()
    expect(phone.locator(".bubble")).to_be_visible()
    read(line)
    expect(page.get_by_text("Delivered", exact=True).first).to_be_visible(timeout=15_000)

    phone.get_by_role("button", name="Block").click()
    expect(phone.get_by_text("You blocked this account")).to_be_visible()
    read(line)
    recipient.refresh_from_db()
    assert recipient.friend_status == "blocked"
    context.close()


def read(line: Line) -> None:
    """Take in what LINE's webhooks told, as the worker does."""
    assert line.call("POST", "webhooks/flush", {})["settled"]
    inbox.read(at=datetime.now(UTC))
