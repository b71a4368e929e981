"""Phone numbers in the API's answers: masked, named by the call, or revealed and written down."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.contrib.auth.models import User

from lineportal.accounts.models import AccountScope, ApiKey, OfficialAccount
from lineportal.audit import chain
from lineportal.audit.models import AuditEntry
from tests import factories
from tests.api.client import Api

PHONE, NATIONAL, MASKED = "+66812300001", "0812300001", "+66 ** *** *001"
REVEALS = "recipients.reveal"


@pytest.fixture
def account(db: None) -> OfficialAccount:
    return factories.account()


@pytest.fixture
def person(account: OfficialAccount) -> int:
    return factories.recipient(account, 1).pk


def seen(api: Api, path: str) -> set[str]:
    """Return the numbers in an answer, however deep."""
    body = api.get(path).json()
    rows = body.get("results", [body])
    return {row["phone"] for row in rows}


def entries() -> list[dict[str, Any]]:
    return [entry.facts for entry in AuditEntry.objects.filter(action=REVEALS)]


ROLES = {"author": MASKED, "reviewer": MASKED, "sender": MASKED, "auditor": MASKED,
         "manager": PHONE}  # fmt: skip


@pytest.mark.parametrize("role", ROLES)
def test_only_who_may_reveal_reads_whole_numbers_in_passing(
    role: str, account: OfficialAccount, person: int
) -> None:
    manager = Api(factories.user("manager"))
    manager.post("suppressions/", {"account": account.slug, "phone": NATIONAL, "reason": "asked"})
    api = Api(factories.user(role))

    for path in ("recipients/", f"recipients/{person}/", "suppressions/"):
        assert seen(api, path) == {ROLES[role]}
    assert len(entries()) == (3 if role == "manager" else 0)


@pytest.mark.parametrize("role", ROLES)
def test_a_number_that_the_call_names_comes_back_whole_and_is_no_reveal(
    role: str, account: OfficialAccount, person: int
) -> None:
    api = Api(factories.user(role))

    for number in (NATIONAL, "%2B66812300001", "081-230-0001"):
        assert seen(api, f"recipients/?account={account.slug}&phone={number}") == {PHONE}
    assert seen(api, f"recipients/{person}/?phone={NATIONAL}") == {PHONE}
    assert api.get(f"recipients/{person}/?phone=0812300002").status_code == 404
    assert entries() == []


def test_what_is_written_comes_back_as_it_was_named(account: OfficialAccount) -> None:
    api = Api(factories.user("sender"))
    new = {"account": account.slug, "phone": NATIONAL}
    made = api.post("recipients/", new).json()
    suppressed = api.post("suppressions/", {**new, "reason": "asked"}).json()
    path = f"recipients/{made['id']}/"

    assert (made["phone"], suppressed["phone"]) == (PHONE, PHONE)
    assert api.patch(path, {"consent": "agreed"}).json()["phone"] == MASKED
    assert api.patch(path, {"phone": NATIONAL}).json()["phone"] == PHONE
    assert entries() == []


def test_one_call_that_reveals_is_one_entry_with_its_purpose(
    account: OfficialAccount, manager: User
) -> None:
    other = factories.account("other", channel="1650000002", secret="s" * 32)
    for n in range(3):
        factories.recipient(account, n)
    factories.recipient(other, 7)
    factories.recipient(other, 8, phone=None)
    api = Api(manager)

    api.get("recipients/?purpose=call of 0812345678 about the recall")
    api.client.get("/api/v1/recipients/?account=other", headers={"X-Purpose": "the recall"})
    api.get("recipients/?account=other")

    key = ApiKey.objects.get()
    assert entries() == [
        {"accounts": [account.pk, other.pk], "numbers": 4,
         "purpose": "call of *** about the recall"},
        {"accounts": [other.pk], "numbers": 1, "purpose": "the recall"},
        {"accounts": [other.pk], "numbers": 1, "purpose": "test"},
    ]  # fmt: skip
    entry = AuditEntry.objects.filter(action=REVEALS).order_by("number")
    assert [each.subject for each in entry] == [f"apikey:{key.pk}"] * 3
    assert [each.account_id for each in entry] == [None, other.pk, other.pk]
    assert chain.first_break(AuditEntry.objects.order_by("number").iterator()) is None
    assert not any("8123" in json.dumps(facts) for facts in entries())


def test_who_may_reveal_does_so_on_their_own_accounts_only(
    account: OfficialAccount, person: int
) -> None:
    elsewhere = factories.account("other", channel="1650000002", secret="s" * 32)
    user = factories.user("manager")
    AccountScope.objects.create(user=user).accounts.set([elsewhere])

    assert seen(Api(user), "recipients/") == set()
    assert Api(user).get(f"recipients/{person}/?phone={NATIONAL}").status_code == 404
    assert entries() == []


def test_no_answer_with_numbers_is_kept_by_caches(account: OfficialAccount, person: int) -> None:
    answer = Api(factories.user("manager")).get(f"recipients/{person}/")

    assert answer["Cache-Control"] == "no-store"
