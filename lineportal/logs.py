"""How lineportal logs: one event per line, and never a phone number or a secret in it.

The one thing to know: a filter on every handler turns each record into masked text before it is
written, so that arguments, exceptions and stack traces cannot carry anything past it.
"""

from __future__ import annotations

import json
import logging
import re
from datetime import UTC, datetime
from typing import Any

MASK = "***"

# Names of secrets as they appear in addresses, forms, JSON, Python's reprs and headers.
_SECRET = re.compile(
    r"""(?ix)
    (?P<name> [\w.-]* (?: secret | token | password | passwd | api[_-]?key | authorization ) [\w.-]*
        ["']? \s* [=:] \s* )
    (?: (?: bearer | basic ) \s+ )?
    (?P<value> "(?:\\.|[^"\\])*" | '(?:\\.|[^'\\])*' | [^\s"',;&)}\]]+ )"""
)
_BEARER = re.compile(r"(?i)\b(bearer|basic)(\s+)(?=[\w.~+/=-]*[\w])[\w.~+/=-]{6,}")
_URL_PASSWORD = re.compile(r"(?<=://)([^\s/:@]*):[^\s/@]+@")
_USER_ID = re.compile(r"(?i)(?<![0-9a-z])U[0-9a-f]{32}(?![0-9a-f])")
# Nine digits or more, joined by at most two spaces or the like, and no part of a longer word: a
# UUID, a digest or a decimal fraction keeps its digits.
_NUMBER = re.compile(
    r"(?<![\w.-])(?<!\w[:/])(?:\+|%2B|\()?\d(?:[ \u00a0().\u2010-\u2015-]{0,2}\d){8,}(?![\w-])"
)
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}(?: \d{1,2})?|\d{1,3}(?:\.\d{1,3}){3}")


def masked(text: str) -> str:
    """Return the text without phone numbers, LINE user ids, bearer tokens and named secrets."""
    text = _URL_PASSWORD.sub(rf"\1:{MASK}@", text)
    text = _SECRET.sub(rf"\g<name>{MASK}", text)
    text = _BEARER.sub(rf"\1\2{MASK}", text)
    text = _USER_ID.sub(f"U{MASK}", text)
    return _NUMBER.sub(_masked_number, text)
