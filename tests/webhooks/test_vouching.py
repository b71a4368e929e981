"""Which headers go with a webhook that is passed on: what signs it, and no key to us."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineportal.providers import PROVIDERS
from lineportal.sending import vouching

NAMES = st.sampled_from(
    ["X-Line-Signature", "x-line-signature", "Content-Type", "User-Agent", "Authorization",
     "Cookie", "Host", "Transfer-Encoding", "Content-Length"]
)  # fmt: skip
VALUES = st.text(st.characters(max_codepoint=255), max_size=1_200)


@given(st.dictionaries(NAMES, VALUES))
def test_only_what_can_be_sent_and_vouches_is_kept(headers: Mapping[str, str]) -> None:
    kept = vouching.headers_to_keep(headers, provider="line", signers=[])

    assert kept is not None
    assert set(kept) <= {"X-Line-Signature", "Content-Type", "User-Agent"}
    assert all(value.isascii() and value.isprintable() and value for value in kept.values())
    posted = vouching.headers_to_post(kept)
    assert posted == {"Content-Type": "application/json", **kept, "Via": "1.1 127.0.0.1:8000"}


def test_credentials_stay_even_where_a_provider_names_them(monkeypatch: pytest.MonkeyPatch) -> None:
    class Partner(PROVIDERS["line"]):  # type: ignore[misc]
        signature_headers = ("Authorization", "X-Partner-Hmac")

    monkeypatch.setitem(PROVIDERS, "partner", Partner)
    headers = {"Authorization": "Basic c2VjcmV0", "x-partner-hmac": "00ff"}

    kept = vouching.headers_to_keep(headers, provider="partner", signers=[])

    assert kept == {"X-Partner-Hmac": "00ff"}
