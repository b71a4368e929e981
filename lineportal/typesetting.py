"""PDFs set by Typst with the system's fonts for Thai, Chinese and Japanese, embedded.

Texts reach a page as data, never as markup.
"""

from __future__ import annotations

import functools
import json
import re
import unicodedata
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import typst
from django.utils.translation import gettext as _

_THAI = re.compile("[\u0e00-\u0e7f]")
_HAN = re.compile("[\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff\uff00-\uffef\U00020000-\U0003ffff]")
# The first family of each line that is there is taken; then Debian's package of it.
_THAI_FAMILIES = ("Loma", "Noto Sans Thai", "Sarabun", "Garuda")
_HAN_FAMILIES = {
    "JP": ("Noto Sans CJK JP", "Noto Sans JP", "Noto Sans CJK TC"),
    "TW": ("Noto Sans CJK TC", "Noto Sans TC", "Noto Sans CJK JP"),
    "TH": ("Noto Sans CJK TC", "Noto Sans TC", "Noto Sans CJK JP"),
}
_LATIN_FAMILIES = ("Loma", "Noto Sans", "DejaVu Sans", "Libertinus Serif")
_EMOJI = "Noto Color Emoji"
_EMOJIS = re.compile("[\U0001f000-\U0001faff][\ufe0f\U0001f3fb-\U0001f3ff]*")

# Runs in which Typst finds no place to break a line: words of letters, Thai without a vowel.
_LONG = re.compile(
    "[^\\s\u0e00-\u0e7f\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff\uff00-\uffef\U00020000-\U0003ffff]{16,}"
)
_CONSONANTS = re.compile("[\u0e01-\u0e2e]{13,}")
# What is not seen but turns the order of what is: it would let a text say other than it shows.
_CONTROLS = "\x01-\x08\x0b-\x1f\x7f\u200e\u200f\u202a-\u202e\u2066-\u2069"
_UNSEEN = re.compile(f"[{_CONTROLS}]")
# Where exact letters count, these are written as escapes: controls and pictures.
NOT_ON_PAPER = re.compile(f"[{_CONTROLS}\U0001f000-\U0001faff]")


class MissingFont(Exception):
    """The machine has no font for the writing on the page."""


def pdf(page: Path, name: str, data: Mapping[str, Any], *, country: str, at: datetime) -> bytes:
    """Return a PDF: `page` reads `data`, with the fonts that its texts need, as input `name`.

    `country` chooses between the Chinese and the Japanese shapes of shared letters. The same data
    and time make the same bytes. Raises MissingFont.
    """
    text = json.dumps(data, ensure_ascii=False)
    fonts = _families(text, country)
    # Without a font of pictures their names stand in their place, so that nothing is left out.
    shown = text if _EMOJI in fonts else _EMOJIS.sub(_named, text)
    given = {**json.loads(shown), "fonts": fonts}
    moment = at.astimezone(UTC).replace(microsecond=0)
    made = typst.Compiler(page, font_paths=_fonts()).compile(
        format="pdf", sys_inputs={name: json.dumps(given)}, timestamp=moment
    )
    assert isinstance(made, bytes)
    return made


def breakable(text: Any) -> str:
    """Return a text whose longest words can break, and whose unseen controls are named."""
    shown = _UNSEEN.sub(lambda found: f"⟨U+{ord(found.group()):04X}⟩", str(text or ""))
    for run in (_LONG, _CONSONANTS):
        shown = run.sub(lambda found: _broken(found.group()), shown)
    return shown


def _broken(run: str) -> str:
    """Return a run with a place to break at every fourth letter, never inside one."""
    made, since = [], 0
    for n, letter in enumerate(run):
        is_joined = unicodedata.category(letter).startswith("M") or "\u200d" in run[n - 1 : n + 1]
        if since >= 4 and not is_joined:
            made.append("\u200b")
            since = 0
        made.append(letter)
        since += 1
    return "".join(made)


def _named(found: re.Match[str]) -> str:
    return f"[{unicodedata.name(found.group()[0], 'emoji').lower()}]"


@functools.lru_cache(maxsize=1)
def _fonts() -> typst.Fonts:
    return typst.Fonts(include_system_fonts=True, include_embedded_fonts=True)


def _families(text: str, country: str) -> list[str]:
    """Return the fonts to try for each letter, in order."""
    held = set(_fonts().families())
    chosen = [next(each for each in _LATIN_FAMILIES if each in held)]
    for writing, families, package in (
        (_THAI, _THAI_FAMILIES, "fonts-thai-tlwg"),
        (_HAN, _HAN_FAMILIES[country], "fonts-noto-cjk"),
    ):
        found = next((each for each in families if each in held), "")
        if found:
            chosen.append(found)
        elif writing.search(text):
            raise MissingFont(
                _(
                    "The PDF needs the font “%(font)s”, which this machine has not; install it"
                    " (Debian: %(package)s), or take the other form."
                )
                % {"font": families[0], "package": package}
            )
    chosen += [_EMOJI] * (_EMOJI in held)
    return list(dict.fromkeys(chosen))
