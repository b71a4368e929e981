"""Reads a language's word file into compiled patterns; loaded once, when first needed. Pure.

A file in `words/` has sections: `[class NAME]` (words that patterns name as `<NAME>`), `[facts]`
(phrases that state a fact of the reader's own transaction: taken out before anything is looked
for), `[receipt]` (labels of rows that state amounts) and one section per finding code.
"""

from __future__ import annotations

import re
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
_SENTENCE_END = ".!?。!?\n"
_GAP = rf"(?:[^{_SENTENCE_END}]|\.(?=\d))"
_CLASS = re.compile(r"<([a-z_]+)>")
_SECTION = re.compile(r"\[(class )?([a-z_]+)\]")


@dataclass(frozen=True, slots=True)
class Lexicon:
    """One language's patterns. Empty groups in them mark where a word must begin or end."""

    facts: re.Pattern[str]
    receipt: re.Pattern[str]
    acts: tuple[tuple[str, re.Pattern[str]], ...]  # (code, pattern)


@cache
def load(language: str) -> Lexicon:
    """Return the lexicon of "th", "zh_Hant", "ja" or "en"."""
    file = resources.files("templates_app.findings") / "words" / f"{language}.txt"
    sections, classes = _read(file.read_text(encoding="utf-8"))
    fold = characters.fold if language == "zh_Hant" else str
    whole_words = language == "en"
    made = {
        name: _compile(list(map(fold, lines)), _expand_all(classes, fold), whole_words=whole_words)
        for name, lines in sections.items()
    }
    facts, receipt = made.pop("facts"), made.pop("receipt")
    return Lexicon(facts, receipt, tuple(made.items()))


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
            lines += [part.strip() for part in line.split(" / ") if part.strip()]
    return sections, classes


def _expand_all(classes: dict[str, list[str]], fold: type[str] | object) -> dict[str, str]:
    """Return each class as one alternation; a class may name those above it."""
    known = dict(_COMMON)
    for name, words in classes.items():
        folded = [fold(word) if callable(fold) else word for word in words]
        known[name] = f"(?:{'|'.join(_to_regex(word, known) for word in folded)})"
    return known


def _to_regex(pattern: str, classes: dict[str, str]) -> str:
    """Return a pattern of a word file as a regular expression.

    ` .. ` is up to 25 characters of the same sentence, ` ... ` up to 70; `\\~` is a word's edge;
    a blank is any white space; round brackets only group.
    """
    regex = re.sub(r"\((?!\?)", "(?:", pattern)
    regex = regex.replace("\\~", "()")
    regex = re.sub(r"\s+\.\.\.\s+", lambda _: f"{_GAP}{{0,70}}?", regex)
    regex = re.sub(r"\s+\.\.\s+", lambda _: f"{_GAP}{{0,25}}?", regex)
    regex = regex.replace(" ?", r"\s*").replace(" ", r"\s+")
    return _CLASS.sub(lambda found: classes[found.group(1)], regex)


def _compile(
    lines: list[str], classes: dict[str, str], *, whole_words: bool
) -> re.Pattern[str]:
    body = "|".join(_to_regex(line, classes) for line in lines) or r"(?!)"
    if whole_words:
        body = rf"(?<![A-Za-z])(?:{body})(?![A-Za-z])"
    return re.compile(body, re.IGNORECASE)
