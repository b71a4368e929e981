"""`consent.judge` as SQL, for a million statements at once; a test keeps the two equal."""

from __future__ import annotations

from recipients.consent import BARRED, CARE
from recipients.models import Consent

_NOT_SET = f"'{Consent.NOT_SET}'"
_BARRED = ", ".join(f"'{value}'" for value in sorted(BARRED))


def decision_sql(
    value: str,
    held: str,
    held_observed_at: str,
    observed_at: str,
    is_dated: str,
    since: str = "NULL::timestamptz",
) -> str:
    """Return SQL that is 'apply', 'keep' or 'conflict'; NULL where nothing is said.

    All arguments are SQL: the value said and the value held (text), when the held one was observed
    (NULL: only assumed), when the said one was, and whether its source gave that date. `since`: the
    person's `phone_since`, for people found by their number; for new ones, see `phone_since_sql`.
    """
    is_newer = f"({held_observed_at} IS NULL OR {observed_at} > {held_observed_at})"
    return f"""CASE
        WHEN {value} IS NULL THEN NULL
        WHEN {observed_at} < {since} THEN 'conflict'
        WHEN {value} = {held} THEN CASE WHEN {is_dated} AND {is_newer} THEN 'apply' ELSE 'keep' END
        WHEN {value} = {_NOT_SET} THEN 'conflict'
        WHEN {held_observed_at} IS NULL OR {held} = {_NOT_SET} THEN 'apply'
        WHEN {held} IN ({_BARRED})
            THEN CASE WHEN {is_dated} AND {is_newer} THEN 'apply' ELSE 'conflict' END
        WHEN NOT {is_dated} OR {is_newer} THEN 'apply'
        WHEN {observed_at} = {held_observed_at} AND {_care(value)} > {_care(held)} THEN 'apply'
        ELSE 'keep' END"""


def phone_since_sql(phone: str) -> str:
    """Return SQL for since when a number (SQL, E.164) is its owner's of now, as `consent` does.

    A new person's `phone_since` is this, and no consent observed before it is inherited.
    """
    return f"(SELECT max(phone_since) FROM recipients_recipient WHERE phone = {phone})"


def _care(value: str) -> str:
    levels = " ".join(f"WHEN '{word}' THEN {level}" for word, level in CARE.items())
    return f"(CASE {value} {levels} END)"
