"""A whole number on a page: asked for with a purpose, shown once, written down; else masked."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from lineportal.accounts.models import AccountScope, OfficialAccount
from lineportal.audit.models import AuditEntry
from recipients.models import Recipient
from tests import factories

PHONE = "+66812300001"
MAY = {"author": False, "reviewer": False, "sender": False, "auditor": False, "manager": True,
       "superuser": True}  # fmt: skip


@pytest.fixture
def account(db: None) -> OfficialAccount:
    return factories.account()


@pytest.fixture
def person(account: OfficialAccount) -> Recipient:
    return factories.recipient(account, 1, attributes={"mobile": "081-230 0001", "city": "Chiang"})


def console(role: str) -> Client:
    client = Client()
    client.force_login(factories.superuser() if role == "superuser" else factories.user(role))
    return client


def page(person: Recipient) -> str:
    return reverse("admin:recipients_recipient_act", args=[person.pk, "reveal"])


@pytest.mark.parametrize("role", MAY)
def test_a_number_is_shown_to_who_may_see_it_and_says_what_for(
    role: str, person: Recipient
) -> None:
    client = console(role)
    own = client.get(reverse("admin:recipients_recipient_change", args=[person.pk]))
    assert (page(person) in own.text) is MAY[role]

    answer = client.post(page(person), {"purpose": "call back about 0812300001, Chiang"})

    assert (PHONE in answer.text) is MAY[role]
    facts = [entry.facts for entry in AuditEntry.objects.filter(action="recipient.reveal")]
    assert facts == ([{"purpose": "call back about ***, ***"}] if MAY[role] else [])
    if MAY[role]:
        assert answer.status_code == 200
        assert "no-store" in answer["Cache-Control"]


@pytest.mark.parametrize("purpose", ["", "  ", "?"])
def test_without_a_purpose_nothing_is_shown(purpose: str, person: Recipient) -> None:
    answer = console("manager").post(page(person), {"purpose": purpose})

    assert answer.status_code == 409
    assert PHONE not in answer.text
    assert not AuditEntry.objects.filter(action="recipient.reveal").exists()


def test_a_page_that_is_only_opened_shows_nothing(person: Recipient) -> None:
    answer = console("manager").get(page(person) + "?purpose=x")

    assert PHONE not in answer.text
    assert not AuditEntry.objects.filter(action="recipient.reveal").exists()


def test_a_number_of_another_account_is_not_shown(person: Recipient) -> None:
    elsewhere = factories.account("other", channel="1650000002", secret="s" * 32)
    user = factories.user("manager")
    AccountScope.objects.create(user=user).accounts.set([elsewhere])
    client = Client()
    client.force_login(user)

    assert client.post(page(person), {"purpose": "x"}).status_code in (302, 404)
    assert not AuditEntry.objects.filter(action="recipient.reveal").exists()


def test_who_has_no_number_says_so(account: OfficialAccount) -> None:
    nobody = factories.recipient(account, 2, phone=None)

    answer = console("manager").post(page(nobody), {"purpose": "x"}, follow=True)

    assert "no phone number" in answer.text


def test_an_attribute_that_is_a_number_is_masked_too(person: Recipient) -> None:
    answer = console("manager").get(reverse("admin:recipients_recipient_change", args=[person.pk]))

    assert "081-230 0001" not in answer.text
    assert "Chiang" in answer.text
