"""How lineportal logs: one event per line, and never a phone number or a secret in it."""

from __future__ import annotations

import json
import logging
import re
from datetime import UTC, datetime
from typing import Any

_PHONE = re.compile(r"(?<![\w-])\+?\d(?:[ ()-]?\d){8,14}(?![\w-])")
_USER_ID = re.compile(r"\bU[0-9a-f]{32}\b")
_SECRET = re.compile(
    r"(?i)\b(bearer\s+|(?:client_|channel_)?(?:secret|token|password|api_key)[\"']?\s*[=:]\s*[\"']?)"
    r"[^\s\"',;&]+"
)


def masked(text: str) -> str:
    """Return the text without phone numbers, LINE user ids and what follows secret-like names."""
    text = _SECRET.sub(r"\1***", text)
    text = _USER_ID.sub("U***", text)
    return _PHONE.sub("***", text)


class _Masked(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return masked(super().format(record))


class _Json(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": masked(record.getMessage()),
        }
        if record.exc_info:
            line["trace"] = masked(self.formatException(record.exc_info))
        return json.dumps(line, ensure_ascii=False)


def configuration(*, debug: bool) -> dict[str, Any]:
    """Return Django's LOGGING: readable lines when debugging, JSON lines otherwise."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "lines": {
                "()": _Masked if debug else _Json,
                **({"format": "{levelname:.1} {name}: {message}", "style": "{"} if debug else {}),
            }
        },
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "lines"}},
        "root": {"handlers": ["stderr"], "level": "INFO"},
        "loggers": {
            "django.request": {"level": "ERROR"},
            "procrastinate": {"level": "WARNING"},
            "aiohttp.access": {"level": "WARNING"},
        },
    }
