"""Ask LINE for the tokens of addresses that customers are to get, and have them said."""

from __future__ import annotations

import logging

from lineportal.accounts.credentials import UnreadableCredentials
from lineportal.accounts.models import Road, Service
from lineportal.conversations import linking
from lineportal.providers import PROVIDERS, http
from lineportal.providers.base import BadCredentials, Provider
from lineportal.providers.line import LineProvider
from lineportal.providers.outcomes import Outcome
from lineportal.sending import clock, routing
from lineportal.sending.sender import InDatabase
from recipients.intake import Invalid

log = logging.getLogger(__name__)

_FOR_GOOD = frozenset({Outcome.REFUSED, Outcome.FAULT})


class AskAgain(Exception):
    """LINE gave no token now; the addresses that wait are asked for again later."""


async def offer(account_id: int, in_database: InDatabase) -> int:
    """Give every address that waits; return how many were. Raises AskAgain."""
    offers = await in_database(linking.waiting, account_id)
    if not offers:
        return 0
    provider = await in_database(_provider, account_id)
    if not isinstance(provider, LineProvider):
        for pk, _line_user_id in offers:
            detail = "Numbers are linked on a two-way road of LINE itself; this account has none."
            await in_database(linking.fail, pk, detail)
        return 0
    given, is_unanswered = 0, False
    async with http.session(connections=1) as session:
        for pk, line_user_id in offers:
            told = await provider.link_token(session, line_user_id)
            if told.token:
                given += await in_database(_give, pk, told.token)
            elif told.outcome in _FOR_GOOD:
                await in_database(linking.fail, pk, told.problem)
            else:
                log.warning("link offer %s waits: %s", pk, told.problem)
                is_unanswered = True
    if is_unanswered:
        raise AskAgain
    return given


def _provider(account_id: int) -> Provider | None:
    road = Road.objects.filter(account=account_id, service=Service.OA).first()
    if road is None:
        return None
    try:
        routing.check_base_url(road.api_base_url, PROVIDERS[road.provider])
        return routing.build(road)
    except (Invalid, BadCredentials, UnreadableCredentials) as refusal:
        log.error("road %s is not used: %s", road.pk, refusal)
        return None


def _give(pk: int, token: str) -> bool:
    return linking.give(pk, token=token, at=clock.now())
