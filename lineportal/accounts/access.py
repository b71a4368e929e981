"""Who may touch what: a permission (from groups) and, optionally, a list of accounts.

Every door reads through `limited`, every act asks `require`.
"""

from __future__ import annotations

from typing import Any, TypeVar

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser, User
from django.core.exceptions import PermissionDenied
from django.db.models import Exists, Model, OuterRef, QuerySet
from django.utils.translation import gettext as _

from lineportal.accounts.models import AccountScope, OfficialAccount

Row = TypeVar("Row", bound=Model)
_KEPT = "_kept_account_list"
BACKEND = "django.contrib.auth.backends.ModelBackend"


def limited(
    rows: QuerySet[Row],
    user: AbstractBaseUser | AnonymousUser,
    *,
    account: str = "account",
) -> QuerySet[Row]:
    """Return the rows whose account the user may touch; `account` is the path to the account."""
    accounts = listed(user)
    # As numbers, not as a query of its own: so the database knows what an index will give.
    return rows if accounts is None else rows.filter(**{f"{account}__in": accounts})


def accounts_of(user: AbstractBaseUser | AnonymousUser) -> QuerySet[OfficialAccount]:
    """Return the Official Accounts that the user may touch."""
    accounts = listed(user)
    rows = OfficialAccount.objects.all()
    return rows if accounts is None else rows.filter(pk__in=accounts)


def is_limited(user: AbstractBaseUser | AnonymousUser) -> bool:
    """Return whether the user may touch listed accounts only."""
    return listed(user) is not None


def listed(user: AbstractBaseUser | AnonymousUser) -> list[int] | None:
    """Return the ids of the accounts that the user may touch; None: every account."""
    if user.pk is None:
        return []
    if hasattr(user, _KEPT):
        kept: list[int] | None = getattr(user, _KEPT)
        return kept
    user_id: Any = user.pk
    scopes = AccountScope.objects.filter(user_id=user_id)
    found = list(scopes.values_list("accounts__pk", flat=True))  # [None]: a list, but an empty one
    return [pk for pk in found if pk is not None] if found else None


def keep_list(user: AbstractBaseUser | AnonymousUser) -> None:
    """Read the user's list once for all that one page shows; never for an act, which asks anew."""
    setattr(user, _KEPT, listed(user))


def may(user: Any, permission: str, account: OfficialAccount | int | None = None) -> bool:
    """Return whether the user has the permission ("app.codename"), on the account where given."""
    if not user.has_perm(permission):
        return False
    if account is None:
        return True
    accounts = listed(user)
    pk = account if isinstance(account, int) else account.pk
    return accounts is None or pk in accounts


def people(permission: str, account: OfficialAccount | int) -> QuerySet[User]:
    """Return the active users who have the permission on the account, by their names."""
    pk = account if isinstance(account, int) else account.pk
    scopes = AccountScope.objects.filter(user_id=OuterRef("pk"))
    return (
        User.objects.with_perm(permission, backend=BACKEND)
        .filter(~Exists(scopes) | Exists(scopes.filter(accounts=pk)))
        .order_by("username")
    )


def require(user: User, permission: str, account: OfficialAccount | int | None = None) -> None:
    """Raise PermissionDenied with a sentence unless the user may."""
    if not may(user, permission, account):
        raise PermissionDenied(
            _("You may not do this: it needs the permission “%(permission)s” on this account.")
            % {"permission": permission}
        )
