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
from lineportal.providers import PROVIDERS
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
        raise RoadExists(
            _("The account has a road for %(service)s already; replace its credentials instead.")
            % {"service": service}
        ) from error
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
    """Store a road's new credentials; those left out stay as they are.

    What webhooks were verified with before stays valid for 72 hours. Who the road sends as cannot
    be changed. Raises PermissionDenied, Invalid, NoRoad.
    """
    _require(by, account)
    road = Road.objects.select_for_update().filter(account=account, service=service).first()
    if road is None:
        raise NoRoad(_("The account has no road for %(service)s.") % {"service": service})
    kind = PROVIDERS[road.provider]
    if given.get(kind.sender_setting, road.sender) != road.sender:
        raise Invalid(
            "credentials",
            _("%(name)s says who sends and stays as it is; for another one open another account.")
            % {"name": kind.sender_setting},
        )
    whole = {**credentials.of(road), **given}
    routing.check_credentials(kind, whole)
    credentials.replace(road, whole, for_webhooks=kind.webhook_settings, at=at)
    chain.write(
        "account.replace_credentials", subject=account, by=by, at=at, account_id=account.pk,
        service=service, version=road.credentials_version, names=sorted(given),
    )  # fmt: skip
    return road


def _require(by: User | None, account: OfficialAccount) -> None:
    if by is not None:
        access.require(by, routing.MANAGE, account)
