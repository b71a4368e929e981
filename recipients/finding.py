"""Whom a text names: a whole phone number, a LINE user id, or a recipient's own number.

Never a part of one: who sees masked numbers only could guess the rest digit by digit.
"""

from __future__ import annotations

from django.db.models import Q

from recipients import phones, words

_LONGEST = 64  # no address is longer
_LARGEST = 2**63 - 1


def whom(text: str) -> Q:
    """Return the condition on recipients that a text from a search box names."""
    return by_address(text) | Q(pk__in=[pk for pk in [number(text)] if pk is not None])


def by_address(text: str) -> Q:
    """Return the same by phone number and LINE user id alone."""
    try:
        ids = [words.line_user_id(text)] if len(text) <= _LONGEST else []
    except words.UnreadableUserId:
        ids = []
    return Q(phone__in=numbers(text)) | Q(line_user_id__in=[each for each in ids if each])


def numbers(text: str) -> list[str]:
    """Return the phone numbers (E.164) that a text may be, as each country served reads it."""
    found = set()
    if len(text) <= _LONGEST:
        for country in phones.SERVED:
            try:
                found.add(phones.read(text, country=country).e164)
            except phones.UnreadablePhone:
                continue
    return sorted(found)


def number(text: str) -> int | None:
    """Return the number of a row that a text is; None where it is none."""
    text = text.strip()
    if not (text.isascii() and text.isdigit()) or len(text) > 19:
        return None
    return pk if (pk := int(text)) <= _LARGEST else None
