"""Ask LINE for a road's quota, write it down, and stop what cannot go on."""

from __future__ import annotations

import logging

from lineportal.accounts.credentials import UnreadableCredentials
from lineportal.accounts.models import Road
from lineportal.providers.base import BadCredentials
from lineportal.providers.line import LineProvider
from lineportal.providers.line.told import Quota
from lineportal.sending import breakers, clock, quota, worker
from lineportal.sending.sender import InDatabase
from recipients.intake import Invalid

log = logging.getLogger(__name__)


async def ask(road_id: int, roads: worker.Roads, in_database: InDatabase) -> None:
    """Ask, unless somebody did just before."""
    if not await in_database(_is_wanted, road_id):
        return
    try:
        work = await roads.get(road_id, in_database)
    except (Invalid, BadCredentials, UnreadableCredentials, Road.DoesNotExist) as refusal:
        log.error("the quota of road %s is not asked for: %s", road_id, refusal)
        return
    if isinstance(work.provider, LineProvider):
        told = await work.provider.quota(work.session)
        await in_database(_keep, work.road, told)


def _is_wanted(road_id: int) -> bool:
    return quota.is_wanted(road_id, at=clock.now())


def _keep(road: Road, told: Quota) -> None:
    at = clock.now()
    stopped = quota.keep(road, limit=told.limit, used=told.used, problem=told.problem, at=at)
    breakers.stop_at_quota(road, stopped, at=at)
