"""An account is opened, given a second road and checked in Chromium, with script and without."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from playwright.sync_api import Browser, Page
from pytest_django.live_server_helper import LiveServer

from lineportal.accounts import credentials
from lineportal.accounts.models import OfficialAccount
from tests import factories
from tests.elsewhere import GIVEN, KEY, answering
from tests.line import CHANNEL, SECRET, Line

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("elsewhere", "transactional_db")]


@pytest.fixture(params=[True, False], ids=["script", "no script"])
def console(
    request: pytest.FixtureRequest, chromium: Browser, live_server: LiveServer, manager: User
) -> Iterator[Page]:
    """A manager's page, narrow, with script or without."""
    known = Client()
    known.force_login(manager)
    context = chromium.new_context(
        viewport={"width": 375, "height": 900},
        base_url=live_server.url,
        java_script_enabled=request.param,
    )
    cookie = {"name": "sessionid", "value": known.cookies["sessionid"].value}
    context.add_cookies([{**cookie, "url": live_server.url}])
    yield context.new_page()
    context.close()


def test_an_account_is_set_up_and_checked(console: Page, line: Line, at: datetime) -> None:
    line.channel()
    factories.worker_seen(at)
    console.goto(reverse("admin:accounts_officialaccount_add"))
    console.click("a.lp-kind:has-text('LINE')")
    console.get_by_label("Short name").fill("shop")
    console.get_by_label("Name", exact=True).fill("Shop")
    console.get_by_label("Country").select_option("TH")
    console.get_by_label("Service").select_option("lon")
    console.get_by_label("Channel id").fill(CHANNEL)
    console.get_by_label("Channel secret").fill(SECRET)
    console.get_by_label("Address at the provider").fill(line.url)
    console.click("button.lp-main")
    console.wait_for_selector("#roads")
    account = OfficialAccount.objects.get(slug="shop")
    assert SECRET not in console.content()

    with answering(200) as url:
        console.click("text=Add a road")
        console.click("a.lp-kind:has-text('Elsewhere & Co')")
        console.get_by_label("API key").fill(KEY)
        console.get_by_label("Sender name").fill(GIVEN["from"])
        console.get_by_label("Address at the provider").fill(url)
        console.click("button.lp-main")
        console.wait_for_selector("#roads")
        assert f"/webhooks/elsewhere/{account.webhook_id}/" in console.inner_text("#roads")

        console.click("text=Check this account")
        console.wait_for_selector("#check")

    found = console.inner_text("#check")
    assert "A worker runs." in found
    assert "The key is known." in found
    assert KEY not in console.content()
    assert credentials.of(account.roads.get(service="oa"))["api_key"] == KEY
    assert console.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
