"""The API's questions about versions: all of them, what two differ in, where one is used."""

from __future__ import annotations

from datetime import datetime

import pytest
from django.contrib.auth.models import User

from lineportal.accounts.models import AccountScope
from lineportal.sending import campaigns
from templates_app import drafting
from templates_app.models import MessageTemplate
from tests import factories
from tests.api.client import Api
from tests.api.test_hostile_requests import refused


@pytest.fixture
def versions(db: None, author: User, at: datetime) -> list[MessageTemplate]:
    first = factories.approved(factories.account(), by=author)
    draft = drafting.revise(first, by=author, at=at)
    content = {**first.content, "greeting": "เรียน คุณ{{full_name}}"}
    return [first, drafting.edit(draft, by=author, at=at, changes={"content": content})]


def test_all_versions_come_newest_first(
    versions: list[MessageTemplate], auditor: User, author: User
) -> None:
    rows = Api(auditor).get(f"templates/{versions[0].pk}/versions/").json()

    assert [(row["version"], row["state"], row["is_current"]) for row in rows] == [
        (2, "draft", False),
        (1, "approved", True),
    ]
    assert rows[1]["created_by"] == author.username
    assert rows[1]["line_reference"] == "LINE-2026-0001"


def test_the_difference_runs_from_the_older_to_the_newer(
    versions: list[MessageTemplate], auditor: User
) -> None:
    first, second = versions
    one = Api(auditor).get(f"templates/{first.pk}/difference/?with={second.pk}").json()
    other = Api(auditor).get(f"templates/{second.pk}/difference/?with={first.pk}").json()

    assert one == other
    assert (one["old"], one["new"]) == (first.pk, second.pk)
    assert one["placeholders_added"] == ["full_name"]
    assert one["placeholders_removed"] == ["name"]
    [change] = one["words"]
    assert change["place"] == "greeting"
    assert {"kind": "removed", "text": "{{name}}"} in change["pieces"]


@pytest.mark.parametrize("asked", ["", "abc", "²", "9" * 30, "-1", "1%00"])
def test_the_other_version_is_an_id(
    asked: str, versions: list[MessageTemplate], auditor: User
) -> None:
    answer = Api(auditor).get(f"templates/{versions[0].pk}/difference/?with={asked}")

    refused(answer, 400, "invalid")


def test_only_versions_of_one_key_are_compared(
    versions: list[MessageTemplate], auditor: User
) -> None:
    other = factories.approved(versions[0].account, key="other")
    elsewhere = factories.approved(factories.account("other", channel="2000000002"))

    for pk in (other.pk, elsewhere.pk, 999_999):
        path = f"templates/{versions[0].pk}/difference/?with={pk}"
        refused(Api(auditor).get(path), 404, "not_found")


def test_usage_names_campaigns_and_what_waits(
    versions: list[MessageTemplate], sender: User, at: datetime
) -> None:
    first = versions[0]
    factories.recipient(first.account, consent="agreed")
    made = campaigns.create(first.account, template=first, name="November", by=sender, at=at)
    campaigns.start(made, by=sender, at=at)

    found = Api(sender).get(f"templates/{first.pk}/usage/").json()

    assert (found["by_state"], found["queued"], found["sent"]) == ({"running": 1}, 1, 0)
    assert found["campaigns"][0]["name"] == "November"


def test_nothing_of_another_account_is_told(versions: list[MessageTemplate], manager: User) -> None:
    AccountScope.objects.create(user=manager)

    for what in ("versions", f"difference/?with={versions[1].pk}", "usage"):
        path = f"templates/{versions[0].pk}/{what}".rstrip("/")
        refused(Api(manager).get(path if "?" in path else f"{path}/"), 404, "not_found")


def test_a_key_for_sending_reads_no_versions(versions: list[MessageTemplate], sender: User) -> None:
    refused(Api(sender, "messages").get(f"templates/{versions[0].pk}/versions/"), 403, "forbidden")
