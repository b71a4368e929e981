"""Versions, their difference, a revocation and the words of a message, in Chromium."""

from __future__ import annotations

import os
from datetime import UTC, datetime

from django.test import Client
from django.urls import reverse
from playwright.sync_api import Page
from pytest_django.live_server_helper import LiveServer

from lineportal.sending import campaigns
from lineportal.sending.models import Message
from templates_app import drafting, workflow
from tests import factories

NAME = "admin:templates_app_messagetemplate_"


def test_versions_are_read_compared_and_revoked(page: Page, live_server: LiveServer) -> None:
    at = datetime.now(UTC)
    account, author = factories.account(), factories.user("author")
    reviewer, sender = factories.user("reviewer"), factories.user("sender")
    first = factories.approved(account, by=author)
    for n in range(3):
        factories.recipient(account, n, consent="agreed")
    made = campaigns.create(account, template=first, name="November", by=sender, at=at)
    campaigns.start(made, by=sender, at=at)
    draft = drafting.revise(first, by=author, at=at)
    content = {
        **first.content,
        "greeting": "เรียน คุณ{{name}} จดหมายของคุณมาถึงแล้ว",
        "items": [*first.content["items"], {"label": "ถึง", "value": "{{parcel_to}}"}],
    }
    draft = drafting.edit(draft, by=author, at=at, changes={"content": content, "purpose": "Mail"})
    second = workflow.submit(draft, by=author, at=at)
    log_in(page, reviewer, live_server)

    seen(page, reverse(NAME + "versions", args=[second.pk]), "versions")
    assert page.locator("article").count() == 2
    page.get_by_role("button", name="Compare").click()
    page.wait_for_url("**/difference/**")
    shoot(page, "difference")
    assert page.locator("ins", has_text="จดหมาย").count() == 1
    assert page.locator("ins", has_text="parcel_to").first.is_visible()
    seen(page, reverse(NAME + "change", args=[first.pk]), "template")
    page.get_by_role("link", name="Revoke").click()
    page.wait_for_url("**/act/revoke/")
    shoot(page, "revoke")
    assert page.get_by_text("1 running campaign will pause.").is_visible()
    page.get_by_label("Reason").fill("LINE found the words too loud")
    page.get_by_role("button", name="Revoke").click()
    page.wait_for_url("**/change/")
    seen(page, reverse("admin:sending_campaign_change", args=[made.pk]), "campaign")
    assert page.get_by_text("LINE found the words too loud").first.is_visible()
    message = Message.objects.order_by("pk")[0]
    seen(page, reverse("admin:sending_message_change", args=[message.pk]), "message")
    assert page.get_by_text("The exact words").is_visible()


def log_in(page: Page, user: object, live_server: LiveServer) -> None:
    client = Client()
    client.force_login(user)  # type: ignore[arg-type]
    cookie = client.cookies["sessionid"].value
    page.context.add_cookies([{"name": "sessionid", "value": cookie, "url": live_server.url}])


def seen(page: Page, url: str, name: str) -> None:
    page.goto(url)
    shoot(page, name)


def shoot(page: Page, name: str) -> None:
    """Nothing is wider than the window; a picture where somebody asks for one."""
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth + 1"), name
    if folder := os.environ.get("LINEPORTAL_PICTURES"):
        width = page.viewport_size["width"] if page.viewport_size else 0
        page.screenshot(path=f"{folder}/{name}-{width}.png", full_page=True)
