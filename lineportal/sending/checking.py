"""Check an account: is it set up, here and at its providers, so that messages get out?

What is ours is read first, then the providers are asked while no database connection is held, and
the outcome is recorded last. Whatever is wrong becomes a result with a sentence; nothing raises.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

import aiohttp
from django.contrib.auth.models import User
from django.db import connection, transaction
from django.utils.translation import gettext as _

from lineportal.accounts import access, credentials
from lineportal.accounts.models import OfficialAccount, Road, Service
from lineportal.audit import chain
from lineportal.providers import PROVIDERS, http
from lineportal.providers.base import BadCredentials, Provider
from lineportal.sending import hearing, lanes, routing, stops
from recipients.intake import Invalid

log = logging.getLogger(__name__)

CALL_SECONDS = 5.0  # for one call to a provider
ROAD_SECONDS = 15.0  # for all calls of a road; a person waits for the page
CONNECTIONS = 4

Network = Callable[[], aiohttp.ClientSession]


class Result(StrEnum):
    """How one thing was found."""

    OK = "ok"
    BAD = "bad"
    UNKNOWN = "unknown"  # it could not be found out, or not yet


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at; `service` and `provider` are blank for the account as a whole."""

    name: str
    result: Result
    sentence: str
    service: str = ""
    provider: str = ""


@dataclass(slots=True)
class _Look:
    """What is found on one road, and whom to ask for the rest."""

    road: Road
    webhook_url: str
    provider: Provider | None = None
    found: list[Finding] = field(default_factory=list)

    def add(self, name: str, is_ok: bool | None, sentence: str) -> None:
        result = {True: Result.OK, False: Result.BAD, None: Result.UNKNOWN}[is_ok]
        service, provider = self.road.service, self.road.provider
        self.found.append(Finding(name, result, sentence, service, provider))


def open_network() -> aiohttp.ClientSession:
    """Return a session for the calls of one check."""
    return http.session(connections=CONNECTIONS)


def check(
    account: OfficialAccount,
    *,
    by: User | None,
    at: datetime,
    service: str = "",
    network: Network = open_network,
    call_seconds: float = CALL_SECONDS,
    road_seconds: float = ROAD_SECONDS,
) -> list[Finding]:
    """Look at the account and its roads, or at that of one service; say how each thing is.

    Raises PermissionDenied, and Invalid for a service that does not exist.
    """
    if by is not None:
        access.require(by, routing.MANAGE, account)
    if service and service not in Service.values:
        raise Invalid("service", _("Choose “lon” or “oa”."))
    found = _at_home(account, at=at)
    rows = account.roads.order_by("service")
    roads = list(rows.filter(service=service) if service else rows)
    if not roads:
        found.append(_no_road(service))
    looks = [_look(account, road, call_seconds, at=at) for road in roads]
    if not connection.in_atomic_block:
        connection.close()  # none is held while providers are waited for
    asyncio.run(_ask(looks, network, road_seconds))
    found += [each for look in looks for each in look.found]
    _record(account, found, roads, by=by, at=at)
    return found


def bad(found: Sequence[Finding]) -> int:
    """Return how many of these have to be mended."""
    return sum(each.result == Result.BAD for each in found)


def _at_home(account: OfficialAccount, *, at: datetime) -> list[Finding]:
    found = []
    if account.is_active:
        found.append(Finding("switched_on", Result.OK, _("The account is switched on.")))
    else:
        sentence = _("The account is switched off, so nothing is sent; switch it on, on its page.")
        found.append(Finding("switched_on", Result.BAD, sentence))
    if stop := stops.in_force(account.pk).order_by("pk").first():
        extent = _("the whole site") if stop.account_id is None else _("this account")
        sentence = _("A stop of %(extent)s is in force, so nothing is sent; lift it on its page.")
        found.append(Finding("stop", Result.BAD, sentence % {"extent": extent}))
    if lanes.live_workers(at=at):
        found.append(Finding("worker", Result.OK, _("A worker runs.")))
    else:
        sentence = _("No worker runs, so nothing is sent or read; start one: manage.py run_worker.")
        found.append(Finding("worker", Result.BAD, sentence))
    return found


def _no_road(service: str) -> Finding:
    if service:
        sentence = _("The account has no road for %(service)s; add one on its page.")
        sentence %= {"service": Service(service).label}
    else:
        sentence = _("The account has no road; add one on its page.")
    return Finding("road", Result.BAD, sentence, service)


def _look(account: OfficialAccount, road: Road, call_seconds: float, *, at: datetime) -> _Look:
    """Return what we can say of the road by ourselves, with its provider where it can be asked."""
    look = _Look(road, routing.webhook_urls(account).get(road.provider, ""))
    kind = PROVIDERS.get(road.provider)
    if kind is None:
        look.add("provider", False, _("This installation has no such provider any more."))
        return look
    look.provider = _build(look, kind, call_seconds)
    if look.provider is None:
        return look
    if look.provider.pulls_reports():
        look.add(*hearing.pulled(road, kind, at=at))
    else:
        look.add(*hearing.public_address(road))
        look.add(*hearing.webhook(road, kind, at=at))
    return look


def _build(look: _Look, kind: type[Provider], call_seconds: float) -> Provider | None:
    try:
        given = credentials.of(look.road)
        provider = kind(
            given,
            api_base_url=look.road.api_base_url,
            total_seconds=call_seconds,
            connect_seconds=min(call_seconds, http.CONNECT_SECONDS),
        )
    except (credentials.UnreadableCredentials, BadCredentials) as problem:
        look.add("credentials", False, str(problem))
        return None
    look.add("credentials", True, _("The credentials can be read and are complete."))
    try:
        routing.check_base_url(look.road.api_base_url, kind)
    except Invalid as problem:
        look.add("address", False, str(problem))
        return None
    return provider


async def _ask(looks: Sequence[_Look], network: Network, road_seconds: float) -> None:
    asked = [look for look in looks if look.provider is not None]
    if asked:
        async with network() as session:
            await asyncio.gather(*(_ask_one(look, session, road_seconds) for look in asked))


async def _ask_one(look: _Look, session: aiohttp.ClientSession, road_seconds: float) -> None:
    provider, road = look.provider, look.road
    if provider is None:
        return
    try:
        async with asyncio.timeout(road_seconds):
            told = await provider.check(session, service=road.service, webhook_url=look.webhook_url)
    except TimeoutError:
        sentence = _("%(provider)s took longer than %(seconds)d seconds; check again later.")
        details = {"provider": provider.title, "seconds": road_seconds}
        look.add("provider", None, sentence % details)
    except Exception as error:  # noqa: BLE001 - a check reports; what it found before is shown
        # The type alone: the text may quote what was sent.
        log.error("checking road %s broke off: %s", road.pk, type(error).__name__)
        look.add("provider", None, _("The check itself broke off; the log says where."))
    else:
        for each in told:
            look.add(each.name, each.is_ok, each.sentence)


@transaction.atomic
def _record(
    account: OfficialAccount,
    found: Sequence[Finding],
    roads: Sequence[Road],
    *,
    by: User | None,
    at: datetime,
) -> None:
    counts = Counter(each.result for each in found)
    chain.write(
        "account.check", subject=account, by=by, at=at, account_id=account.pk,
        services=[road.service for road in roads],
        **{result.value: counts[result] for result in Result},
    )  # fmt: skip
