"""The quota and the way out as people see them, at both sizes."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from typing import Any

import pytest
from django.urls import reverse
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from lineportal.accounts.models import Road
from lineportal.sending import campaigns, quota
from lineportal.sending.models import Policy
from templates_app import way_out
from tests import factories

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def picture(page: Any, name: str) -> None:
    if folder := os.environ.get("LINEPORTAL_PICTURES"):
        page.screenshot(path=f"{folder}/{name}.png", full_page=True)


def log_in(page: Page, user: Any) -> None:
    user.set_password("secret")
    user.save()
    page.goto(reverse("admin:login"))
    page.fill("input[name=username]", user.username)
    page.fill("input[name=password]", "secret")
    page.press("input[name=password]", "Enter")
    page.wait_for_url(lambda url: "login" not in url)


def test_who_sends_sees_what_is_left_and_says_that_it_may_stop_there(
    page: Page, live_server: LiveServer
) -> None:
    at = datetime.now(UTC)
    account, sender = factories.account(), factories.user("sender")
    Policy.objects.create(account=account, windows={"marketing": None}, marketing_cap_messages=3)
    for n in range(3):
        factories.recipient(account, n, friend_status="friend")
    template = factories.two_way(account, category="marketing")
    campaign = campaigns.create(account, template=template, name="Sale", by=sender, at=at)
    road = Road.objects.get(account=account, service="oa")
    quota.keep(road, limit=30_000, used=29_998, at=at)
    log_in(page, sender)
    page.goto(reverse("admin:sending_campaign_change", args=[campaign.pk]))
    width = page.viewport_size["width"] if page.viewport_size else 0
    picture(page, f"quota-{width}")

    card = page.locator("#quota")
    expect(card).to_contain_text("Does not fit")
    card.get_by_role("checkbox").check()
    card.get_by_role("button", name="Send all the same").click()

    expect(page.get_by_text(way_out.words("th").line)).to_be_visible()
    picture(page, f"sending-{width}")
    campaign.refresh_from_db()
    assert campaign.state == "running"
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
