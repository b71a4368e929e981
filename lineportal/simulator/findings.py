"""What is wrong with a request body, as LINE lists it."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, field
from typing import Any

Problem = dict[str, str]


def length(text: str) -> int:
    """Return the length in UTF-16 code units, which is how LINE counts message text."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def signs(text: str) -> int:
    """Return how many signs a reader sees, about: LINE counts labels in grapheme clusters."""
    return sum(unicodedata.category(char)[0] != "M" for char in text)


@dataclass(slots=True)
class Findings:
    """What is wrong with a request body; `invalid_keys` counts unknown item and button keys."""

    problems: list[Problem] = field(default_factory=list)
    invalid_keys: int = 0

    def add(self, message: str, where: str) -> None:
        """Note one problem."""
        self.problems.append({"message": message, "property": where})

    def needs_text(self, holder: dict[str, Any], name: str, where: str, most: int) -> str:
        """Return the text field, or note that it is missing, empty or too long."""
        value = holder.get(name)
        path = f"{where}.{name}" if where else name
        if not isinstance(value, str) or not value:
            self.add("May not be empty", path)
            return ""
        if length(value) > most:
            self.add(f"Length must be between 0 and {most}", path)
        return value

    def bounds(self, holder: dict[str, Any], name: str, where: str, most: int) -> None:
        """Note a list that has none or more than `most`."""
        value = holder.get(name)
        if not isinstance(value, list) or not 1 <= len(value) <= most:
            self.add(f"Size must be between 1 and {most}", f"{where}.{name}")
