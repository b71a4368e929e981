"""The desk over the API: the console's rows, its filters, and the templates' search."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from django.contrib.auth.models import User

from lineportal.accounts.models import AccountScope
from templates_app import workflow
from templates_app.models import MessageTemplate
from tests import factories
from tests.api.client import Api
from tests.api.test_hostile_requests import refused


@pytest.fixture
def template(db: None, author: User, at: datetime) -> MessageTemplate:
    return workflow.submit(factories.draft(factories.account(), by=author), by=author, at=at)


def rows(api: Api, query: str = "") -> dict[str, list[dict[str, Any]]]:
    answer = api.get(f"desk/{query}")
    assert answer.status_code == 200, answer.content
    return {each["column"]: each["rows"] for each in answer.json()}


def test_a_row_says_for_whom_and_why_and_since_when(
    template: MessageTemplate, reviewer: User, at: datetime
) -> None:
    found = rows(Api(reviewer, "review"))

    assert {name: len(each) for name, each in found.items()} == {
        "me": 1, "others": 0, "line": 0, "decided": 0,
    }  # fmt: skip
    [row] = found["me"]
    assert (row["id"], row["key"], row["state"]) == (template.pk, "parcel", "submitted")
    assert (row["waits_for"], row["why"]) == ("reviewers", "in_review")
    assert row["people"] == [reviewer.username]
    assert (row["business_days"], row["usual_business_days"], row["is_late"]) == (0, 1, False)


def test_what_is_decided_is_found_by_its_reason(
    template: MessageTemplate, author: User, reviewer: User, at: datetime
) -> None:
    workflow.reject(template, by=reviewer, at=at, reason="少了訂單編號")
    api = Api(author)

    [row] = rows(api, "?search=訂單")["decided"]

    assert (row["state"], row["reason"], row["waits_for"]) == ("rejected", "少了訂單編號", None)
    assert rows(api, "?column=decided&search=訂單").keys() == {"decided"}
    found = api.get("templates/?search=訂單").json()["results"]
    assert [each["id"] for each in found] == [template.pk]
    assert api.get("templates/?search=nowhere").json()["results"] == []


@pytest.mark.parametrize(
    ("query", "field"),
    [("?state=no", "state"), ("?service=no", "service"), ("?who=nobody", "who"),
     ("?column=no", "column"), ("?page=0", "page"), ("?page=x", "page")],
)  # fmt: skip
def test_a_filter_that_is_not_understood_is_refused(
    query: str, field: str, template: MessageTemplate, reviewer: User
) -> None:
    answer = Api(reviewer).get(f"desk/{query}")

    refused(answer, 400, "invalid")
    assert field in answer.json()["fields"]


def test_the_desk_is_limited_by_scope_permission_and_accounts(
    template: MessageTemplate, author: User
) -> None:
    refused(Api(author, "messages").get("desk/"), 403, "forbidden")
    refused(Api(factories.user()).get("desk/"), 403, "forbidden")
    stranger = factories.user("manager")
    AccountScope.objects.create(user=stranger)
    assert not any(rows(Api(stranger), "?search=parcel").values())
    assert rows(Api(author, "templates"), f"?who={author.username}")["others"] == []
