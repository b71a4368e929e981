"""PDFs set by Typst with the system's fonts for Thai, Chinese and Japanese, embedded.

Texts reach a page as data, never as markup.
"""

from __future__ import annotations

import functools
import json
import re
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


class MissingFont(Exception):
    """The machine has no font for the writing on the page."""


def pdf(page: Path, name: str, data: Mapping[str, Any], *, country: str, at: datetime) -> bytes:
    """Return a PDF: `page` reads `data`, with the fonts that its texts need, as input `name`.

    `country` chooses between the Chinese and the Japanese shapes of shared letters. The same data
    and time make the same bytes. Raises MissingFont.
    """
    text = json.dumps(data, ensure_ascii=False)
    given = {**data, "fonts": _families(text, country)}
    moment = at.astimezone(UTC).replace(microsecond=0)
    made = typst.Compiler(page, font_paths=_fonts()).compile(
        format="pdf", sys_inputs={name: json.dumps(given)}, timestamp=moment
    )
    assert isinstance(made, bytes)
    return made


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
    # Pictures in texts are drawn where the machine can; without, a box stands in their place.
    chosen += [_EMOJI] * (_EMOJI in held)
    return list(dict.fromkeys(chosen))
