"""Tombstones: who asked to be forgotten stays out, whatever becomes of the keys."""

from __future__ import annotations

import hashlib
import hmac
import io
from datetime import datetime, timedelta

import pytest
from cryptography.fernet import Fernet
from django.db import connection
from hypothesis import HealthCheck, given
from hypothesis import settings as tries
from hypothesis import strategies as st
from pytest_django import DjangoAssertNumQueries, Settings

from lineportal.accounts.models import OfficialAccount
from lineportal.sending import forgetting
from recipients import erasure, friendship, imports, intake
from recipients.models import ErasedPhone, ImportRefusal, Recipient, Source
from tests import factories


@pytest.fixture
def account(db: None) -> OfficialAccount:
    return factories.account()


@pytest.fixture
def forgotten(account: OfficialAccount, at: datetime) -> Recipient:
    return forgetting.erase(factories.recipient(account, 1), at=at, by=None)


def in_sql(sql: str, parameters: list[object], text: str) -> object:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {sql} FROM (SELECT %s::text AS word) given", [*parameters, text])
        return cursor.fetchone()[0]


def test_neither_number_nor_user_id_can_be_added_again(
    account: OfficialAccount, forgotten: Recipient, at: datetime
) -> None:
    for details in (
        intake.Details(phone=factories.phone(1)),
        intake.Details(line_user_id=factories.user_id(1)),
        intake.Details(phone=factories.phone(2), line_user_id=factories.user_id(1)),
    ):
        with pytest.raises(intake.Invalid, match="forgotten"):
            intake.add(account, details, by=factories.user("sender"), at=at, source=Source.API)


def test_neither_can_be_given_to_somebody_else(
    account: OfficialAccount, forgotten: Recipient, at: datetime
) -> None:
    other = factories.recipient(account, 2, line_user_id=None)

    with pytest.raises(intake.Invalid, match="forgotten"):
        intake.change(
            other,
            intake.Details(line_user_id=factories.user_id(1)),
            by=factories.user("sender"),
            at=at,
            source=Source.API,
        )


def test_a_file_brings_neither_back(
    account: OfficialAccount, forgotten: Recipient, at: datetime
) -> None:
    file = (
        f"phone,line_user_id\n{factories.phone(1)},\n,{factories.user_id(1)}\n"
        f"{factories.phone(3)},{factories.user_id(3)}\n"
    )
    job = imports.receive(account, name="x.csv", file=io.BytesIO(file.encode()), at=at, by=None)
    job = imports.run(job, at=at)

    assert (job.created, job.refused) == (1, 2)
    assert [(row.row, row.column) for row in ImportRefusal.objects.order_by("row")] == [
        (2, "A"),
        (3, "B"),
    ]


def test_another_account_may_still_hold_the_person(
    account: OfficialAccount, forgotten: Recipient
) -> None:
    other = factories.account("other", channel="2000000002", secret="b" * 32)

    assert factories.recipient(other, 1).phone == factories.phone(1)


def test_who_follows_again_is_here_by_their_own_act_and_may_be_imported_by_that_id(
    account: OfficialAccount, forgotten: Recipient, at: datetime
) -> None:
    friendship.apply(
        account,
        line_user_id=factories.user_id(1),
        event="follow",
        occurred_at=at + timedelta(minutes=1),
        event_id="later",
        at=at + timedelta(minutes=1),
    )

    again = Recipient.objects.get(line_user_id=factories.user_id(1))
    assert again.pk != forgotten.pk
    asked = {
        "phones": [factories.phone(1)],
        "line_user_ids": [factories.user_id(1)],
    }
    assert erasure.erased_among(account, **asked) == {factories.phone(1)}
    assert not erasure.is_erased(account, factories.user_id(1))


def test_an_erasure_a_second_time_changes_nothing(
    account: OfficialAccount, forgotten: Recipient, at: datetime
) -> None:
    again = forgetting.erase(forgotten, at=at + timedelta(days=1), by=None)

    assert again.erased_at == at
    assert ErasedPhone.objects.count() == 2
    assert erasure.forgotten(account, factories.phone(1)) == forgotten


def test_a_new_key_in_front_frees_nobody_and_a_lost_key_is_noticed(
    account: OfficialAccount, forgotten: Recipient, settings: Settings, at: datetime
) -> None:
    old = settings.FIELD_KEYS
    settings.FIELD_KEYS = [Fernet.generate_key().decode(), *old]
    forgetting.erase(factories.recipient(account, 2), at=at + timedelta(seconds=1), by=None)
    numbers = [factories.phone(n) for n in range(4)]

    assert erasure.erased_among(account, phones=numbers) == {numbers[1], numbers[2]}
    assert erasure.forgotten(account, numbers[1]) == forgotten
    assert len(set(ErasedPhone.objects.values_list("key_id", flat=True))) == 2
    assert erasure.unreadable() == 0

    settings.FIELD_KEYS = settings.FIELD_KEYS[:1]

    assert erasure.unreadable() == 2


def test_tombstones_of_the_first_releases_still_bar(
    account: OfficialAccount, settings: Settings, at: datetime
) -> None:
    first = hmac.new(
        f"erased:{settings.SECRET_KEY}".encode(), factories.phone(1).encode(), hashlib.sha256
    ).hexdigest()
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO recipients_erasedphone (account_id, digest, erased_at)"
            " VALUES (%s, %s, %s)",
            [account.pk, first, at],
        )

    assert erasure.is_erased(account, factories.phone(1))
    assert erasure.erased_among(account, phones=[factories.phone(1)]) == {factories.phone(1)}


@pytest.mark.parametrize("many", [10, 5_000], ids=["few", "many"])
def test_many_at_once_are_found_as_one_by_one(
    account: OfficialAccount, forgotten: Recipient, many: int
) -> None:
    numbers = [factories.phone(n) for n in range(many)]
    ids = [factories.user_id(n) for n in range(many)]

    assert erasure.erased_among(account, phones=numbers, line_user_ids=ids) == {
        factories.phone(1),
        factories.user_id(1),
    }
    assert erasure.digest(factories.phone(1)) in erasure.digests_of(account)


def test_an_account_that_forgot_nobody_is_asked_once(
    account: OfficialAccount, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_num_queries(1):
        found = erasure.erased_among(account, phones=[factories.phone(n) for n in range(5_000)])

    assert found == frozenset()
    assert erasure.erased_sql("word", account) == ("false", [])


@tries(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])))
def test_sql_and_python_agree_on_every_text(db: None, text: str) -> None:
    for key in erasure.all_keys():
        assert in_sql(*erasure.digest_sql("word", key), text) == key.digest(text)


def test_a_key_longer_than_a_block_agrees_too(db: None, settings: Settings) -> None:
    settings.SECRET_KEY = "a very long secret " * 10
    key = erasure.all_keys()[-1]
    plain = hmac.new(f"erased:{settings.SECRET_KEY}".encode(), b"+66812345678", hashlib.sha256)

    assert key.digest("+66812345678") == plain.hexdigest()
    assert in_sql(*erasure.digest_sql("word", key), "+66812345678") == plain.hexdigest()


def test_the_condition_in_sql_finds_who_is_forgotten(
    account: OfficialAccount, forgotten: Recipient
) -> None:
    condition = erasure.erased_sql("word", account)

    assert in_sql(*condition, factories.phone(1)) is True
    assert in_sql(*condition, factories.user_id(1)) is True
    assert in_sql(*condition, factories.phone(2)) is False


def test_a_key_does_not_show_itself(account: OfficialAccount) -> None:
    assert "secret" not in repr(erasure.all_keys()[0])
