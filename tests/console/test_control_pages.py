"""Stops, policies, canary, second key, overdue and history, by the console's own pages."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from lineportal.accounts.models import OfficialAccount
from lineportal.sending import campaigns, overdue, policies
from lineportal.sending.models import Campaign, Message, Policy, Stop
from tests import factories


def client_of(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def account(db: None) -> OfficialAccount:
    return factories.account()


@pytest.fixture
def campaign(account: OfficialAccount, at: datetime, sender: User) -> Campaign:
    for n in range(4):
        factories.recipient(account, n, consent="agreed")
    template = factories.approved(account)
    return campaigns.create(account, template=template, name="large", by=sender, at=at)


@pytest.mark.parametrize("extent", ["account", "site"])
def test_a_stop_is_thrown_by_the_form_and_lifted_by_the_button(
    extent: str, account: OfficialAccount, sender: User, manager: User
) -> None:
    chosen = account.pk if extent == "account" else ""
    form = {"account": chosen, "reason": "A customer complained."}

    answer = client_of(sender).post(reverse("admin:sending_stop_add"), form)
    assert answer.status_code == 302
    stop = Stop.objects.get()
    assert (stop.account_id, stop.stopped_by) == (chosen or None, sender)

    page = reverse("admin:sending_stop_change", args=[stop.pk])
    assert "Let it send again" not in client_of(sender).get(page).content.decode()
    assert "Let it send again" in client_of(manager).get(page).content.decode()
    home = client_of(sender).get(reverse("admin:index")).content.decode()
    assert "A customer complained." in home

    lift = reverse("admin:sending_stop_act", args=[stop.pk, "lift"])
    assert client_of(sender).post(lift).status_code == 409
    assert client_of(manager).post(lift).status_code == 302
    stop.refresh_from_db()
    assert stop.lifted_by == manager


def test_the_same_stop_twice_is_refused_with_a_sentence(
    account: OfficialAccount, sender: User
) -> None:
    client, url = client_of(sender), reverse("admin:sending_stop_add")
    form = {"account": account.pk, "reason": "Once is enough."}
    client.post(url, form)

    answer = client.post(url, form, follow=True)

    assert "stopped already" in answer.content.decode()
    assert Stop.objects.count() == 1


@pytest.mark.parametrize("role", ["author", "reviewer", "auditor"])
def test_others_cannot_throw_a_stop(role: str, account: OfficialAccount) -> None:
    client = client_of(factories.user(role))

    assert client.get(reverse("admin:sending_stop_add")).status_code == 403


def test_a_policy_is_set_by_plain_fields(account: OfficialAccount, manager: User) -> None:
    client = client_of(manager)
    form = {
        "account": account.pk,
        "canary_size": "50",
        "second_key_above": "1000",
        "refused_percent": "40",
        "uncertain_percent": "10",
        "marketing_from": "10:00",
        "marketing_to": "18:00",
        "marketing_weekdays": ["mon", "tue"],
        "marketing_closed_on": "2026-12-31, 2027-01-04",
    }

    answer = client.post(reverse("admin:sending_policy_add"), form)

    assert answer.status_code == 302, answer.content.decode()[-3000:]
    policy = Policy.objects.get()
    assert (policy.canary_size, policy.second_key_above) == (50, 1000)
    assert policy.windows == {
        "transactional": None,
        "marketing": {
            "from": "10:00",
            "to": "18:00",
            "weekdays": ["mon", "tue"],
            "on_holidays": False,
            "closed_on": ["2026-12-31", "2027-01-04"],
        },
    }
    page = client.get(reverse("admin:sending_policy_change", args=[policy.pk])).content.decode()
    assert "2026-12-31, 2027-01-04" in page


def test_a_policy_switches_the_rules_about_our_own_history_on(
    account: OfficialAccount, manager: User
) -> None:
    client = client_of(manager)
    form = {
        "account": account.pk,
        "refused_percent": "60",
        "uncertain_percent": "25",
        "cap_messages": "3",
        "cap_days": "30",
        "cooling_off_days": "14",
        "trigger_minutes": "120",
    }

    answer = client.post(reverse("admin:sending_policy_add"), form)

    assert answer.status_code == 302, answer.content.decode()[-3000:]
    policy = Policy.objects.get()
    assert (policy.cap_messages, policy.cap_days) == (3, 30)
    assert (policy.marketing_cap_messages, policy.marketing_cap_days) == (None, 7)
    assert (policy.cooling_off_days, policy.trigger_minutes) == (14, 120)
    page = client.get(reverse("admin:sending_policy_change", args=[policy.pk])).content.decode()
    assert "Leave a person alone for so many days after LINE refused." in page


def test_hours_that_end_before_they_begin_are_refused_at_their_field(
    account: OfficialAccount, manager: User
) -> None:
    form = {
        "account": account.pk,
        "refused_percent": "40",
        "uncertain_percent": "10",
        "marketing_from": "18:00",
        "marketing_to": "10:00",
        "marketing_weekdays": ["mon"],
    }

    answer = client_of(manager).post(reverse("admin:sending_policy_add"), form)

    assert "The end comes after the beginning" in answer.content.decode()
    assert not Policy.objects.exists()


def test_a_second_person_reads_the_words_and_confirms_by_the_button(
    campaign: Campaign, at: datetime, sender: User, manager: User
) -> None:
    policies.change(campaign.account, by=manager, at=at, changes={"second_key_above": 3})
    campaigns.start(campaign, by=sender, at=at)
    page = reverse("admin:sending_campaign_change", args=[campaign.pk])
    confirm = reverse("admin:sending_campaign_act", args=[campaign.pk, "confirm"])

    first = client_of(sender).get(page).content.decode()
    second = client_of(manager).get(page).content.decode()

    assert "Confirm and send" not in first
    assert "Confirm and send 4 messages" in second
    assert "พัสดุของคุณมาถึงแล้ว" in second
    assert client_of(sender).post(confirm).status_code == 409
    assert client_of(manager).post(confirm).status_code == 302
    campaign.refresh_from_db()
    assert (campaign.state, campaign.confirmed_by) == (Campaign.State.RUNNING, manager)


def test_a_message_tells_its_history_and_that_it_is_overdue(
    campaign: Campaign, at: datetime, sender: User, author: User
) -> None:
    campaigns.start(campaign, by=sender, at=at - timedelta(hours=2))
    overdue.allow(campaign.template, minutes=60, by=author, at=at)
    message = Message.objects.order_by("pk")[0]
    client = client_of(sender)

    page = client.get(reverse("admin:sending_message_change", args=[message.pk])).content.decode()
    listed = client.get(reverse("admin:sending_message_changelist") + "?overdue=yes")

    assert "What happened, in order" in page
    assert "both may arrive" in page
    assert listed.context["cl"].result_count == 4


def test_the_overdue_time_is_changed_by_a_page_of_an_approved_template(
    campaign: Campaign, author: User
) -> None:
    act = reverse("admin:templates_app_messagetemplate_act", args=[campaign.template_id, "overdue"])

    assert client_of(author).post(act, {"minutes": "90"}).status_code == 302

    campaign.template.refresh_from_db()
    assert campaign.template.overdue_minutes == 90
