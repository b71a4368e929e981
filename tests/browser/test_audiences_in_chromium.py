"""An audience built of rows in a real browser, counted as it is edited; and without script."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Browser, Page, expect
from pytest_django.live_server_helper import LiveServer

from lineportal.accounts.models import OfficialAccount
from lineportal.sending.models import Campaign, SavedAudience
from recipients.models import Recipient
from tests import factories
from tests.browser.test_console_in_chromium import fits, log_in, user
from tests.browser.test_imports_in_chromium import shot

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def people() -> OfficialAccount:
    account = factories.account()
    for n in range(6):
        city = "เชียงใหม่" if n % 2 else "กรุงเทพ"
        attributes = {**factories.VALUES, "city": city, "points": str(n)}
        consent = "rejected" if n == 4 else "agreed"
        factories.recipient(account, n, consent=consent, attributes=attributes)
    Recipient.objects.filter(attributes__points__in=["0", "2"]).update(tags=["vip"])
    return account


def test_the_count_follows_what_is_edited(page: Page) -> None:
    people()
    factories.approved(factories.account("second", channel="2000000002"))
    log_in(page, user("sender"))
    count = page.locator("#count strong")

    page.goto("/sending/savedaudience/")
    shot(page, "audiences-empty")
    page.goto("/sending/savedaudience/add/")
    page.get_by_label("Account").select_option("Thai-Post")
    page.get_by_label("Name", exact=True).fill("Bangkok, agreed")
    page.get_by_label("What").select_option("Attribute")
    page.get_by_label("Attribute's name").fill("city")
    page.get_by_label("Value").fill("กรุงเทพ")
    expect(count).to_have_text("3")
    page.get_by_role("button", name="Add a condition").click()
    second = page.get_by_role("group", name="Condition 2")
    second.get_by_label("What").select_option("Consent")
    expect(second.get_by_label("How").locator("option")).to_have_text(["is", "is not"])
    second.get_by_label("Value").select_option("Agreed")
    expect(count).to_have_text("2")
    assert fits(page)
    shot(page, "audience-builder")

    second.get_by_label("What").select_option("Added")
    expect(page.locator("#count")).to_contain_text("One condition is not complete: Give a day")
    second.get_by_label("Value").fill("2026-01-01")
    second.get_by_label("How").select_option("is before")
    expect(count).to_have_text("0")
    second.get_by_label("What").select_option("Tag")
    second.get_by_label("Value").fill("vip")
    expect(count).to_have_text("2")
    page.get_by_label("any of").check()
    expect(count).to_have_text("3")
    page.get_by_role("button", name="Remove condition 2").click()
    expect(second).to_have_count(0)
    page.get_by_label("none of").check()
    expect(count).to_have_text("3")
    page.get_by_role("button", name="Save").click()
    page.wait_for_url(re.compile(r"/savedaudience/\d+/change/"))

    expect(page.get_by_text("The audience “Bangkok, agreed” is saved.")).to_be_visible()
    expect(count).to_have_text("3")
    shot(page, "audience-saved")
    [saved] = SavedAudience.objects.all()
    assert saved.filter == {
        "none": [{"field": "attribute", "name": "city", "operator": "is", "value": "กรุงเทพ"}]
    }
    page.get_by_label("Attribute's name").fill("")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Give the attribute's name.").first).to_be_visible()
    assert fits(page)
    shot(page, "audience-fault")
    page.goto("/sending/savedaudience/")
    expect(page.get_by_text("none of: city is “กรุงเทพ”")).to_be_visible()
    shot(page, "audiences")


@pytest.mark.parametrize("width", [1280, 375])
def test_an_audience_is_built_and_sent_to_without_script(
    width: int, chromium: Browser, live_server: LiveServer
) -> None:
    template = factories.approved(people())
    context = chromium.new_context(
        base_url=live_server.url,
        java_script_enabled=False,
        viewport={"width": width, "height": 900},
    )
    page = context.new_page()
    log_in(page, user("sender"))

    page.goto("/sending/savedaudience/add/")
    page.get_by_label("Name", exact=True).fill("VIP")
    page.get_by_label("What").select_option("Tag")
    page.get_by_label("Value").fill("vip")
    page.get_by_role("button", name="Count").click()
    expect(page.get_by_text("Unknown operator “is”; use: has, has_not.").first).to_be_visible()
    page.get_by_label("How").select_option("is set")
    page.get_by_role("button", name="Count").click()
    expect(page.locator("#count strong")).to_have_text("2")
    page.get_by_role("button", name="Add a condition").click()
    expect(page.get_by_role("group", name="Condition 2")).to_be_visible()
    assert fits(page)
    shot(page, "audience-no-script")
    page.get_by_role("button", name="Save").click()
    page.get_by_role("link", name="Make a campaign for it").click()
    assert page.locator("select[name=saved]").input_value() == str(SavedAudience.objects.get().pk)
    page.locator("select[name=template]").select_option(str(template.pk))
    page.fill("input[name=name]", "To VIPs")
    shot(page, "campaign-for-audience")
    page.get_by_role("button", name="Save", exact=True).click()
    page.wait_for_url(re.compile(r"/campaign/\d+/change/"))

    expect(page.get_by_text("Tag “vip” is set")).to_be_visible()
    assert Campaign.objects.get().audience == SavedAudience.objects.get().filter
    context.close()
