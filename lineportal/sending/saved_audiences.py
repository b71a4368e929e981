"""Filters kept under a name: make, change, delete and count them, one function per act."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib.auth.models import User
from django.db import IntegrityError, OperationalError, connection, transaction
from django.utils.translation import gettext as _

from lineportal.accounts import access
from lineportal.accounts.models import OfficialAccount
from lineportal.audit import chain
from lineportal.sending import filters, trees
from lineportal.sending.models import SavedAudience
from recipients.intake import Invalid

VIEW = "sending.view_savedaudience"
KEEP = "sending.keep_savedaudience"
_VIEW_PEOPLE = "recipients.view_recipient"
NAME_LIMIT = 100  # characters
LIVE_LIMIT = 100_000  # people; a count while somebody edits goes no further
LIVE_PATIENCE = 3_000  # milliseconds
PATIENCE = 20_000


class NameTaken(Exception):
    """The account has an audience of this name already."""


class TooSlow(Invalid):
    """The count took longer than it may; another filter may be counted faster."""


@dataclass(frozen=True, slots=True)
class Count:
    """How many people a filter names; `is_capped`: at least so many."""

    people: int
    is_capped: bool = False


@transaction.atomic
def create(
    account: OfficialAccount, *, name: str, filter: Any, by: User, at: datetime
) -> SavedAudience:
    """Keep a tree under a name. Raises PermissionDenied, Invalid, NameTaken."""
    access.require(by, KEEP, account)
    row = SavedAudience(
        account=account,
        name=_read_name(name),
        filter=_read_filter(account, filter),
        created_by=by,
        created_at=at,
        changed_at=at,
    )
    return _written("create", row, by=by, at=at)


@transaction.atomic
def change(
    saved: SavedAudience,
    *,
    by: User,
    at: datetime,
    name: str | None = None,
    filter: Any = None,
) -> SavedAudience:
    """Change name or filter, where given; campaigns made before keep what they copied.

    Raises PermissionDenied, Invalid, NameTaken.
    """
    access.require(by, KEEP, saved.account_id)
    row = _locked(saved)
    if name is not None:
        row.name = _read_name(name)
    if filter is not None:
        row.filter = _read_filter(row.account, filter)
    row.changed_at = at
    return _written("change", row, by=by, at=at)


@transaction.atomic
def delete(saved: SavedAudience, *, by: User, at: datetime) -> None:
    """Delete the name and its filter; campaigns made from it keep their copy.

    Raises PermissionDenied, Invalid.
    """
    access.require(by, KEEP, saved.account_id)
    row = _locked(saved)
    SavedAudience.objects.filter(pk=row.pk).delete()
    _audit("delete", row, by=by, at=at)


def resolved(account: OfficialAccount, audience: Mapping[str, Any]) -> dict[str, Any]:
    """Return a campaign's own audience: of {"saved": id} a copy of its filter. Raises Invalid."""
    if "saved" not in audience:
        return dict(audience)
    pk = audience["saved"]
    if len(audience) > 1:
        raise Invalid("audience", _("Give either “saved” or other filters, not both."))
    if isinstance(pk, bool) or not isinstance(pk, int) or not 0 < pk < 2**63:
        raise Invalid("audience", _("“saved” is the id of a saved audience."))
    row = SavedAudience.objects.filter(account=account, pk=pk).first()
    if row is None:
        raise Invalid("audience", _("The account has no saved audience %(id)d.") % {"id": pk})
    return dict(row.filter)


def named(account: OfficialAccount, name: str) -> SavedAudience:
    """Return the account's audience of this name; raises Invalid."""
    row = SavedAudience.objects.filter(account=account, name=name.strip()).first()
    if row is None:
        raise Invalid("audience", _("The account has no saved audience “%s”.") % name)
    return row


def count(
    account: OfficialAccount,
    filter: Any,
    *,
    by: User,
    limit: int | None = None,
    patience: int = PATIENCE,
) -> Count:
    """Return how many people a filter names, before any rule; no further than `limit`.

    Raises PermissionDenied, Invalid, TooSlow (after `patience` milliseconds).
    """
    access.require(by, VIEW, account)
    access.require(by, _VIEW_PEOPLE, account)
    if not isinstance(filter, Mapping):
        raise Invalid("filter", _("Give the filter as a JSON object."))
    try:
        filters.check(account, filter)
        rows = filters.people(account, filter).order_by()
    except filters.InvalidAudience as error:
        raise Invalid("filter", str(error)) from error
    if limit is not None:
        rows = rows[: limit + 1]
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SHOW statement_timeout")
            [(usual,)] = cursor.fetchall()
            cursor.execute("SELECT set_config('statement_timeout', %s, true)", [str(patience)])
            people = rows.count()
            cursor.execute("SELECT set_config('statement_timeout', %s, true)", [usual])
    except OperationalError as error:  # the only one that a count can meet: it was cancelled
        raise TooSlow(
            "filter",
            _("Counting takes too long; narrow the filter by consent, friend status or a tag."),
        ) from error
    if limit is not None and people > limit:
        return Count(limit, is_capped=True)
    return Count(people)


def _read_name(name: str) -> str:
    name = name.strip()
    if not name or len(name) > NAME_LIMIT:
        raise Invalid("name", _("Give the audience a name of at most 100 characters."))
    return name


def _read_filter(account: OfficialAccount, filter: Any) -> dict[str, Any]:
    # Only trees: flat filters may list phone numbers, which are not to be kept here.
    try:
        trees.read(filter, zone=account.timezone)
        filters.check(account, filter)
    except filters.InvalidAudience as error:
        raise Invalid("filter", str(error)) from error
    return dict(filter)


def _locked(saved: SavedAudience) -> SavedAudience:
    rows = SavedAudience.objects.select_for_update(of=("self",)).select_related("account")
    row = rows.filter(pk=saved.pk).first()
    if row is None:
        raise Invalid("audience", _("This audience was deleted meanwhile."))
    return row


def _written(act: str, row: SavedAudience, *, by: User, at: datetime) -> SavedAudience:
    try:
        with transaction.atomic():
            row.save()
    except IntegrityError as error:
        raise NameTaken(
            _("The account has an audience “%s” already; choose another name.") % row.name
        ) from error
    _audit(act, row, by=by, at=at)
    return row


def _audit(act: str, row: SavedAudience, *, by: User, at: datetime) -> None:
    canonical = json.dumps(row.filter, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    chain.write(
        f"audience.{act}",
        subject=row,
        by=by,
        at=at,
        account_id=row.account_id,
        filter_sha256=hashlib.sha256(canonical.encode()).hexdigest(),
    )
