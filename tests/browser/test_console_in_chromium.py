"""The console as people use it, in a real browser, at desktop and phone width."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Browser, Page, expect
from pytest_django.live_server_helper import LiveServer

from lineportal.sending import inbox
from lineportal.sending.models import Campaign
from recipients import imports
from recipients.models import RecipientImport
from templates_app.models import MessageTemplate
from tests import factories
from tests.line import Line

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

PASSWORD = "a-password-for-tests"


def user(role: str) -> User:
    made = factories.user(role)
    made.set_password(PASSWORD)
    made.save()
    return made


def log_in(page: Page, who: User) -> None:
    page.context.clear_cookies()
    page.goto("/login/")
    page.fill("input[name=username]", who.username)
    page.fill("input[name=password]", PASSWORD)
    page.click("button[type=submit]")
    page.wait_for_url("**/")


def fits(page: Page) -> bool:
    """Return whether the page is no wider than its window."""
    return bool(page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"))


def test_from_a_draft_to_delivered(
    page: Page, line: Line, live_server: LiveServer, drain: Callable[[], None], tmp_path: Path
) -> None:
    account = factories.account(api_base_url=line.url)
    line.channel(webhook_url=f"{live_server.url}/webhooks/line/{account.webhook_id}/")
    line.people({"phone": "+66812345678", "consent": "agreed"})
    author, reviewer, sender = user("author"), user("reviewer"), user("sender")

    log_in(page, author)
    factories.draft(account, by=author)
    template = MessageTemplate.objects.get()
    address = f"/templates_app/messagetemplate/{template.pk}/change/"
    page.goto(address)
    page.get_by_role("button", name="Submit for review").click()
    expect(page.get_by_text("Waiting for review").first).to_be_visible()
    expect(page.get_by_role("link", name="Approve")).to_have_count(0)

    log_in(page, reviewer)
    page.goto(address)
    assert fits(page)
    page.get_by_role("link", name="Approve").click()
    page.fill("input[name=line_reference]", "LINE-TH-1")
    page.get_by_role("button", name="Approve").click()
    expect(page.get_by_role("link", name="Revoke")).to_be_visible()

    log_in(page, sender)
    file = tmp_path / "people.csv"
    file.write_text(
        "phone,consent,name,tracking_no,parcel_from\n"
        "081 234 5678,agreed,สมชาย,TH1,ร้าน\n12,agreed,x,y,z\n",
        encoding="utf-8",
    )
    page.goto("/recipients/recipientimport/add/")
    page.locator("select[name=account]").select_option(str(account.pk), force=True)
    page.locator("input[name=upload]").set_input_files(file)
    page.get_by_role("button", name="Save", exact=True).click()
    page.wait_for_url(re.compile(r"/recipientimport/\d+/change/"))
    job = RecipientImport.objects.get()
    imports.run(job, at=job.created_at)
    expect(page.get_by_text("What this file would change")).to_be_visible(timeout=15_000)
    expect(page.get_by_text("column A, first in row 3")).to_be_visible()
    page.get_by_role("button", name="Import 1 row").click()
    page.wait_for_url(re.compile(rf"/recipientimport/(?!{job.pk}/)\d+/change/"))
    imports.run(RecipientImport.objects.latest("pk"), at=job.created_at)
    expect(page.get_by_text("Finished").first).to_be_visible(timeout=15_000)

    page.goto("/sending/campaign/add/")
    page.locator("select[name=account]").select_option(str(account.pk), force=True)
    page.locator("select[name=template]").select_option(str(template.pk), force=True)
    page.fill("input[name=name]", "Monday parcels")
    page.get_by_role("button", name="Save", exact=True).click()
    page.wait_for_url(re.compile(r"/campaign/\d+/change/"))
    assert fits(page)
    page.get_by_role("button", name=re.compile("^Send 1 message")).click()
    expect(page.get_by_text("Waiting to be sent").first).to_be_visible()
    drain()
    line.advance(60)
    campaign = Campaign.objects.get()
    inbox.read(at=campaign.created_at)
    expect(page.get_by_text("Delivered", exact=True).first).to_be_visible(timeout=15_000)
    assert "+66812345678" not in page.content()


def test_an_auditor_sees_everything_and_presses_nothing(page: Page, line: Line) -> None:
    account = factories.account(api_base_url=line.url)
    factories.approved(account)
    factories.recipient(account, 1)

    log_in(page, user("auditor"))

    for path in (
        "/",
        "/templates_app/messagetemplate/",
        f"/templates_app/messagetemplate/{MessageTemplate.objects.get().pk}/change/",
        "/recipients/recipient/",
        "/sending/campaign/",
        "/sending/message/",
        "/accounts/officialaccount/",
        "/audit/auditentry/",
    ):
        page.goto(path)
        # A dossier is read, too; building one changes nothing.
        wanted = ["Build the dossier"] if "/change/" in path else []
        assert page.locator(".lp-button").all_inner_texts() == wanted, path
        assert fits(page), path


def test_the_pages_work_without_script(
    chromium: Browser, live_server: LiveServer, line: Line
) -> None:
    account = factories.account(api_base_url=line.url)
    author = user("author")
    template = factories.draft(account, by=author)
    context = chromium.new_context(base_url=live_server.url, java_script_enabled=False)
    page = context.new_page()

    page.goto("/login/")
    page.fill("input[name=username]", author.username)
    page.fill("input[name=password]", PASSWORD)
    page.click("button[type=submit]")
    page.goto(f"/templates_app/messagetemplate/{template.pk}/change/")
    page.get_by_role("button", name="Submit for review").click()

    expect(page.get_by_role("button", name="Take back to draft")).to_be_visible()
    context.close()
