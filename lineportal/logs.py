"""How lineportal logs: one event per line, and never a phone number or a secret in it.

The one thing to know: a filter on every handler masks message, arguments, exception and stack
before anything is written. When in doubt it masks: a long id lost costs less than a phone kept.
"""

from __future__ import annotations

import json
import logging
import re
from datetime import UTC, datetime
from typing import Any

MASK = "***"

# Names of secrets as they stand in addresses, forms, headers, JSON and Python's reprs.
_SECRET = re.compile(
    r"""(?isx)
    ( (?: secret | token | passw(?:or)?d | api[_-]?key | authorization )
      [\w.-]{0,40} \\? ["']? \s{0,3} [=:] \s{0,3} (?: (?: bearer | basic ) \s+ )? )
    (?: b? " (?: \\. | [^"\\] )* (?: " | $ ) | b? ' (?: \\. | [^'\\] )* (?: ' | $ ) | \S+ )"""
)
_BEARER = re.compile(r"(?i)\b(bearer|basic)(\s+)[\w.~+/=-]{6,}")
_ADDRESS_PASSWORD = re.compile(r"://([^\s/:@]{0,200}):[^\s/]{1,500}@")
_USER_ID = re.compile(r"(?i)U[0-9a-f]{32,}")
# What is digits but nobody's number comes first and stays; the last alternative is masked.
_NUMBER = re.compile(
    r"""(?ix)
    (?P<kept> [0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}      # UUID
      | \b [0-9a-f]{64} \b                                       # SHA-256
      | \b [0-9]{4}-[01][0-9]-[0-3][0-9] [ ] [0-2][0-9](?=:)     # date and time
      | \b (?<![.]) [0-9]{1,3}(?:\.[0-9]{1,3}){3} \b (?![.-]) )  # IP address
    | [+(]* \d (?: [ \t\u00a0()./\u2010-\u2015-]{0,3} \d ){8,}"""
)


def masked(text: str) -> str:
    """Return the text without phone numbers, LINE user ids, bearer tokens and named secrets.

    A phone number is nine digits or more of any script, joined by at most three separators.
    """
    text = _ADDRESS_PASSWORD.sub(rf"://\1:{MASK}@", text)
    text = _SECRET.sub(rf"\g<1>{MASK}", text)
    text = _BEARER.sub(rf"\g<1>\g<2>{MASK}", text)
    text = _USER_ID.sub(f"U{MASK}", text)
    return _NUMBER.sub(lambda found: found["kept"] or MASK, text)


class Masking(logging.Filter):
    """Replaces what a record says by masked text; never drops a record, never raises."""

    def filter(self, record: logging.LogRecord) -> bool:
        try:
            said = record.getMessage()
        except Exception:  # noqa: BLE001 - any `__str__` may run here; the caller must not suffer
            said = f"{record.msg!r} could not be put together with its arguments"
        record.msg, record.args = masked(said), ()
        if record.exc_info and not record.exc_text:
            record.exc_text = logging.Formatter().formatException(record.exc_info)
        if record.exc_text:
            record.exc_text = masked(record.exc_text)  # formatters prefer it to exc_info
        if record.stack_info:
            record.stack_info = masked(record.stack_info)
        return True


class JsonLines(logging.Formatter):
    """One JSON object per line: at (UTC), level, logger, event and, if any, trace and stack."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": record.getMessage(),
        }
        if record.exc_info or record.exc_text:
            line["trace"] = record.exc_text or self.formatException(record.exc_info or ())  # type: ignore[arg-type]
        if record.stack_info:
            line["stack"] = record.stack_info
        return json.dumps(line, ensure_ascii=False)


def configuration(*, debug: bool) -> dict[str, Any]:
    """Return Django's LOGGING: readable lines when debugging, JSON lines otherwise; to stderr."""
    lines: dict[str, Any] = {"()": JsonLines}
    if debug:
        lines = {"format": "{asctime} {levelname:.1} {name}: {message}", "style": "{"}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "filters": {"masking": {"()": Masking}},
        "formatters": {"lines": lines},
        "handlers": {
            "stderr": {
                "class": "logging.StreamHandler",
                "formatter": "lines",
                "filters": ["masking"],
            }
        },
        "root": {"handlers": ["stderr"], "level": "INFO"},
        "loggers": {
            # Django gives these two handlers of its own, which mask nothing; naming them here
            # without handlers takes those away.
            "django": {"level": "INFO", "propagate": True},
            "django.server": {"level": "INFO", "propagate": True},
            "django.request": {"level": "ERROR"},
            "procrastinate": {"level": "WARNING"},
            "aiohttp.access": {"level": "WARNING"},
        },
    }
