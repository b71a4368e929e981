"""The languages that customers are spoken to in, and which of them a tag asks for. Pure."""

from __future__ import annotations

LANGUAGES = {"th": "ไทย", "zh-Hant": "繁體中文", "ja": "日本語", "en": "English"}
_OF_COUNTRY = {"TH": "th", "TW": "zh-Hant", "JP": "ja"}


def nearest(tag: str, *, country: str = "") -> str:
    """Return which of LANGUAGES a BCP 47 tag such as th-TH asks for.

    Else the country's, else English.
    """
    language = tag.strip().replace("_", "-").partition("-")[0].casefold()
    if language == "zh":  # Simplified too: of the four its readers read this one best
        return "zh-Hant"
    return language if language in LANGUAGES else _OF_COUNTRY.get(country, "en")
