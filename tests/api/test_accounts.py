"""Accounts and their roads by the API: opened, added to, changed, checked; secrets go in only."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from django.contrib.auth.models import User

from lineportal.accounts import credentials
from lineportal.accounts.models import AccountScope, OfficialAccount
from tests import factories
from tests.api.client import Api
from tests.elsewhere import GIVEN, KEY, PASSWORD, answering
from tests.line import SECRET, Line

pytestmark = pytest.mark.usefixtures("elsewhere")
ROAD = {"provider": "elsewhere", "service": "oa", "credentials": GIVEN}
CREDENTIALS = {"credentials": {"channel_secret": "their-new-secret"}}
ACTS = [
    ("post", "accounts/thai-post/roads/", ROAD, 201),
    ("patch", "accounts/thai-post/roads/lon/", {"rate_per_second": 9}, 200),
    ("post", "accounts/thai-post/roads/lon/credentials/", CREDENTIALS, 200),
    ("post", "accounts/thai-post/check/", {}, 200),
]


@pytest.fixture
def account(line: Line, db: None) -> OfficialAccount:
    line.channel()
    return factories.account(api_base_url=line.url, service="lon")


@pytest.fixture
def api(account: OfficialAccount, manager: User) -> Api:
    return Api(manager, "accounts")


def done(api: Api, method: str, path: str, body: Any) -> Any:
    answer = getattr(api, method)(path, body)
    text = answer.content.decode()
    secrets = (SECRET, KEY, PASSWORD, "their-new-secret")
    assert not [secret for secret in secrets if secret in text]
    return answer


def test_an_account_is_opened_at_a_partner_and_told_its_address_there(api: Api) -> None:
    body = {"slug": "shop", "name": "Shop", "country": "TW", **ROAD}

    made = done(api, "post", "accounts/", body)

    assert made.status_code == 201
    account = OfficialAccount.objects.get(slug="shop")
    url = f"http://127.0.0.1:8000/webhooks/elsewhere/{account.webhook_id}/"
    assert made.json()["webhook_url"] == url
    assert made.json()["webhook_urls"] == {"elsewhere": url}
    assert made.json()["roads"] == [
        {"service": "oa", "provider": "elsewhere", "sender": GIVEN["from"], "api_base_url": "",
         "rate_per_second": 20}
    ]  # fmt: skip


def test_a_second_road_comes_by_another_provider(api: Api, account: OfficialAccount) -> None:
    made = done(api, "post", "accounts/thai-post/roads/", {**ROAD, "rate_per_second": 5})

    assert made.status_code == 201
    assert (made.json()["provider"], made.json()["rate_per_second"]) == ("elsewhere", 5)
    shown = api.get("accounts/thai-post/").json()
    assert set(shown["webhook_urls"]) == {"line", "elsewhere"}
    assert shown["webhook_url"] == shown["webhook_urls"]["line"]
    again = done(api, "post", "accounts/thai-post/roads/", ROAD)
    assert (again.status_code, again.json()["error"]) == (409, "exists")


def test_a_road_changes_and_its_credentials_are_replaced(
    api: Api, account: OfficialAccount
) -> None:
    changed = done(api, "patch", "accounts/thai-post/roads/lon/", {"rate_per_second": 9})
    replaced = done(api, "post", "accounts/thai-post/roads/lon/credentials/", CREDENTIALS)

    assert changed.json()["rate_per_second"] == 9
    assert set(replaced.json()) == {
        "service", "provider", "sender", "api_base_url", "rate_per_second",
    }  # fmt: skip
    assert credentials.of(account.roads.get())["channel_secret"] == "their-new-secret"


@pytest.mark.parametrize(("method", "path", "body", "_status"), ACTS)
@pytest.mark.parametrize("role", ["author", "reviewer", "sender", "auditor"])
def test_every_act_is_a_managers(
    role: str, method: str, path: str, body: Any, _status: int, account: OfficialAccount
) -> None:
    answer = done(Api(factories.user(role)), method, path, body)

    assert (answer.status_code, answer.json()["error"]) == (403, "forbidden")


@pytest.mark.parametrize(("method", "path", "body", "status"), ACTS)
def test_every_act_is_limited_to_the_managers_accounts(
    method: str, path: str, body: Any, status: int, account: OfficialAccount, manager: User
) -> None:
    api, scope = Api(manager), AccountScope.objects.create(user=manager)

    assert done(api, method, path, body).status_code == 404
    scope.accounts.add(account)
    assert done(api, method, path, body).status_code == status


@pytest.mark.parametrize(
    ("method", "path", "body", "field"),
    [
        ("post", "roads/", {"service": "oa"}, "provider"),
        ("post", "roads/", {**ROAD, "provider": "telegram"}, "provider"),
        ("post", "roads/", {**ROAD, "service": "sms"}, "service"),
        ("post", "roads/", {**ROAD, "rate_per_second": 10**30}, "rate_per_second"),
        ("post", "roads/", {**ROAD, "credentials": {"api_key": KEY}}, "credentials"),
        ("post", "roads/", {**ROAD, "credentials": [KEY]}, "credentials"),
        ("post", "roads/", {**ROAD, "api_base_url": f"https://x:{KEY}@[y"}, "api_base_url"),
        ("patch", "roads/lon/", {"rate_per_second": 0}, "rate_per_second"),
        ("patch", "roads/lon/", {"rate_per_second": None}, "rate_per_second"),
        ("patch", "roads/lon/", {"api_base_url": "https://evil.example"}, "api_base_url"),
        ("post", "roads/lon/credentials/", {}, "credentials"),
        ("post", "roads/lon/credentials/", {"credentials": {}}, "credentials"),
        ("post", "roads/lon/credentials/", {"credentials": {"api_key": KEY}}, "credentials"),
        ("post", "roads/lon/credentials/", {"credentials": {"channel_id": "2"}}, "credentials"),
        ("post", "check/", {"service": "sms"}, "service"),
    ],
)
def test_what_cannot_be_used_is_refused_at_its_field(
    method: str, path: str, body: Any, field: str, api: Api
) -> None:
    answer = done(api, method, f"accounts/thai-post/{path}", body)

    assert (answer.status_code, answer.json()["error"]) == (400, "invalid")
    assert list(answer.json()["fields"]) == [field]
    assert answer.json()["detail"].endswith(".")


@pytest.mark.parametrize("path", ["roads/oa/", "roads/sms/", "roads/oa/credentials/"])
def test_a_road_that_is_not_there_is_not_found(path: str, api: Api) -> None:
    act = "post" if "credentials" in path else "patch"
    answer = done(api, act, f"accounts/thai-post/{path}", CREDENTIALS)

    assert (answer.status_code, answer.json()["error"]) == (404, "not_found")


def test_a_check_tells_each_thing_with_a_sentence(
    api: Api, account: OfficialAccount, at: datetime
) -> None:
    with answering(401) as url:
        done(api, "post", "accounts/thai-post/roads/", {**ROAD, "api_base_url": url})
        told = done(api, "post", "accounts/thai-post/check/", {}).json()
        narrow = done(api, "post", "accounts/thai-post/check/", {"service": "lon"}).json()

    # No worker runs here, the key is not known; what LINE says of its own is for its tests.
    assert told["bad"] == sum(each["result"] == "bad" for each in told["checks"]) >= 2
    assert datetime.fromisoformat(told["checked_at"]) >= at
    [key] = [each for each in told["checks"] if each["name"] == "key"]
    assert key == {
        "name": "key", "result": "bad", "sentence": "The key is not known.", "service": "oa",
        "provider": "elsewhere",
    }  # fmt: skip
    assert "elsewhere" not in {each["provider"] for each in narrow["checks"]}


def test_a_list_of_accounts_takes_as_many_queries_for_two_as_for_one(
    api: Api, django_assert_max_num_queries: Any
) -> None:
    api.get("accounts/")
    for n in range(3):
        factories.account(f"more-{n}", channel=f"200000000{n}")

    with django_assert_max_num_queries(8):
        assert len(api.get("accounts/").json()["results"]) == 4
