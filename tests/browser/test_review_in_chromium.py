"""A template that breaks eight rules, from its author to the approval, in a real browser."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest
from playwright.sync_api import Page, expect

from templates_app.models import MessageTemplate
from tests import factories
from tests.browser.test_console_in_chromium import fits, log_in, user
from tests.browser.test_imports_in_chromium import shot

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

WRONG = {
    "title": "สวัสดีคุณ {{name}}",
    "greeting": "ด่วน! ลด 50% ทุกชิ้น เฉพาะวันนี้เท่านั้น",
    "items": [{"label": "สาขา", "value": "สีลม"}],
    "explanation": "โทร 081-234-5678 ลุ้นรับ iPhone ฟรี",
    "buttons": [{"label": "ดูรายละเอียด", "url": "https://bit.ly/abc"}],
}
CODES = {
    "promotional_discount", "promotional_urgency", "promotional_gift", "shortened_link",
    "placeholder_in_title", "missing_sample", "phone_or_email_in_text", "nothing_personal",
}  # fmt: skip


def test_eight_rules_broken_until_the_approval(page: Page) -> None:
    author, reviewer = user("author"), user("reviewer")
    template = factories.draft(factories.account(), by=author, content=WRONG)
    url = f"/templates_app/messagetemplate/{template.pk}/change/"
    log_in(page, author)

    # The author reads what LINE would say, is barred, waives one finding and mends the rest.
    page.goto(url)
    findings = page.locator("#findings")
    expect(findings.locator(".lp-list > div")).to_have_count(8)
    expect(findings).to_contain_text("bit.ly")
    assert fits(page)
    shot(page, "review-findings")
    page.get_by_role("button", name="Submit for review").click()
    expect(page.get_by_text("LINE would turn this down")).to_be_visible()
    page.goto(url)
    page.locator("#findings .lp-list > div", has_text="bit.ly").get_by_role(
        "link", name="Waive"
    ).click()
    page.get_by_label("Why LINE will accept these words").fill("LINE Thailand agreed on 2 November")
    page.get_by_role("button", name="Waive this finding").click()
    expect(page.locator(".lp-waiver")).to_contain_text("LINE Thailand agreed")
    page.get_by_role("link", name="Edit", exact=True).click()
    page.get_by_label("Title", exact=True).fill("นัดหมายของคุณ")
    page.get_by_label("Greeting").fill("เรียน คุณ{{name}}")
    page.get_by_label("Explanation").fill("หากไม่สะดวก โปรดเลื่อนนัดที่สาขา")
    page.get_by_role("group", name="Item 1").get_by_label("Value").fill("{{branch}}")
    page.get_by_label("branch", exact=True).fill("สีลม")
    page.get_by_label("name", exact=True).fill("สมชาย ใจดี")
    page.get_by_role("button", name="Save draft").click()
    page.wait_for_url(re.compile(r"/change/"))
    expect(findings.locator(".lp-list > div")).to_have_count(1)
    expect(page.locator(".lp-waiver")).to_be_visible()
    page.get_by_role("button", name="Submit for review").click()
    expect(page.get_by_role("button", name="Take back to draft")).to_be_visible()

    # The reviewer finds it on the desk, sees the waiver's reason, and asks.
    log_in(page, reviewer)
    page.goto("/review-desk/")
    assert fits(page)
    shot(page, "review-desk")
    page.get_by_role("link", name=re.compile("parcel")).first.click()
    expect(page.locator(".lp-waiver")).to_contain_text("LINE Thailand agreed")
    page.get_by_label("Write into the thread").select_option("question")
    page.get_by_label("Text", exact=True).fill("Who agreed at LINE?")
    page.get_by_role("button", name="Write it").click()
    expect(page.get_by_text("not answered")).to_be_visible()

    # The author answers, and takes the dossier to LINE.
    log_in(page, author)
    page.goto(url)
    page.get_by_text("Answer", exact=True).click()
    page.get_by_label("Your answer").fill("Khun Ann, by mail")
    page.get_by_role("button", name="Answer it").click()
    expect(page.get_by_text("Khun Ann, by mail")).to_be_visible()
    page.goto(url.replace("change/", "act/dossier/"))
    page.get_by_label("File").select_option("pdf")
    with page.expect_download() as download:
        page.get_by_role("button", name="Build the dossier").click()
    assert download.value.suggested_filename == "dossier-parcel-v1-th.pdf"
    page.goto(url)
    page.get_by_label("Write into the thread").select_option("dossier_sent")
    page.get_by_text("Of a milestone: with whom, and when").click()
    page.get_by_label("With whom").fill("Khun Ann, LINE")
    page.get_by_label("On which day").fill(datetime.now(UTC).date().isoformat())
    page.get_by_role("button", name="Write it").click()
    expect(page.get_by_text("Dossier sent").first).to_be_visible()
    assert fits(page)
    shot(page, "review-thread")

    # LINE says yes, and the reviewer files it.
    log_in(page, reviewer)
    page.goto(url.replace("change/", "act/approve/"))
    page.get_by_label("LINE's reference").fill("LINE-TH-2026-0001")
    page.get_by_role("button", name="Approve").click()
    expect(page.locator("#thread").get_by_text("LINE decided")).to_be_visible()
    template.refresh_from_db()
    assert (template.state, template.approved_by) == ("approved", reviewer)


def test_the_eight_rules_are_eight(page: Page) -> None:
    template = factories.draft(factories.account(), content=WRONG)
    log_in(page, user("auditor"))

    page.goto(f"/templates_app/messagetemplate/{template.pk}/change/")

    expect(page.locator("#findings .lp-list > div")).to_have_count(len(CODES))
    assert page.get_by_role("link", name="Waive").count() == 0
    assert MessageTemplate.objects.get().state == "draft"
