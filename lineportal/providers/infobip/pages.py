"""Lists in Infobip's answers, read as far as they go: a page of reports is given only once."""

from __future__ import annotations

import json
import re
from typing import Any

_DECODER = json.JSONDecoder()
_BETWEEN = re.compile(r"[\s,]*")


def listed(body: bytes, name: str) -> tuple[list[Any], str]:
    """Return the entries of the list under `name`, and why they are not all; blank: they are.

    Of a body that is cut short those come that are whole.
    """
    try:
        whole = json.loads(body)
    except (ValueError, RecursionError) as error:
        return _salvaged(body, name), f"no JSON: {type(error).__name__}"
    if not isinstance(whole, dict) or not isinstance(whole.get(name), list):
        return [], f"there is no list “{name}”"
    return whole[name], ""


def _salvaged(body: bytes, name: str) -> list[Any]:
    try:
        text = body.decode()
    except UnicodeDecodeError as error:
        text = body[: error.start].decode()
    begin = re.search(rf'"{re.escape(name)}"\s*:\s*\[', text)
    found: list[Any] = []
    at = begin.end() if begin else len(text)
    while True:
        gap = _BETWEEN.match(text, at)
        at = gap.end() if gap else at
        if not text.startswith("{", at):
            return found
        try:
            entry, at = _DECODER.raw_decode(text, at)
        except (ValueError, RecursionError):
            return found
        found.append(entry)
