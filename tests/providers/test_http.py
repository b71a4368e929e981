"""HTTP for all providers: what each failure of aiohttp means, what is masked, the session."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import aiohttp
import pytest
from aiohttp import client_exceptions
from hypothesis import given
from hypothesis import strategies as st

from lineportal.providers import http
from lineportal.providers.base import FaultScope, Outcome
from tests.providers.contract import answering, closed_port, serving

KEY: Any = SimpleNamespace(host="api.line.me", port=443, ssl=True, is_ssl=True)
REQUEST: Any = SimpleNamespace(real_url="https://api.line.me/", headers={})
UNSENT: list[BaseException] = [
    aiohttp.ClientConnectorError(KEY, OSError(111, "refused")),
    aiohttp.ClientConnectorDNSError(KEY, OSError(-2, "unknown name")),
    aiohttp.ClientConnectorSSLError(KEY, ssl.SSLError(1, "wrong version number")),
    aiohttp.ClientConnectorCertificateError(KEY, ssl.CertificateError("other name")),
    aiohttp.ClientSSLError(KEY, OSError(1, "tls")),
    aiohttp.ClientProxyConnectionError(KEY, OSError(111, "refused")),
    client_exceptions.UnixClientConnectorError("/socket", KEY, OSError(2, "no file")),
    aiohttp.ConnectionTimeoutError(),
]
OUR_ADDRESS: list[BaseException] = [
    aiohttp.InvalidURL("nonsense"),
    aiohttp.InvalidUrlClientError("nonsense"),
    aiohttp.NonHttpUrlClientError("ftp://host"),
]
UNCLEAR: list[BaseException] = [
    aiohttp.ServerDisconnectedError(),
    aiohttp.ServerConnectionError(),
    aiohttp.ClientOSError(104, "reset"),
    aiohttp.ClientConnectionError("lost"),
    aiohttp.ClientConnectionResetError("lost"),
    aiohttp.ClientPayloadError("cut"),
    aiohttp.ClientError("some other"),
    client_exceptions.UploadAbortedError("the server answered before it read all"),
    aiohttp.ServerTimeoutError(),
    aiohttp.SocketTimeoutError(),
    aiohttp.ClientResponseError(REQUEST, ()),
    aiohttp.ServerFingerprintMismatch(b"a", b"b", "host", 443),
    TimeoutError(),
    ConnectionResetError(104, "reset"),
    BrokenPipeError(32, "pipe"),
    ValueError("of a kind that we do not know"),
]


@pytest.mark.parametrize("error", UNSENT, ids=lambda error: type(error).__name__)
def test_a_connection_that_was_never_made_sent_nothing(error: BaseException) -> None:
    result = http.failure(error)

    assert (result.outcome, result.code) == (Outcome.UNAVAILABLE, type(error).__name__)


@pytest.mark.parametrize("error", OUR_ADDRESS, ids=lambda error: type(error).__name__)
def test_an_address_that_is_none_is_the_accounts_fault(error: BaseException) -> None:
    result = http.failure(error)

    assert (result.outcome, result.scope) == (Outcome.FAULT, FaultScope.ACCOUNT)


@pytest.mark.parametrize("error", UNCLEAR, ids=lambda error: type(error).__name__)
def test_every_other_failure_is_uncertain(error: BaseException) -> None:
    assert http.failure(error).outcome is Outcome.UNCERTAIN


def below(kind: type[BaseException]) -> Iterator[type[BaseException]]:
    yield kind
    for each in kind.__subclasses__():
        yield from below(each)


def test_the_tables_name_every_failure_of_the_client() -> None:
    # Answers of other kinds than we ask for (WebSocket, redirects followed, HTTP proxies).
    unreachable = (
        aiohttp.ClientResponseError, aiohttp.RedirectClientError, aiohttp.WSMessageTypeError,
    )  # fmt: skip
    ours = {
        kind
        for kind in below(aiohttp.ClientError)
        if kind.__module__.startswith("aiohttp.") and not issubclass(kind, unreachable)
    }

    assert ours <= {type(error) for error in (*UNSENT, *OUR_ADDRESS, *UNCLEAR)}


@pytest.mark.parametrize("error", [*UNSENT, *OUR_ADDRESS, *UNCLEAR])
def test_what_a_failure_says_holds_nothing_of_the_exception(error: BaseException) -> None:
    result = http.failure(error)

    assert result.detail.endswith(".")
    assert "api.line.me" not in repr(result)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("to +66812345678.", "to ***."),
        ("to +66 (0)81-234-5678!", "to ***!"),
        ("to 081.234.5678", "to ***"),
        ("to 00668123456780001", "to ***"),
        ("to ๐๘๑๒๓๔๕๖๗๘", "to ***"),
        ("to +66\u200b81\u200b2345678", "to ***"),
        ("user U" + "a" * 32, "user ***"),
        ("hash " + "0f" * 32, "hash ***"),
        ("token abc.DEF-123_456/789+012=345abcdefg", "token ***"),
        ("short s3cret word", "short *** word"),
        ("a\0b\ud800c\nd", "a b c d"),
        ("line 12, column 345; at most 1,000", "line 12, column 345; at most 1,000"),
        ("ส่งไม่ได้", "ส่งไม่ได้"),
        ("", ""),
    ],
)
def test_words_are_shown_without_numbers_and_tokens(text: str, shown: str) -> None:
    assert http.masked(text, hidden=("s3cret", "")) == shown


@given(st.text())
def test_masked_words_are_short_and_can_be_stored(text: str) -> None:
    shown = http.masked(text * 50)

    assert len(shown) <= 300
    assert shown.isprintable()
    shown.encode()


def test_the_session_keeps_no_cookie_and_no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{closed_port()}")

    async def run() -> list[dict[str, str]]:
        answer = answering(200, headers={"Set-Cookie": "a=b; Path=/"})
        async with serving(answer) as (url, seen), http.session(connections=2) as client:
            for _ in range(2):  # by name: cookies of bare addresses are never kept
                await client.post(url.replace("127.0.0.1", "localhost"))
            return [headers for _path, headers, _body in seen.requests]

    first, second = asyncio.run(run())
    assert "Cookie" not in first
    assert "Cookie" not in second


def test_the_session_is_bounded_as_asked() -> None:
    async def run() -> tuple[int, aiohttp.ClientTimeout]:
        async with http.session(connections=7) as client:
            assert client.connector is not None
            return client.connector.limit, client.timeout

    limit, timeout = asyncio.run(run())
    assert (limit, timeout.total, timeout.connect) == (7, 10.0, 5.0)
