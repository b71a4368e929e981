"""Where a fact about a person comes from and how old it is, in words: shown wherever it decides."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from django.utils.timesince import timesince
from django.utils.translation import gettext as _

from recipients.models import Consent, ConsentRecord, FriendStatus, Recipient, Source

_MINUTE = timedelta(minutes=1)
_IMPORTED = re.compile(r"import:(\d+) row (\d+)")

_WORDS = dict(
    pair
    for choices in (Consent, FriendStatus, ConsentRecord.Given, ConsentRecord.OptedOut)
    for pair in choices.choices
)


def word(value: str) -> str:
    """Return a value of the ledger in words: "opted_out" is "opted out"."""
    return str(_WORDS.get(value, value)).lower()


def consent(recipient: Recipient, *, at: datetime) -> str:
    """Return the LON consent with its source and age: "rejected, an API caller, 3 days ago"."""
    return _told(
        recipient.get_consent_display(), recipient.consent_source, recipient.consent_observed_at, at
    )


def friend_status(recipient: Recipient, *, at: datetime) -> str:
    """Return the friend status with its source and age: "blocked us, an event from LINE, ..."."""
    return _told(
        recipient.get_friend_status_display(),
        recipient.friend_source,
        recipient.friend_observed_at,
        at,
    )


def imported(record: ConsentRecord) -> tuple[int, int] | None:
    """Return the import's id and the file's row that a record comes from, or None."""
    found = _IMPORTED.fullmatch(record.source_reference)
    return (int(found[1]), int(found[2])) if found else None


def reference(record: ConsentRecord) -> str:
    """Return what in the source a record comes from, in words."""
    found = imported(record)
    if found:
        return _("import %(job)d, row %(row)d") % {"job": found[0], "row": found[1]}
    return record.source_reference.replace("recipient:", _("from recipient "))


def _told(value: str, source: str, observed_at: datetime | None, at: datetime) -> str:
    words = f"{value.lower()}, {Source(source).label}"
    if observed_at is None:
        return words
    if at - observed_at < _MINUTE:
        return _("%(fact)s, just now") % {"fact": words}
    return _("%(fact)s, %(age)s ago") % {"fact": words, "age": timesince(observed_at, at, depth=1)}
