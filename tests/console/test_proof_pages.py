"""The pages of the proof: a person's verdict, a message's, and an audience's figures as links."""

from __future__ import annotations

import re
from datetime import datetime
from html import unescape

import pytest
from django.test import Client
from django.urls import reverse

from lineportal.accounts.models import AccountScope, OfficialAccount
from lineportal.sending import campaigns
from lineportal.sending.models import Message
from tests import factories

PEOPLE = "admin:recipients_recipient_changelist"


@pytest.fixture
def account(db: None, at: datetime) -> OfficialAccount:
    account = factories.account()
    factories.approved(account)
    factories.recipient(account, 1, consent="agreed", friend_status="friend")
    factories.recipient(account, 2, consent="agreed", friend_status="blocked")
    factories.recipient(account, 3)
    return account


@pytest.fixture
def client(account: OfficialAccount) -> Client:
    client = Client()
    client.force_login(factories.user("sender"))
    return client


def links(page: str) -> list[tuple[str, int]]:
    """Return (address, figure) of every figure of a page's matrix that is a link."""
    table = page[page.index("lp-matrix") :]
    found = re.findall(r'<a href="([^"]+)">([\d,]+)</a>', table[: table.index("</table>")])
    return [(unescape(url), int(n.replace(",", ""))) for url, n in found]


def listed(client: Client, url: str) -> int:
    return int(client.get(url).context["cl"].result_count)


def test_every_figure_of_an_account_lists_as_many_people(
    account: OfficialAccount, client: Client
) -> None:
    for service in ("lon", "oa"):
        page = client.get(
            reverse("admin:recipients_recipient_standing"),
            {"account": account.slug, "service": service},
        ).content.decode()

        found = links(page)
        assert sorted(n for _url, n in found) == [1, 1, 1, 1, 2]  # three cells, two rows
        assert all(listed(client, url) == n for url, n in found)
    assert "not_friend" in page
    assert "3 people of Thai-Post" in page


def test_the_figures_of_a_draft_list_the_people_of_its_filter(
    account: OfficialAccount, client: Client, at: datetime
) -> None:
    campaign = campaigns.create(
        account, template=campaigns.approved_template(account, "parcel"), name="c",
        audience={"consent": ["agreed"]}, by=factories.user("sender"), at=at,
    )  # fmt: skip

    page = client.get(reverse("admin:sending_campaign_change", args=[campaign.pk])).content.decode()

    found = links(page)
    assert sorted(n for _url, n in found) == [1, 1, 2]
    assert all(f"campaign={campaign.pk}" in url for url, _n in found)
    assert all(listed(client, url) == n for url, n in found)
    assert "No rule excludes them." in page
    assert "blocked" in page
    assert listed(client, f"{reverse(PEOPLE)}?campaign={campaign.pk}") == 2


def test_the_figures_of_a_file_list_the_people_of_its_rows(
    account: OfficialAccount, client: Client, at: datetime
) -> None:
    from_rows = campaigns.create(
        account, template=campaigns.approved_template(account, "parcel"), name="c",
        audience={"rows": 0}, by=factories.user("sender"), at=at,
    )  # fmt: skip

    assert listed(client, f"{reverse(PEOPLE)}?campaign={from_rows.pk}") == 0


def test_a_campaign_of_another_account_lists_nobody(account: OfficialAccount, at: datetime) -> None:
    campaign = campaigns.create(
        account, template=campaigns.approved_template(account, "parcel"), name="c",
        by=factories.user("sender"), at=at,
    )  # fmt: skip
    stranger = factories.user("sender")
    AccountScope.objects.create(user=stranger)
    client = Client()
    client.force_login(stranger)

    answer = client.get(f"{reverse(PEOPLE)}?campaign={campaign.pk}", follow=True)

    assert answer.context["cl"].result_count == 0
    page = client.get(reverse("admin:recipients_recipient_standing")).content.decode()
    assert "There is no account yet." in page


def test_a_person_is_judged_for_a_template_with_facts_and_rules(
    account: OfficialAccount, client: Client
) -> None:
    [person] = account.recipients.filter(friend_status="blocked")
    template = campaigns.approved_template(account, "parcel")
    url = reverse("admin:recipients_recipient_change", args=[person.pk])

    in_general = client.get(url).content.decode()
    judged = client.get(f"{url}?template={template.pk}").content.decode()

    assert "Two-way message" in in_general
    assert "an API caller" in in_general
    assert "Values of placeholders" in judged
    assert "not reached" in judged
    assert client.get(f"{url}?template={'9' * 30}").status_code == 200


def test_a_message_shows_what_it_was_decided_on(
    account: OfficialAccount, client: Client, at: datetime
) -> None:
    by = factories.user("sender")
    campaign = campaigns.create(
        account, template=campaigns.approved_template(account, "parcel"), name="c", by=by, at=at
    )
    campaigns.start(campaign, by=by, at=at)

    for message in Message.objects.all():
        url = reverse("admin:sending_message_change", args=[message.pk])
        page = client.get(url).content.decode()
        assert "What this was decided on" in page
        assert message.rules_version in page
        assert ("refuses" in page) == (message.rule == "blocked")
