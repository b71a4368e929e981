"""What each rule looks for in a page: functions that return the places where it was found. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from typing import Any
from urllib.parse import urlsplit

from templates_app.content import PLACEHOLDER, utf16_units
from templates_app.findings import places, wording
from templates_app.findings.places import Page, Text
from templates_app.findings.scripts import foreign_words
from templates_app.rendering import canonical

EIGHT_BY_EIGHT_LIMIT = 500  # 8x8, LINE: characters of a template in all
_LINK = re.compile(
    r"\b(?:https?://|www\.)[^\s<>\"'，。、」』)）]+|\b[a-z0-9-]+(?:\.[a-z0-9-]+)+/[^\s]*", re.I
)
_EMAIL = r"[^\s@{}]+@[^\s@{}]+\.[a-z]{2,}"
_PHONE = r"(?<![\d-])(?:\+\d|0)\d?(?:[ .()-]{0,2}\d){6,12}(?!\d)"
_CALL = (
    r"(?:โทร\.?|สายด่วน|call(?: us)?|hotline|tel\.?|專線|電話|撥打|ダイヤル)[^\d{}\n]{0,12}\d{4,}"
)
_CONTACT = re.compile(rf"{_EMAIL}|{_PHONE}|{_CALL}", re.I)
# Where LINE itself serves pictures from: the header's art and its set of icons.
_LINES_OWN = ("line-scdn.net", "line-apps.com", "line.me", "line.naver.jp")


@dataclass(frozen=True, slots=True)
class Hit:
    """One place where a rule applies; `whole` is what a waiver of it would be made for."""

    place: str
    excerpt: str
    whole: str
    is_two_way: bool = False
    figures: Mapping[str, int] = field(default_factory=dict)


def promotion(code: str) -> Callable[[Page, Sequence[Mapping[str, Any]]], list[Hit]]:
    """Return the look for one kind of promotional wording."""

    def look(page: Page, samples: Sequence[Mapping[str, Any]]) -> list[Hit]:
        return [
            Hit(text.place, match.words, text.text, is_two_way=page.service == "oa")
            for text in page.texts
            for match in _judged(text, page.language)
            if match.code == code
        ]

    return look


def _judged(text: Text, language: str) -> list[wording.Match]:
    """Judge a text; a row's value is read together with its label, and a company never."""
    if text.role == "company":
        return []
    if text.role == "value" and text.label and "\n" not in text.label:
        before = f"{_bare(text.label)}: "
        in_row = wording.judge(before + text.text, language)
        return [match for match in in_row if match.end > len(before)]
    if text.role == "label":  # what is a fact with its value is judged there
        return wording.judge(f"{_bare(text.text)}: 1", language)
    return wording.judge(text.text, language)


def _bare(label: str) -> str:
    return re.sub(r"[\s::]+$", "", label)


def shortened_links(page: Page, samples: Sequence[Mapping[str, Any]]) -> list[Hit]:
    hosts = _shorteners()
    return [
        Hit(place, address, whole)
        for place, address, whole in _links(page)
        if _is_of(_host(address), hosts)
    ]


def insecure_links(page: Page, samples: Sequence[Mapping[str, Any]]) -> list[Hit]:
    fine = ("https:",) if page.service == "lon" else ("https:", "line:", "tel:")
    return [
        Hit(place, address, whole, is_two_way=page.service == "oa")
        for place, address, whole in _links(page)
        if ":" in address and not address.lower().startswith(fine)
    ]


def pictures(page: Page, samples: Sequence[Mapping[str, Any]]) -> list[Hit]:
    return [
        Hit(place, address, address)
        for place, address in page.pictures
        if not _is_of(_host(address), _LINES_OWN)
    ]


def contacts(page: Page, samples: Sequence[Mapping[str, Any]]) -> list[Hit]:
    return [
        Hit(text.place, match.group(), text.text)
        for text in page.texts
        if page.has_button or text.place not in _where_contacts_belong(page)
        if (match := _CONTACT.search(PLACEHOLDER.sub("{}", text.text)))
    ]


def no_contact(page: Page, samples: Sequence[Mapping[str, Any]]) -> list[Hit]:
    belongs = _where_contacts_belong(page)
    said = [PLACEHOLDER.sub("{}", text.text) for text in page.texts if text.place in belongs]
    if page.has_button or any(map(_CONTACT.search, said)):
        return []
    return [Hit("buttons", "", _all_of(page))]


def _where_contacts_belong(page: Page) -> set[str]:
    if page.is_flex:
        return {text.place for text in page.texts if text.role in ("prose", "value")}
    return {"explanation"}


def other_languages(page: Page, samples: Sequence[Mapping[str, Any]]) -> list[Hit]:
    return [
        Hit(text.place, words, text.text)
        for text in page.texts
        if text.role != "company"
        if (words := foreign_words(text.text, page.language, is_value=text.role == "value"))
    ]


def nothing_personal(page: Page, samples: Sequence[Mapping[str, Any]]) -> list[Hit]:
    shown = (
        [text.text for text in page.texts if text.place != "alt_text"]
        if page.is_flex
        else [text.text for text in page.texts if text.role == "value"]
    )
    return [] if any(map(PLACEHOLDER.search, shown)) else [Hit("items", "", _all_of(page))]


def placeholder_in_title(page: Page, samples: Sequence[Mapping[str, Any]]) -> list[Hit]:
    return [
        Hit(text.place, match.group(), text.text)
        for text in page.texts
        if text.role == "title" and (match := PLACEHOLDER.search(text.text))
    ]


def missing_samples(page: Page, samples: Sequence[Mapping[str, Any]]) -> list[Hit]:
    given = {
        name
        for sample in samples
        if isinstance(sample, Mapping)
        for name, value in sample.items()
        if value is not None and str(value).strip()
    }
    return [
        Hit(place, name, name)
        for name, place in places.placeholders(page).items()
        if name not in given
    ]


def too_long(page: Page, samples: Sequence[Mapping[str, Any]]) -> list[Hit]:
    shown = (text.text for text in page.texts if text.place != "alt_text")
    length = sum(utf16_units(PLACEHOLDER.sub("", text)) for text in shown)
    if length <= EIGHT_BY_EIGHT_LIMIT:
        return []
    figures = {"length": length, "limit": EIGHT_BY_EIGHT_LIMIT}
    return [Hit("content", "", _all_of(page), figures=figures)]


def _all_of(page: Page) -> str:
    return canonical(page.content).decode(errors="surrogatepass")


def _links(page: Page) -> Iterator[tuple[str, str, str]]:
    """Yield (place, address, whole text there): of buttons, and those written in a text."""
    for place, address in page.addresses:
        yield place, address, address
    for text in page.texts:
        for match in _LINK.finditer(text.text):
            yield text.place, match.group(), text.text


def _host(address: str) -> str:
    try:
        return (urlsplit(address if "//" in address else f"//{address}").hostname or "").lower()
    except ValueError:  # half an address
        return ""


def _is_of(host: str, hosts: frozenset[str] | tuple[str, ...]) -> bool:
    return any(host == each or host.endswith(f".{each}") for each in hosts)


@cache
def _shorteners() -> frozenset[str]:
    file = resources.files("templates_app.findings") / "words" / "shorteners.txt"
    lines = file.read_text(encoding="utf-8").splitlines()
    return frozenset(line.strip() for line in lines if line.strip() and not line.startswith("#"))
