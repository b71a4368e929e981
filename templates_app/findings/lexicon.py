"""Reads a language's word file into compiled patterns; loaded once, when first needed. Pure.

A file in `words/` has sections: `[class NAME]` (words that patterns name as `<NAME>`), `[facts]`
(phrases that state a fact of the reader's own transaction: taken out before anything is looked
for), `[receipt]` (labels of rows that state amounts) and one section per finding code.
Where it has `[points]` (families of words that speak for or against promotion), the points of a
sentence decide, and the codes' sections only name what a promotional sentence does.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib import resources

from templates_app.findings import characters

# What every language may write in a pattern.
_COMMON = {
    "n": r"(?:\d[\d,.]*|\{\{·*\}\}|[一二三四五六七八九十百千万萬兩]{1,3})",
    "percent": r"(?:\d[\d,.]*|\{\{·*\}\})\s?(?:%|percent|per cent|เปอร์เซ็นต์|パーセント)",
    "money": (
        r"(?:(?:฿|THB|NT\$|NTD|TWD|\$|USD|US\$|¥|JPY|Rs)\s?(?:\d[\d,.]*|\{\{·*\}\})"
        r"|(?:\d[\d,.]*|\{\{·*\}\})\s?"
        r"(?:baht|THB|บาท|NT\$|NTD|TWD|USD|yen|JPY|円|元|塊|dollars?|\.-))"
    ),
}
_BY_LINE = {"facts", "hints"}
_SENTENCE_END = ".!?。!?\n"
_GAP = rf"(?:[^{_SENTENCE_END}]|\.(?=\d))"
_CLASS = re.compile(r"<([a-z_]+)>")
_SECTION = re.compile(r"\[(class )?([a-z_]+)\]")
_NEVER = re.compile(r"(?!)")
_FAMILY = re.compile(r"(?P<points>[+-]\d+) (?P<name>[a-z_]+): (?P<patterns>.+)")


@dataclass(frozen=True, slots=True)
class Family:
    """Words that speak for (points above 0) or against promotion, each as often as it differs."""

    points: int
    name: str
    pattern: re.Pattern[str]


@dataclass(frozen=True, slots=True)
class Lexicon:
    """One language's patterns. Empty groups in them mark where a word must begin or end."""

    facts: tuple[re.Pattern[str], ...]  # one for each line of the file, all are taken out
    receipt: re.Pattern[str]
    hints: tuple[re.Pattern[str], ...]  # one for each line; a sentence with several persuades
    service: re.Pattern[str]  # words of notices; a sentence with one is no persuasion
    acts: tuple[tuple[str, re.Pattern[str]], ...]  # (code, pattern)
    families: tuple[Family, ...]  # none: hints persuade, and acts decide


@cache
def load(language: str) -> Lexicon:
    """Return the lexicon of "th", "zh_Hant", "ja" or "en"."""
    file = resources.files("templates_app.findings") / "words" / f"{language}.txt"
    sections, named = _read(file.read_text(encoding="utf-8"))
    fold: Callable[[str], str] = characters.fold if language == "zh_Hant" else str
    whole_words = language == "en"
    classes = _expand_all(named, fold)
    families = tuple(
        Family(int(hit["points"]), hit["name"], made)
        for hit in map(_FAMILY.fullmatch, sections.pop("points", []))
        if hit
        for made in [_compile(hit["patterns"].split(" / "), classes, whole_words=whole_words)]
    )
    made = {
        name: [_compile(part.split(" / "), classes, whole_words=whole_words) for part in parts]
        for name, parts in _joined(sections, fold).items()
    }
    facts, hints = tuple(made.pop("facts")), tuple(made.pop("hints", ()))
    [receipt], [service] = made.pop("receipt"), made.pop("service", [_NEVER])
    acts = tuple((code, act) for code, [act] in made.items())
    return Lexicon(facts, receipt, hints, service, acts, families)


def _joined(sections: dict[str, list[str]], fold: Callable[[str], str]) -> dict[str, list[str]]:
    """Return the sections as patterns to compile: one each, but for facts one a line."""
    return {
        name: list(map(fold, lines)) if name in _BY_LINE else [fold(" / ".join(lines))]
        for name, lines in sections.items()
    }


def _read(text: str) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    sections: dict[str, list[str]] = {}
    classes: dict[str, list[str]] = {}
    lines: list[str] = []
    for raw in text.splitlines():
        line = raw.strip()
        if heading := _SECTION.fullmatch(line):
            home = classes if heading.group(1) else sections
            lines = home.setdefault(heading.group(2), [])
        elif line and not line.startswith("#"):
            lines.append(line)
    return sections, classes


def _expand_all(named: dict[str, list[str]], fold: Callable[[str], str]) -> dict[str, str]:
    """Return each class as one alternation; a class may name those above it."""
    classes = dict(_COMMON)
    for name, lines in named.items():
        words = fold(" / ".join(lines)).split(" / ")
        classes[name] = f"(?:{'|'.join(_to_regex(word.strip(), classes) for word in words)})"
    return classes


def _to_regex(pattern: str, classes: dict[str, str]) -> str:
    """Return a pattern of a word file as a regular expression.

    ` .. ` is up to 25 characters of the same sentence, ` ... ` up to 70; `\\~` is a word's edge;
    a blank is any white space; round brackets only group.
    """
    regex = re.sub(r"(?<!\\)\((?!\?)", "(?:", pattern)
    regex = regex.replace("\\~", "()")
    regex = re.sub(r"\s+\.\.\.\s+", lambda _: f"{_GAP}{{0,70}}?", regex)
    regex = re.sub(r"\s+\.\.\s+", lambda _: f"{_GAP}{{0,25}}?", regex)
    regex = regex.replace(" ?", r"\s*").replace(" ", r"\s+")
    return _CLASS.sub(lambda found: classes[found.group(1)], regex)


def _compile(lines: list[str], classes: dict[str, str], *, whole_words: bool) -> re.Pattern[str]:
    body = "|".join(_to_regex(line.strip(), classes) for line in lines)
    if whole_words:
        body = rf"(?<![A-Za-z])(?:{body})(?![A-Za-z])"
    return re.compile(body, re.IGNORECASE)
