"""The headers that go with a webhook when it is passed on, and those that never do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit

from django.conf import settings

from lineportal.providers import PROVIDERS

_ALWAYS_KEPT = ("Content-Type", "User-Agent", "Via")
# These let anybody in who has seen them, with any body.
_NEVER_KEPT = {"authorization", "proxy-authorization", "cookie"}
_LIMIT = 1_000  # characters of one header


def headers_to_keep(
    headers: Mapping[str, str], *, provider: str, signers: Sequence[Mapping[str, str]]
) -> dict[str, str] | None:
    """Return the headers that go with a webhook when it is passed on.

    None: this site passed it on itself already, so that it would go round in circles.
    """
    lowered = {name.lower(): value for name, value in headers.items()}
    if _own_name() in lowered.get("via", ""):
        return None
    names = [*PROVIDERS[provider].vouching_headers(signers), *_ALWAYS_KEPT]
    return {
        name: value
        for name in names
        if name.lower() not in _NEVER_KEPT
        and (value := lowered.get(name.lower(), ""))
        and len(value) <= _LIMIT
        and value.isascii()
        and value.isprintable()
    }


def headers_to_post(kept: Mapping[str, str]) -> dict[str, str]:
    """Return the headers of a post: as they came, and that we passed it on."""
    via = f"1.1 {_own_name()}"
    before = kept.get("Via")
    if before:
        via = f"{before}, {via}"
    return {"Content-Type": "application/json", **kept, "Via": via}


def _own_name() -> str:
    return urlsplit(settings.PUBLIC_URL).netloc
