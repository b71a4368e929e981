"""JSON bodies, as DRF reads them, without what PostgreSQL cannot store or Python cannot walk."""

from __future__ import annotations

from collections.abc import Mapping
from typing import IO, Any

from django.utils.translation import gettext as _
from rest_framework.exceptions import ParseError, ValidationError
from rest_framework.parsers import JSONParser


class Json(JSONParser):
    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        try:
            data = super().parse(stream, media_type, parser_context)
            _check(data)
        except RecursionError as error:
            raise ParseError from error
        return data


def _check(value: Any) -> None:
    """Raise ValidationError for NUL characters and halves of surrogate pairs, in names too."""
    if isinstance(value, str):
        if "\x00" in value or any("\ud800" <= character <= "\udfff" for character in value):
            raise ValidationError(
                {"body": _("A text holds characters that cannot be stored; take them out.")}
            )
    elif isinstance(value, dict):
        for name, inner in value.items():
            _check(name)
            _check(inner)
    elif isinstance(value, list):
        for inner in value:
            _check(inner)
