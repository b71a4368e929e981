"""Ask LINE for the profiles of the people whom accounts talk with."""

from __future__ import annotations

import logging

from lineportal.accounts.credentials import UnreadableCredentials
from lineportal.accounts.models import Road, Service
from lineportal.conversations import profiles
from lineportal.providers.base import BadCredentials, Outcome
from lineportal.providers.line import LineProvider
from lineportal.sending import clock, worker
from lineportal.sending.sender import InDatabase
from recipients.intake import Invalid

log = logging.getLogger(__name__)

BATCH = 100
_TOLD = (Outcome.ACCEPTED, Outcome.REFUSED)  # a profile, or that none is shown


async def ask(roads: worker.Roads, in_database: InDatabase) -> bool:
    """Ask for a batch of profiles, one after the other; return whether there may be more.

    An account whose profiles cannot be had now is left for the next time.
    """
    found = await in_database(_wanted)
    unusable: set[int] = set()
    for each in found:
        if each.account_id in unusable:
            continue
        try:
            road_id = await in_database(_road_id, each.account_id)
            work = await roads.get(road_id, in_database)
        except (Invalid, BadCredentials, UnreadableCredentials, Road.DoesNotExist) as refusal:
            log.error("an account's profiles are not asked for: %s", refusal)
            unusable.add(each.account_id)
            continue
        if not isinstance(work.provider, LineProvider):
            unusable.add(each.account_id)
            continue
        profile = await work.provider.profile(work.session, each.line_user_id)
        if profile.outcome not in _TOLD and profile.code != "bad_address":
            unusable.add(each.account_id)
            continue
        await in_database(_keep, each.conversation_id, profile.name, profile.language)
    return len(found) == BATCH and not unusable


def _wanted() -> list[profiles.Wanted]:
    return profiles.wanted([LineProvider.name], at=clock.now(), limit=BATCH)


def _road_id(account_id: int) -> int:
    return Road.objects.get(account=account_id, service=Service.OA).pk


def _keep(conversation_id: int, name: str, language: str) -> None:
    profiles.keep(conversation_id, name=name, language=language, at=clock.now())
