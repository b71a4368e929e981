"""HTTP as every provider uses it: one session, no redirects, and what each failure means.

The line that matters: surely unsent (safe to try again) or not. Once a byte of the body may have
left, a failure is uncertain.
"""

from __future__ import annotations

import asyncio
import re

import aiohttp

from lineportal.providers.base import Outcome, SendResult

DETAIL_LIMIT = 300
CONNECT_SECONDS = 5.0
TOTAL_SECONDS = 10.0

# The connection was never made, so nothing was sent: DNS, refused, TLS, or no time to connect.
_NOT_CONNECTED = (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError)

_PHONE = re.compile(r"\+?\d(?:[ -]?\d){8,14}")
_LONG_TOKEN = re.compile(r"[A-Za-z0-9+/=_\-.]{32,}")


def session(*, connections: int) -> aiohttp.ClientSession:
    """Return a session with that many connections; its owner closes it."""
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=connections, ttl_dns_cache=60),
        timeout=aiohttp.ClientTimeout(total=TOTAL_SECONDS, sock_connect=CONNECT_SECONDS),
        trust_env=False,
    )


def failure(error: BaseException) -> SendResult:
    """Return what a failed request means; for anything unknown the answer is "uncertain"."""
    if isinstance(error, _NOT_CONNECTED):
        return SendResult(
            Outcome.UNAVAILABLE,
            code=type(error).__name__,
            detail="The connection could not be made; nothing was sent.",
        )
    if isinstance(error, asyncio.TimeoutError):
        detail = "No answer in time after the request was sent."
    else:
        detail = "The connection broke before the answer was read."
    return SendResult(Outcome.UNCERTAIN, code=type(error).__name__, detail=detail)


def masked(text: str) -> str:
    """Return a provider's words without numbers and tokens, at most 300 characters."""
    return _PHONE.sub("***", _LONG_TOKEN.sub("***", text))[:DETAIL_LIMIT]
