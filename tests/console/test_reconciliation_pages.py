"""Reconciliation and incidents in the console: who sees them, and closing with a note."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from lineportal.accounts.models import AccountScope, Road
from lineportal.providers.base import Count
from lineportal.sending import counting, incidents
from lineportal.sending.models import DayCount, Incident, Policy
from tests import factories
from tests.console import walking

NOW = datetime(2026, 11, 25, 6, 0, tzinfo=UTC)
SEES = {"author": False, "reviewer": False, "sender": True, "auditor": True, "manager": True}
CLOSES = {"sender": True, "auditor": False, "manager": True}
DAYS = reverse("admin:sending_daycount_changelist")
INCIDENTS = reverse("admin:sending_incident_changelist")


def road(slug: str = "thai-post", **details: str) -> Road:
    """Return a road of a new account, with two days told and one that is waited for."""
    account = factories.account(slug, **details)
    Road.objects.filter(account=account).update(used_at=NOW - timedelta(days=30))
    found = Road.objects.get(account=account, service="lon")
    told = {
        date(2026, 11, 22): Count(3, is_final=True),
        date(2026, 11, 23): Count(1_204, is_final=True),
        date(2026, 11, 24): Count(problem="LINE has not counted this day yet."),
    }
    counting.keep(found, told, at=NOW)
    return found


def client_of(role: str) -> Client:
    client = Client()
    client.force_login(factories.user(role))
    return client


@pytest.mark.parametrize("role", SEES)
def test_who_sees_days_and_incidents(role: str, db: None) -> None:
    of = road()
    client = client_of(role)
    incident = Incident.objects.get()
    home = client.get(reverse("admin:index")).text

    for url in (DAYS, INCIDENTS):
        assert client.get(url).status_code == (200 if SEES[role] else 403)
        assert (f'href="{url}"' in home) is SEES[role]
    page = reverse("admin:sending_incident_change", args=[incident.pk])
    account = client.get(reverse("admin:accounts_officialaccount_change", args=[of.account_id]))
    assert (f'href="{page}"' in home) is SEES[role]
    assert (f'href="{page}"' in account.text) is SEES[role]


def test_a_day_says_what_was_held_and_told(db: None) -> None:
    road()
    client = client_of("auditor")

    listed = client.get(DAYS).text

    for text in ("2026-11-23", "1,204", "+1,204", "Differs", "Agrees", "Waiting for the provider",
                 "LINE Official Notification · LINE"):  # fmt: skip
        assert text in listed, text
    day = DayCount.objects.get(day=date(2026, 11, 23))
    page = client.get(reverse("admin:sending_daycount_change", args=[day.pk])).text
    assert "midnight in UTC+9" in page
    assert "2026-11-25 06:00:00" in page
    assert reverse("admin:sending_incident_change", args=[day.incident_id]) in page


@pytest.mark.parametrize("role", CLOSES)
def test_an_incident_is_closed_with_a_note_by_who_may(role: str, db: None) -> None:
    road()
    client = client_of(role)
    incident = Incident.objects.get()
    page = reverse("admin:sending_incident_change", args=[incident.pk])
    act = reverse("admin:sending_incident_act", args=[incident.pk, "close"])
    assert ("Close with a note" in client.get(page).text) is CLOSES[role]

    assert client.post(act, {"note": ""}).status_code == 409
    answer = client.post(act, {"note": "The shop sends with this channel too."})

    assert answer.status_code == (302 if CLOSES[role] else 409)
    incident.refresh_from_db()
    assert (incident.closed_at is not None) is CLOSES[role]
    if CLOSES[role]:
        shown = client.get(page).text
        assert "The shop sends with this channel too." in shown
        assert "Close with a note" not in shown
        again = client.post(act, {"note": "Again."}, follow=True)
        assert "closed already" in again.text


def test_open_incidents_come_first_and_others_accounts_stay_out(db: None) -> None:
    first, second = road(), road("second", channel="2000000002")
    manager = factories.user("manager")
    newest = Incident.objects.get(account=second.account)
    incidents.close(newest.pk, by=manager, at=NOW, note="Seen.")
    client = client_of("manager")
    shown = list(client.get(INCIDENTS).context["cl"].result_list)
    assert [each.account_id for each in shown] == [first.account_id, second.account_id]

    AccountScope.objects.create(user=manager).accounts.set([second.account])
    client.force_login(manager)
    for url in (DAYS, INCIDENTS):
        rows = client.get(url).context["cl"].result_list
        assert {each.road.account_id for each in rows} == {second.account_id}
    theirs = Incident.objects.get(account=first.account)
    act = reverse("admin:sending_incident_act", args=[theirs.pk, "close"])
    assert client.post(act, {"note": "Mine?"}).status_code == 404
    assert "thai-post" not in client.get(reverse("admin:index")).text.lower()


def test_every_view_of_the_lists_takes_few_queries(db: None) -> None:
    for n in range(4):
        road(f"account-{n}", channel=f"200000000{n}")
    client = Client()
    client.force_login(factories.superuser())

    for label in ("sending.daycount", "sending.incident"):
        for visit in walking.visits(client, label, pairs=True):
            with CaptureQueriesContext(connection) as queries:
                assert client.get(visit.url).status_code == 200, visit
            assert len(queries) <= walking.MOST_QUERIES, visit
    with CaptureQueriesContext(connection) as queries:
        home = client.get(reverse("admin:index")).text
    assert len(queries) <= walking.MOST_QUERIES
    assert "4 open incidents" in home


def test_tolerances_are_set_by_plain_fields(db: None) -> None:
    account = factories.account()
    client = client_of("manager")
    form = {"account": account.pk, "refused_percent": 60, "uncertain_percent": 25,
            "count_tolerance": 0, "count_tolerance_percent": 3}  # fmt: skip

    assert client.post(reverse("admin:sending_policy_add"), form).status_code == 302

    policy = Policy.objects.get()
    assert (policy.count_tolerance, policy.count_tolerance_percent) == (0, 3)
    page = reverse("admin:sending_policy_change", args=[policy.pk])
    wrong = client.post(page, {**form, "count_tolerance_percent": 101}, follow=True)
    assert "from 0 to 100" in wrong.text
    policy.refresh_from_db()
    assert policy.count_tolerance_percent == 3
