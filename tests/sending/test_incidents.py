"""Incidents: open once, over by themselves or closed by a person, and what days make of them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta

import pytest
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db import DatabaseError, connection, connections, transaction

from lineportal.accounts.models import AccountScope, Road
from lineportal.audit.models import AuditEntry
from lineportal.providers.base import Count
from lineportal.sending import counting, incidents, policies, tolerance
from lineportal.sending.models import CountReading, DayCount, Incident, IncidentCode, Policy
from recipients.intake import Invalid
from tests import factories
from tests.sending import line_counts
from tests.sending.line_counts import Counts
from tests.sending.test_counting import HOUR, NOW, WEEK, YESTERDAY

DAY = timedelta(days=1)
CODE = IncidentCode.COUNTED_MORE
MAY = {"author": False, "reviewer": False, "sender": True, "auditor": False, "manager": True}


@pytest.fixture
def road(db: None) -> Road:
    """A road on which we hold nothing."""
    account = factories.account()
    Road.objects.filter(account=account).update(used_at=NOW - 30 * DAY)
    return Road.objects.get(account=account, service="lon")


@pytest.fixture
def counts() -> Iterator[Counts]:
    with line_counts.serving() as counts:
        yield counts


def told(road: Road, at: object, **days: int) -> None:
    """Say what was told of days of November, as d23=100."""
    given = {date(2026, 11, int(name[1:])): Count(n, is_final=True) for name, n in days.items()}
    counting.keep(road, given, at=at)  # type: ignore[arg-type]


def test_an_incident_is_open_once_and_touched_after_that(road: Road) -> None:
    first = incidents.open_or_touch(road.account_id, CODE, "One.", at=NOW, road=road)
    again = incidents.open_or_touch(road.account_id, CODE, "Two.", at=NOW + HOUR, road=road)
    whole = incidents.open_or_touch(road.account_id, CODE, "All.", at=NOW)

    assert incidents.open_or_touch(road.account_id, CODE, "All.", at=NOW + HOUR) == whole
    assert again == first
    assert (again.sentence, again.opened_at, again.last_seen_at) == ("Two.", NOW, NOW + HOUR)
    assert Incident.objects.count() == 2
    assert AuditEntry.objects.filter(action="incident.open").count() == 2


def test_an_older_look_never_makes_it_seen_earlier(road: Road) -> None:
    incidents.open_or_touch(road.account_id, CODE, "One.", at=NOW, road=road)

    again = incidents.open_or_touch(road.account_id, CODE, "Two.", at=NOW - HOUR, road=road)

    assert again.last_seen_at == NOW


def test_two_that_open_one_at_once_get_the_same(transactional_db: None) -> None:
    account = factories.account()

    def run(_turn: int) -> int:
        try:
            return incidents.open_or_touch(account.pk, CODE, "Once.", at=NOW).pk
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as threads:
        found = set(threads.map(run, range(8)))

    assert len(found) == 1
    assert AuditEntry.objects.filter(action="incident.open").count() == 1


@pytest.mark.parametrize("role", MAY)
def test_who_may_close_one(role: str, road: Road) -> None:
    incident = incidents.open_or_touch(road.account_id, CODE, "One.", at=NOW, road=road)
    by = factories.user(role)

    if not MAY[role]:
        with pytest.raises(PermissionDenied):
            incidents.close(incident.pk, by=by, at=NOW, note="Seen.")
        return
    closed = incidents.close(incident.pk, by=by, at=NOW + HOUR, note=" Seen. ")

    assert (closed.closed_at, closed.closed_by, closed.note) == (NOW + HOUR, by, "Seen.")
    entry = AuditEntry.objects.get(action="incident.close")
    assert (entry.actor, entry.account_id) == (f"user:{by.pk}", road.account_id)
    assert "Seen" not in str(entry.facts)
    with pytest.raises(incidents.AlreadyClosed):
        incidents.close(incident.pk, by=by, at=NOW + HOUR, note="Again.")


def test_one_of_another_account_is_not_closed(road: Road, sender: User) -> None:
    other = factories.account("other", channel="2000000002")
    AccountScope.objects.create(user=sender).accounts.set([other])
    incident = incidents.open_or_touch(road.account_id, CODE, "One.", at=NOW, road=road)

    with pytest.raises(PermissionDenied):
        incidents.close(incident.pk, by=sender, at=NOW, note="Mine?")
    assert not incidents.seen_by(sender).exists()


@pytest.mark.parametrize("note", ["", "  ", "x" * 501])
def test_it_is_closed_with_a_note_of_its_length(note: str, road: Road, sender: User) -> None:
    incident = incidents.open_or_touch(road.account_id, CODE, "One.", at=NOW, road=road)

    with pytest.raises(Invalid):
        incidents.close(incident.pk, by=sender, at=NOW, note=note)


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM sending_incident",
        "UPDATE sending_incident SET note = 'other', sentence = 'other'",
        "UPDATE sending_incident SET closed_at = NULL, closed_by_id = NULL, note = ''",
    ],
)
def test_a_closed_one_stays_as_it_is(statement: str, road: Road, sender: User) -> None:
    incident = incidents.open_or_touch(road.account_id, CODE, "One.", at=NOW, road=road)
    incidents.close(incident.pk, by=sender, at=NOW, note="Seen.")

    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)


def test_an_incident_and_its_road_share_an_account(road: Road) -> None:
    other = factories.account("other", channel="2000000002")

    with pytest.raises(DatabaseError), transaction.atomic():
        incidents.open_or_touch(other.pk, CODE, "Whose?", at=NOW, road=road)


def test_a_difference_opens_one_and_a_later_day_ends_it(road: Road) -> None:
    told(road, NOW, d24=104)

    incident = Incident.objects.get()
    assert (incident.code, incident.road) == ("counted_more", road)
    assert "LINE counted 104 messages and we hold 0: 104 more, and 5 are allowed" in (
        incident.sentence
    )
    assert "Somebody else sends with this channel, or receipts were lost" in incident.sentence

    for hours in range(1, 4):
        told(road, NOW + hours * HOUR)
    incident.refresh_from_db()
    assert (incident.closed_at, incident.last_seen_at) == (None, NOW + 3 * HOUR)

    told(road, NOW + DAY, d25=3)
    incident.refresh_from_db()
    assert (incident.closed_at, incident.closed_by) == (NOW + DAY, None)
    assert DayCount.objects.get(road=road, day=YESTERDAY).state == "differs"  # that stays said
    told(road, NOW + DAY + HOUR)
    assert Incident.objects.count() == 1


def test_further_days_that_differ_keep_the_same_one_open(road: Road) -> None:
    told(road, NOW, d24=104)
    told(road, NOW + DAY, d25=200)

    incident = Incident.objects.get()
    assert incident.closed_at is None
    assert "2026-11-25" in incident.sentence
    assert incident.day_counts.count() == 2


def test_a_day_told_late_is_not_excused_by_a_later_one_told_before(road: Road) -> None:
    told(road, NOW, d24=0)
    told(road, NOW + HOUR, d23=90)

    incident = Incident.objects.get()
    assert (incident.closed_at, incident.opened_at) == (None, NOW + HOUR)


def test_days_told_together_do_not_excuse_each_other_at_once(road: Road) -> None:
    told(road, NOW, d22=90, d23=0, d24=0)

    assert Incident.objects.get().closed_at is None


def test_less_than_ours_says_so(road: Road) -> None:
    row = DayCount(ours=1_204, theirs=1_100, difference=-104, day=YESTERDAY, state="differs")

    said = tolerance.sentence("counted_less", road, row, Policy())
    two_way = Road.objects.get(account=road.account, service="oa")

    assert "we hold 1,204 messages and LINE counted 1,100: 104 fewer, and 11 are allowed" in said
    assert "blocked" not in said
    assert "blocked the account is taken" in tolerance.sentence(
        "counted_less", two_way, row, Policy()
    )


def policies_of(road: Road, **changes: int) -> None:
    manager = factories.user("manager")
    policies.change(road.account, by=manager, at=NOW, changes=changes)


def test_what_a_person_closed_stays_closed_unless_it_grows(road: Road, sender: User) -> None:
    told(road, NOW, d24=104)
    incidents.close(Incident.objects.get().pk, by=sender, at=NOW, note="The shop sends too.")

    told(road, NOW + HOUR)
    told(road, NOW + HOUR, d24=104)
    assert Incident.objects.count() == 1

    told(road, NOW + 2 * HOUR, d24=90)
    assert Incident.objects.count() == 1
    told(road, NOW + 3 * HOUR, d24=300)
    assert Incident.objects.filter(closed_at=None).count() == 1
    assert Incident.objects.count() == 2


def test_a_wider_tolerance_ends_it_and_a_narrower_opens_one(road: Road) -> None:
    told(road, NOW, d24=20)
    policies_of(road, count_tolerance=20)
    told(road, NOW + HOUR)

    assert Incident.objects.get().closed_at == NOW + HOUR
    assert [each.state for each in CountReading.objects.order_by("pk")] == ["differs", "agreed"]

    policies_of(road, count_tolerance=0, count_tolerance_percent=0)
    told(road, NOW + 2 * HOUR)
    assert Incident.objects.filter(closed_at=None).count() == 1
    told(road, NOW + 3 * HOUR)
    assert Incident.objects.count() == 2


@pytest.mark.parametrize("value", [-1, 10_000_001, True, "5", None, 1.5])
def test_a_tolerance_is_a_whole_number_from_nought(value: object, road: Road) -> None:
    with pytest.raises(Invalid, match="from 0 to"):
        policies_of(road, count_tolerance=value)  # type: ignore[arg-type]
    with pytest.raises(Invalid, match="from 0 to 100"):
        policies_of(road, count_tolerance_percent=101)


def test_counts_are_of_open_ones_by_kind(road: Road, sender: User) -> None:
    assert incidents.open_by_code() == dict.fromkeys(IncidentCode.values, 0)
    incidents.open_or_touch(road.account_id, CODE, "One.", at=NOW, road=road)
    incidents.open_or_touch(road.account_id, CODE, "All.", at=NOW)
    one = incidents.open_or_touch(road.account_id, IncidentCode.UNCOUNTED, "No.", at=NOW)
    incidents.close(one.pk, by=sender, at=NOW, note="Seen.")

    none = dict.fromkeys(IncidentCode.values, 0)
    assert incidents.open_by_code() == {**none, "counted_more": 2}


def test_a_week_of_agreement_opens_nothing(road: Road, counts: Counts) -> None:
    Road.objects.update(api_base_url=counts.url)
    for day in WEEK:
        counts.tell(day, 0)

    plan = counting.plan(road.pk, at=NOW)
    rows = counting.keep(plan.road, asyncio.run(counting.ask(plan)), at=NOW)

    assert {row.state for row in rows} == {"agreed"}
    assert not Incident.objects.exists()
    assert not AuditEntry.objects.filter(action__startswith="incident").exists()
