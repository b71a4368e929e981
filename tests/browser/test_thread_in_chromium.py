"""The review in a real browser: the author asks, the reviewer answers with a file."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from templates_app import workflow
from templates_app.models import ReviewEntry, ReviewFile
from tests import factories
from tests.browser.test_console_in_chromium import fits, log_in, user

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def test_the_author_asks_and_the_reviewer_answers_with_a_file(page: Page, tmp_path: Path) -> None:
    author, reviewer = user("author"), user("reviewer")
    author.email = "author@example.com"
    author.save()
    draft = factories.draft(factories.account(), by=author)
    template = workflow.submit(draft, by=author, at=datetime.now(UTC))
    address = f"/templates_app/messagetemplate/{template.pk}/change/"
    form = page.locator("form.lp-say")

    log_in(page, author)
    page.goto(address)
    form.get_by_label("Write into the thread").select_option("question")
    form.get_by_label("Text").fill(f"@{reviewer.username} ใส่ชื่อร้านค้าในบรรทัดแรกได้ไหม?")
    form.get_by_role("button", name="Write it").click()
    expect(page.locator(".lp-thread")).to_contain_text("not answered")
    expect(page.locator(".lp-thread")).to_contain_text("no e-mail address, so not mailed")
    assert fits(page)

    log_in(page, reviewer)
    page.goto(address)
    plan = tmp_path / "guideline-th.pdf"
    plan.write_bytes(b"%PDF-1.4 guideline")
    page.locator(".lp-answer summary").click()
    page.get_by_label("Your answer").fill("ได้ ตามหน้า 4 ของไฟล์แนบ")
    page.locator(".lp-answer input[type=file]").set_input_files(plan)
    page.get_by_role("button", name="Answer it").click()
    expect(page.get_by_role("link", name="guideline-th.pdf")).to_be_visible()
    expect(page.locator(".lp-thread")).not_to_contain_text("not answered")

    form.get_by_label("Write into the thread").select_option("dossier_sent")
    form.get_by_text("Of a milestone").click()
    form.get_by_label("With whom").fill("Khun Somying, LINE Thailand")
    form.get_by_role("button", name="Write it").click()
    expect(page.get_by_text("Say on which day the dossier was sent.")).to_be_visible()
    assert fits(page)
    expect(page.get_by_label("With whom")).to_have_value("Khun Somying, LINE Thailand")
    page.get_by_label("On which day").fill("2026-11-02")
    page.get_by_role("button", name="Write into the thread").click()
    expect(page.locator(".lp-milestone")).to_contain_text("Khun Somying, LINE Thailand")
    assert fits(page)

    assert ReviewFile.objects.get().content == b"%PDF-1.4 guideline"
    assert [entry.kind for entry in ReviewEntry.objects.order_by("pk")] == [
        "question", "answer", "dossier_sent",
    ]  # fmt: skip
