"""Typed readers of environment variables; a wrong value stops the start with one sentence.

Every variable can also be given as NAME_FILE, the path of a file that holds the value.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Sequence
from email.utils import parseaddr
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import parse_qsl, unquote, urlsplit

from cryptography.fernet import Fernet

_HOST = re.compile(
    r"\*|\.?[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_])?|\[[0-9A-Fa-f:.]+\]|[0-9A-Fa-f:]+"
)
_ADDRESS = re.compile(r"[^@\s]+@[^@\s]+")
_BAD_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")


class WrongSetting(Exception):
    """An environment variable has a value that cannot be used; the text says what to do."""


def stop(refusal: Exception) -> NoReturn:
    """End the program with the refusal's sentence on stderr and exit status 1, no traceback."""
    sys.stderr.write(f"{refusal}\n")
    raise SystemExit(1)


def text(name: str, default: str = "") -> str:
    """Return the variable's value, or that of the file NAME_FILE points to, else the default.

    A blank variable counts as unset. Raises WrongSetting when the file cannot be read.
    """
    value = os.environ.get(name, "").strip()
    path = os.environ.get(f"{name}_FILE", "").strip()
    if value and path:
        raise WrongSetting(f"{name} and {name}_FILE are both set; unset one of them.")
    if not path:
        return value or default
    try:
        held = Path(path).read_text(encoding="utf-8-sig").strip()
    except (OSError, UnicodeDecodeError, ValueError) as error:
        raise WrongSetting(f"{name}_FILE names a file that cannot be read: {path}.") from error
    if not held:
        raise WrongSetting(f"{name}_FILE names a file that is empty: {path}.")
    return held


def secret(name: str, default: str = "") -> str:
    """Return a secret like `text`, refusing one that spans lines (a wrong file, usually)."""
    value = text(name, default)
    if "\n" in value or "\r" in value:
        raise WrongSetting(f"{name} must be one line of text.")
    return value


def flag(name: str, default: bool = False) -> bool:
    """Return True for `1`, False for `0`; anything else is refused."""
    value = text(name)
    if value == "":
        return default
    if value not in ("0", "1"):
        raise WrongSetting(f"{name} must be 1 or 0.")
    return value == "1"


def whole(name: str, default: int, *, least: int, most: int) -> int:
    """Return a whole number within its limits; anything else is refused."""
    value = text(name, str(default))
    if not value.isascii() or not value.isdecimal() or not least <= int(value[:9]) <= most:
        raise WrongSetting(f"{name} must be a whole number from {least} to {most}.")
    return int(value)


def words(name: str) -> list[str]:
    """Return the comma-separated parts of the variable, without blanks."""
    return [part.strip() for part in text(name).split(",") if part.strip()]


def hosts(name: str, default: Sequence[str] = ()) -> list[str]:
    """Return host names separated by commas; a scheme, port or path is refused."""
    given = words(name)
    for host in given:
        if not _HOST.fullmatch(host):
            raise WrongSetting(
                f"{name} must hold host names separated by commas, without https:// or a port."
            )
    return given or list(default)


def keys(name: str) -> list[str]:
    """Return Fernet keys separated by commas or line ends, newest first; [] when unset."""
    given = [part.strip() for part in re.split(r"[,\n]", text(name)) if part.strip()]
    for key in given:
        try:
            Fernet(key)
        except ValueError as error:
            raise WrongSetting(
                f"{name} must be Fernet keys (32 bytes in URL-safe base64), newest first,"
                " separated by commas."
            ) from error
    return given


def database_url(name: str) -> dict[str, Any] | None:
    """Return Django's settings for a postgresql:// address, or None when the variable is unset.

    Parts are percent-decoded; a unix socket's folder is `?host=/folder` or a `%2Ffolder` host; the
    query's other words are libpq's connection parameters
    (https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING).
    """
    value = text(name)
    if not value:
        return None
    wrong = WrongSetting(
        f"{name} must look like postgresql://user:password@host:5432/name, with special characters"
        " in the password percent-encoded."
    )
    try:
        parts = urlsplit(value)
        port = parts.port
        options = (
            dict(parse_qsl(parts.query, keep_blank_values=True, strict_parsing=True))
            if (parts.query)
            else {}
        )
    except ValueError:
        raise wrong from None  # the cause would show the password
    database = unquote(parts.path[1:])
    if (
        parts.scheme not in ("postgresql", "postgres")
        or not database
        or "/" in database
        or parts.fragment
        or _BAD_PERCENT.search(value)
    ):
        raise wrong
    # Not parts.hostname: it lowers the case, and a socket's folder has one.
    host = re.sub(r":\d*$", "", parts.netloc.rpartition("@")[2])
    host = host[1:-1] if host.startswith("[") else unquote(host)
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": database,
        "USER": unquote(parts.username or options.pop("user", "")),
        "PASSWORD": unquote(parts.password or options.pop("password", "")),
        "HOST": host or options.pop("host", ""),
        "PORT": str(port or options.pop("port", "")),
        "OPTIONS": options,
    }


def mail_url(name: str) -> dict[str, Any]:
    """Return Django's mail settings for an smtp:// or smtps:// address; unset: the console's.

    smtps:// speaks TLS from the first byte (port 465), smtp:// turns to it (STARTTLS, port 587);
    `?starttls=no` leaves it out (port 25), for a relay in one's own house.
    """
    value = secret(name)
    if not value:
        return {"EMAIL_BACKEND": "django.core.mail.backends.console.EmailBackend"}
    wrong = WrongSetting(
        f"{name} must look like smtp://user:password@host:587 or smtps://user:password@host:465,"
        " with special characters in the password percent-encoded."
    )
    try:
        parts = urlsplit(value)
        port = parts.port
    except ValueError:
        raise wrong from None  # the cause would show the password
    if (
        parts.scheme not in ("smtp", "smtps")
        or not parts.hostname
        or parts.path not in ("", "/")
        or parts.fragment
        or parts.query not in ("", "starttls=no")
        or (parts.query and parts.scheme == "smtps")
        or _BAD_PERCENT.search(value)
        or bool(parts.username) != bool(parts.password)
    ):
        raise wrong
    is_tls, is_plain = parts.scheme == "smtps", bool(parts.query)
    return {
        "EMAIL_BACKEND": "django.core.mail.backends.smtp.EmailBackend",
        "EMAIL_HOST": parts.hostname,
        "EMAIL_PORT": port or (465 if is_tls else 25 if is_plain else 587),
        "EMAIL_HOST_USER": unquote(parts.username or ""),
        "EMAIL_HOST_PASSWORD": unquote(parts.password or ""),
        "EMAIL_USE_SSL": is_tls,
        "EMAIL_USE_TLS": not is_tls and not is_plain,
    }


def mail_address(name: str, default: str) -> str:
    """Return a sender such as `Portal <portal@example.com>`, or the default."""
    value = text(name, default)
    address = parseaddr(value)[1]
    if not _ADDRESS.fullmatch(address) or "\n" in value or "\r" in value:
        raise WrongSetting(f"{name} must be an e-mail address, such as portal@example.com.")
    return value


# settings.py's earlier name for it.
