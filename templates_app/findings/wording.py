"""Judges wording: which words of a text promote something instead of telling a fact. Pure.

Facts of the reader's own transaction are taken out first; what then matches an act of promotion
(discount, gift, price, urgency, invitation) is returned. Lists: `words/`; how: docs/findings.md.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from templates_app.content import PLACEHOLDER
from templates_app.findings import characters, lexicon, words_of_thai

_LINK = re.compile(
    r"(?:https?://|www\.)\S+|[\w.+-]+@[\w-]+(?:\.[\w-]+)+|\b[\w-]+(?:\.[\w-]+)*\.(?:com|net|org|co|th|tw|jp|me)\b\S*"
)
_ROW = re.compile(r"\s*(?P<label>[^::\n{}.!?。!?]{1,40}?)\s*[::]\s*(?P<value>\S.*)")
_BARE = re.compile(
    r"""(?ix) [-−–+±]?\s* (?:free|included|yes|none|waived|ฟรี|免費|無料|
    (?:[฿$¥¥]|thb|nt\$|ntd|twd|usd|us\$|jpy)?\s*[-−–+±]?\s*(?:[฿$¥¥]\s*)?
    (?:\d[\d,.:/-]*|\{\{·*\}\})
    (?:\s*(?:%|[฿]|thb|baht|บาท|ntd|twd|元|円|点|點|คะแนน|points?|pts?|ポイント|ชิ้น|รายการ|วัน|日|月|年))*
    ) \s* (?:[((][^))]*[))])? \s*"""
)
_THAI = re.compile(r"[\u0e00-\u0e7f]")
_HAN = re.compile(r"[\u3400-\u9fff]")
_KANA = re.compile(r"[\u3041-\u30fa]")
_LATIN = re.compile(r"[A-Za-z]")
# Han that Japanese does not write, so that a line of kanji is not read as Chinese.
_CHINESE = re.compile(r"[您你們们嗎吗這这買买讓让為为吧呢啦优惠]")
_SENTENCE = re.compile(r"(?:[^.!?。!?]|\.(?=\d))+[.!?。!?]*")
_INVITATION = "promotional_invitation"
# How clauses part within a sentence, and how many kinds of hint persuade.
_CLAUSES = {
    "en": (re.compile(r"(?!)"), 3),
    "th": (re.compile(r"\s+"), 2),
    "zh_Hant": (re.compile(r"[,、]"), 2),
    "ja": (re.compile(r"[,、]"), 2),
}
# Points above this promote; a notice in unusual words has a few.
_MARGIN = 2
_TAKEN_OUT = "▪"
_MOST = 3  # different wordings of one family that count


@dataclass(frozen=True, slots=True)
class Match:
    """Words of a text that break a rule; `start` and `end` are offsets in the text."""

    code: str
    start: int
    end: int
    words: str


def judge(text: str, language: str = "") -> list[Match]:
    """Return the promotional wording of a text, in order of place, one match per code and line.

    A line `label: value` is read as a row of facts. Every language is looked for, whatever
    `language` (BCP 47) says; it and kana only settle whether a line of Han is Japanese.
    """
    base = "ja" if _KANA.search(text) else language[:2].lower()
    found: list[Match] = []
    start = 0
    for line in text.splitlines(keepends=True):
        found += [
            Match(code, start + first, start + last, line[first:last].strip())
            for code, first, last in _judge_line(line.rstrip("\r\n"), base)
        ]
        start += len(line)
    return found


@lru_cache(maxsize=4096)
def _judge_line(line: str, base: str) -> tuple[tuple[str, int, int], ...]:
    kept = [at for at, character in enumerate(line) if character not in characters.INVISIBLE]
    plain = _masked(characters.normalise("".join(line[at] for at in kept)))
    folded = characters.fold(plain)
    lexicons = [
        (name, lexicon.load(name), folded if name == "zh_Hant" else plain)
        for name in _languages(plain, base)
    ]
    if any(_states_an_amount(said, lexis) for _, lexis, said in lexicons):
        return ()
    found: dict[str, tuple[int, int]] = {}
    for name, lexis, original in lexicons:
        said = original
        for fact in lexis.facts:
            for match in _matches(fact, original, name):
                first, last = match.span()
                said = said[:first] + _TAKEN_OUT * (last - first) + said[last:]
        if lexis.families:
            for code, place in _by_points(said, lexis):
                found.setdefault(code, place)
            continue
        for code, pattern in lexis.acts:
            for match in _matches(pattern, said, name):
                found.setdefault(code, match.span())
                break
        if _INVITATION not in found and (span := _persuasion(said, lexis, name)):
            found[_INVITATION] = span
    return tuple(
        sorted((code, kept[first], kept[last - 1] + 1) for code, (first, last) in found.items())
    )


def _by_points(text: str, lexis: lexicon.Lexicon) -> Iterator[tuple[str, tuple[int, int]]]:
    """Yield what the sentences do whose words have more points for promotion than against it."""
    for sentence in _SENTENCE.finditer(text):
        first, last = sentence.span()
        if not _LATIN.search(sentence.group()) or points(text, first, last, lexis) <= _MARGIN:
            continue
        acts = [
            (code, match.span())
            for code, pattern in lexis.acts
            if (match := pattern.search(text, first, last))
        ]
        yield from acts or [(_INVITATION, (first, last))]


def points(text: str, first: int, last: int, lexis: lexicon.Lexicon) -> int:
    """Return the points of the sentence at `first` to `last` of a line, the sentences before known.

    A family counts once for each different wording, three times at most unless it is of single
    words. The family `base` is what every sentence has, `before` is looked for in what precedes.
    """
    sentence = text[first:last].strip()
    total = 0
    for family in lexis.families:
        if family.name == "before":
            total += family.points * bool(family.pattern.search(text, 0, first))
        else:
            said = {match.group().lower() for match in family.pattern.finditer(sentence)}
            most = len(said) if family.name == "words" else _MOST
            total += family.points * min(len(said), most)
    return total


def _persuasion(text: str, lexis: lexicon.Lexicon, language: str) -> tuple[int, int] | None:
    """Return the first sentence that hints in several ways at once.

    Clauses that state a value or hold a word of notices do not count. Where a sentence has none
    of these, one hint fewer will do, if it is more than the name of a product.
    """
    parts, needed = _CLAUSES[language]
    for sentence in _SENTENCE.finditer(text):
        all_clauses = [clause for clause in parts.split(sentence.group()) if clause.strip()]
        clauses = [clause for clause in all_clauses if _may_persuade(clause, lexis)]
        said = " ".join(clauses)
        *ways, product = (any(True for _ in _matches(hint, said, language)) for hint in lexis.hints)
        is_bare = len(clauses) == len(all_clauses)
        if sum(ways) + product >= needed or (is_bare and sum(ways) >= needed - 1):
            return sentence.span()
    return None


def _may_persuade(clause: str, lexis: lexicon.Lexicon) -> bool:
    is_stated = "{{" in clause or _TAKEN_OUT in clause or ": " in clause
    return not is_stated and not lexis.service.search(clause)


def _states_an_amount(line: str, lexis: lexicon.Lexicon) -> bool:
    row = _ROW.fullmatch(line)
    return bool(row and _BARE.fullmatch(row["value"]) and lexis.receipt.search(row["label"]))


def _matches(pattern: re.Pattern[str], text: str, language: str) -> Iterator[re.Match[str]]:
    """Yield matches whose marked places are edges of words."""
    at = 0
    while match := pattern.search(text, at):
        marked = {match.start(n) for n in range(1, pattern.groups + 1)} - {-1}
        if not marked or language != "th" or marked <= words_of_thai.edges(text):
            yield match
            at = max(match.end(), match.start() + 1)
        else:
            at = match.start() + 1


def _masked(text: str) -> str:
    """Return the text with names of placeholders and addresses of links out of sight."""
    text = PLACEHOLDER.sub(lambda hit: "{{" + "·" * (len(hit[0]) - 4) + "}}", text)
    return _LINK.sub(lambda hit: "·" * len(hit[0]), text)


def _languages(text: str, base: str) -> list[str]:
    names = []
    if _THAI.search(text):
        names.append("th")
    if _HAN.search(text) or _KANA.search(text):
        has_kana = bool(_KANA.search(text))
        if not has_kana and (base != "ja" or _CHINESE.search(text)):
            names.append("zh_Hant")
        if has_kana or base != "zh":
            names.append("ja")
    if _LATIN.search(text):
        names.append("en")
    return names
