"""Fetch the files that customers sent, from the provider whose event told of them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from django.conf import settings

from lineportal.accounts.credentials import UnreadableCredentials
from lineportal.accounts.models import Road, Service
from lineportal.conversations import media_store
from lineportal.conversations.media_store import Claimed
from lineportal.providers import PROVIDERS, http
from lineportal.providers.base import BadCredentials
from lineportal.providers.downloads import Download
from lineportal.sending import clock, routing
from lineportal.sending.sender import InDatabase
from recipients.intake import Invalid

log = logging.getLogger(__name__)

AT_ONCE = 4


async def fetch(in_database: InDatabase, *, may_go_on: Callable[[], bool]) -> None:
    """Fetch what waits, some at a time, until nothing is due."""
    await asyncio.gather(*(_one_by_one(in_database, may_go_on) for _ in range(AT_ONCE)))


async def _one_by_one(in_database: InDatabase, may_go_on: Callable[[], bool]) -> None:
    while may_go_on():
        claimed = await in_database(_claim)
        if claimed is None:
            return
        await in_database(_finish, claimed, await _read(claimed, in_database))


async def _read(claimed: Claimed, in_database: InDatabase) -> Download:
    try:
        road = await in_database(_road, claimed.account_id)
        routing.check_base_url(road.api_base_url, PROVIDERS[road.provider])
        provider = await in_database(routing.build, road)
    except (Invalid, BadCredentials, UnreadableCredentials, Road.DoesNotExist) as refusal:
        log.error("files of account %s are not fetched: %s", claimed.account_id, refusal)
        return Download("later", problem=str(refusal))

    async def keep(piece: bytes) -> bool:
        return bool(await in_database(media_store.keep, claimed, piece))

    # A session of its own: a hostile server's connection is not used for anything else.
    async with http.session(connections=1, are_kept=False) as session:
        return await provider.content(
            session,
            message_id=claimed.message_id,
            url=claimed.url,
            limit=settings.MEDIA_LIMIT,
            keep=keep,
        )


def _claim() -> Claimed | None:
    return media_store.claim(at=clock.now())


def _finish(claimed: Claimed, came: Download) -> None:
    media_store.finish(claimed, came, at=clock.now())


def _road(account_id: int) -> Road:
    return Road.objects.select_related("account").get(account=account_id, service=Service.OA)
