"""Reads what callers of the control side gave: each wrong value becomes one sentence."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from datetime import datetime
from typing import Any


class NotUsable(Exception):
    """The input cannot be used; the text is one sentence that says why."""


def parsed(raw: bytes) -> Any:
    """Return the JSON value in the bytes, or raise NotUsable."""
    try:
        return json.loads(raw)
    except (ValueError, RecursionError):
        raise NotUsable("The body must be JSON.") from None


def items(value: Any, what: str) -> list[Any]:
    """Return the value if it is a JSON list, or raise NotUsable."""
    if not isinstance(value, list):
        raise NotUsable(f"{what} must be a JSON list.")
    return value


class Fields:
    """The fields of one JSON object; every reader raises NotUsable with a sentence.

    A reader gives its `default` when the field is absent.
    """

    def __init__(self, value: Any, what: str, known: Iterable[str]) -> None:
        if not isinstance(value, dict):
            raise NotUsable(f"{what} must be a JSON object.")
        for name in value:
            if name not in known:
                raise NotUsable(
                    f'{what} has no field "{name[:50]}"; known are: {", ".join(sorted(known))}.'
                )
        self._value: dict[str, Any] = value
        self._what = what

    def __contains__(self, name: str) -> bool:
        return name in self._value

    def given(self, name: str) -> bool:
        """Whether the field is there and not null."""
        return self._value.get(name) is not None

    def raw(self, name: str) -> Any:
        """Return the field as it came, None when absent."""
        return self._value.get(name)

    def text(self, name: str, default: str = "") -> str:
        """Return a text that is not empty."""
        if name not in self._value:
            return default
        value = self._value[name]
        if not isinstance(value, str) or not value:
            raise NotUsable(f'"{name}" of {self._what} must be a text that is not empty.')
        return value

    def choice(self, name: str, choices: Iterable[str], default: str = "") -> str:
        """Return one of the words."""
        if name not in self._value:
            return default
        value = self._value[name]
        if value not in (words := tuple(choices)):
            raise NotUsable(f'"{name}" of {self._what} must be one of: {", ".join(words)}.')
        return str(value)

    def flag(self, name: str, *, default: bool = False) -> bool:
        """Return true or false."""
        value = self._value.get(name, default)
        if not isinstance(value, bool):
            raise NotUsable(f'"{name}" of {self._what} must be true or false.')
        return value

    def number(self, name: str, default: float, *, least: float, most: float) -> float:
        """Return a number from `least` to `most`."""
        value = self._value.get(name, default)
        if (
            isinstance(value, bool)
            or not isinstance(value, (int, float))
            or not math.isfinite(value)
            or not least <= value <= most
        ):
            raise NotUsable(
                f'"{name}" of {self._what} must be a number from {least:g} to {most:g}.'
            )
        return float(value)

    def whole(self, name: str, default: int, *, least: int, most: int) -> int:
        """Return a whole number from `least` to `most`."""
        value = self._value.get(name, default)
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise NotUsable(f'"{name}" of {self._what} must be a whole number, {least} to {most}.')
        return value

    def instant(self, name: str) -> float:
        """Return an instant, given as ISO 8601 text with a zone, in seconds since 1970 UTC."""
        value = self._value.get(name)
        try:
            at = datetime.fromisoformat(value) if isinstance(value, str) else None
        except ValueError:
            at = None
        if at is None or at.tzinfo is None or not 1971 <= at.year <= 2200:
            raise NotUsable(
                f'"{name}" of {self._what} must be a date and time with its zone,'
                ' such as "2026-11-23T09:00:00Z".'
            )
        return at.timestamp()
