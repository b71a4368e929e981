"""Where LINE's consent page is: LINE's own, or beside a simulator's calls."""

from __future__ import annotations

import pytest

from lineportal.providers.line import LineProvider


@pytest.mark.parametrize(
    ("base", "start"),
    [
        ("", "https://access.line.me/dialog/bot/accountLink?"),
        ("https://api.line.me", "https://access.line.me/dialog/bot/accountLink?"),
        ("http://127.0.0.1:8099/", "http://127.0.0.1:8099/dialog/bot/accountLink?"),
    ],
)
def test_the_consent_page_is_lines_or_the_simulators(base: str, start: str) -> None:
    address = LineProvider.link_page(base, token="a&b", nonce="c=d")

    assert address == f"{start}linkToken=a%26b&nonce=c%3Dd"
