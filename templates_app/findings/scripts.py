"""Tells which words of a text are not in the template's language, by their script. Pure."""

from __future__ import annotations

import re

from templates_app.content import PLACEHOLDER

_KANA = r"\u3041-\u3096\u30a1-\u30fa"
_SCRIPTS = {
    "th": r"\u0e01-\u0e5b",
    "han": r"\u3400-\u9fff",
    "kana": _KANA,
    "hangul": r"\uac00-\ud7a3",
    "cyrillic": r"\u0400-\u04ff",
    "arabic": r"\u0600-\u06ff",
    "khmer": r"\u1780-\u17ff",
    "lao": r"\u0e81-\u0edf",
    "myanmar": r"\u1000-\u109f",
}
_OWN = {"th": {"th"}, "zh": {"han"}, "ja": {"han", "kana"}, "en": set[str]()}
# Names and brands are a few capitalised words; a sentence of another language has many small ones.
_LATIN_SENTENCE = re.compile(r"(?:[A-Za-z][A-Za-z'’-]*[\s,;:]+){4,}[A-Za-z'’-]+")
_SMALL_WORD = re.compile(r"\b[a-z]{2,}")
_LINK = re.compile(r"(?:https?://|www\.)\S+|\S+@\S+")


def foreign_words(text: str, language: str, *, is_value: bool = False) -> str:
    """Return the first words that do not fit `language` (BCP 47), or "".

    Placeholders, addresses, digits and Latin names are fine everywhere; in the value of a row
    every Latin text is. A language we have no list for fits everything.
    """
    own = _OWN.get(language[:2].lower())
    if own is None:
        return ""
    plain = _LINK.sub(" ", PLACEHOLDER.sub(" ", text))
    others = "".join(letters for name, letters in _SCRIPTS.items() if name not in own)
    if match := re.search(rf"[{others}](?:[{others}\s]*[{others}])", plain):
        return match.group()
    if language[:2].lower() == "en" or is_value:
        return ""
    for sentence in _LATIN_SENTENCE.finditer(plain):
        if len(_SMALL_WORD.findall(sentence.group())) >= 4:
            return sentence.group()
    return ""
