"""The audiences' pages without script: rows, counts, saving, and who may do what."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from lineportal.accounts.models import AccountScope, OfficialAccount
from lineportal.sending import saved_audiences
from lineportal.sending.models import Campaign, SavedAudience
from tests import factories

ADD = "admin:sending_savedaudience_add"
COUNT = "admin:sending_savedaudience_count"
ROLES = ("author", "reviewer", "sender", "auditor", "manager", "superuser")
KEEPERS = {"sender", "manager", "superuser"}
AGREED = {"field": "consent", "operator": "is", "value": "agreed"}


@pytest.fixture
def account(db: None) -> OfficialAccount:
    made = factories.account()
    for n, consent in enumerate(("agreed", "agreed", "rejected")):
        attributes = {**factories.VALUES, "city": "Bangkok" if n else "Chiang Mai"}
        factories.recipient(made, n, consent=consent, attributes=attributes)
    return made


def login(role: str) -> tuple[Client, User]:
    user = factories.superuser() if role == "superuser" else factories.user(role)
    client = Client()
    client.force_login(user)
    return client, user


def form(*rows: tuple[str, str, str, str], match: str = "all", **more: Any) -> dict[str, Any]:
    columns = zip(*rows, strict=True) if rows else [()] * 4
    parts = dict(zip(("field", "name", "operator", "value"), map(list, columns), strict=True))
    return {"match": match, "name_of_audience": "Agreed in Bangkok", **parts, **more}


BANGKOK = ("attribute", "city", "is", "Bangkok")


def saved(account: OfficialAccount, filter: dict[str, Any], at: datetime) -> SavedAudience:
    by = factories.user("sender")
    return saved_audiences.create(account, name="kept", filter=filter, by=by, at=at)


def test_rows_are_added_counted_and_saved_without_script(account: OfficialAccount) -> None:
    client, user = login("sender")
    rows = [BANGKOK, ("consent", "", "is", "agreed")]

    empty = client.get(reverse(ADD)).content.decode()
    assert empty.count('name="operator"') == 1
    more = client.post(reverse(ADD), form(BANGKOK, do="add")).content.decode()
    assert more.count('name="operator"') == 2
    assert 'value="Bangkok"' in more
    fewer = client.post(reverse(ADD), form(*rows, remove="0")).content.decode()
    assert fewer.count('name="operator"') == 1
    assert "Bangkok" not in fewer.split('id="rows"')[1].split("<datalist")[0]
    counted = client.post(reverse(ADD), form(*rows, do="count")).content.decode()
    assert "<strong>1</strong>person" in counted
    assert not SavedAudience.objects.exists()

    answer = client.post(reverse(ADD), form(*rows, do="save"))

    made = SavedAudience.objects.get()
    assert answer.url == reverse("admin:sending_savedaudience_change", args=[made.pk])
    assert (made.name, made.created_by, made.account) == ("Agreed in Bangkok", user, account)
    assert made.filter == {
        "all": [
            {"field": "attribute", "name": "city", "operator": "is", "value": "Bangkok"},
            {"field": "consent", "operator": "is", "value": "agreed"},
        ]
    }
    changed = client.post(answer.url, form(BANGKOK, match="none", name_of_audience="x", do="save"))
    assert changed.status_code == 302
    made.refresh_from_db()
    assert (made.name, list(made.filter)) == ("x", ["none"])


def test_what_is_chosen_decides_what_the_row_offers(account: OfficialAccount) -> None:
    client, _user = login("sender")

    page = client.post(reverse(ADD), form(("consent", "", "contains", "x"), do="rows"))

    text = page.content.decode()
    assert '<option value="is" selected>' in text
    assert '<option value="contains"' not in text
    assert '<option value="rejected">Rejected</option>' in text


@pytest.mark.parametrize(
    ("sent", "sentence"),
    [
        (form(do="save"), "Add at least one condition."),
        (form(("", "", "is", ""), do="save"), "Add at least one condition."),
        (form(BANGKOK, do="save", name_of_audience=" "), "Give the audience a name"),
        (form(BANGKOK, do="save", name_of_audience="kept"), "has an audience “kept” already"),
        (form(BANGKOK, do="save", account="0"), "Choose the account whose people are meant."),
        (form(BANGKOK, do="save", account="²"), "Choose the account whose people are meant."),
        (form(("attribute", "", "is", "x"), do="save"), "Give the attribute&#x27;s name."),
        (form(("attribute", "a", "before", "x"), do="save"), "Give a day as year-month-day"),
        (form(("phone", "", "is", "x"), do="save"), "Unknown field “phone”"),
        (form(("tag", "", "like", "x"), do="save"), "Unknown operator “like”"),
        (form(BANGKOK, ("tag", "", "has", "\0"), do="count"), "character that cannot be stored"),
        (form(BANGKOK, match="all; drop", do="save"), "one of “all”, “any” or “none”"),
        (form(("import", "", "is", "9" * 30), do="count"), "import&#x27;s id, a whole number"),
        (form(("import", "", "is", "77"), do="count"), "The account has no import 77"),
    ],
)
def test_what_cannot_be_understood_is_said_where_it_stands(
    sent: dict[str, Any], sentence: str, account: OfficialAccount, at: datetime
) -> None:
    saved(account, {"all": [AGREED]}, at)
    client, _user = login("sender")

    answer = client.post(reverse(ADD), sent)

    assert sentence in answer.content.decode()
    assert answer.status_code == (409 if sent["do"] == "save" else 200)
    assert SavedAudience.objects.count() == 1


@pytest.mark.parametrize("role", ROLES)
def test_each_role_sees_and_counts_and_only_senders_keep(
    role: str, account: OfficialAccount, at: datetime
) -> None:
    client, _user = login(role)
    kept = saved(account, {"all": [AGREED]}, at)
    page = reverse("admin:sending_savedaudience_change", args=[kept.pk])
    delete = reverse("admin:sending_savedaudience_act", args=[kept.pk, "delete"])

    shown = client.get(page)
    assert shown.status_code == 200
    assert ('value="save"' in shown.content.decode()) == (role in KEEPERS)
    assert client.get(reverse(ADD)).status_code == (200 if role in KEEPERS else 403)
    counted = client.post(reverse(COUNT), {"saved": kept.pk})
    assert "<strong>2</strong>people" in counted.content.decode()
    answer = client.post(page, form(BANGKOK, do="save"))
    assert answer.status_code == (302 if role in KEEPERS else 403)
    assert client.post(delete).status_code == (302 if role in KEEPERS else 409)
    assert SavedAudience.objects.exists() == (role not in KEEPERS)


def test_an_audience_of_another_account_is_not_there(
    account: OfficialAccount, at: datetime
) -> None:
    kept = saved(account, {"all": [AGREED]}, at)
    client, user = login("manager")
    AccountScope.objects.create(user=user)

    listed = client.get(reverse("admin:sending_savedaudience_changelist")).content.decode()
    assert "kept" not in listed
    page = reverse("admin:sending_savedaudience_change", args=[kept.pk])
    assert client.get(page).status_code in (302, 404)
    assert client.post(reverse(COUNT), {"saved": kept.pk}).status_code == 404
    live = client.post(reverse(COUNT), form(BANGKOK, account=str(account.pk)))
    assert "Choose the account" in live.content.decode()
    assert client.get(reverse(COUNT)).status_code == 404


def test_lists_within_lists_are_shown_and_counted_but_not_edited(
    account: OfficialAccount, at: datetime
) -> None:
    kept = saved(account, {"any": [{"none": [AGREED]}, AGREED]}, at)
    client, _user = login("sender")
    page = reverse("admin:sending_savedaudience_change", args=[kept.pk])

    shown = client.get(page).content.decode()
    assert "any of: (none of: Consent is “Agreed”); Consent is “Agreed”" in shown
    assert "<strong>3</strong>people" in client.post(page, {"do": "count"}).content.decode()
    assert client.post(page, form(BANGKOK, do="save")).status_code == 403


def test_a_campaign_takes_a_copy_of_an_audience(account: OfficialAccount, at: datetime) -> None:
    kept = saved(account, {"all": [AGREED]}, at)
    template = factories.approved(account)
    client, user = login("sender")
    sent = {"account": account.pk, "template": template.pk, "name": "c", "saved": kept.pk}
    add = reverse("admin:sending_campaign_add")

    both = client.post(add, {**sent, "consent": "agreed"})
    assert "Choose either an audience or the fields below it." in both.content.decode()
    assert client.post(add, sent).status_code == 302
    saved_audiences.change(kept, name="other", filter={"none": [AGREED]}, by=user, at=at)

    campaign = Campaign.objects.get()
    assert campaign.audience == {"all": [AGREED]}
    page = client.get(reverse("admin:sending_campaign_change", args=[campaign.pk]))
    assert "Consent is “Agreed”" in page.content.decode()
    assert "Send 2 messages" in page.content.decode()
