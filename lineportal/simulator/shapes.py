"""Describes JSON that a partner takes, field by field, and finds what does not fit.

A shape is made of shapes: `record({"to": text(least=1)}, "to")` is an object with a `to`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

_DEEPEST = 40  # objects in objects


@dataclass(slots=True)
class Violations:
    """What is wrong with a body, as (property, sentence)."""

    strict: bool = True  # whether a field that is not documented is a violation
    found: list[tuple[str, str]] = field(default_factory=list)
    depth: int = 0

    def add(self, where: str, what: str) -> None:
        """Note one violation."""
        self.found.append((where, what))


Shape = Callable[[Any, str, Violations], None]


def text(*, most: int | None = None, least: int = 0, like: str = "", hint: str = "") -> Shape:
    """A text of so many characters, that matches `like` as a whole; `hint` says what that is."""
    pattern = re.compile(like) if like else None

    def check(value: Any, where: str, found: Violations) -> None:
        if not isinstance(value, str):
            found.add(where, "must be a text")
        elif len(value) < least or (most is not None and len(value) > most):
            top = "" if most is None else f" and {most}"
            found.add(where, f"size must be between {least}{top}" if top else "must not be empty")
        elif pattern and not pattern.fullmatch(value):
            found.add(where, hint)

    return check


def word(*words: str) -> Shape:
    """One of the words."""

    def check(value: Any, where: str, found: Violations) -> None:
        if value not in words:
            found.add(where, f"must be one of: {', '.join(words)}")

    return check


def whole(least: int | None = None, most: int | None = None) -> Shape:
    """A whole number within bounds."""

    def check(value: Any, where: str, found: Violations) -> None:
        if isinstance(value, bool) or not isinstance(value, int):
            found.add(where, "must be a whole number")
        elif least is not None and value < least:
            found.add(where, f"must be greater than or equal to {least}")
        elif most is not None and value > most:
            found.add(where, f"must be less than or equal to {most}")

    return check


def number(least: float, most: float) -> Shape:
    """A number within bounds."""

    def check(value: Any, where: str, found: Violations) -> None:
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            found.add(where, "must be a number")
        elif not least <= value <= most:
            found.add(where, f"must be between {least:g} and {most:g}")

    return check


def flag(value: Any, where: str, found: Violations) -> None:
    """True or false."""
    if not isinstance(value, bool):
        found.add(where, "must be true or false")


def instant(value: Any, where: str, found: Violations) -> None:
    """A date and time with its offset, such as 2026-11-24T10:00:00.000+0700."""
    if read_instant(value) is None:
        found.add(where, "must be a date and time like 2026-11-24T10:00:00.000+0700")


def read_instant(value: Any) -> float | None:
    """Return the instant in seconds since 1970 UTC, None where the text is none."""
    try:
        at = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    if at is None or at.tzinfo is None or not 1971 <= at.year <= 2200:
        return None
    return at.timestamp()


def anything(value: Any, where: str, found: Violations) -> None:
    """An object that nobody looks into here."""
    if not isinstance(value, dict):
        found.add(where, "must be an object")


def listed(item: Shape, *, least: int = 0, most: int | None = None) -> Shape:
    """A list of so many items."""

    def check(value: Any, where: str, found: Violations) -> None:
        if not isinstance(value, list):
            found.add(where, "must be a list")
            return
        if len(value) < least or (most is not None and len(value) > most):
            found.add(where, f"size must be between {least} and {most or 'any number'}")
        for n, one in enumerate(value):
            item(one, f"{where}[{n}]", found)

    return check


def record(fields: Mapping[str, Shape], *required: str) -> Shape:
    """An object; fields that are null count as absent."""

    def check(value: Any, where: str, found: Violations) -> None:
        if not isinstance(value, dict):
            found.add(where, "must be an object")
            return
        if found.depth >= _DEEPEST:
            found.add(where, "is nested too deeply")
            return
        found.depth += 1
        prefix = f"{where}." if where else ""
        for name in required:
            if value.get(name) is None:
                found.add(f"{prefix}{name}", "must not be null")
        for name, one in value.items():
            if name not in fields:
                if found.strict:
                    found.add(f"{prefix}{name[:50]}", "is not a field of the specification")
            elif one is not None:
                fields[name](one, f"{prefix}{name}", found)
        found.depth -= 1

    return check


def variant(kinds: Mapping[str, Shape]) -> Shape:
    """An object whose `type` says which of the kinds it is."""

    def check(value: Any, where: str, found: Violations) -> None:
        if not isinstance(value, dict):
            found.add(where, "must be an object")
            return
        kind = value.get("type")
        if kind is None:
            found.add(f"{where}.type", "must not be null")
        elif not isinstance(kind, str) or kind not in kinds:
            found.add(f"{where}.type", f"must be one of: {', '.join(kinds)}")
        else:
            kinds[kind](value, where, found)

    return check
