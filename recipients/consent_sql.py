"""`consent.judge` as SQL, for a million statements at once; a test keeps the two equal."""

from __future__ import annotations

from recipients.consent import BARRED, CARE
from recipients.models import Consent

_NOT_SET = f"'{Consent.NOT_SET}'"
_BARRED = ", ".join(f"'{value}'" for value in sorted(BARRED))


def decision_sql(
    value: str, held: str, held_observed_at: str, observed_at: str, is_dated: str
) -> str:
    """Return SQL that is 'apply', 'keep' or 'conflict'; NULL where nothing is said.

    All arguments are SQL: the value said and the value held (text), when the held one was observed
    (NULL: only assumed), when the said one was, and whether its source gave that date.
    """
    is_newer = f"({held_observed_at} IS NULL OR {observed_at} > {held_observed_at})"
    return f"""CASE
        WHEN {value} IS NULL THEN NULL
        WHEN {value} = {held} THEN CASE WHEN {is_dated} AND {is_newer} THEN 'apply' ELSE 'keep' END
        WHEN {value} = {_NOT_SET} THEN 'conflict'
        WHEN {held_observed_at} IS NULL OR {held} = {_NOT_SET} THEN 'apply'
        WHEN {held} IN ({_BARRED})
            THEN CASE WHEN {is_dated} AND {is_newer} THEN 'apply' ELSE 'conflict' END
        WHEN NOT {is_dated} OR {is_newer} THEN 'apply'
        WHEN {observed_at} = {held_observed_at} AND {_care(value)} > {_care(held)} THEN 'apply'
        ELSE 'keep' END"""


def _care(value: str) -> str:
    levels = " ".join(f"WHEN '{word}' THEN {level}" for word, level in CARE.items())
    return f"(CASE {value} {levels} END)"
