"""Read a Flex container that a person pasted or uploaded: JSON, and nothing but JSON. Pure.

Every refusal is one sentence that names the line and column, because the person who pasted it
did not write it and has to find the place.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from typing import Any

from django.utils.translation import gettext as _

from templates_app import content as contents

# LINE takes 50 KB at most; the rest is room for the spaces of a file laid out for people.
BYTES_LIMIT = 200_000
DEPTH_LIMIT = 64  # LINE's twenty boxes, each an object in a list
_DIGITS_LIMIT = 300

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"?|[{}\[\]:,]|[^\s{}\[\]:,"]+', re.S)
_NUMBER = re.compile(r"-?\d+(\.\d+)?([eE][+-]?\d+)?")


class Unreadable(Exception):
    """What was given is no JSON that LINE could take; the text says where and why."""


def read(given: str | bytes) -> Any:
    """Return the value that a JSON text holds; raises Unreadable.

    Stricter than Python: no NaN, no infinite number, no name twice in an object, no depth that
    nobody could draw.
    """
    text = decoded(given)
    if len(text.encode("utf-8", "surrogatepass")) > BYTES_LIMIT:
        raise too_big()
    if not text.strip():
        raise Unreadable(_("There is nothing here; give the JSON of a Flex container."))
    for position, fault in _faults(text):
        raise Unreadable(_at(text, position, fault))
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise Unreadable(
            _at(text, error.pos, _("this is not JSON (%(fault)s)") % {"fault": error.msg})
        ) from error


def too_big() -> Unreadable:
    """Return the refusal of what need not be read: LINE would not take it."""
    return Unreadable(
        _("This is larger than %(limit)d KB; LINE takes 30 KB for a bubble and 50 for a carousel.")
        % {"limit": BYTES_LIMIT // 1000}
    )


def decoded(given: str | bytes) -> str:
    """Return the text of an upload; raises Unreadable where it is too large or not UTF-8."""
    if isinstance(given, str):
        return given.removeprefix("\ufeff")
    if len(given) > BYTES_LIMIT:
        raise too_big()
    try:
        return given.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Unreadable(
            _("Byte %(place)d is not UTF-8; save the file as JSON in UTF-8.")
            % {"place": error.start + 1}
        ) from error


def _at(text: str, position: int, fault: str) -> str:
    before = text[:position]
    return _("Line %(line)d, column %(column)d: %(fault)s.") % {
        "line": before.count("\n") + 1,
        "column": position - (before.rfind("\n") + 1) + 1,
        "fault": fault,
    }


def _faults(text: str) -> Iterator[tuple[int, str]]:
    """Yield what Python's reader would let pass, or break on; grammar is that reader's to judge."""
    open_objects: list[set[str] | None] = []  # the names of each object so far; None for a list
    name, name_at = "", 0
    for match in _TOKEN.finditer(text):
        piece, position = match.group(), match.start()
        if piece in "{[":
            open_objects.append(set() if piece == "{" else None)
            if len(open_objects) > DEPTH_LIMIT:
                yield (
                    position,
                    _("objects and lists stand in each other more than %(limit)d deep here")
                    % {"limit": DEPTH_LIMIT},
                )
        elif piece in "}]":
            if open_objects:
                open_objects.pop()
        elif piece == ":":
            names = open_objects[-1] if open_objects else None
            if names is not None:
                if name in names:
                    yield (
                        name_at,
                        _("the name “%(name)s” stands twice in one object") % {"name": name},
                    )
                names.add(name)
        elif piece.startswith('"'):
            name, name_at = _spelled(piece), position
            if not contents.is_storable(name):
                yield position, _("this text holds NUL or half of a character")
        elif piece in ("NaN", "Infinity", "-Infinity"):
            yield position, _("%(word)s is no number that JSON knows") % {"word": piece}
        elif _NUMBER.fullmatch(piece) and (
            len(piece) > _DIGITS_LIMIT or not math.isfinite(float(piece))
        ):
            yield position, _("this number is too large")


def _spelled(piece: str) -> str:
    """Return what a string's piece says, since a letter may be written as an escape."""
    try:
        return str(json.loads(piece, strict=False))
    except ValueError:
        return piece
