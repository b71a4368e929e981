"""What changed from one version of a template to another, word by word. Pure.

The comparing is the standard library's difflib; what is compared are words, not characters.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any

from templates_app import segmenting
from templates_app.models import MessageTemplate

SAME, REMOVED, ADDED = "same", "removed", "added"
CHANGED = "changed"
DETAILS = ("purpose", "category", "language")
# As a reader meets the parts; the database keeps no order of its own.
_READING = [
    "text",
    "image",
    "shape",
    "caption",
    "alt_text",
    "template_key",
    "company",
    "icon",
    "title",
    "greeting",
    "emphasis",
    "items",
    "explanation",
    "buttons",
    "label",
    "item_key",
    "button_key",
    "value",
    "url",
]
# Beyond so many words those that stand everywhere are no landmarks; else a text of one word
# repeated would take minutes.
_LONG = 1000


@dataclass(frozen=True, slots=True)
class Piece:
    """Words that stayed, went or came: `kind` is `same`, `removed` or `added`."""

    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class Change:
    """One place, such as `items[1].value`, whose text was `changed`, `removed` or `added`."""

    place: str
    kind: str
    pieces: tuple[Piece, ...]


@dataclass(frozen=True, slots=True)
class Difference:
    """All that differs; empty lists where nothing does."""

    details: list[Change]  # purpose, category, language
    words: list[Change]  # places of the content
    samples: list[Change]  # sample values, which are no part of what is decided on
    placeholders_added: list[str]  # API callers must now pass these
    placeholders_removed: list[str]

    @property
    def is_empty(self) -> bool:
        return not (self.details or self.words or self.samples)


def between(old: MessageTemplate, new: MessageTemplate) -> Difference:
    """Return what is different in `new`, in the order in which a reader meets the places."""
    language = new.language
    details = {name: (getattr(old, name), getattr(new, name)) for name in DETAILS}
    return Difference(
        details=[
            Change(name, CHANGED, _pieces(was, now, language=language))
            for name, (was, now) in details.items()
            if was != now
        ],
        words=list(_changes("", old.content, new.content, language=language)),
        samples=list(_changes("samples", old.samples, new.samples, language=language)),
        placeholders_added=[each for each in new.placeholders if each not in old.placeholders],
        placeholders_removed=[each for each in old.placeholders if each not in new.placeholders],
    )


def _changes(place: str, old: Any, new: Any, *, language: str) -> Iterator[Change]:
    if old == new and type(old) is type(new):
        return
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for name in sorted({**old, **new}, key=_in_reading):
            inner = f"{place}.{name}" if place else str(name)
            if name not in new:
                yield from _whole(inner, REMOVED, old[name])
            elif name not in old:
                yield from _whole(inner, ADDED, new[name])
            else:
                yield from _changes(inner, old[name], new[name], language=language)
    elif isinstance(old, list) and isinstance(new, list):
        yield from _list_changes(place, old, new, language=language)
    elif _is_one(old) and _is_one(new):
        yield Change(place, CHANGED, _pieces(_text(old), _text(new), language=language))
    else:
        yield from _whole(place, REMOVED, old)
        yield from _whole(place, ADDED, new)


def _list_changes(
    place: str, old: Sequence[Any], new: Sequence[Any], *, language: str
) -> Iterator[Change]:
    """Pair the rows of two lists, so that a row put in front does not change all that follow."""
    matcher = SequenceMatcher(None, [_key(row) for row in old], [_key(row) for row in new])
    for _tag, old_from, old_to, new_from, new_to in matcher.get_opcodes():
        if _tag == "equal":
            continue
        both = min(old_to - old_from, new_to - new_from)
        for n in range(both):
            inner = f"{place}[{new_from + n}]"
            yield from _changes(inner, old[old_from + n], new[new_from + n], language=language)
        for n in range(old_from + both, old_to):
            yield from _whole(f"{place}[{n}]", REMOVED, old[n])
        for n in range(new_from + both, new_to):
            yield from _whole(f"{place}[{n}]", ADDED, new[n])


def _whole(place: str, kind: str, value: Any) -> Iterator[Change]:
    """Yield every text of what came or went as a whole."""
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _whole(f"{place}.{name}", kind, inner)
    elif isinstance(value, list):
        for n, inner in enumerate(value):
            yield from _whole(f"{place}[{n}]", kind, inner)
    else:
        yield Change(place, kind, (Piece(kind, _text(value)),))


def _pieces(old: str, new: str, *, language: str) -> tuple[Piece, ...]:
    before = segmenting.words(old, language=language)
    after = segmenting.words(new, language=language)
    matcher = SequenceMatcher(None, before, after, autojunk=len(after) > _LONG)
    found: list[Piece] = []
    for tag, old_from, old_to, new_from, new_to in matcher.get_opcodes():
        if tag == "equal":
            found.append(Piece(SAME, "".join(after[new_from:new_to])))
            continue
        if old_from < old_to:
            found.append(Piece(REMOVED, "".join(before[old_from:old_to])))
        if new_from < new_to:
            found.append(Piece(ADDED, "".join(after[new_from:new_to])))
    return tuple(found)


def _in_reading(name: str) -> tuple[int, str]:
    return (_READING.index(name) if name in _READING else len(_READING), name)


def _key(row: Any) -> str:
    return json.dumps(row, sort_keys=True, ensure_ascii=False)


def _is_one(value: Any) -> bool:
    return not isinstance(value, Mapping | list)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
