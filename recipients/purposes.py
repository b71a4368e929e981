"""What people give as a purpose or reason, as it may be kept for ever: without personal data."""

from __future__ import annotations

from django.utils.translation import gettext as _

from lineportal import logs
from recipients.models import Recipient

LIMIT = 200  # characters
_SHORT = 3  # letters: values this short stand in words by chance


class MissingPurpose(Exception):
    """Something was asked for that needs a purpose or reason; `field` says which is missing."""

    def __init__(self, field: str, sentence: str) -> None:
        super().__init__(sentence)
        self.field = field


def required(text: str, field: str = "purpose") -> str:
    """Return a purpose or reason without outer spaces; raises MissingPurpose without one."""
    text = " ".join(text.split())
    if not any(character.isalnum() for character in text):
        raise MissingPurpose(field, _("Say what it is for; auditors will read it."))
    return text


def without_personal_data(text: str, recipient: Recipient | None = None) -> str:
    """Return a text without numbers, LINE user ids, and what we hold of the person in it."""
    text = " ".join(text.split())
    if recipient is not None:
        values = [str(value).strip() for value in recipient.attributes.values()]
        for value in sorted(values, key=len, reverse=True):
            if len(value) >= _SHORT:
                text = text.replace(value, logs.MASK)
    return logs.masked(text)[:LIMIT]
