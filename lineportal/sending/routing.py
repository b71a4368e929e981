"""Which provider serves a road; accounts are opened here, where providers can check them."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from datetime import datetime
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.conf import settings
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.core.validators import validate_slug
from django.db import IntegrityError, transaction
from django.urls import reverse
from django.utils.translation import gettext as _

from lineportal.accounts import access, credentials
from lineportal.accounts.models import Country, OfficialAccount, Road, Service
from lineportal.audit import chain
from lineportal.providers import PROVIDERS, SUPPORTED
from lineportal.providers.line import BadCredentials, LineProvider, check_credentials
from lineportal.sending.models import Retention
from recipients import siblings
from recipients.intake import Invalid

MANAGE = "accounts.manage_accounts"
CHANGE = "accounts.change_officialaccount"
DEFAULT_RATE = 500  # messages a second; LINE's ceiling is 2,000
CEILING = 2000
ZONES = {"TH": "Asia/Bangkok", "TW": "Asia/Taipei", "JP": "Asia/Tokyo"}
_LOOPBACK = {"127.0.0.1", "localhost", "::1"}


class AccountExists(Exception):
    """The slug or the channel is taken."""


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
    """Make an Official Account with its road, or with both roads where no service is named.

    `given` are the credentials; `by` None is an operator at the shell.
    Raises PermissionDenied, Invalid, AccountExists.
    """
    if by is not None:
        access.require(by, MANAGE)
    services = [service] if service else list(Service.values)
    _check(slug, name, country, provider, services, given)
    timezone = _zone(timezone or ZONES[country])
    rate = DEFAULT_RATE if rate_per_second is None else rate_per_second
    if not 1 <= rate <= CEILING:
        raise Invalid("rate_per_second", _("Choose a rate from 1 to 2000 messages a second."))
    check_base_url(api_base_url)
    if OfficialAccount.objects.filter(slug=slug).exists():
        raise AccountExists(_("There is an account “%(slug)s” already.") % {"slug": slug})
    taken = _("This channel is in use by another account.")
    if Road.objects.filter(provider=provider, sender=given["channel_id"]).exists():
        raise AccountExists(taken)
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
            for each in services:
                Road.objects.create(
                    account=account,
                    service=each,
                    provider=provider,
                    sender=given["channel_id"],
                    api_base_url=api_base_url,
                    credentials=credentials.seal(given),
                    rate_per_second=rate,
                )
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
        raise AccountExists(taken) from error
    return account


@transaction.atomic
def change_account(
    account_id: int, *, name: str, is_active: bool, by: User, at: datetime
) -> OfficialAccount:
    """Rename an account, or switch it on or off; nothing is sent for one that is off."""
    access.require(by, CHANGE, account_id)
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


def build(road: Road) -> LineProvider:
    """Return the road's provider, ready to send."""
    return PROVIDERS[road.provider](credentials.of(road), api_base_url=road.api_base_url)


def webhook_url(account: OfficialAccount) -> str:
    """Return the address to enter at the provider."""
    road = account.roads.first()
    provider = road.provider if road else "line"
    return settings.PUBLIC_URL + reverse(f"webhooks:{provider}", args=[account.webhook_id])


def check_base_url(url: str) -> None:
    """Raise Invalid unless we may post to this address: HTTPS and listed, or a listed loopback."""
    if not url:
        return
    try:
        parts = urlsplit(url)
        _port = parts.port  # raises where it is no port
    except ValueError as error:
        raise Invalid("api_base_url", _("This is not a web address.")) from error
    host = parts.hostname or ""
    if host not in settings.API_HOSTS:
        raise Invalid(
            "api_base_url",
            _("The host of this address is not allowed; an operator lists it in"
              " LINEPORTAL_API_HOSTS."),
        )  # fmt: skip
    if parts.scheme != "https" and not (parts.scheme == "http" and host in _LOOPBACK):
        raise Invalid("api_base_url", _("The address must begin with https://."))


def is_loopback(road: Road) -> bool:
    """Return whether the road leads to this machine, as to the simulator."""
    return urlsplit(road.api_base_url).hostname in _LOOPBACK


def _check(
    slug: str,
    name: str,
    country: str,
    provider: str,
    services: list[str],
    given: Mapping[str, str],
) -> None:
    try:
        validate_slug(slug)
    except ValidationError as error:
        raise Invalid(
            "slug", _("A slug has letters, digits, hyphens and underscores only.")
        ) from error
    if len(slug) > 50:
        raise Invalid("slug", _("A slug has at most 50 characters."))
    if not name.strip():
        raise Invalid("name", _("Give the account a name."))
    if country not in Country.values:
        raise Invalid("country", _("LINE serves TH, TW and JP; choose one."))
    for service in services:
        if service not in Service.values:
            raise Invalid("service", _("Choose “lon” or “oa”."))
        if country not in SUPPORTED.get((provider, service), ()):
            raise Invalid(
                "provider",
                _("The provider “%(provider)s” is not supported for %(service)s in %(country)s;"
                  " supported is: line.")
                % {"provider": provider, "service": service, "country": country},
            )  # fmt: skip
    try:
        check_credentials(given)
    except BadCredentials as error:
        raise Invalid("credentials", str(error)) from error


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise Invalid("timezone", _("Unknown time zone; give one such as Asia/Bangkok.")) from error
    return name
