"""Audiences kept under a name: who may, what is recorded, and what a campaign takes of them."""

from __future__ import annotations

import hashlib
import json
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db import connection

from lineportal.accounts.models import AccountScope, OfficialAccount
from lineportal.audit.models import AuditEntry
from lineportal.sending import campaigns, saved_audiences
from lineportal.sending.models import SavedAudience
from recipients.intake import Invalid
from tests import factories

AGREED: dict[str, Any] = {"all": [{"field": "consent", "operator": "is", "value": "agreed"}]}
OTHERS: dict[str, Any] = {"none": AGREED["all"]}


@pytest.fixture
def account(db: None) -> OfficialAccount:
    return factories.account()


@pytest.fixture
def kept(account: OfficialAccount, sender: User, at: datetime) -> SavedAudience:
    return saved_audiences.create(account, name=" agreed ", filter=AGREED, by=sender, at=at)


def test_each_act_is_recorded_by_a_digest_of_the_filter(
    kept: SavedAudience, sender: User, at: datetime
) -> None:
    later = at + timedelta(seconds=1)
    changed = saved_audiences.change(kept, filter=OTHERS, by=sender, at=later)
    saved_audiences.delete(changed, by=sender, at=later)

    assert (kept.name, changed.name, changed.changed_at) == ("agreed", "agreed", later)
    assert not SavedAudience.objects.exists()
    entries = AuditEntry.objects.filter(action__startswith="audience.").order_by("number")
    assert [entry.action for entry in entries] == [
        "audience.create", "audience.change", "audience.delete",
    ]  # fmt: skip
    text = json.dumps(AGREED, sort_keys=True, separators=(",", ":"))
    assert entries[0].facts == {"filter_sha256": hashlib.sha256(text.encode()).hexdigest()}
    assert entries[1].facts == entries[2].facts != entries[0].facts
    assert {entry.subject for entry in entries} == {f"savedaudience:{kept.pk}"}


@pytest.mark.parametrize("role", ["author", "reviewer", "auditor"])
def test_only_who_may_keep_audiences_changes_them(
    role: str, kept: SavedAudience, at: datetime
) -> None:
    by = factories.user(role)

    with pytest.raises(PermissionDenied):
        saved_audiences.create(kept.account, name="n", filter=AGREED, by=by, at=at)
    with pytest.raises(PermissionDenied):
        saved_audiences.change(kept, name="n", by=by, at=at)
    with pytest.raises(PermissionDenied):
        saved_audiences.delete(kept, by=by, at=at)
    assert saved_audiences.count(kept.account, AGREED, by=by).people == 0


def test_a_user_with_a_list_of_accounts_keeps_and_counts_within_it(
    kept: SavedAudience, sender: User, at: datetime
) -> None:
    AccountScope.objects.create(user=sender)

    with pytest.raises(PermissionDenied):
        saved_audiences.change(kept, name="n", by=sender, at=at)
    with pytest.raises(PermissionDenied):
        saved_audiences.count(kept.account, AGREED, by=sender)


def test_a_name_is_used_once_per_account(kept: SavedAudience, sender: User, at: datetime) -> None:
    other = saved_audiences.create(kept.account, name="other", filter=AGREED, by=sender, at=at)
    elsewhere = factories.account("elsewhere", channel="2000000002")

    saved_audiences.create(elsewhere, name="agreed", filter=AGREED, by=sender, at=at)
    with pytest.raises(saved_audiences.NameTaken):
        saved_audiences.create(kept.account, name="agreed", filter=OTHERS, by=sender, at=at)
    with pytest.raises(saved_audiences.NameTaken):
        saved_audiences.change(other, name="agreed", by=sender, at=at)
    assert SavedAudience.objects.count() == 3


def test_what_was_deleted_meanwhile_is_said(
    kept: SavedAudience, sender: User, at: datetime
) -> None:
    saved_audiences.delete(kept, by=sender, at=at)

    with pytest.raises(Invalid, match="deleted meanwhile"):
        saved_audiences.change(kept, name="n", by=sender, at=at)


def test_a_campaign_keeps_what_it_took(kept: SavedAudience, sender: User, at: datetime) -> None:
    for n, consent in enumerate(("agreed", "not_set", "not_set")):
        factories.recipient(kept.account, n, consent=consent)
    template = factories.approved(kept.account)
    made = campaigns.create(
        kept.account, template=template, name="c", by=sender, at=at, audience={"saved": kept.pk}
    )

    saved_audiences.change(kept, filter=OTHERS, by=sender, at=at)
    saved_audiences.delete(kept, by=sender, at=at)

    assert made.audience == AGREED
    made = campaigns.start(made, by=sender, at=at)
    assert [message.consent for message in made.messages.all()] == ["agreed"]


def test_an_audience_of_another_account_is_unknown(
    kept: SavedAudience, sender: User, at: datetime
) -> None:
    elsewhere = factories.account("elsewhere", channel="2000000002")
    template = factories.approved(elsewhere)

    with pytest.raises(Invalid, match=f"no saved audience {kept.pk}"):
        campaigns.create(
            elsewhere, template=template, name="c", by=sender, at=at, audience={"saved": kept.pk}
        )
    with pytest.raises(Invalid, match="no saved audience “agreed”"):
        saved_audiences.named(elsewhere, "agreed")


def test_a_count_goes_no_further_than_its_limit(account: OfficialAccount, sender: User) -> None:
    for n in range(3):
        factories.recipient(account, n, consent="agreed")

    def count(limit: int | None) -> tuple[int, bool]:
        found = saved_audiences.count(account, AGREED, by=sender, limit=limit)
        return found.people, found.is_capped

    assert [count(None), count(3), count(2)] == [(3, False), (3, False), (2, True)]


def test_a_count_that_takes_too_long_is_given_up_and_spoils_nothing(
    account: OfficialAccount, sender: User
) -> None:
    with connection.cursor() as cursor:
        # Whoever holds the table makes every count wait, however fast the machine.
        cursor.execute("SHOW statement_timeout")
        before = cursor.fetchall()
    blocker = connection.copy()
    blocker.connect()
    try:
        with blocker.cursor() as cursor:
            cursor.execute("BEGIN")
            cursor.execute("LOCK TABLE recipients_recipient IN ACCESS EXCLUSIVE MODE")
            with pytest.raises(saved_audiences.TooSlow, match="takes too long"):
                saved_audiences.count(account, AGREED, by=sender, patience=100)
            cursor.execute("ROLLBACK")
    finally:
        blocker.close()

    assert saved_audiences.count(account, AGREED, by=sender).people == 0
    with connection.cursor() as cursor:
        cursor.execute("SHOW statement_timeout")
        assert cursor.fetchall() == before
