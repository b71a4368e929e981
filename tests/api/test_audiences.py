"""/api/v1/audiences/ as a caller uses it."""

from __future__ import annotations

from typing import Any

import pytest

from lineportal.accounts.models import AccountScope, OfficialAccount
from lineportal.sending.models import Campaign, SavedAudience
from tests import factories
from tests.api.client import Api
from tests.api.test_hostile_requests import refused

AGREED: dict[str, Any] = {"all": [{"field": "consent", "operator": "is", "value": "agreed"}]}
BODY = {"account": "thai-post", "name": "agreed", "filter": AGREED}


@pytest.fixture
def account(db: None) -> OfficialAccount:
    made = factories.account()
    for n, consent in enumerate(("agreed", "agreed", "not_set")):
        factories.recipient(made, n, consent=consent)
    return made


@pytest.fixture
def api(account: OfficialAccount) -> Api:
    return Api(factories.user("sender"))


def test_an_audience_is_made_read_changed_counted_and_deleted(api: Api) -> None:
    made = api.post("audiences/", BODY)
    assert made.status_code == 201
    path = f"audiences/{made.json()['id']}/"
    assert {key: made.json()[key] for key in BODY} == BODY
    assert api.get(path).json() == made.json()
    assert api.get(f"{path}count/").json() == {"people": 2}

    others = {"none": AGREED["all"]}
    changed = api.patch(path, {"filter": others})
    assert (changed.status_code, changed.json()["filter"]) == (200, others)
    assert changed.json()["name"] == "agreed"
    assert api.get(f"{path}count/").json() == {"people": 1}
    assert [row["id"] for row in api.get("audiences/?name=agreed").json()["results"]] == [
        made.json()["id"]
    ]

    assert api.delete(path).status_code == 204
    refused(api.get(path), 404, "not_found")
    assert api.get("audiences/?account=thai-post").json()["results"] == []


def test_a_filter_is_counted_without_being_saved(api: Api) -> None:
    found = api.post("audiences/count/", {"account": "thai-post", "filter": AGREED})

    assert (found.status_code, found.json()) == (200, {"people": 2})
    assert not SavedAudience.objects.exists()
    fault = {"any": [*AGREED["all"], {"field": "tag", "operator": "is", "value": "vip"}]}
    answer = api.post("audiences/count/", {"account": "thai-post", "filter": fault})
    assert refused(answer, 400, "invalid")["fields"] == {
        "filter": "In any[1]: unknown operator “is”; use: has, has_not."
    }


def test_a_name_that_is_taken_is_a_conflict(api: Api) -> None:
    api.post("audiences/", BODY)
    other = api.post("audiences/", {**BODY, "name": "other"}).json()["id"]

    refused(api.post("audiences/", BODY), 409, "exists")
    refused(api.patch(f"audiences/{other}/", {"name": "agreed"}), 409, "exists")


def test_a_campaign_copies_the_filter_of_the_audience_it_names(
    api: Api, account: OfficialAccount
) -> None:
    factories.approved(account)
    pk = api.post("audiences/", BODY).json()["id"]
    body = {"account": "thai-post", "template": "parcel", "name": "c", "audience": {"saved": pk}}

    made = api.post("campaigns/", body)

    assert (made.status_code, made.json()["audience"]) == (201, AGREED)
    api.delete(f"audiences/{pk}/")
    assert Campaign.objects.get().audience == AGREED
    assert api.get(f"campaigns/{made.json()['id']}/preview/").json()["total"] == 2
    unknown = api.post("campaigns/", {**body, "name": "d"})
    assert refused(unknown, 400, "invalid")["fields"].keys() == {"audience"}


def test_reading_roles_count_and_do_not_keep(api: Api) -> None:
    pk = api.post("audiences/", BODY).json()["id"]
    auditor = Api(factories.user("auditor"))

    assert auditor.get(f"audiences/{pk}/count/").json() == {"people": 2}
    refused(auditor.post("audiences/", BODY), 403, "forbidden")
    refused(auditor.patch(f"audiences/{pk}/", {"name": "n"}), 403, "forbidden")
    refused(auditor.delete(f"audiences/{pk}/"), 403, "forbidden")


def test_another_account_s_audiences_are_not_there(api: Api) -> None:
    pk = api.post("audiences/", BODY).json()["id"]
    user = factories.user("manager")
    AccountScope.objects.create(user=user)
    stranger = Api(user)

    assert stranger.get("audiences/").json()["results"] == []
    for path in (f"audiences/{pk}/", f"audiences/{pk}/count/"):
        refused(stranger.get(path), 404, "not_found")
    refused(stranger.delete(f"audiences/{pk}/"), 404, "not_found")
    refused(stranger.post("audiences/count/", BODY), 400, "invalid")
    refused(stranger.post("audiences/", BODY), 400, "invalid")
