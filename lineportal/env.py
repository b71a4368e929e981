"""Typed readers of environment variables; a wrong value stops the start with one sentence.

Every variable can also be given as NAME_FILE, the path of a file that holds the value.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit


class WrongSetting(Exception):
    """An environment variable has a value that cannot be used; the text says what to do."""


def text(name: str, default: str = "") -> str:
    """Return the variable's value, or that of the file NAME_FILE points to, else the default."""
    value = os.environ.get(name)
    if value is not None and value != "":
        return value
    path = os.environ.get(f"{name}_FILE")
    if not path:
        return default
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise WrongSetting(f"{name}_FILE names a file that cannot be read: {path}.") from error


def flag(name: str, *, default: bool) -> bool:
    """Return True for `1`, False for `0`; anything else is refused."""
    value = text(name)
    if value == "":
        return default
    if value not in ("0", "1"):
        raise WrongSetting(f"{name} must be 1 or 0.")
    return value == "1"


def words(name: str) -> list[str]:
    """Return the comma-separated parts of the variable, without blanks."""
    return [part.strip() for part in text(name).split(",") if part.strip()]


def database(name: str) -> dict[str, Any] | None:
    """Return Django's settings for a postgresql:// address, or None when the variable is unset."""
    value = text(name)
    if not value:
        return None
    wrong = WrongSetting(f"{name} must look like postgresql://user:password@host:5432/name.")
    try:
        parts = urlsplit(value)
        port = parts.port
    except ValueError as error:
        raise wrong from error
    options = dict(parse_qsl(parts.query))
    if parts.scheme not in ("postgresql", "postgres") or len(parts.path) < 2:
        raise wrong
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(parts.path[1:]),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": unquote(parts.hostname or options.pop("host", "")),
        "PORT": str(port or ""),
        "OPTIONS": options,
    }
