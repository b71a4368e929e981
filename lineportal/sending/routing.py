"""Which provider serves a road; accounts are opened here, where providers can check them."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
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
from django.utils.translation import gettext_lazy

from lineportal.accounts import access, credentials
from lineportal.accounts.models import Country, OfficialAccount, Road, Service
from lineportal.audit import chain
from lineportal.providers import PROVIDERS
from lineportal.providers.base import BadCredentials, Provider
from lineportal.sending.models import Retention
from recipients import siblings
from recipients.intake import Invalid
from templates_app import content as contents
from templates_app import rendering
from templates_app.models import MessageTemplate

MANAGE = "accounts.manage_accounts"
CHANGE = "accounts.change_officialaccount"
ZONES = {"TH": "Asia/Bangkok", "TW": "Asia/Taipei", "JP": "Asia/Tokyo"}
_LOOPBACK = {"127.0.0.1", "localhost", "::1"}
_TAKEN = gettext_lazy("This channel is in use by another account.")


class AccountExists(Exception):
    """The slug or the channel is taken."""


def _no_host(host: str) -> bool:
    return False


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
    check_provider(provider)
    services = [service] if service else _services(provider, country)
    plans = [
        plan(each, country=country, provider=provider, given=given, api_base_url=api_base_url,
             rate_per_second=rate_per_second)
        for each in services
    ]  # fmt: skip
    timezone = _zone(timezone or ZONES[country])
    if OfficialAccount.objects.filter(slug=slug).exists():
        raise AccountExists(_("There is an account “%(slug)s” already.") % {"slug": slug})
    refuse_if_taken(plans[0])
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
        raise AccountExists(_TAKEN) from error
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


def build(road: Road) -> Provider:
    """Return the road's provider, ready to send."""
    return PROVIDERS[road.provider](credentials.of(road), api_base_url=road.api_base_url)


def unfit(road: Road, template: MessageTemplate) -> str:
    """Return why the road cannot carry this template, as a sentence; blank: it can."""
    return PROVIDERS[road.provider].unfit(
        service=template.service,
        kind=contents.kind(template.content, service=template.service),
        content=template.content,
        drawing=template.bubble or rendering.draw(template.content, service=template.service),
    )


def webhook_url(account: OfficialAccount) -> str:
    """Return the address to enter at the provider; of the notifications' one, if there are two."""
    return next(iter(webhook_urls(account).values()), "")


def webhook_urls(account: OfficialAccount) -> dict[str, str]:
    """Return the address to enter at each provider of the account."""
    names = account.roads.order_by("service").values_list("provider", flat=True)
    return {
        name: settings.PUBLIC_URL + reverse("webhooks:receive", args=[name, account.webhook_id])
        for name in dict.fromkeys(names)
    }


def check_base_url(url: str, provider: type[Provider]) -> None:
    """Raise Invalid unless we may post to this address.

    That is HTTPS to the provider's own host or one that an operator has listed, or a listed
    loopback.
    """
    if url:
        check_address(url, name="api_base_url", own=provider.own_hosts.fullmatch)


def check_address(url: str, *, name: str, own: Callable[[str], object] = _no_host) -> None:
    """Raise Invalid for the field `name` unless we may post to this address.

    `own` says which hosts need no listing.
    """
    try:
        parts = urlsplit(url)
        _port = parts.port  # raises where it is no port
    except ValueError as error:
        raise Invalid(name, _("This is not a web address.")) from error
    host = parts.hostname or ""
    if host not in settings.API_HOSTS and not own(host):
        raise Invalid(
            name,
            _("The host of this address is not allowed; an operator lists it in"
              " LINEPORTAL_API_HOSTS."),
        )  # fmt: skip
    if parts.scheme != "https" and not (parts.scheme == "http" and host in _LOOPBACK):
        raise Invalid(name, _("The address must begin with https://."))


def is_loopback(road: Road) -> bool:
    """Return whether the road leads to this machine, as to the simulator."""
    return urlsplit(road.api_base_url).hostname in _LOOPBACK


def plan(
    service: str,
    *,
    country: str,
    provider: str,
    given: Mapping[str, str],
    api_base_url: str = "",
    rate_per_second: int | None = None,
) -> Road:
    """Return a road that is not stored yet and belongs to no account. Raises Invalid."""
    kind = check_provider(provider)
    if service not in Service.values:
        raise Invalid("service", _("Choose “lon” or “oa”."))
    if country not in countries(kind, service):
        raise Invalid(
            "provider",
            _("%(provider)s does not serve %(service)s in %(country)s; supported are: %(list)s.")
            % {
                "provider": kind.title,
                "service": service,
                "country": country,
                "list": ", ".join(supported(service, country)) or _("none"),
            },
        )
    rate = kind.default_rate if rate_per_second is None else rate_per_second
    if not 1 <= rate <= kind.ceiling_per_second:
        raise Invalid(
            "rate_per_second",
            _("Choose a rate from 1 to %(most)s messages a second.")
            % {"most": kind.ceiling_per_second},
        )
    check_base_url(api_base_url, kind)
    check_credentials(kind, given)
    return Road(
        service=service,
        provider=provider,
        sender=given[kind.sender_setting],
        api_base_url=api_base_url,
        credentials=credentials.seal(given),
        rate_per_second=rate,
    )


def check_provider(name: str) -> type[Provider]:
    """Return the provider of this name. Raises Invalid."""
    if name not in PROVIDERS:
        raise Invalid(
            "provider",
            _("There is no provider “%(name)s”; choose one of: %(list)s.")
            % {"name": name, "list": ", ".join(PROVIDERS)},
        )
    return PROVIDERS[name]


def check_credentials(kind: type[Provider], given: Mapping[str, str]) -> None:
    """Raise Invalid unless these are the provider's."""
    try:
        kind.check_credentials(given)
    except BadCredentials as error:
        raise Invalid("credentials", str(error)) from error


def countries(kind: type[Provider], service: str) -> tuple[str, ...]:
    """Return the countries of accounts that the provider serves with this service."""
    served = kind.serves.get(service)
    return served.countries if served else ()


def supported(service: str, country: str) -> list[str]:
    """Return the names of the providers that serve accounts of this country."""
    return [name for name, kind in PROVIDERS.items() if country in countries(kind, service)]


def refuse_if_taken(road: Road) -> None:
    """Raise AccountExists where another account has the road's channel."""
    same = Road.objects.filter(provider=road.provider, sender=road.sender)
    if same.exclude(account=road.account_id).exists():
        raise AccountExists(_TAKEN)


def _services(provider: str, country: str) -> list[str]:
    kind = PROVIDERS[provider]
    served = [each for each in Service.values if country in countries(kind, each)]
    if not served:
        served = list(Service.values)  # `plan` says what is wrong
    return served if provider == "line" else served[:1]


def _check_names(slug: str, name: str, country: str) -> None:
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


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise Invalid("timezone", _("Unknown time zone; give one such as Asia/Bangkok.")) from error
    return name
