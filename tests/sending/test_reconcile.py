"""Counts against rows: a difference is shown, kept and mended."""

from __future__ import annotations

from datetime import datetime, timedelta
from io import StringIO

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.db import connection

from lineportal.sending import campaigns, reconcile, reports
from lineportal.sending.models import Campaign, Discrepancy, Tally
from lineportal.sending.statuses import Status
from tests import factories


@pytest.fixture
def campaign(db: None, at: datetime, sender: User) -> Campaign:
    account = factories.account()
    for n in range(5):
        factories.recipient(account, n, consent="rejected" if n == 0 else "agreed")
    template = factories.approved(account)
    made = campaigns.create(account, template=template, name="counted", by=sender, at=at)
    return campaigns.start(made, by=sender, at=at)


def test_what_agrees_is_left_alone(campaign: Campaign, at: datetime) -> None:
    before = list(Tally.objects.values_list())

    assert reconcile.reconcile(campaign, at=at) == []

    assert list(Tally.objects.values_list()) == before
    assert not Discrepancy.objects.exists()


def test_a_difference_is_kept_and_the_counts_are_mended(campaign: Campaign, at: datetime) -> None:
    Tally.objects.create(campaign=campaign, status=Status.ACCEPTED, n=2)
    Tally.objects.filter(campaign=campaign, status=Status.SKIPPED).delete()

    found = reconcile.reconcile(campaign, at=at)

    assert [(each.status, each.rule, each.tallied, each.counted) for each in found] == [
        (Status.ACCEPTED, "", 2, 0),
        (Status.SKIPPED, "consent_rejected", 0, 1),
    ]
    assert Discrepancy.objects.filter(campaign=campaign, found_at=at).count() == 2
    report = reports.report(campaign, at=at)
    assert report.by_status == reports.statuses_from_rows(campaign)
    assert report.by_rule == {"consent_rejected": 1}
    assert reconcile.reconcile(campaign, at=at) == []


def test_rows_changed_behind_the_triggers_are_found(campaign: Campaign, at: datetime) -> None:
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE sending_message DISABLE TRIGGER USER")
        cursor.execute("UPDATE sending_message SET status = 'cancelled' WHERE status = 'queued'")
        cursor.execute("ALTER TABLE sending_message ENABLE TRIGGER USER")

    assert len(reconcile.recent(at=at)) == 2

    assert reports.report(campaign, at=at).by_status == {Status.CANCELLED: 4, Status.SKIPPED: 1}


def test_what_cannot_move_any_more_is_not_counted_again(campaign: Campaign, at: datetime) -> None:
    Campaign.objects.update(state=Campaign.State.FINISHED, finished_at=at)
    Tally.objects.create(campaign=campaign, status=Status.ACCEPTED, n=2)

    assert reconcile.recent(at=at + timedelta(hours=27)) == []
    assert len(reconcile.recent(at=at + timedelta(hours=25))) == 1


def test_the_command_shows_each_difference(campaign: Campaign) -> None:
    Tally.objects.create(campaign=campaign, status=Status.ACCEPTED, n=7)
    out = StringIO()

    call_command("reconcile", campaign=campaign.pk, stdout=out)
    call_command("reconcile", stdout=out)

    assert out.getvalue().splitlines() == [
        f"Campaign {campaign.pk}: 7 counted as accepted, 0 rows; mended.",
        "1 campaigns checked, 1 differences.",
        "1 campaigns checked, 0 differences.",
    ]
    with pytest.raises(CommandError):
        call_command("reconcile", campaign=campaign.pk + 1)
