"""JSON bodies of the API: of a size and depth we take, and with texts PostgreSQL can store.

NUL and half surrogates are legal JSON and no PostgreSQL text, so they are refused at the door.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import IO, Any

from django.utils.translation import gettext as _
from rest_framework.exceptions import APIException, ParseError
from rest_framework.parsers import JSONParser

BODY_LIMIT = 10 * 1024 * 1024  # bytes of a JSON body
DEPTH_LIMIT = 50  # of lists and objects within each other; LINE's deepest Flex has about 12


class TooLarge(APIException):
    """The body is over its limit."""

    status_code = 413
    default_code = "too_large"


class Json(JSONParser):
    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        raw = stream.read(BODY_LIMIT + 1)
        if len(raw) > BODY_LIMIT:
            raise TooLarge(_("The body is larger than 10 MiB; send it in parts."))
        try:
            given = json.loads(raw.decode("utf-8"), parse_constant=_no_constant)
        except RecursionError as error:
            raise ParseError(_too_deep()) from error
        except ValueError as error:
            raise ParseError(_("The body is not valid JSON in UTF-8.")) from error
        _check(given)
        return given


def is_storable(text: str) -> bool:
    """Return whether PostgreSQL can hold the text."""
    return "\0" not in text and not any("\ud800" <= char <= "\udfff" for char in text)


def _check(given: Any) -> None:
    """Raise ParseError for what cannot be stored; without recursion, as it may be deep."""
    left = [(given, 0)]
    while left:
        value, depth = left.pop()
        if depth > DEPTH_LIMIT:
            raise ParseError(_too_deep())
        if isinstance(value, dict):
            left += [(inner, depth + 1) for inner in (*value, *value.values())]
        elif isinstance(value, list):
            left += [(inner, depth + 1) for inner in value]
        elif isinstance(value, str) and not is_storable(value):
            raise ParseError(not_storable())
        elif isinstance(value, float) and not math.isfinite(value):
            raise ParseError(_("A number is too large."))


def _no_constant(name: str) -> None:
    raise ValueError(name)  # NaN and Infinity are no JSON (RFC 8259, section 6)


def _too_deep() -> str:
    return _("The JSON is nested too deeply; at most 50 levels are taken.")


def not_storable() -> str:
    """Return the sentence for a text that PostgreSQL cannot hold."""
    return _("A text holds a NUL or half a surrogate pair; take it out.")
