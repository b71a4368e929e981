"""When messages may go out: hours, weekdays, holidays and zones."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lineportal.accounts.models import OfficialAccount
from lineportal.sending import campaigns, policies, reports, windows
from lineportal.sending.models import Policy
from recipients.intake import Invalid
from tests import factories
from tests.line import Line

OFFICE = {
    "from": "09:00",
    "to": "18:00",
    "weekdays": ["mon", "tue", "wed", "thu", "fri"],
    "on_holidays": False,
    "closed_on": ["2026-11-25"],
}


@pytest.fixture
def bank(db: None) -> OfficialAccount:
    """An account in Bangkok that markets in office hours."""
    account = factories.account()
    Policy.objects.create(account=account, windows={"marketing": OFFICE})
    return account


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        ("2026-11-24T09:00:00+07:00", True),  # Tuesday
        ("2026-11-24T08:59:59+07:00", False),
        ("2026-11-24T17:59:59+07:00", True),
        ("2026-11-24T18:00:00+07:00", False),
        ("2026-11-24T02:00:00+00:00", True),  # nine in Bangkok
        ("2026-11-25T10:00:00+07:00", False),  # closed by the account
        ("2026-11-28T10:00:00+07:00", False),  # Saturday
        ("2026-11-29T23:30:00+00:00", False),  # Monday in Bangkok, but half past six
        ("2026-12-07T10:00:00+07:00", False),  # the holiday of 5 December, observed
        ("2026-12-10T10:00:00+07:00", False),  # Constitution Day
        ("2026-12-11T10:00:00+07:00", True),
    ],
)
def test_office_hours_in_bangkok(moment: str, expected: bool, bank: OfficialAccount) -> None:
    assert windows.is_open(bank, "marketing", at=datetime.fromisoformat(moment)) is expected


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        ("2026-11-24T10:00:00+07:00", None),
        ("2026-11-24T07:00:00+07:00", "2026-11-24T09:00:00+07:00"),
        ("2026-11-24T18:00:00+07:00", "2026-11-26T09:00:00+07:00"),  # over the closed day
        ("2026-12-04T18:00:00+07:00", "2026-12-08T09:00:00+07:00"),  # weekend and holiday
    ],
)
def test_the_next_opening(moment: str, expected: str | None, bank: OfficialAccount) -> None:
    found = windows.opens_at(bank, "marketing", at=datetime.fromisoformat(moment))

    assert found == (datetime.fromisoformat(expected) if expected else None)


def test_without_a_policy_marketing_has_its_day_and_notices_have_no_night(db: None) -> None:
    account = factories.account()
    night = datetime(2026, 11, 24, 15, tzinfo=UTC)  # ten in the evening in Bangkok

    assert windows.is_open(account, "transactional", at=night)
    assert not windows.is_open(account, "marketing", at=night)
    assert windows.opens_at(account, "marketing", at=night) == datetime(2026, 11, 25, 2, tzinfo=UTC)


def test_every_country_has_its_own_holidays(db: None) -> None:
    noon = {"TH": "2026-04-13T05:00Z", "TW": "2026-10-09T04:00Z", "JP": "2026-11-23T03:00Z"}
    for n, (country, moment) in enumerate(noon.items()):
        account = factories.account(f"in-{country.lower()}", country=country, channel=f"165000{n}")
        hours = {"from": "00:00", "to": "24:00", "on_holidays": False}
        Policy.objects.create(account=account, windows={"marketing": hours})
        assert not windows.is_open(account, "marketing", at=datetime.fromisoformat(moment)), country


def test_closed_for_ever_has_no_opening(db: None) -> None:
    days = [(date(2026, 1, 1) + timedelta(days=n)).isoformat() for n in range(800)]
    account = factories.account()
    hours = {"from": "09:00", "to": "10:00", "closed_on": days}
    Policy.objects.create(account=account, windows={"marketing": hours})

    assert windows.opens_at(account, "marketing", at=datetime(2026, 2, 1, tzinfo=UTC)) is None


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    at=st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 31), timezones=st.just(UTC)),
    hours=st.tuples(st.integers(0, 22), st.integers(1, 24)).filter(lambda pair: pair[0] < pair[1]),
    weekdays=st.lists(st.sampled_from(windows.WEEKDAYS), min_size=1, unique=True),
    on_holidays=st.booleans(),
)
def test_the_next_opening_is_the_first_open_moment(
    at: datetime,
    hours: tuple[int, int],
    weekdays: list[str],
    on_holidays: bool,
    bank: OfficialAccount,
) -> None:
    given = {"from": f"{hours[0]:02}:00", "to": f"{hours[1]:02}:00", "weekdays": weekdays}
    Policy.objects.filter(account=bank).update(
        windows={"marketing": {**given, "on_holidays": on_holidays}}
    )

    opening = windows.opens_at(bank, "marketing", at=at)

    if windows.is_open(bank, "marketing", at=at):
        assert opening is None
        return
    assert opening is not None
    assert opening > at
    assert windows.is_open(bank, "marketing", at=opening)
    assert not windows.is_open(bank, "marketing", at=opening - timedelta(seconds=1))
    hourly = int((opening - at).total_seconds() // 3600)
    assert not any(
        windows.is_open(bank, "marketing", at=at + timedelta(hours=n)) for n in range(hourly)
    )


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ([], "windows"),
        ({"sales": None}, "windows"),
        ({"marketing": "always"}, "windows.marketing"),
        ({"marketing": {"from": "09:00", "to": "21:00", "zone": "x"}}, "windows.marketing"),
        ({"marketing": {"to": "21:00"}}, "windows.marketing.from"),
        ({"marketing": {"from": "24:00", "to": "24:00"}}, "windows.marketing.from"),
        ({"marketing": {"from": "9:00", "to": "21:00"}}, "windows.marketing.from"),
        ({"marketing": {"from": "09:00", "to": "25:00"}}, "windows.marketing.to"),
        ({"marketing": {"from": "21:00", "to": "09:00"}}, "windows.marketing.to"),
        ({"marketing": {"from": "09:00", "to": "09:00"}}, "windows.marketing.to"),
        ({"marketing": {**OFFICE, "weekdays": []}}, "windows.marketing.weekdays"),
        ({"marketing": {**OFFICE, "weekdays": ["monday"]}}, "windows.marketing.weekdays"),
        ({"marketing": {**OFFICE, "on_holidays": "no"}}, "windows.marketing.on_holidays"),
        ({"marketing": {**OFFICE, "closed_on": ["31.12."]}}, "windows.marketing.closed_on"),
        ({"marketing": {**OFFICE, "closed_on": 5}}, "windows.marketing.closed_on"),
    ],
)
def test_what_cannot_be_kept_is_refused_by_its_place(given: Any, field: str) -> None:
    with pytest.raises(Invalid) as refused:
        windows.read(given)
    assert refused.value.field == field


def test_outside_its_hours_a_campaign_waits_and_says_until_when(
    line: Line, drain: Callable[[], None], at: datetime, sender: User, manager: User
) -> None:
    account = factories.account(api_base_url=line.url)
    line.channel()
    line.people({"phone": factories.phone(0), "consent": "agreed"})
    factories.recipient(account, 0, consent="agreed")
    tomorrow = (at + timedelta(hours=7)).date() + timedelta(days=1)
    closed = [(tomorrow + timedelta(days=n)).isoformat() for n in (-2, -1)]
    hours = {"from": "09:00", "to": "24:00", "closed_on": closed}
    policies.change(account, by=manager, at=at, changes={"windows": {"transactional": hours}})
    template = factories.approved(account)
    campaign = campaigns.create(account, template=template, name="night", by=sender, at=at)
    campaign = campaigns.start(campaign, by=sender, at=at)

    drain()

    report = reports.report(campaign, at=at)
    assert line.sends() == []
    assert report.waits.startswith("Waits until ")
    assert "09:00 (Bangkok)" in report.waits
    assert report.waits_until == datetime.fromisoformat(f"{tomorrow}T09:00:00+07:00")

    policies.change(account, by=manager, at=at, changes={"windows": {"transactional": None}})
    drain()
    assert len(line.sends()) == 1
