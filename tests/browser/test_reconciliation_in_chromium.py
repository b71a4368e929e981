"""Reconciliation in a real browser: a day that differs is seen, and its incident closed."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from lineportal.sending.models import Incident
from tests.browser.test_console_in_chromium import fits, log_in, user
from tests.console.test_reconciliation_pages import road

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def test_an_incident_is_found_on_the_overview_and_closed_with_a_note(page: Page) -> None:
    of = road()
    who = user("manager")
    log_in(page, who)
    page.goto("/")
    expect(page.get_by_role("heading", name="1 open incident")).to_be_visible()
    assert fits(page)
    page.goto(f"/accounts/officialaccount/{of.account_id}/change/")
    expect(page.get_by_role("heading", name="1 open incident")).to_be_visible()
    assert fits(page)
    for name in ("daycount", "incident"):
        page.goto(f"/sending/{name}/")
        assert fits(page)

    page.goto("/")
    page.get_by_role("link", name="Show it").click()
    page.get_by_role("link", name="2026-11-23").click()
    expect(page.get_by_text("midnight in UTC+9")).to_be_visible()
    assert fits(page)
    page.go_back()
    assert fits(page)
    page.get_by_role("link", name="Close with a note").click()
    assert fits(page)
    page.get_by_label("What was found or done").fill("The shop sends with this channel too.")
    page.get_by_role("button", name="Close with a note").click()
    expect(page.get_by_text("The shop sends with this channel too.").first).to_be_visible()
    assert fits(page)
    assert Incident.objects.get().closed_by == who
