"""A campaign pauses by itself when too many of its last attempts went wrong."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.contrib.auth.models import User

from lineportal.accounts.models import OfficialAccount
from lineportal.sending import breakers, campaigns, clock, policies
from lineportal.sending.models import Campaign, StopCode, Stroke
from lineportal.sending.statuses import Status
from tests import factories
from tests.line import Line
from tests.sending.test_control import Drain, State, drafted, ready, statuses


def test_too_many_refusals_pause_the_campaign_and_say_so(
    line: Line, drain: Drain, at: datetime, sender: User, manager: User
) -> None:
    account = ready(line, people=0)
    policies.change(account, by=manager, at=at, changes={"refused_percent": 10})
    campaign = _with_people(account, 260, at)
    line.people(*({"phone": factories.phone(n), "consent": "rejected"} for n in range(0, 260, 3)))
    line.people(*({"phone": factories.phone(n), "consent": "agreed"} for n in range(1, 260, 3)))
    line.people(*({"phone": factories.phone(n), "consent": "agreed"} for n in range(2, 260, 3)))
    campaigns.start(campaign, by=sender, at=at)

    drain()

    campaign.refresh_from_db()
    assert (campaign.state, campaign.stop_code) == (State.PAUSED, StopCode.REFUSED)
    assert "the limit is 10 %" in campaign.stop_reason
    ends = statuses(campaign)
    assert ends[Status.REFUSED] + ends[Status.ACCEPTED] >= breakers.ATTEMPTS

    campaigns.resume(campaign, by=sender, at=clock.now())
    drain()
    assert statuses(campaign).get(Status.QUEUED, 0) == 0, "fewer than 200 were left to judge by"


def test_a_rate_needs_two_hundred_attempts_since_the_last_resume(
    line: Line, db: None, at: datetime, sender: User
) -> None:
    campaign = campaigns.start(drafted(ready(line), at), by=sender, at=at)
    for n, moment in ((150, at), (100, at + timedelta(seconds=1))):
        Stroke.objects.create(campaign=campaign, at=moment, attempts=n, refused=n, uncertain=0)
    assert breakers.rates(campaign) == (250, 250, 0)

    campaign.resumed_at = at + timedelta(seconds=1)
    assert breakers.rates(campaign) == (100, 100, 0)


def _with_people(account: OfficialAccount, count: int, at: datetime) -> Campaign:
    for n in range(count):
        factories.recipient(account, n, consent="agreed")
    return drafted(account, at)
