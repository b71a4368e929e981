"""The stop switches: nothing leaves a stopped account, or anywhere when the site is stopped.

A stop bites at the next slice of every worker. Many may throw one; fewer may lift it.
"""

from __future__ import annotations

from datetime import datetime

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser, User
from django.core.exceptions import PermissionDenied
from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from lineportal.accounts import access
from lineportal.accounts.models import OfficialAccount, Road
from lineportal.audit import chain
from lineportal.sending import lanes
from lineportal.sending.models import Stop
from recipients.intake import Invalid

STOP = "sending.stop_sending"
LIFT = "sending.lift_stop"
REASON_LIMIT = 500  # characters


class AlreadyStopped(Exception):
    """A stop of the same extent is in force."""


class NotStopped(Exception):
    """The stop was lifted before."""


def in_force(account_id: int | None = None) -> QuerySet[Stop]:
    """Return the stops that hold this account; without one, all that are in force."""
    stops = Stop.objects.filter(lifted_at__isnull=True)
    if account_id is None:
        return stops
    return stops.filter(Q(account_id=account_id) | Q(account__isnull=True))


def seen_by(user: AbstractBaseUser | AnonymousUser) -> QuerySet[Stop]:
    """Return the stops that concern this person: of the whole site, and of their accounts."""
    return Stop.objects.filter(Q(account__isnull=True) | Q(account__in=access.accounts_of(user)))


def holds_sql(account_id: str) -> str:
    """Return an SQL condition: a stop holds the account of this column."""
    return (
        "EXISTS (SELECT 1 FROM sending_stop stop WHERE stop.lifted_at IS NULL"
        f" AND (stop.account_id IS NULL OR stop.account_id = {account_id}))"
    )


@transaction.atomic
def stop(account: OfficialAccount | None, *, by: User | None, at: datetime, reason: str) -> Stop:
    """Hold everything of an account, or with None of the whole site, until somebody lifts it.

    What is in flight ends; everything else waits where it is. `by` None is the command line.
    Raises PermissionDenied, Invalid, AlreadyStopped.
    """
    _require(STOP, account, by)
    reason = reason.strip()
    if not 0 < len(reason) <= REASON_LIMIT:
        raise Invalid("reason", _("Say why, in at most 500 characters."))
    try:
        with transaction.atomic():
            made = Stop.objects.create(account=account, reason=reason, stopped_by=by, stopped_at=at)
    except IntegrityError as error:
        raise AlreadyStopped(
            _("%(extent)s is stopped already.") % {"extent": _extent(account)}
        ) from error
    chain.write(
        "sending.stop", subject=made, by=by, at=at, account_id=account.pk if account else None
    )
    return made


@transaction.atomic
def lift(stop_id: int, *, by: User | None, at: datetime) -> Stop:
    """Let an account, or the site, send again. Raises PermissionDenied, NotStopped."""
    held = Stop.objects.select_for_update(of=("self",)).select_related("account").get(pk=stop_id)
    _require(LIFT, held.account, by)
    if held.lifted_at is not None:
        raise NotStopped(_("This stop was lifted already."))
    held.lifted_by, held.lifted_at = by, at
    held.save(update_fields=["lifted_by", "lifted_at"])
    chain.write("sending.lift", subject=held, by=by, at=at, account_id=held.account_id)
    roads = Road.objects.all()
    if held.account_id is not None:
        roads = roads.filter(account_id=held.account_id)
    for road_id in roads.values_list("pk", flat=True):
        lanes.wake_road(road_id)
    return held


def _require(permission: str, account: OfficialAccount | None, by: User | None) -> None:
    if by is None:
        return
    access.require(by, permission, account)
    if account is None and access.is_limited(by):
        raise PermissionDenied(_("Only people of all accounts may stop or start the whole site."))


def _extent(account: OfficialAccount | None) -> str:
    return str(account) if account else _("The whole site")
