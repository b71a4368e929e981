"""The providers we can send through, and what each is supported for."""

from __future__ import annotations

from collections.abc import Mapping

from lineportal.providers.line import LineProvider

PROVIDERS: Mapping[str, type[LineProvider]] = {"line": LineProvider}

# (provider, service) -> countries of the Official Account
SUPPORTED: Mapping[tuple[str, str], tuple[str, ...]] = {
    ("line", "lon"): ("JP", "TH", "TW"),
    ("line", "oa"): ("JP", "TH", "TW"),
}
