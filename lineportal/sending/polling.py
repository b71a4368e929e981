"""Ask providers for delivery reports where they are not pushed to us.

A provider may give each report once only. So one poller asks for all accounts that share a key, and
a page is stored before anybody looks into it.
"""

from __future__ import annotations

import asyncio
import logging
from datetime import timedelta

from django.utils.translation import gettext

from lineportal.accounts import credentials
from lineportal.accounts.models import Road
from lineportal.providers import PROVIDERS, http
from lineportal.providers.base import BadCredentials, Provider
from lineportal.sending import clock, inbox, incidents, routing, senders
from lineportal.sending.models import IncidentCode, Polling
from lineportal.sending.posting import AGAIN_SECONDS, LOST_CONNECTION
from lineportal.sending.sender import InDatabase
from recipients.intake import Invalid

log = logging.getLogger(__name__)

PAGES = 50  # at most in a row; the next turn goes on
# A page in hand is not given up while the database is away, but for this long.
KEPT_FOR = timedelta(minutes=10)
TOLD_AFTER = timedelta(minutes=10)  # of failing a person is told


def roads() -> list[int]:
    """Return the ids of the roads to poll for: one for each key, service and address, once used."""
    chosen: dict[tuple[str, ...], int] = {}
    used = Road.objects.filter(used_at__isnull=False, provider__in=list(PROVIDERS))
    for road in used.order_by("pk"):
        kind = PROVIDERS[road.provider]
        try:
            given = credentials.of(road)
            if not kind(given, api_base_url=road.api_base_url).pulls_reports():
                continue
        except (BadCredentials, credentials.UnreadableCredentials):
            continue  # its sending says so
        key = given.get(kind.key_setting, road.sender)
        chosen.setdefault((road.provider, road.service, road.api_base_url, key), road.pk)
    return list(chosen.values())


def forget_others(chosen: list[int]) -> None:
    """End what was said of roads that are not asked for any more."""
    for row in Polling.objects.filter(failing_since__isnull=False).exclude(road__in=chosen):
        _be_content(row.road)


async def poll(road_id: int, in_database: InDatabase, *, told_after: timedelta = TOLD_AFTER) -> int:
    """Ask for what is reported and store it, page by page; return how many pages came.

    Where that fails for `told_after`, an incident is opened.
    """
    try:
        road, provider = await in_database(_open, road_id)
    except (
        Invalid,
        BadCredentials,
        credentials.UnreadableCredentials,
        Road.DoesNotExist,
    ) as refusal:
        log.error("reports of road %s are not asked for: %s", road_id, refusal)
        return 0
    pages = 0
    async with http.session(connections=1, are_kept=False) as session:
        while pages < PAGES:
            page = await provider.reports(session, service=road.service)
            if page.problem:
                log.warning("reports of road %s did not come: %s", road_id, page.problem)
                await in_database(_complain, road, page.problem, told_after)
                return pages
            if page.body:
                await _keep(road, page.body, in_database)
                pages += 1
            if page.is_last:
                break
    await in_database(_be_content, road)
    return pages


async def _keep(road: Road, body: bytes, in_database: InDatabase) -> None:
    tries_left = int(KEPT_FOR.total_seconds() / AGAIN_SECONDS)
    while True:
        try:
            await in_database(_store, road, body)
            return
        except LOST_CONNECTION:
            tries_left -= 1
            if not tries_left:
                raise
            await asyncio.sleep(AGAIN_SECONDS)


# --- in the database, in a thread


def _open(road_id: int) -> tuple[Road, Provider]:
    road = Road.objects.select_related("account").get(pk=road_id)
    routing.check_base_url(road.api_base_url, PROVIDERS[road.provider])
    return road, routing.build(road)


def _complain(road: Road, problem: str, told_after: timedelta) -> None:
    at = clock.now()
    row, _is_new = Polling.objects.get_or_create(road=road)
    if row.failing_since is None:
        row.failing_since = at
        row.save(update_fields=["failing_since"])
    if at - row.failing_since < told_after:
        return
    sentence = gettext(
        "Delivery reports cannot be fetched: %(problem)s Until they can, messages stay as accepted"
        " and end by silence."
    ) % {"problem": problem}
    for each in _served_with(road):
        incidents.open_or_touch(
            each.account_id, IncidentCode.UNREPORTED, sentence, at=at, road=each
        )


def _be_content(road: Road) -> None:
    Polling.objects.filter(road=road).update(failing_since=None)
    note = gettext("Reports come again, or are not asked for any more.")
    for each in _served_with(road):
        incidents.end(
            each.account_id, IncidentCode.UNREPORTED, at=clock.now(), road=each, note=note
        )


def _served_with(road: Road) -> list[Road]:
    """Return the roads whose reports come with this one's, as they share a key; it is one."""
    shared = senders.sharing(road.account_id, road.provider).values()
    rows = Road.objects.filter(provider=road.provider, service=road.service)
    return list(rows.filter(account__in={road.account_id, *shared}).order_by("pk"))


def _store(road: Road, body: bytes) -> None:
    inbox.store_fetched(road.account_id, provider=road.provider, body=body, at=clock.now())
