"""All that a customer can send, from the phone to the agent's page: files, a sticker, a place."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect
from pytest_django.live_server_helper import LiveServer

from lineportal.accounts.models import OfficialAccount
from lineportal.conversations.models import Media
from lineportal.sending import media_fetch
from tests import working
from tests.browser.test_a_conversation_in_chromium import (
    NUMBER,
    account,
    opened,
    read,
    said,
    say,
)
from tests.browser.test_console_in_chromium import fits, log_in, user
from tests.browser.test_imports_in_chromium import shot
from tests.line import CHANNEL, Line

__all__ = ["account"]
pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
PDF = b"%PDF-1.4\n%%EOF\n"


@pytest.fixture
def picture() -> bytes:
    drawn = io.BytesIO()
    Image.new("RGB", (300, 200), "#06c755").save(drawn, "PNG")
    return drawn.getvalue()


@pytest.mark.parametrize("script", [True, False], ids=["script", "no script"])
@pytest.mark.parametrize("width", [1280, 375])
def test_what_a_customer_sends_is_what_the_agent_sees(
    width: int,
    script: bool,
    account: OfficialAccount,
    line: Line,
    chromium: Browser,
    live_server: LiveServer,
    picture: bytes,
    tmp_path: Path,
) -> None:
    green, contract = tmp_path / "กล่อง.png", tmp_path / "contract.pdf"
    green.write_bytes(picture)
    contract.write_bytes(PDF)
    phone, page = (
        opened(chromium, url, width=width, script=script) for url in (line.url, live_server.url)
    )
    phone.goto(f"/phone/{NUMBER}/account/{CHANNEL}")
    for file in (green, contract):
        more(phone)
        phone.get_by_label("File").set_input_files(file)
        phone.get_by_role("button", name="Send the file").click()
    expect(phone.get_by_role("link", name="contract.pdf", exact=True)).to_be_visible()
    shown = phone.get_by_role("img", name="กล่อง.png")
    expect(shown).to_be_visible()
    assert shown.evaluate("image => image.naturalWidth") == 300
    more(phone)
    phone.get_by_label("Sticker").select_option("Thank you")
    phone.get_by_role("button", name="Send the sticker").click()
    expect(said(phone, "Thank you")).to_be_visible()
    more(phone)
    phone.get_by_label("Name of the place").fill("ร้านดอกไม้")
    phone.get_by_role("button", name="Send the place").click()
    expect(said(phone, "ร้านดอกไม้")).to_be_visible()
    say(phone, "I live at 1 Main Road")
    phone.get_by_text("Edit", exact=True).last.click()
    phone.get_by_label("New words").last.fill("I live at 7 Main Road")
    phone.get_by_role("button", name="Save").last.click()
    expect(said(phone, "I live at 7 Main Road")).to_be_visible()
    if script:
        assert fits(phone)
    shot(phone, f"phone-sent-{script}")

    read(line)
    working.run(media_fetch.fetch(working.in_database, may_go_on=lambda: True))
    assert list(Media.objects.values_list("state", flat=True)) == ["kept", "kept"]
    log_in(page, user("agent"))
    page.goto("/conversations/")
    page.locator("a[href^='/conversations/']").filter(has_text="7 Main Road").first.click()
    drawn = page.get_by_role("img", name="Picture")
    expect(drawn).to_be_visible()
    assert drawn.evaluate("image => image.naturalWidth") > 0
    expect(page.get_by_role("link", name="contract.pdf")).to_be_visible()
    for words in ("Thank you", "ร้านดอกไม้", "I live at 7 Main Road"):
        expect(page.locator("#talk").get_by_text(words)).to_be_visible()
    expect(page.locator("#talk").get_by_text("edited")).to_be_visible()
    expect(page.get_by_text("1 Main Road")).to_have_count(0)
    with page.expect_download() as saved:
        page.get_by_role("link", name="contract.pdf").click()
    assert Path(saved.value.path()).read_bytes() == PDF
    if script:
        assert fits(page)
    shot(page, f"agent-sees-{script}")

    # What is taken back is gone on both sides, the file with it.
    picture_of = phone.locator(".mine").filter(has=shown)
    picture_of.get_by_role("button", name="Unsend").click()
    expect(shown).to_have_count(0)
    read(line)
    page.reload()
    expect(page.get_by_text("Taken back by the customer.")).to_be_visible()
    expect(page.get_by_role("img", name="Picture")).to_have_count(0)
    for each in (phone, page):
        each.context.close()


def more(phone: Page) -> None:
    phone.locator("#foot").get_by_text("More", exact=True).click()
