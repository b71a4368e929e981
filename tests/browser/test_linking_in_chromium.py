"""A customer links their number: chat, our page, LINE's dialogue, chat again; no script of ours."""

from __future__ import annotations

import asyncio
import os
import re
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import aiohttp
import pytest
from playwright.sync_api import Browser
from pytest_django.live_server_helper import LiveServer

from lineportal.accounts.models import Road
from lineportal.conversations import linking as talks
from lineportal.conversations.models import ChatMessage
from lineportal.providers.line import LineProvider
from lineportal.sending import inbox
from recipients import link_codes, linking
from recipients.models import Recipient
from tests import factories
from tests.conversations import linked, talk
from tests.line import CHANNEL, SECRET, Line

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def picture(page: Any, name: str) -> None:
    if folder := os.environ.get("LINEPORTAL_PICTURES"):
        page.screenshot(path=f"{folder}/{name}.png", full_page=True)


def test_a_customer_links_their_number_on_a_phone_without_script(
    chromium: Browser, live_server: LiveServer, line: Line, settings: Any
) -> None:
    settings.PUBLIC_URL = live_server.url
    account = factories.account(name="ไทยขนส่ง")
    Road.objects.update(api_base_url=line.url)
    line.channel(webhook_url=f"{live_server.url}/webhooks/line/{account.webhook_id}/")
    line.people({"line_user_id": talk.ANNA, "phone": factories.phone(1)})
    line.call("POST", f"people/{talk.ANNA}/follow", {"channel": CHANNEL})
    line.call("POST", f"people/{talk.ANNA}/say", {"channel": CHANNEL, "text": "เชื่อม"})
    settle(account)
    user, phone = Recipient.objects.get(line_user_id=talk.ANNA), linked.by_phone(account)
    issued = link_codes.issue(phone, at=datetime.now(UTC), by=None)
    token = token_of(line)
    made = talks.offer(user.conversation, at=datetime.now(UTC))
    assert made is not None
    assert talks.give(made.pk, token=token, at=datetime.now(UTC))
    words = ChatMessage.objects.get(speaker="machine").content
    address = words["contents"]["footer"]["contents"][0]["action"]["uri"]

    for width in (1280, 375):
        shown = chromium.new_context(
            viewport={"width": width, "height": 800}, java_script_enabled=False, locale="th-TH"
        ).new_page()
        shown.goto(address)
        assert shown.evaluate("document.documentElement.scrollWidth") <= width
        picture(shown, f"link-{width}")
    shown.get_by_role("textbox").fill("ABCD-EFGH")
    shown.get_by_role("button").click()
    shown.get_by_role("alert").wait_for()
    picture(shown, "link-wrong-375")
    shown.get_by_role("textbox").fill(issued.shown)
    shown.get_by_role("button").click()
    shown.wait_for_url(re.compile(re.escape(f"{line.url}/dialog/bot/accountLink")))
    picture(shown, "dialogue-375")
    shown.get_by_role("button", name="Link").click()
    shown.wait_for_url(re.compile("/phone/"))
    settle(account)

    assert linking.of(user) == linking.of(phone) is not None
    shown.goto(f"{live_server.url}/link/{account.slug}/?lang=en")
    assert shown.get_by_role("heading", level=1).inner_text() == "Ask again in the chat"
    picture(shown, "link-ask-375")


def settle(account: Any) -> None:
    inbox.read(at=datetime.now(UTC))


def token_of(line: Line) -> str:
    """Return a token as LINE gives it for the person."""
    given = {"channel_id": CHANNEL, "channel_secret": SECRET}

    async def ask() -> str:
        async with aiohttp.ClientSession() as session:
            provider = LineProvider(given, api_base_url=line.url)
            return (await provider.link_token(session, talk.ANNA)).token

    # Playwright keeps a loop running in this thread.
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, ask()).result()
