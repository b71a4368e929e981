"""A file of people in a real browser: its columns, what it would change, and its refused rows."""

from __future__ import annotations

import os
import re
from pathlib import Path

import openpyxl
import pytest
from playwright.sync_api import Page, expect

from recipients import imports
from recipients.models import Recipient, RecipientImport
from tests import factories
from tests.browser.test_console_in_chromium import fits, log_in, user

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def shot(page: Page, name: str) -> None:
    if folder := os.environ.get("SHOTS"):
        page.screenshot(
            path=f"{folder}/{name}-{page.viewport_size['width']}.png",  # type: ignore[index]
            full_page=True,
        )


def test_a_foreign_file_is_mapped_tried_imported_and_repaired(page: Page, tmp_path: Path) -> None:
    account = factories.account()
    log_in(page, user("sender"))
    file = tmp_path / "客戶.csv"
    rows = [f"08{10_000_000 + n},สมชาย,TH{n},{'ยินยอม' if n % 3 else 'maybe'}\n" for n in range(30)]
    file.write_text("มือถือ,ชื่อ,tracking,consent\n" + "".join(rows) + "12,x,y,\n", encoding="utf-8")

    page.goto("/recipients/recipientimport/add/")
    assert page.locator("input[name=is_dry_run]").is_checked()
    shot(page, "add")
    page.locator("select[name=account]").select_option(str(account.pk), force=True)
    page.locator("input[name=upload]").set_input_files(file)
    page.get_by_role("button", name="Save", exact=True).click()
    page.wait_for_url(re.compile(r"/recipientimport/\d+/change/"))
    expect(page.get_by_text("Which column is the phone number?")).to_be_visible()
    shot(page, "waits")

    page.get_by_role("link", name="Say what the columns mean").click()
    expect(page.get_by_label("A: มือถือ")).to_have_value("phone")  # guessed
    page.get_by_label("B: ชื่อ").fill("name")
    page.get_by_label("C: tracking").fill("-")
    assert fits(page)
    shot(page, "columns")
    page.get_by_role("button", name="Say what the columns mean").click()
    page.wait_for_url(re.compile(r"/change/$"))
    expect(page.get_by_text("This page refreshes by itself")).to_be_visible()
    RecipientImport.objects.update(state="running", stage="reading", percent=40, rows_read=12_000)
    expect(page.get_by_role("progressbar")).to_have_attribute("aria-valuenow", "40", timeout=9_000)
    expect(page.get_by_text("12,000 rows read.")).to_be_visible()
    shot(page, "runs")

    job = RecipientImport.objects.get()
    imports.run(job, at=job.created_at)
    expect(page.get_by_text("What this file would change")).to_be_visible(timeout=9_000)
    expect(page.get_by_text("Nothing was changed yet.")).to_be_visible()
    assert not Recipient.objects.exists()
    page.get_by_text("Row by row").click()
    assert fits(page)
    shot(page, "tried")
    with page.expect_download() as download:
        page.get_by_role("button", name="Download the refused rows").click()
    repaired = tmp_path / "repair.xlsx"
    download.value.save_as(repaired)

    page.get_by_role("button", name="Import 20 rows").click()
    page.wait_for_url(re.compile(rf"/recipientimport/(?!{job.pk}/)\d+/change/"))
    imports.run(RecipientImport.objects.latest("pk"), at=job.created_at)
    expect(page.get_by_text("Finished").first).to_be_visible(timeout=9_000)
    shot(page, "imported")
    assert Recipient.objects.count() == 20

    book = openpyxl.load_workbook(repaired)
    for row in range(2, 12):
        book.active.cell(row, 6).value = "agreed"
    book.save(repaired)
    page.goto("/recipients/recipientimport/add/")
    page.locator("select[name=account]").select_option(str(account.pk), force=True)
    page.locator("input[name=upload]").set_input_files(repaired)
    page.locator("input[name=is_dry_run]").uncheck(force=True)
    page.get_by_role("button", name="Save", exact=True).click()
    page.wait_for_url(re.compile(r"/recipientimport/\d+/change/"))
    again = imports.run(RecipientImport.objects.latest("pk"), at=job.created_at)
    assert (again.created, again.unchanged, again.refused) == (10, 0, 1), again.problem
    assert Recipient.objects.filter(attributes={"name": "สมชาย"}).count() == 30
