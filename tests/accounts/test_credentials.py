"""Credentials at rest: nothing readable in the database, keys that change, secrets that linger."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.db import connection

from lineportal.accounts import credentials
from lineportal.accounts.models import OfficialAccount, Road
from tests import factories
from tests.line import CHANNEL, SECRET

OLD, NEW = Fernet.generate_key().decode(), Fernet.generate_key().decode()
GIVEN = {"channel_id": CHANNEL, "channel_secret": "a-secret-of-line", "channel_access_token": "tok"}


def stored(road: Road) -> str:
    """Return everything the database holds of a road, as text."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT road::text FROM accounts_road road WHERE id = %s", [road.pk])
        [(text,)] = cursor.fetchall()
    return str(text)


WEBHOOK = {"channel_secret"}


@pytest.fixture
def account(db: None) -> OfficialAccount:
    return factories.account()


@pytest.fixture
def road(account: OfficialAccount) -> Road:
    return account.roads.get(service="lon")


def test_what_is_sealed_opens_again() -> None:
    sealed = credentials.seal(GIVEN)

    assert credentials.open_sealed(sealed) == GIVEN
    assert credentials.seal(GIVEN) != sealed  # equal secrets do not show as equal


def test_the_database_holds_no_secret(road: Road, at: datetime) -> None:
    credentials.replace(
        road, {**GIVEN, "channel_secret": "another-secret"}, for_webhooks=WEBHOOK, at=at
    )

    row = stored(road)
    for secret in (SECRET, "another-secret", "tok"):
        assert secret not in row.replace(road.sender, "")
    assert credentials.of(Road.objects.get(pk=road.pk))["channel_secret"] == "another-secret"


def test_a_new_key_is_added_in_front_and_the_old_still_opens(settings: Any) -> None:
    settings.FIELD_KEYS = [OLD]
    sealed = credentials.seal(GIVEN)

    settings.FIELD_KEYS = [NEW, OLD]
    assert credentials.open_sealed(sealed) == GIVEN
    renewed = credentials.seal(credentials.open_sealed(sealed))

    settings.FIELD_KEYS = [NEW]
    assert credentials.open_sealed(renewed) == GIVEN


def test_without_its_key_a_sealed_text_says_what_is_missing(settings: Any) -> None:
    settings.FIELD_KEYS = [OLD]
    sealed = credentials.seal(GIVEN)
    settings.FIELD_KEYS = [NEW]

    with pytest.raises(credentials.UnreadableCredentials, match="LINEPORTAL_FIELD_KEYS") as refusal:
        credentials.open_sealed(sealed)

    assert GIVEN["channel_secret"] not in str(refusal.value)
    assert sealed not in str(refusal.value)


@pytest.mark.parametrize("damage", ["", "not a token", "gAAAAA"])
def test_a_damaged_text_is_not_read_as_anything(damage: str) -> None:
    with pytest.raises(credentials.UnreadableCredentials):
        credentials.open_sealed(damage)


def secrets_at(account: OfficialAccount, at: datetime) -> set[str]:
    signers = credentials.webhook_signers(account.webhook_id, provider="line", at=at)
    assert signers is not None
    assert signers.account_id == account.pk
    return {given["channel_secret"] for given in signers.credentials}


def test_a_replaced_secret_is_accepted_for_72_hours(account: OfficialAccount, at: datetime) -> None:
    for road in account.roads.all():
        credentials.replace(road, {**GIVEN, "channel_secret": "new"}, for_webhooks=WEBHOOK, at=at)

    assert secrets_at(account, at) == {"new", SECRET}
    assert secrets_at(account, at + timedelta(hours=71, minutes=59)) == {"new", SECRET}
    assert secrets_at(account, at + timedelta(hours=72)) == {"new"}


def test_a_new_token_alone_keeps_the_secret_and_its_predecessor(
    account: OfficialAccount, at: datetime
) -> None:
    for road in account.roads.all():
        credentials.replace(road, {**GIVEN, "channel_secret": "new"}, for_webhooks=WEBHOOK, at=at)
        later = at + timedelta(hours=1)
        with_token = {**GIVEN, "channel_secret": "new", "channel_access_token": "tok2"}
        credentials.replace(road, with_token, for_webhooks=WEBHOOK, at=later)

    assert secrets_at(account, at + timedelta(hours=71)) == {"new", SECRET}
    assert secrets_at(account, at + timedelta(hours=72, minutes=1)) == {"new"}


def test_every_replacement_counts_a_version(road: Road, at: datetime) -> None:
    credentials.replace(road, GIVEN, for_webhooks=WEBHOOK, at=at)
    credentials.replace(road, GIVEN, for_webhooks=WEBHOOK, at=at)

    assert Road.objects.get(pk=road.pk).credentials_version == 3


def test_a_secret_serves_its_own_account_and_provider_only(
    account: OfficialAccount, at: datetime
) -> None:
    other = factories.account("other", channel="2000000002", secret="their-secret")

    assert secrets_at(account, at) == {SECRET}
    assert secrets_at(other, at) == {"their-secret"}
    elsewhere = credentials.webhook_signers(account.webhook_id, provider="infobip", at=at)
    assert elsewhere is not None
    assert elsewhere.credentials == ()
    assert credentials.webhook_signers("nobody", provider="line", at=at) is None
