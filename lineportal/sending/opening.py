"""Open Official Accounts, each with its first road, and change them."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from datetime import datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.core.validators import validate_slug
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from lineportal.accounts import access
from lineportal.accounts.models import Country, OfficialAccount, Service
from lineportal.audit import chain
from lineportal.providers.base import Provider
from lineportal.sending import routing
from lineportal.sending.models import Retention
from lineportal.sending.routing import MANAGE, TAKEN, AccountExists
from recipients import siblings
from recipients.intake import Invalid

CHANGE = "accounts.change_officialaccount"
ZONES = {"TH": "Asia/Bangkok", "TW": "Asia/Taipei", "JP": "Asia/Tokyo"}


def open_account(
    *,
    slug: str,
    name: str,
    country: str,
    provider: str,
    given: Mapping[str, str],
    at: datetime,
    by: User | None,
    service: str = "",
    timezone: str = "",
    api_base_url: str = "",
    rate_per_second: int | None = None,
) -> OfficialAccount:
    """Make an Official Account with a road.

    Where no service is named: LINE gets a road for both, a partner for the first that it serves in
    the country. `given` are the credentials; `by` None is an operator at the shell.
    Raises PermissionDenied, Invalid, AccountExists.
    """
    if by is not None:
        access.require(by, MANAGE)
    _check_names(slug, name, country)
    kind = routing.check_provider(provider)
    services = [service] if service else _services(kind, country)
    plans = [
        routing.plan(
            each,
            country=country,
            provider=provider,
            given=given,
            api_base_url=api_base_url,
            rate_per_second=rate_per_second,
        )
        for each in services
    ]
    timezone = _zone(timezone or ZONES[country])
    if OfficialAccount.objects.filter(slug=slug).exists():
        raise AccountExists(_("There is an account “%(slug)s” already.") % {"slug": slug})
    routing.refuse_if_taken(plans[0])
    try:
        with transaction.atomic():
            siblings.hold_accounts()
            account = OfficialAccount.objects.create(
                slug=slug,
                name=name,
                country=country,
                timezone=timezone,
                webhook_id=secrets.token_urlsafe(24),
                created_at=at,
            )
            Retention.objects.create(account=account)
            for each in plans:
                each.account = account
                each.save()
            chain.write(
                "account.open",
                subject=account,
                by=by,
                at=at,
                account_id=account.pk,
                services=services,
                provider=provider,
            )
    except IntegrityError as error:
        raise AccountExists(TAKEN) from error
    return account


@transaction.atomic
def change_account(
    account_id: int, *, name: str, is_active: bool, by: User, at: datetime
) -> OfficialAccount:
    """Rename an account, or switch it on or off; nothing is sent for one that is off.

    Raises PermissionDenied, Invalid.
    """
    access.require(by, CHANGE, account_id)
    _check_name(name)
    account = OfficialAccount.objects.select_for_update().get(pk=account_id)
    account.name, account.is_active = name, is_active
    account.save(update_fields=["name", "is_active"])
    chain.write(
        "account.change",
        subject=account,
        by=by,
        at=at,
        account_id=account.pk,
        is_active=is_active,
    )
    return account


def _services(kind: type[Provider], country: str) -> list[str]:
    served = routing.services(kind, country) or list(Service.values)  # `plan` says what is wrong
    return served if kind.name == "line" else served[:1]


def _check_names(slug: str, name: str, country: str) -> None:
    try:
        validate_slug(slug)
    except ValidationError as error:
        raise Invalid(
            "slug", _("A slug has letters, digits, hyphens and underscores only.")
        ) from error
    if len(slug) > 50:
        raise Invalid("slug", _("A slug has at most 50 characters."))
    _check_name(name)
    if country not in Country.values:
        raise Invalid("country", _("LINE serves TH, TW and JP; choose one."))


def _check_name(name: str) -> None:
    if not 0 < len(name.strip()) <= 100:
        raise Invalid("name", _("Give the account a name of at most 100 characters."))


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise Invalid("timezone", _("Unknown time zone; give one such as Asia/Bangkok.")) from error
    return name
