"""Cut text into the words that a reader would count, without losing a character.

Thai, Chinese and Japanese have no blanks between words: Thai goes through PyThaiNLP's dictionary,
Chinese and Japanese through Google's BudouX.
"""

from __future__ import annotations

import re
from functools import cache

import budoux
from pythainlp.tokenize import Tokenizer

_THAI = r"[\u0e00-\u0e7f]+"
_HAN_OR_KANA = r"[\u3005-\u3007\u3041-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]+"
_RUNS = re.compile(
    rf"\{{\{{\s*\w+\s*\}}\}}|(?P<thai>{_THAI})|(?P<cjk>{_HAN_OR_KANA})|[^\W_]+|\s+|.",
    re.DOTALL,
)
# Letters and digits of other scripts beside Thai or Chinese are words of their own.
_MIXED = re.compile(rf"(?P<thai>{_THAI})|(?P<cjk>{_HAN_OR_KANA})|[^\u0e00-\u0e7f\u3005-\u9fff]+")
_KANA = re.compile(r"[\u3041-\u30ff]")


def words(text: str, *, language: str = "") -> list[str]:
    """Return the words, blanks and marks of a text; joined they are the text again.

    A placeholder is one word. `language` (BCP 47) tells Japanese without kana from Chinese.
    """
    found: list[str] = []
    for run in _RUNS.finditer(text):
        whole = run.group()
        if whole.startswith("{{"):
            found.append(whole)
            continue
        for part in _MIXED.finditer(whole):
            if part["thai"]:
                found += _thai().word_tokenize(part["thai"])
            elif part["cjk"]:
                found += _cjk(part["cjk"], language=language)
            else:
                found.append(part.group())
    return found


def _cjk(text: str, *, language: str) -> list[str]:
    is_japanese = language.lower().startswith("ja") or bool(_KANA.search(text))
    return list((_japanese() if is_japanese else _chinese()).parse(text))


@cache
def _thai() -> Tokenizer:
    return Tokenizer(engine="newmm")  # reads its word list (0.4 s) when first used


@cache
def _japanese() -> budoux.Parser:
    return budoux.load_default_japanese_parser()


@cache
def _chinese() -> budoux.Parser:
    return budoux.load_default_traditional_chinese_parser()
