"""A user's list of accounts bounds everything the user reads and does."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import AnonymousUser, User
from django.core.exceptions import PermissionDenied

from lineportal.accounts import access
from lineportal.accounts.models import AccountScope, OfficialAccount
from templates_app.models import MessageTemplate
from templates_app.workflow import SUBMIT
from tests import factories

VIEW = "templates_app.view_messagetemplate"


@pytest.fixture
def both(db: None) -> tuple[OfficialAccount, OfficialAccount]:
    """Two accounts with a template each."""
    first, second = factories.account("first"), factories.account("second", channel="2000000002")
    factories.draft(first)
    factories.draft(second)
    return first, second


def listed(user: User, *accounts: OfficialAccount) -> User:
    scope, _ = AccountScope.objects.get_or_create(user=user)
    scope.accounts.set(accounts)
    return user


Both = tuple[OfficialAccount, OfficialAccount]


def test_without_a_list_every_account_is_the_users(both: Both, author: User) -> None:
    assert set(access.accounts_of(author)) == set(both)
    assert access.limited(MessageTemplate.objects.all(), author).count() == 2
    assert not access.is_limited(author)
    assert all(access.may(author, SUBMIT, account) for account in both)


def test_a_list_bounds_what_is_read_and_done(both: Both, author: User) -> None:
    first, second = both
    listed(author, first)

    assert list(access.accounts_of(author)) == [first]
    [template] = access.limited(MessageTemplate.objects.all(), author)
    assert template.account == first
    assert access.is_limited(author)
    assert access.may(author, SUBMIT, first)
    assert not access.may(author, SUBMIT, second)
    access.require(author, SUBMIT, first.pk)
    with pytest.raises(PermissionDenied, match="submit_messagetemplate"):
        access.require(author, SUBMIT, second.pk)


def test_a_longer_list_gives_each_account_on_it_once(both: Both, author: User) -> None:
    listed(author, *both)

    assert access.limited(MessageTemplate.objects.all(), author).count() == 2
    assert access.accounts_of(author).count() == 2


def test_an_empty_list_means_no_account(both: Both, author: User) -> None:
    listed(author)

    assert not access.accounts_of(author).exists()
    assert not access.limited(MessageTemplate.objects.all(), author).exists()
    assert not any(access.may(author, SUBMIT, account) for account in both)


def test_a_list_bounds_a_superuser_too(both: Both) -> None:
    first, second = both
    admin = listed(factories.superuser(), first)

    assert list(access.accounts_of(admin)) == [first]
    assert not access.may(admin, SUBMIT, second)


def test_a_list_gives_no_permission(both: Both, auditor: User) -> None:
    first, _ = both
    listed(auditor, first)

    assert access.may(auditor, VIEW, first)
    with pytest.raises(PermissionDenied):
        access.require(auditor, SUBMIT, first)


def test_a_change_of_the_list_counts_at_once(both: Both, author: User) -> None:
    first, second = both
    listed(author, first)
    assert not access.may(author, SUBMIT, second)

    listed(author, second)

    assert access.may(author, SUBMIT, second)
    assert not access.may(author, SUBMIT, first)


def test_the_path_to_the_account_may_be_named(both: Both, author: User) -> None:
    first, _ = both
    listed(author, first)

    accounts = access.limited(OfficialAccount.objects.all(), author, account="pk")

    assert list(accounts) == [first]


def test_who_is_switched_off_may_nothing(both: Both) -> None:
    first, _ = both
    for gone in (factories.user("manager", is_active=False),
                 factories.UserFactory(is_superuser=True, is_active=False)):  # fmt: skip
        assert not access.may(gone, VIEW)
        assert not access.may(gone, VIEW, first)


def test_nobody_at_all_sees_nothing(both: Both) -> None:
    stranger = AnonymousUser()

    assert not access.accounts_of(stranger).exists()
    assert not access.limited(MessageTemplate.objects.all(), stranger).exists()
    assert access.is_limited(stranger)
    assert not access.may(stranger, VIEW)
