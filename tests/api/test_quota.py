"""The quota by the doors: shown before a start, and a start over it only where it is said."""

from __future__ import annotations

from datetime import UTC, datetime
from io import StringIO

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse

from lineportal.accounts.models import OfficialAccount, Road
from lineportal.sending import campaigns, quota
from lineportal.sending.models import Campaign, Policy
from tests import factories
from tests.api.client import Api


@pytest.fixture
def account(db: None) -> OfficialAccount:
    account = factories.account()
    Policy.objects.create(account=account, windows={"marketing": None})
    for n in range(3):
        factories.recipient(account, n, friend_status="friend")
    return account


@pytest.fixture
def campaign(account: OfficialAccount, sender: User) -> Campaign:
    template = factories.two_way(account, category="marketing")
    return campaigns.create(account, template=template, name="Sale", by=sender, at=now())


def now() -> datetime:
    return datetime.now(UTC)


def told(account: OfficialAccount, *, used: int) -> None:
    road = Road.objects.get(account=account, service="oa")
    quota.keep(road, limit=100, used=used, at=now())


def test_the_api_shows_the_quota_and_starts_over_it_when_told_to(campaign: Campaign) -> None:
    api = Api(factories.user("sender"))
    path = f"campaigns/{campaign.pk}/"
    unknown = api.get(f"{path}preview/").json()["quota"]
    assert (unknown["left"], unknown["needed"], unknown["fits"]) == (None, 3, None)
    assert unknown["asked_at"] is None

    told(campaign.account, used=98)

    shown = api.get(f"{path}preview/").json()["quota"]
    assert (shown["limit"], shown["used"], shown["left"], shown["fits"]) == (100, 98, 2, False)
    refused = api.post(f"{path}start/")
    assert (refused.status_code, refused.json()["error"]) == (409, "over_quota")
    assert "3 messages; 2 are left" in refused.json()["detail"]
    assert api.post(f"{path}start/", {"over_quota": True}).json()["state"] == "running"


def test_the_page_shows_the_quota_and_starts_over_it_when_the_box_is_ticked(
    campaign: Campaign,
) -> None:
    client = Client()
    client.force_login(factories.user("sender"))
    page = reverse("admin:sending_campaign_change", args=[campaign.pk])
    start = reverse("admin:sending_campaign_act", args=[campaign.pk, "start"])
    first = client.get(page).content.decode()
    assert "LINE is being asked" in first
    assert "Marketing cap: off" in first

    told(campaign.account, used=98)
    Policy.objects.update(marketing_cap_messages=2)

    shown = client.get(page).content.decode()
    assert "Does not fit" in shown
    assert "at most 2 messages to one person in 7 days" in shown
    refused = client.post(start)
    assert refused.status_code == 409
    assert "Send as many as are left" in refused.content.decode()
    campaign.refresh_from_db()
    assert campaign.state == "draft"
    assert client.post(start, {"over_quota": "on"}).status_code == 302
    campaign.refresh_from_db()
    assert campaign.state == "running"


def test_the_command_starts_over_it_with_its_flag(campaign: Campaign) -> None:
    told(campaign.account, used=98)
    given = {
        "account": campaign.account.slug, "template": "news", "name": "Sale", "resume": True,
        "stdout": StringIO(),
    }  # fmt: skip
    with pytest.raises(CommandError, match="2 are left"):
        call_command("start_campaign", **given)

    call_command("start_campaign", **given, over_quota=True)

    campaign.refresh_from_db()
    assert campaign.state == "running"
