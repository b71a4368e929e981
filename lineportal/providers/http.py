"""HTTP as every provider uses it: one session, no redirects, and what each failure means.

The line that matters: surely unsent (safe to try again) or not. Once a byte of the body may have
left, a failure is uncertain.
"""

from __future__ import annotations

import asyncio
import functools
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

import aiohttp

from lineportal.providers.outcomes import FaultScope, Outcome, SendResult

DETAIL_LIMIT = 300
CONNECT_SECONDS = 5.0
TOTAL_SECONDS = 10.0
ANSWER_LIMIT = 65_536  # bytes of an answer that are read; providers send a few hundred

_LONGEST_WAIT = 3600.0  # seconds; a proxy's Retry-After may hold anything

# The connection was never made, so nothing was sent: DNS, refused, TLS, no free connection, or
# no time to connect.
_NOT_CONNECTED = (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError)
_NO_ADDRESS = (aiohttp.InvalidURL, aiohttp.NonHttpUrlClientError)

_BROKE_OFF = "The connection broke before the answer was read."

_PHONE = re.compile(r"\+?\d(?:[ ().,/-]{0,3}\d){7,}")
_LONG_TOKEN = re.compile(r"[A-Za-z0-9+/=_\-.]{32,}")


@dataclass(slots=True)
class Answer:
    """A status line and headers that arrived whole; `body` may be cut short or empty."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    is_whole: bool = True  # the body too


def session(*, connections: int, are_kept: bool = True) -> aiohttp.ClientSession:
    """Return a session with that many connections; its owner closes it. It keeps no cookies.

    A GET on a kept connection that turns out to be dead is asked again by the client itself; where
    that would do harm the connections are not to be kept.
    """
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(
            limit=connections, ttl_dns_cache=60, force_close=not are_kept
        ),
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=TOTAL_SECONDS, connect=CONNECT_SECONDS),
        trust_env=False,
    )


async def post(
    session: aiohttp.ClientSession,
    url: str,
    *,
    data: bytes | Mapping[str, str],
    headers: Mapping[str, str],
    total_seconds: float,
    connect_seconds: float,
) -> Answer | SendResult:
    """Post once and return the answer, or what the failure means. Redirects are not followed.

    Once the headers are whole the status decides, so a body that breaks off is an answer too.
    """
    return await request(
        session, "POST", url, data=data, headers=headers, total_seconds=total_seconds,
        connect_seconds=connect_seconds,
    )  # fmt: skip


async def request(
    session: aiohttp.ClientSession,
    method: str,
    url: str,
    *,
    data: bytes | Mapping[str, str] | None = None,
    params: Mapping[str, str] | None = None,
    headers: Mapping[str, str],
    total_seconds: float,
    connect_seconds: float,
    answer_limit: int = ANSWER_LIMIT,
) -> Answer | SendResult:
    """Ask once, as `post` does; of the answer's body at most `answer_limit` bytes are read."""
    if session.closed:
        return _unsent("closed")
    # `connect` spans waiting for a free connection, DNS, TCP and TLS.
    timeout = _timeout(total_seconds, connect_seconds)
    try:
        async with session.request(
            method,
            url,
            data=data,
            params=params,
            headers=headers,
            allow_redirects=False,
            timeout=timeout,
        ) as response:
            content, body = response.content, b""
            is_whole = True
            try:
                while not content.at_eof() and len(body) < answer_limit:
                    body += await content.read(answer_limit - len(body))
            except (aiohttp.ClientError, OSError, TimeoutError):
                is_whole = False
            is_whole = is_whole and content.at_eof()
            return Answer(response.status, response.headers, body, is_whole)
    except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
        return failure(error)


@functools.lru_cache(maxsize=64)
def _timeout(total: float, connect: float) -> aiohttp.ClientTimeout:
    return aiohttp.ClientTimeout(total=total, connect=connect)


def failure(error: BaseException) -> SendResult:
    """Return what a failed request means; for anything unknown the answer is "uncertain"."""
    name = type(error).__name__
    if isinstance(error, _NOT_CONNECTED):
        return _unsent(name)
    if isinstance(error, _NO_ADDRESS):  # found before anything was sent, for every message
        return SendResult(
            Outcome.FAULT,
            code=name,
            detail="The account's provider address is not a web address; nothing was sent.",
            scope=FaultScope.ACCOUNT,
        )
    if isinstance(error, asyncio.TimeoutError):
        detail = "No answer in time after the request was sent."
    else:
        detail = _BROKE_OFF
    return SendResult(Outcome.UNCERTAIN, code=name, detail=detail)


def is_broken(result: SendResult) -> bool:
    """Return whether a request's connection broke, rather than that its time ran out."""
    return result.detail == _BROKE_OFF


def masked(text: str, *, hidden: Iterable[str] = ()) -> str:
    """Return a provider's words without numbers and tokens, at most 300 printable characters.

    `hidden` are texts to leave out wherever they stand, however short. What PostgreSQL cannot
    store (NUL, lone surrogates) and control characters become spaces.
    """
    if not text:
        return ""
    for each in hidden:
        if each:
            text = text.replace(each, "***")
    text = printable(text)
    return _PHONE.sub("***", _LONG_TOKEN.sub("***", text))[:DETAIL_LIMIT]


def wait_of(headers: Mapping[str, str]) -> float | None:
    """Return how many seconds an answer asks to wait; None where it does not, or not sanely.

    A date counts from the answer's own.
    """
    told = headers.get("Retry-After", "")
    try:
        seconds = float(told)
    except ValueError:
        try:
            until = parsedate_to_datetime(told)
            seconds = (until - parsedate_to_datetime(headers.get("Date", ""))).total_seconds()
        except (ValueError, TypeError, OverflowError):
            return None
    return min(seconds, _LONGEST_WAIT) if seconds > 0 else None


def printable(text: str) -> str:
    """Return the text with a space for every character that cannot be shown or stored."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else " " for c in text)


def _unsent(code: str) -> SendResult:
    return SendResult(
        Outcome.UNAVAILABLE,
        code=code,
        detail="The connection could not be made; nothing was sent.",
    )
