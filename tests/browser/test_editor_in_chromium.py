"""The author's editor in a real browser: all follows what is typed; and without script."""

from __future__ import annotations

import json
import re
from datetime import datetime
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect
from pytest_django.live_server_helper import LiveServer

from templates_app import drafting
from templates_app.models import MessageTemplate
from tests import factories
from tests.browser.test_a_conversation_in_chromium import opened
from tests.browser.test_console_in_chromium import fits, log_in, user
from tests.browser.test_imports_in_chromium import shot
from tests.templates_app.test_rendering import FLEX

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

ADD = "/templates_app/messagetemplate/add/"


def count_of(page: Page, control: str) -> str:
    return f'[data-count="f-{control}"]'


def test_a_template_is_written_with_the_phone_beside_it(page: Page) -> None:
    factories.account()
    log_in(page, user("author"))
    phone, items = page.locator(".lp-phone"), page.locator("#lines [data-line]")

    page.goto("/templates_app/messagetemplate/")
    page.goto(ADD)
    expect(phone).to_contain_text("OFFICIAL NOTIFICATION")
    expect(page.get_by_text("A notification needs a title")).to_be_visible()
    page.get_by_label("Key", exact=True).fill("parcel-waits")
    page.get_by_label("What the message is for").fill("A parcel waits at the shop")
    page.get_by_label("Title", exact=True).fill("พัสดุของคุณรอรับ")
    expect(phone).to_contain_text("พัสดุของคุณรอรับ")
    expect(page.get_by_text("A notification needs a title")).to_have_count(0)

    emphasis = page.get_by_role("group", name="Emphasis")
    emphasis.get_by_label("Label").fill("เลขพัสดุ")
    emphasis.get_by_label("Value").fill("x" * 16)
    expect(page.locator(count_of(page, "emphasis_value"))).to_have_text("16 / 15")
    expect(page.locator(count_of(page, "emphasis_value"))).to_have_class(re.compile("lp-over"))
    expect(page.get_by_text("Emphasis, value: This text has 16 characters")).to_be_visible()
    shot(page, "editor-over")
    emphasis.get_by_label("Value").fill("{{no}}")
    expect(page.locator(count_of(page, "emphasis_value"))).to_have_text("0 / 15")
    expect(phone.locator("mark", has_text="no")).to_be_visible()

    page.get_by_label("no", exact=True).fill("TH012345678")
    page.get_by_text("Sample 1").last.click()
    expect(phone.locator(".lp-filled")).to_have_text("TH012345678")
    expect(page.get_by_label("no", exact=True)).to_have_value("TH012345678")
    page.get_by_label("Dark phone").check()

    for label in ("จาก", "ถึง"):
        items.last.get_by_label("Label").fill(label)
        items.last.get_by_label("Value").fill(f"{{{{{label}}}}}")
        page.get_by_role("button", name="Add an item").click()
    expect(items).to_have_count(3)
    expect(items.nth(2).get_by_label("Label")).to_be_focused()
    expect(page.locator("#items-count")).to_have_text("2 / 15")
    items.nth(1).get_by_role("button", name="Move up").click()
    expect(items.nth(0).get_by_label("Label")).to_have_value("ถึง")
    expect(phone).to_contain_text(re.compile(r"ถึง.*จาก", re.DOTALL))
    page.get_by_role("group", name="Item 3").get_by_role("button", name="Remove").click()
    expect(items).to_have_count(2)
    expect(page.get_by_label("Dark phone")).to_be_checked()  # not drawn anew with the phone
    page.get_by_role("button", name="Add a sample").click()
    second = page.get_by_role("group", name="Sample 2")
    second.get_by_label("จาก").fill("ร้านดอกไม้")
    page.locator('label:has-text("Sample 2")').click()
    expect(phone.locator(".lp-filled")).to_have_text("ร้านดอกไม้")
    expect(page.get_by_label("no", exact=True).first).to_have_value("TH012345678")
    assert fits(page)
    shot(page, "editor-written")

    page.get_by_role("button", name="Save draft").click()
    page.wait_for_url(re.compile(r"/messagetemplate/\d+/change/"))
    expect(page.get_by_text("The draft parcel-waits v1 is saved.")).to_be_visible()
    assert fits(page)
    template = MessageTemplate.objects.get()
    assert template.content == {
        "title": "พัสดุของคุณรอรับ",
        "emphasis": {"label": "เลขพัสดุ", "value": "{{no}}"},
        "items": [{"label": "ถึง", "value": "{{ถึง}}"}, {"label": "จาก", "value": "{{จาก}}"}],
    }
    assert template.samples == [{"no": "TH012345678"}, {"จาก": "ร้านดอกไม้"}]


def test_a_changed_placeholder_tells_what_callers_must_pass(page: Page, at: datetime) -> None:
    author = user("author")
    draft = drafting.revise(factories.approved(factories.account()), by=author, at=at)
    log_in(page, author)
    change = page.locator("#caller-change")

    page.goto(f"/templates_app/messagetemplate/{draft.pk}/change/")
    page.get_by_role("link", name="Edit", exact=True).click()
    expect(page.get_by_label("Title", exact=True)).to_have_value("พัสดุของคุณมาถึงแล้ว")
    expect(change).to_have_count(0)
    page.get_by_label("Greeting").fill("เรียน คุณ{{customer}}")
    expect(change).to_have_text("API callers must now also pass: customer; no longer needed: name.")
    assert fits(page)
    shot(page, "editor-callers")
    page.get_by_role("button", name="Save draft").click()
    expect(page.get_by_text("API callers must now also pass: customer").first).to_be_visible()
    expect(page.locator("#callers")).to_contain_text("Changed since version 1")
    assert fits(page)
    shot(page, "draft-callers")


def test_a_bubble_is_uploaded_and_pasted(page: Page, tmp_path: Path) -> None:
    factories.account()
    log_in(page, user("author"))
    good, big = tmp_path / "bubble.json", tmp_path / "big.json"
    good.write_text(json.dumps(FLEX["flex"], indent=2), encoding="utf-8")
    big.write_bytes(b" " * 1_000_000)

    page.goto(ADD)
    page.get_by_label("Title", exact=True).fill("kept while another kind is tried")
    page.get_by_label("Notification from Flex JSON").check()
    expect(page.get_by_label("Title", exact=True)).to_be_hidden()
    page.get_by_label("Or upload a .json file").set_input_files(big)
    expect(page.get_by_text("This is larger than 200 KB")).to_be_visible()
    page.get_by_label("Or upload a .json file").set_input_files(good)
    expect(page.get_by_text("This is larger than 200 KB")).to_be_hidden()
    expect(page.get_by_label("Paste it here")).to_have_value(re.compile('"type": "bubble"'))
    expect(page.locator(".lp-phone mark", has_text="shop")).to_be_visible()
    expect(page.get_by_label("Key", exact=True)).to_have_value("")  # the theme would name the file
    page.get_by_label("Alternative text").fill("news")
    expect(page.get_by_text("missing or wrong")).to_have_count(0)
    shot(page, "editor-flex")
    page.get_by_label("Paste it here").fill('{"type": "bubble",\n  "body": }')
    expect(page.locator("#preview")).to_contain_text("Line 2, column 11: this is not JSON")
    page.get_by_label("Notification", exact=True).check()
    expect(page.get_by_label("Title", exact=True)).to_have_value("kept while another kind is tried")
    assert fits(page)


def write_picture(page: Page) -> None:
    """Type a picture for friends and save it, by whatever the page has without script."""
    page.goto(f"{ADD}?kind=picture")
    page.get_by_label("Key", exact=True).fill("spring")
    page.get_by_label("What the message is for").fill("The spring sale")
    page.get_by_label("Category").select_option("marketing")
    expect(page.get_by_label("Title", exact=True)).to_be_hidden()
    page.get_by_label("Address of the picture").fill("https://pictures.example.com/{{shop}}.jpg")
    page.locator("label", has_text="Tall").click()
    page.get_by_label("Words under the picture").fill("ลดราคา")
    page.get_by_role("group", name="Button 1").get_by_label("Label").fill("ดูสินค้า")
    page.get_by_role("group", name="Button 1").get_by_label("Address").fill("https://example.com/")
    page.get_by_role("button", name="Save draft").click()
    expect(page.get_by_text("1 thing is not right yet")).to_be_visible()
    expect(page.get_by_text("Write the text that is shown where no picture can be.")).to_have_count(
        2
    )
    page.get_by_label("Address of the picture").fill("https://pictures.example.com/spring.jpg")
    page.get_by_label("Alternative text").fill("ลดราคา")
    page.get_by_role("button", name="Preview").click()
    drawn = page.locator(".lp-phone .lp-flex")
    expect(drawn.get_by_role("link", name="image from pictures.example.com")).to_have_attribute(
        "href", "https://pictures.example.com/spring.jpg"
    )
    expect(drawn).to_contain_text(re.compile(r"ลดราคา.*ดูสินค้า.*ไม่รับข่าวสาร", re.DOTALL))
    assert fits(page)
    page.get_by_role("button", name="Save draft").click()
    expect(page.get_by_text("The draft spring v1 is saved.")).to_be_visible()
    assert MessageTemplate.objects.get().content == {
        "image": {"url": "https://pictures.example.com/spring.jpg", "shape": "tall"},
        "caption": "ลดราคา",
        "buttons": [{"label": "ดูสินค้า", "url": "https://example.com/"}],
        "alt_text": "ลดราคา",
    }


def test_a_picture_for_friends_is_written(page: Page) -> None:
    factories.account()
    log_in(page, user("author"))

    write_picture(page)

    shot(page, "picture-draft")
    page.get_by_role("link", name="Edit", exact=True).click()
    expect(page.locator("label", has_text="Tall").locator("input")).to_be_checked()
    assert fits(page)
    shot(page, "editor-picture")


@pytest.mark.parametrize("width", [1280, 375])
def test_a_picture_is_written_without_script(
    width: int, chromium: Browser, live_server: LiveServer
) -> None:
    factories.account()
    page = opened(chromium, live_server.url, width=width, script=False)
    log_in(page, user("author"))

    write_picture(page)

    page.context.close()


@pytest.mark.parametrize("width", [1280, 375])
def test_a_template_is_written_without_script(
    width: int, chromium: Browser, live_server: LiveServer
) -> None:
    account = factories.account()
    page = opened(chromium, live_server.url, width=width, script=False)
    log_in(page, user("author"))
    phone, items = page.locator(".lp-phone"), page.locator("#lines [data-line]")

    page.goto(ADD)
    page.get_by_label("Key", exact=True).fill("plain")
    page.get_by_label("What the message is for").fill("A parcel waits")
    page.get_by_label("Title", exact=True).fill("พัสดุ")
    items.nth(0).get_by_label("Label").fill("จาก")
    items.nth(0).get_by_label("Value").fill("{{shop}}")
    page.get_by_role("button", name="Add an item").click()
    expect(items).to_have_count(2)
    items.nth(1).get_by_label("Label").fill("ถึง")
    items.nth(1).get_by_label("Value").fill("x" * 301)
    page.get_by_role("button", name="Preview").click()
    expect(phone.locator("mark", has_text="shop")).to_be_visible()
    expect(page.locator(count_of(page, "item_value-1"))).to_have_text("301 / 300")
    expect(page.locator(count_of(page, "item_value-1"))).to_have_class(re.compile("lp-over"))
    expect(
        items.nth(1).get_by_text("This text has 301 characters; LINE allows 300")
    ).to_be_visible()
    assert fits(page)
    shot(page, "editor-no-script")
    page.get_by_role("button", name="Save draft").click()
    expect(page.get_by_text("1 thing is not right yet")).to_be_visible()
    assert not MessageTemplate.objects.exists()

    items.nth(1).get_by_role("button", name="Remove").click()
    expect(items).to_have_count(1)
    page.get_by_label("shop", exact=True).fill("ร้านดอกไม้")
    page.locator('label:has-text("Sample 1")').click()
    page.get_by_role("button", name="Preview").click()
    expect(phone.locator(".lp-filled")).to_have_text("ร้านดอกไม้")
    page.get_by_role("button", name="Save draft").click()
    page.wait_for_url(re.compile(r"/messagetemplate/\d+/change/"))
    page.get_by_role("link", name="Edit", exact=True).click()
    page.get_by_label("Title", exact=True).fill("พัสดุของคุณ")
    page.get_by_role("button", name="Save draft").click()

    expect(page.get_by_text("The draft plain v1 is saved.")).to_be_visible()
    template = MessageTemplate.objects.get()
    assert template.account == account
    assert template.content == {
        "title": "พัสดุของคุณ",
        "items": [{"label": "จาก", "value": "{{shop}}"}],
    }
    assert template.samples == [{"shop": "ร้านดอกไม้"}]
    page.context.close()
