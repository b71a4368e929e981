"""A person's page in a real browser: the ledger is read, and consent withdrawn by one click."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Page, expect

from recipients import bases, friendship, intake
from recipients.models import Reachability, Source
from tests import factories
from tests.browser.test_console_in_chromium import fits, log_in, user

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def test_a_persons_ledger_is_read_and_withdrawn_by_one_click(page: Page) -> None:
    at = datetime.now(UTC)
    who = user("sender")
    account = factories.account()
    scan = intake.read_evidence("called us", file=b"x", file_name="signed-consent-form-2026.pdf")
    person = factories.recipient(
        account, 1, consent="agreed", wording_version="2026-03", evidence=scan
    )
    friendship.apply(
        account, line_user_id=factories.user_id(1), event="follow",
        occurred_at=at - timedelta(days=40), event_id="01G17EJCGAVV66J5WNA7ZC0001", at=at,
    )  # fmt: skip
    statement = intake.statement(
        source=Source.RECORDS, at=at, by=who, observed_at=at - timedelta(days=90),
        wording_version="2025-11",
    )  # fmt: skip
    for purpose, basis in (("newsletter", "consent"), ("parcels", "contract")):
        bases.record(person, purpose=purpose, basis=basis, statement=statement)
    bases.opt_out(person, purpose="offers of partners", statement=statement)
    Reachability.objects.create(recipient=person, reached_at=at, message_id=1)
    log_in(page, who)

    page.goto(f"/recipients/recipient/{person.pk}/change/")
    assert fits(page)
    expect(page.get_by_text("friend, an event from LINE, 1")).to_be_visible()
    expect(page.get_by_role("link", name="signed-consent-form-2026.pdf").first).to_be_visible()
    if where := os.environ.get("LP_SHOTS"):
        width = page.viewport_size["width"] if page.viewport_size else 0
        page.screenshot(path=f"{where}/person-{width}.png", full_page=True)
        for name in ("standing", "basis", "reassign"):
            page.goto(f"/recipients/recipient/{person.pk}/act/{name}/")
            assert fits(page)
            page.screenshot(path=f"{where}/{name}-{width}.png", full_page=True)
        page.goto(f"/recipients/recipient/{person.pk}/change/")

    page.get_by_role("button", name="Withdraw", exact=True).click()
    expect(page.get_by_text("withdrawn 20")).to_be_visible()
    page.get_by_role("button", name="Withdraw everything").click()
    expect(page.get_by_text("rejected, the person's own word")).to_be_visible()
    assert fits(page)
    person.refresh_from_db()
    assert person.consent == "rejected"
