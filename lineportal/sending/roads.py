"""Give an account another road, change a road's pace, replace its credentials."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from lineportal.accounts import access, credentials
from lineportal.accounts.models import OfficialAccount, Road
from lineportal.audit import chain
from lineportal.providers.base import Provider
from lineportal.sending import routing
from recipients.intake import Invalid


class RoadExists(Exception):
    """The account has a road for this service already."""


class NoRoad(Exception):
    """The account has no road for this service."""


@transaction.atomic
def add(
    account: OfficialAccount,
    *,
    service: str,
    provider: str,
    given: Mapping[str, str],
    at: datetime,
    by: User | None,
    api_base_url: str = "",
    rate_per_second: int | None = None,
) -> Road:
    """Give an account a road for its other service; so LON may go by one provider, OA by another.

    Raises PermissionDenied, Invalid, RoadExists, routing.AccountExists.
    """
    _require(by, account)
    if Road.objects.filter(account=account, service=service).exists():
        raise _road_exists(service)
    road = routing.plan(
        service,
        country=account.country,
        provider=provider,
        given=given,
        api_base_url=api_base_url,
        rate_per_second=rate_per_second,
    )
    road.account = account
    routing.refuse_if_taken(road)
    try:
        with transaction.atomic():
            road.save()
    except IntegrityError as error:
        # Since we looked: by somebody else, for this account or for another one.
        routing.refuse_if_taken(road)
        raise _road_exists(service) from error
    chain.write(
        "account.add_road", subject=account, by=by, at=at, account_id=account.pk,
        service=service, provider=provider,
    )  # fmt: skip
    return road


@transaction.atomic
def replace_credentials(
    account: OfficialAccount,
    *,
    service: str,
    given: Mapping[str, str],
    at: datetime,
    by: User | None,
) -> Road:
    """Store a road's new credentials; those left out stay, a blank value takes one away.

    What webhooks were verified with before stays valid for 72 hours. Who the road sends as cannot
    be changed. Raises PermissionDenied, Invalid, NoRoad.
    """
    _require(by, account)
    return _replace(_locked(account, service), account, given, at=at, by=by)


@transaction.atomic
def replace_all_credentials(
    account: OfficialAccount, *, given: Mapping[str, str], at: datetime, by: User | None
) -> list[Road]:
    """As `replace_credentials`, for both roads of an account that sends as one at one provider.

    LINE gives a channel one secret, whatever goes through it. Raises as that does.
    """
    _require(by, account)
    rows = Road.objects.select_for_update().filter(account=account).order_by("service")
    found = list(rows)
    if not found:
        raise NoRoad(_("The account has no road yet; add one."))
    if len({(road.provider, road.sender) for road in found}) > 1:
        raise Invalid(
            "service",
            _("The account's roads go by different providers or senders; name the service."),
        )
    return [_replace(road, account, given, at=at, by=by) for road in found]


@transaction.atomic
def change(
    account: OfficialAccount,
    *,
    service: str,
    at: datetime,
    by: User | None,
    api_base_url: str | None = None,
    rate_per_second: int | None = None,
) -> Road:
    """Change a road's address at its provider, or its pace; None leaves it as it is.

    Workers follow at their next turn. Raises PermissionDenied, Invalid, NoRoad.
    """
    _require(by, account)
    road = _locked(account, service)
    kind = routing.check_provider(road.provider)
    changed = []
    if api_base_url is not None and api_base_url != road.api_base_url:
        routing.check_base_url(api_base_url, kind)
        road.api_base_url = api_base_url
        changed.append("api_base_url")
    if rate_per_second is not None and rate_per_second != road.rate_per_second:
        routing.check_rate(rate_per_second, kind)
        road.rate_per_second = rate_per_second
        changed.append("rate_per_second")
    if changed:
        road.save(update_fields=changed)
        chain.write(
            "account.change_road", subject=account, by=by, at=at, account_id=account.pk,
            service=service, names=changed, rate_per_second=road.rate_per_second,
        )  # fmt: skip
    return road


def _locked(account: OfficialAccount, service: str) -> Road:
    road = Road.objects.select_for_update().filter(account=account, service=service).first()
    if road is None:
        raise NoRoad(_("The account has no road for %(service)s.") % {"service": service})
    return road


def _replace(
    road: Road,
    account: OfficialAccount,
    given: Mapping[str, str],
    *,
    at: datetime,
    by: User | None,
) -> Road:
    if not given:
        raise Invalid("credentials", _("Give at least one credential to replace."))
    kind = routing.check_provider(road.provider)
    if given.get(kind.sender_setting, road.sender) != road.sender:
        raise Invalid(
            "credentials",
            _("%(name)s says who sends and stays as it is; for another one open another account.")
            % {"name": kind.sender_setting},
        )
    whole = {**_present(road, kind), **given}
    routing.check_credentials(kind, whole)
    kept = {name: value for name, value in whole.items() if value}
    credentials.replace(road, kept, for_webhooks=kind.webhook_settings, at=at)
    chain.write(
        "account.replace_credentials", subject=account, by=by, at=at, account_id=account.pk,
        service=road.service, version=road.credentials_version, names=sorted(given),
    )  # fmt: skip
    return road


def _present(road: Road, kind: type[Provider]) -> dict[str, str]:
    """Return the credentials so far; where no key opens them, all have to be given anew."""
    try:
        return credentials.of(road)
    except credentials.UnreadableCredentials:
        return {kind.sender_setting: road.sender}


def _road_exists(service: str) -> RoadExists:
    return RoadExists(
        _("The account has a road for %(service)s already; replace its credentials instead.")
        % {"service": service}
    )


def _require(by: User | None, account: OfficialAccount) -> None:
    if by is not None:
        access.require(by, routing.MANAGE, account)
