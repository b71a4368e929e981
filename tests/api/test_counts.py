"""Reconciliation and incidents by the API: scopes, filters, closing, other people's accounts."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from django.test import Client

from lineportal.accounts.models import AccountScope, Road
from lineportal.providers.base import Count
from lineportal.sending import counting
from lineportal.sending.models import Incident
from tests import factories
from tests.api.client import Api
from tests.api.test_hostile_requests import refused

NOW = datetime(2026, 11, 25, 6, 0, tzinfo=UTC)


@pytest.fixture
def road(db: None) -> Road:
    account = factories.account()
    Road.objects.filter(account=account).update(used_at=NOW - timedelta(days=30))
    road = Road.objects.get(account=account, service="lon")
    told = {
        date(2026, 11, 23): Count(1_204, is_final=True),
        date(2026, 11, 24): Count(problem="LINE has not counted this day yet."),
    }
    counting.keep(road, told, at=NOW)
    return road


def test_days_are_listed_with_both_counts(road: Road) -> None:
    api = Api(factories.user("auditor"), "reports")

    waiting, differing = api.get("reconciliation/?account=thai-post").json()["results"]

    incident = Incident.objects.get()
    assert differing == {
        "id": differing["id"], "account": "thai-post", "service": "lon", "provider": "line",
        "day": "2026-11-23", "ours": 0, "theirs": 1204, "difference": 1204, "state": "differs",
        "problem": "", "is_final": True, "asked_at": "2026-11-25T06:00:00Z",
        "told_at": "2026-11-25T06:00:00Z", "incident": incident.pk,
    }  # fmt: skip
    assert (waiting["day"], waiting["theirs"], waiting["state"]) == ("2026-11-24", None, "waiting")


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("?account=thai-post", 2),
        ("?account=nobody", 0),
        ("?service=oa", 0),
        ("?state=differs", 1),
        ("?since=2026-11-24", 1),
        ("?until=2026-11-22", 0),
    ],
)
def test_days_are_filtered(query: str, found: int, road: Road) -> None:
    api = Api(factories.user("manager"))

    assert len(api.get(f"reconciliation/{query}").json()["results"]) == found


@pytest.mark.parametrize("query", ["?state=fine", "?since=yesterday", "?service=fax"])
def test_a_filter_that_means_nothing_is_refused(query: str, road: Road) -> None:
    refused(Api(factories.user("manager")).get(f"reconciliation/{query}"), 400, "invalid")


@pytest.mark.parametrize(
    ("role", "reads", "closes"),
    [
        ("author", 403, 403),
        ("reviewer", 403, 403),
        ("auditor", 200, 403),
        ("sender", 200, 200),
        ("manager", 200, 200),
    ],
)
def test_who_may_read_and_who_may_close(role: str, reads: int, closes: int, road: Road) -> None:
    api = Api(factories.user(role))
    pk = Incident.objects.get().pk

    for path in ("reconciliation/", "incidents/", f"incidents/{pk}/"):
        assert api.get(path).status_code == reads
    answer = api.post(f"incidents/{pk}/close/", {"note": "The shop sends too."})

    assert answer.status_code == closes
    if closes == 200:
        assert (answer.json()["note"], answer.json()["code"]) == (
            "The shop sends too.", "counted_more",
        )  # fmt: skip
        refused(api.post(f"incidents/{pk}/close/", {"note": "Again."}), 409, "wrong_state")


def test_scopes_and_notes(road: Road) -> None:
    pk = Incident.objects.get().pk
    user = factories.user("manager")

    assert Api(user, "accounts").get("reconciliation/").status_code == 403
    assert Api(user, "reports").get("incidents/").status_code == 403
    api = Api(user, "accounts")
    for note in ("", " ", "x" * 501):
        refused(api.post(f"incidents/{pk}/close/", {"note": note}), 400, "invalid")
    refused(api.post("incidents/0/close/", {"note": "n"}), 404, "not_found")
    assert api.get("incidents/?open=true").json()["results"][0]["id"] == pk
    assert api.get("incidents/?open=false").json()["results"] == []
    assert api.get("incidents/?account=thai-post&code=uncounted").json()["results"] == []


def test_another_accounts_are_not_there(road: Road) -> None:
    other = factories.account("other", channel="2000000002")
    user = factories.user("manager")
    AccountScope.objects.create(user=user).accounts.set([other])
    api, pk = Api(user), Incident.objects.get().pk

    assert api.get("reconciliation/").json()["results"] == []
    assert api.get("incidents/").json()["results"] == []
    refused(api.get(f"incidents/{pk}/"), 404, "not_found")
    refused(api.post(f"incidents/{pk}/close/", {"note": "Mine?"}), 404, "not_found")


def test_tolerances_are_part_of_the_policy(road: Road) -> None:
    api = Api(factories.user("manager"))
    path = "accounts/thai-post/policy/"
    assert api.get(path).json()["count_tolerance"] == 5

    changed = api.patch(path, {"count_tolerance": 0, "count_tolerance_percent": 2})

    assert (changed.status_code, changed.json()["count_tolerance_percent"]) == (200, 2)
    refused(api.patch(path, {"count_tolerance": -1}), 400, "invalid")
    refused(api.patch(path, {"count_tolerance": None}), 400, "invalid")


def test_prometheus_is_told_how_many_are_open(road: Road) -> None:
    text = Client().get("/metrics").text

    assert 'lineportal_incidents_open{code="counted_more"} 1\n' in text
    assert 'lineportal_incidents_open{code="uncounted"} 0\n' in text
