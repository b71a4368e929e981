"""A template that the account's road cannot carry is told before it is started."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from lineportal.accounts.models import Road
from templates_app.models import MessageTemplate
from tests import factories
from tests.api.client import Api
from tests.elsewhere import GIVEN

pytestmark = pytest.mark.usefixtures("elsewhere", "db")
FLEX = {"alt_text": "news", "flex": {"type": "bubble", "body": {"type": "box", "layout": "vertical",
        "contents": [{"type": "text", "text": "hello {{name}}"}]}}}  # fmt: skip


def told(template: MessageTemplate, user: User) -> tuple[str, str]:
    """Return what the page and the API say of the road."""
    client = Client()
    client.force_login(user)
    url = reverse("admin:templates_app_messagetemplate_change", args=[template.pk])
    page = client.get(url).content.decode()
    problem = Api(user).get(f"templates/{template.pk}/").json()["road_problem"]
    assert ("Cannot be sent as the account is set up" in page) == bool(problem)
    return page, problem


def partner(service: str) -> Any:
    return factories.account("partner", provider="elsewhere", service=service, given=GIVEN)


def test_what_the_road_carries_has_no_warning(author: User) -> None:
    assert told(factories.draft(partner("lon")), author)[1] == ""
    assert told(factories.draft(factories.account()), author)[1] == ""


def test_a_content_that_the_provider_does_not_take_is_told(author: User) -> None:
    template = factories.draft(partner("oa"), service="oa", content=FLEX, key="news")

    page, problem = told(template, author)

    assert problem.startswith("Elsewhere & Co does not take templates made of")
    assert "Elsewhere &amp; Co does not take templates made of" in page


def test_a_service_without_a_road_is_told(author: User) -> None:
    _page, problem = told(factories.draft(partner("oa")), author)

    assert problem.startswith("The account has no road for LINE Official Notification yet")


def test_a_road_of_a_provider_that_is_gone_is_told(author: User) -> None:
    template = factories.draft(factories.account())
    Road.objects.update(provider="gone")

    assert "no provider “gone”" in told(template, author)[1]


def test_a_list_asks_for_the_roads_once(author: User, django_assert_max_num_queries: Any) -> None:
    account, api = factories.account(), Api(author)
    for n in range(5):
        factories.draft(account, key=f"parcel-{n}")
    api.get("templates/")

    with django_assert_max_num_queries(20):
        rows = api.get("templates/").json()["results"]

    assert [row["road_problem"] for row in rows] == [""] * 5
