"""HTML made of tags: every text is escaped, unless it was made here.

Texts come from strangers' messages, so they may hold markup, control characters and halves of
surrogate pairs; none of it may reach a page as anything but a text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from html import escape
from typing import Final

# What HTML does not allow in a text, besides the surrogates that encoding replaces.
_CONTROLS: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_WITHOUT_END: Final = frozenset({"br", "img", "input", "link", "meta"})


class Html(str):
    """A piece of HTML that is right as it stands."""

    __slots__ = ()


Piece = str | None
Attribute = str | int | bool | None


def tag(element: str, /, *inner: Piece, **attributes: Attribute) -> Html:
    """Return one element; texts inside and in attributes are escaped.

    Attributes are written with underscores (`class_`, `aria_label`); True is one without a value,
    None and False are left out.
    """
    words = [element]
    for key, value in attributes.items():
        if value is None or value is False:
            continue
        key = key.rstrip("_").replace("_", "-")
        words.append(key if value is True else f'{key}="{escaped(str(value))}"')
    start = f"<{' '.join(words)}>"
    return Html(start if element in _WITHOUT_END else f"{start}{joined(inner)}</{element}>")


def joined(pieces: Iterable[Piece]) -> Html:
    """Return the pieces after each other, without those that are None."""
    return Html("".join(escaped(piece) for piece in pieces if piece is not None))


def escaped(text: str) -> Html:
    """Return the text as HTML; what is HTML already stays."""
    if isinstance(text, Html):
        return text
    whole = text.encode("utf-8", "replace").decode()
    return Html(escape(_CONTROLS.sub("\N{REPLACEMENT CHARACTER}", whole)))
