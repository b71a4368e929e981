"""The review desk's page: who sees it, its filters and pages, few queries however much there is."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from templates_app import workflow
from templates_app.models import MessageTemplate
from tests import factories
from tests.benchmarks import versions

MOST_QUERIES = 30


@pytest.fixture
def template(db: None, author: User, at: datetime) -> MessageTemplate:
    return workflow.submit(factories.draft(factories.account(), by=author), by=author, at=at)


def login(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def page(client: Client, query: str = "") -> str:
    answer = client.get(f"{reverse('admin:review_desk')}{query}")
    assert answer.status_code == 200
    return str(answer.content.decode())


@pytest.mark.parametrize("role", ["author", "reviewer", "sender", "auditor", "manager"])
def test_everybody_who_sees_templates_sees_the_desk(role: str, template: MessageTemplate) -> None:
    shown = page(login(factories.user(role)))

    assert "parcel v1" in shown
    assert "usual: up to 1 business day" in shown


def test_who_sees_no_templates_sees_no_desk(template: MessageTemplate) -> None:
    assert login(factories.user()).get(reverse("admin:review_desk")).status_code == 403
    assert Client().get(reverse("admin:review_desk")).status_code == 302


def test_the_desk_is_first_in_the_side_bar_and_on_the_first_page(
    template: MessageTemplate, author: User
) -> None:
    shown = login(author).get("/").content.decode()

    assert shown.count(f'href="{reverse("admin:review_desk")}"') >= 2
    assert shown.index("Review desk") < shown.index("Recipients")


@pytest.mark.parametrize(
    "query",
    ["?q=พัสดุ", "?account=thai-post", "?service=lon", "?state=submitted", "?language=th",
     "?p_me=7", "?p_me=x&p_line=-1", "?account=nowhere", "?who=999999", "?who=x", "?state=no",
     "?q=%00", "?p_me=99999999999999999999"],
)  # fmt: skip
def test_a_filter_or_page_that_does_not_exist_breaks_nothing(
    query: str, template: MessageTemplate, reviewer: User
) -> None:
    page(login(reviewer), query)


def test_a_search_without_a_hit_says_so(template: MessageTemplate, reviewer: User) -> None:
    shown = page(login(reviewer), "?q=nowhere")

    assert "Nothing of what you asked for." in shown
    assert "parcel v1" not in shown


def test_a_rejected_version_is_found_with_its_reason(
    template: MessageTemplate, reviewer: User, at: datetime
) -> None:
    workflow.reject(template, by=reviewer, at=at, reason="ไม่มีเลขที่คำสั่งซื้อ <b>")

    shown = page(login(reviewer), "?q=คำสั่งซื้อ")

    assert "ไม่มีเลขที่คำสั่งซื้อ &lt;b&gt;" in shown


@pytest.mark.parametrize("query", ["", "?q=包裹", "?state=rejected", "?p_others=3", "?who={}"])
def test_thousands_of_versions_are_a_page_of_few_queries(
    query: str, db: None, at: datetime
) -> None:
    made = versions.fill(5_000, at=at)
    client = login(made["reviewer"])
    page(client)

    with CaptureQueriesContext(connection) as queries:
        page(client, query.format(made["author"].pk))

    assert len(queries) <= MOST_QUERIES


def test_pages_of_a_column_follow_each_other(db: None, at: datetime) -> None:
    made: dict[str, Any] = versions.fill(900, at=at, open_ones=100)
    client = login(made["reviewer"])

    first = page(client, "?language=th")

    assert "Page 1 of" in first
    assert "language=th&amp;p_me=2#me" in first
    assert "Page 2 of" in page(client, "?language=th&p_me=2")
