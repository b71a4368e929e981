"""How LINE's message objects are said in another company's words: shapes that read both ways.

A shape takes LINE's value and gives the other's, or with `is_back` the other way round. What it
cannot say is noted with its place, never dropped: a message goes as it was approved or not at all.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

_NAME = re.compile("[A-Za-z]{1,40}")
_PLACEHOLDER = re.compile(r"\{\{[^{}]*\}\}")


@dataclass(slots=True)
class Walk:
    """One reading of a message. `is_template`: placeholders stand where values will.

    `left_out` are shapes whose properties are not said at all.
    """

    is_back: bool = False
    is_template: bool = False
    left_out: tuple[Shape, ...] = ()
    problems: list[str] = field(default_factory=list)

    def refuse(self, place: str, sentence: str) -> None:
        """Note what cannot be said, without any value: it may be somebody's."""
        self.problems.append(f"{place or 'message'} {sentence}")

    def length(self, text: str) -> int:
        """Return the length in UTF-16 units, as LINE counts; values to come count nothing."""
        fixed = _PLACEHOLDER.sub("", text) if self.is_template else text
        return len(fixed.encode("utf-16-le", "surrogatepass")) // 2


class Shape(Protocol):
    """What one value may be, and how it is said."""

    def said(self, value: Any, place: str, walk: Walk) -> Any:
        """Return the value in the other's words; what cannot be said is noted in the walk."""


class Text:
    """Any text that is short enough; it stays as it is."""

    def __init__(self, most: int | None = None, pattern: str = "", hint: str = "") -> None:
        self._most, self._pattern, self._hint = most, re.compile(pattern), hint

    def said(self, value: Any, place: str, walk: Walk) -> Any:
        if not isinstance(value, str):
            walk.refuse(place, "must be a text.")
        elif self._most is not None and (length := walk.length(value)) > self._most:
            walk.refuse(place, f"has {length} characters; at most {self._most} are taken.")
        elif self._pattern.pattern and not self._pattern.fullmatch(value):
            walk.refuse(place, f"must be {self._hint}.")
        return value


class Flag:
    """True or false."""

    def said(self, value: Any, place: str, walk: Walk) -> Any:
        if not isinstance(value, bool):
            walk.refuse(place, "must be true or false.")
        return value


class Number:
    """A whole number."""

    def __init__(self, least: int, most: int) -> None:
        self._least, self._most = least, most

    def said(self, value: Any, place: str, walk: Walk) -> Any:
        is_number = isinstance(value, int) and not isinstance(value, bool)
        if not is_number or not self._least <= value <= self._most:
            walk.refuse(place, f"must be a whole number from {self._least} to {self._most}.")
        return value


class Words:
    """Words that have a case of their own there; `rest` is what else may stand, as it is."""

    def __init__(self, *same: str, rest: str = "", **other: str) -> None:
        self._there = {each: each.upper() for each in same} | other
        self._back = {there: here for here, there in self._there.items()}
        self._rest = re.compile(rest) if rest else None

    def of(self, pairs: Mapping[str, str]) -> Words:
        """Return these and others, by LINE's word."""
        more = Words(rest=self._rest.pattern if self._rest else "")
        more._there = {**self._there, **pairs}
        more._back = {there: here for here, there in more._there.items()}
        return more

    def said(self, value: Any, place: str, walk: Walk) -> Any:
        words = self._back if walk.is_back else self._there
        if isinstance(value, str):
            if value in words:
                return words[value]
            if self._rest and self._rest.fullmatch(value):
                return value
        walk.refuse(place, f"must be one of {', '.join(words)}.")
        return value


class Record:
    """An object of these properties and no others; `renamed` are called otherwise there."""

    def __init__(
        self,
        fields: Mapping[str, Shape],
        *,
        required: Iterable[str] = (),
        renamed: Mapping[str, str] | None = None,
    ) -> None:
        there = renamed or {}
        self._there = {name: (there.get(name, name), shape) for name, shape in fields.items()}
        self._back = {new: (name, shape) for name, (new, shape) in self._there.items()}
        self._required = tuple(required)

    def said(self, value: Any, place: str, walk: Walk) -> Any:
        if not isinstance(value, Mapping):
            walk.refuse(place, "must be an object.")
            return value
        known = self._back if walk.is_back else self._there
        found = {}
        for name, inner in value.items():
            if name not in known:
                shown = name if _NAME.fullmatch(name) else "a property"
                walk.refuse(f"{place}.{shown}" if place else shown, "is not known there.")
                continue
            where = f"{place}.{name}" if place else name
            new, shape = known[name]
            if shape not in walk.left_out:
                found[new] = shape.said(inner, where, walk)
        for name in self._required:
            if name not in value:
                walk.refuse(place, f"needs {name}.")
        return found


class Variant:
    """An object whose `type` says what it is; kinds may be added until it is first used."""

    def __init__(self, kinds: Mapping[str, Shape] | None = None) -> None:
        self.kinds: dict[str, Shape] = dict(kinds or {})
        self.names: dict[str, str] = {}  # of types, where it is not just the upper case

    def said(self, value: Any, place: str, walk: Walk) -> Any:
        kind = value.get("type") if isinstance(value, Mapping) else None
        if walk.is_back:
            kind = next((each for each in self.kinds if self._there(each) == kind), None)
        if not isinstance(kind, str) or kind not in self.kinds:
            walk.refuse(place, f"must be an object of type {' or '.join(sorted(self.kinds))}.")
            return value
        return self.kinds[kind].said(value, place, walk)

    def _there(self, kind: str) -> str:
        return self.names.get(kind, kind.upper())


class Listed:
    """A list of one shape."""

    def __init__(self, each: Shape, *, least: int = 0, most: int | None = None) -> None:
        self._each, self._least, self._most = each, least, most

    def said(self, value: Any, place: str, walk: Walk) -> Any:
        if not isinstance(value, list):
            walk.refuse(place, "must be a list.")
            return value
        if len(value) < self._least or len(value) > (self._most or len(value)):
            most = f" to {self._most}" if self._most else " or more"
            walk.refuse(place, f"must have {self._least}{most} entries.")
        return [self._each.said(one, f"{place}[{n}]", walk) for n, one in enumerate(value)]
