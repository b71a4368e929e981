"""Channel access tokens: a given one as it is, or short-lived (stateless) ones, one fetch for all.

A stateless token lives 15 minutes and is renewed after 10; how many are issued is not limited.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable

import aiohttp

from lineportal.providers import http
from lineportal.providers.line import answers
from lineportal.providers.outcomes import FaultScope, Outcome, SendResult

PATH = "/oauth2/v3/token"
CODE = "token"  # of results of calls for which there was no token
_RESERVE_SECONDS = 300.0
_LIFE_SECONDS = 600.0
_NOT_VISIBLE = re.compile("[^!-~]")  # in no token of LINE's; breaks an HTTP header
_MALFORMED = (ValueError, KeyError, TypeError, OverflowError, RecursionError)


class Tokens:
    """The tokens of one channel."""

    def __init__(
        self,
        *,
        channel_id: str,
        channel_secret: str,
        fixed: str,
        base: str,
        clock: Callable[[], float],
        connect_seconds: float,
    ) -> None:
        self._channel_id = channel_id
        self._channel_secret = channel_secret
        self._fixed = fixed
        self._base = base
        self._clock = clock
        self._connect_seconds = connect_seconds
        self._token = ""
        self._until = 0.0
        self._lock = asyncio.Lock()
        self._fetches = 0
        self._fetched: str | SendResult = ""

    @property
    def is_fixed(self) -> bool:
        """Whether the token was given, so that only a person can put in another."""
        return bool(self._fixed)

    async def get(self, session: aiohttp.ClientSession, *, ends_at: float) -> str | SendResult:
        """Return a token, or why there is none; one fetch at a time for all callers."""
        if self._fixed:
            return self._fixed
        if self._token and self._clock() < self._until:
            return self._token
        fetches = self._fetches
        async with self._lock:
            if self._token and self._clock() < self._until:
                return self._token
            # Who waited for a fetch that failed takes its failure; else each would wait in turn.
            if self._fetches == fetches:
                self._fetched = await self._fetch(session, ends_at)
                self._fetches += 1
            return self._fetched

    def drop(self, token: str) -> bool:
        """Forget a token that LINE no longer takes; return whether another can be fetched."""
        if token == self._token:
            self._token = ""
        return not self._fixed

    async def _fetch(self, session: aiohttp.ClientSession, ends_at: float) -> str | SendResult:
        answer = await http.post(
            session,
            f"{self._base}{PATH}",
            data={
                "grant_type": "client_credentials",
                "client_id": self._channel_id,
                "client_secret": self._channel_secret,
            },
            headers={},
            total_seconds=max(ends_at - self._clock(), 0.001),
            connect_seconds=self._connect_seconds,
        )
        if isinstance(answer, SendResult):
            return answer if answer.outcome is Outcome.FAULT else _none()
        if answer.status != 200:
            return self._refused(answer)
        try:
            given = json.loads(answer.body)
            token, life = given["access_token"], float(given.get("expires_in", 900))
        except _MALFORMED:
            return _none(answer)
        if not isinstance(token, str) or not token or _NOT_VISIBLE.search(token):
            return _none(answer)
        self._token = token
        self._until = self._clock() + min(life - _RESERVE_SECONDS, _LIFE_SECONDS)
        return token

    def _refused(self, answer: http.Answer) -> SendResult:
        if answer.status not in (400, 401, 403):
            return _none(answer)
        return SendResult(
            Outcome.FAULT,
            http_status=answer.status,
            request_id=answers.id_in(answer.headers),
            code=CODE,
            detail=answers.told(
                "LINE gives no access token for this channel id and secret. Copy both again from"
                " LINE Developers, “Basic settings” of the channel.",
                _words_of(answer.body),
                hidden=(self._channel_secret,),
            ),
            scope=FaultScope.ACCOUNT,
        )


def _none(answer: http.Answer | None = None) -> SendResult:
    return SendResult(
        Outcome.UNAVAILABLE,
        http_status=answer.status if answer else None,
        request_id=answers.id_in(answer.headers) if answer else "",
        code=CODE,
        detail="LINE's token address did not answer with a token; nothing was sent.",
    )


def _words_of(body: bytes) -> str:
    """Return what the token address says, which is in the shape of OAuth's errors."""
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        return ""
    if not isinstance(said, dict):
        return ""
    words = (said.get(name) for name in ("error", "error_description", "message"))
    return ": ".join(each for each in words if isinstance(each, str) and each)
