"""Which provider serves a road, what a road may be, and where it leads."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from urllib.parse import urlsplit

from django.conf import settings
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from lineportal.accounts import credentials
from lineportal.accounts.models import OfficialAccount, Road, Service
from lineportal.providers import PROVIDERS
from lineportal.providers.base import BadCredentials, Provider
from recipients.intake import Invalid
from templates_app import content as contents
from templates_app import rendering, workflow
from templates_app.models import MessageTemplate

MANAGE = "accounts.manage_accounts"
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
_NOT_IN_ADDRESSES = re.compile("[^!-~]")
URL_LIMIT = 200
_SENDER_LIMIT = 100
TAKEN = gettext_lazy("This channel is in use by another account.")


class AccountExists(Exception):
    """The slug or the channel is taken."""


def _no_host(host: str) -> bool:
    return False


def build(road: Road) -> Provider:
    """Return the road's provider, ready to send."""
    return PROVIDERS[road.provider](credentials.of(road), api_base_url=road.api_base_url)


def unfit(road: Road, template: MessageTemplate) -> str:
    """Return why the road cannot carry this template, as a sentence; blank: it can."""
    return workflow.unsendable(template) or PROVIDERS[road.provider].unfit(
        service=template.service,
        kind=contents.kind(template.content, service=template.service),
        content=template.content,
        drawing=rendering.drawing_of(template),
    )


def problem_of(template: MessageTemplate) -> str:
    """Return why nothing of this template can be sent by its account now; blank: it can."""
    roads = {road.service: road for road in template.account.roads.all()}
    if template.service not in roads:
        return _("The account has no road for %(service)s yet; nothing of this can be sent.") % {
            "service": Service(template.service).label
        }
    road = roads[template.service]
    if road.provider not in PROVIDERS:
        return _("This installation has no provider “%(name)s” any more.") % {"name": road.provider}
    return unfit(road, template)


def webhook_url(account: OfficialAccount) -> str:
    """Return the address to enter at the provider; of the notifications' one, if there are two."""
    return next(iter(webhook_urls(account).values()), "")


def webhook_urls(account: OfficialAccount) -> dict[str, str]:
    """Return the address to enter at each provider of the account."""
    # Sorted here, so that a list of accounts brings its roads in one query.
    names = [road.provider for road in sorted(account.roads.all(), key=lambda road: road.service)]
    return {
        name: settings.PUBLIC_URL + reverse("webhooks:receive", args=[name, account.webhook_id])
        for name in dict.fromkeys(names)
    }


def check_base_url(url: str, provider: type[Provider]) -> None:
    """Raise Invalid unless we may post to this address.

    That is HTTPS to the provider's own host or one that an operator has listed, or a listed
    loopback.
    """
    if not url:
        return
    check_address(url, name="api_base_url", own=provider.own_hosts.fullmatch)
    if "?" in url or "#" in url:
        raise Invalid("api_base_url", _("Give the address without a “?” or “#” and what follows."))


def check_address(
    url: str, *, name: str, own: Callable[[str], object] = _no_host, listed: str = "API_HOSTS"
) -> None:
    """Raise Invalid for the field `name` unless we may post to this address.

    `own` says which hosts need no listing; `listed` is the setting that lists the others.
    """
    try:
        parts = urlsplit(url)
        _port = parts.port  # raises where it is no port
    except ValueError as error:
        raise Invalid(name, _("This is not a web address.")) from error
    host = parts.hostname or ""
    if _NOT_IN_ADDRESSES.search(url):
        raise Invalid(name, _("This is not a web address."))
    if "@" in parts.netloc:  # a name and password there would be shown with it
        raise Invalid(name, _("Give the address without a name or password in it."))
    if len(url) > URL_LIMIT:
        raise Invalid(name, _("An address has at most %(most)s characters.") % {"most": URL_LIMIT})
    if host not in getattr(settings, listed) and not own(host):
        raise Invalid(
            name,
            _("The host of this address is not allowed; an operator lists it in %(variable)s.")
            % {"variable": f"LINEPORTAL_{listed}"},
        )
    if parts.scheme != "https" and not (parts.scheme == "http" and host in LOOPBACK):
        raise Invalid(name, _("The address must begin with https://."))


def is_loopback(road: Road) -> bool:
    """Return whether the road leads to this machine, as to the simulator."""
    return urlsplit(road.api_base_url).hostname in LOOPBACK


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
    check_rate(rate, kind)
    check_base_url(api_base_url, kind)
    check_credentials(kind, given)
    return Road(
        service=service,
        provider=provider,
        sender=given[kind.sender_setting],
        api_base_url=api_base_url,
        credentials=credentials.seal({name: value for name, value in given.items() if value}),
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


def check_rate(rate: int, kind: type[Provider]) -> None:
    """Raise Invalid unless the provider takes so many messages a second."""
    if not 1 <= rate <= kind.ceiling_per_second:
        raise Invalid(
            "rate_per_second",
            _("Choose a rate from 1 to %(most)s messages a second.")
            % {"most": kind.ceiling_per_second},
        )


def check_credentials(kind: type[Provider], given: Mapping[str, str]) -> None:
    """Raise Invalid unless these are the provider's."""
    try:
        kind.check_credentials(given)
    except BadCredentials as error:
        raise Invalid("credentials", str(error)) from error
    if len(given[kind.sender_setting]) > _SENDER_LIMIT:
        raise Invalid(
            "credentials",
            _("%(name)s has at most %(most)s characters.")
            % {"name": kind.sender_setting, "most": _SENDER_LIMIT},
        )


def countries(kind: type[Provider], service: str) -> tuple[str, ...]:
    """Return the countries of accounts that the provider serves with this service."""
    served = kind.serves.get(service)
    return served.countries if served else ()


def services(kind: type[Provider], country: str) -> list[str]:
    """Return the services that the provider has for accounts of this country."""
    return [each for each in Service.values if country in countries(kind, each)]


def supported(service: str, country: str) -> list[str]:
    """Return the names of the providers that serve accounts of this country."""
    return [name for name, kind in PROVIDERS.items() if country in countries(kind, service)]


def refuse_if_taken(road: Road) -> None:
    """Raise AccountExists where another account has the road's channel."""
    same = Road.objects.filter(provider=road.provider, sender=road.sender)
    if same.exclude(account=road.account_id).exists():
        raise AccountExists(TAKEN)
