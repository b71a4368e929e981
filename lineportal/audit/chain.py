"""Append to the audit chain, and check it.

Each entry's hash covers its content and the previous hash, so a changed, removed or inserted
entry shows at that place. Numbers run without a gap; the transaction that appends holds a lock
until it ends, so write the entry as the last step of an act.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.contrib.auth.base_user import AbstractBaseUser
from django.db import connection, models, transaction

from lineportal.audit.models import AuditEntry

START = "0" * 64  # the hash before the first entry
LOCK = 0x6C696E65  # any constant of our own; "line" in ASCII


@dataclass(frozen=True, slots=True)
class Break:
    """The first entry at which the chain does not hold."""

    number: int
    reason: str


def actor_name(by: AbstractBaseUser | None) -> str:
    """Return who acts as it is written in the chain; None is the system itself."""
    return f"user:{by.pk}" if by is not None else "system"


def write(
    action: str,
    *,
    subject: models.Model,
    by: AbstractBaseUser | None,
    at: datetime,
    account_id: int | None = None,
    **facts: Any,
) -> AuditEntry:
    """Append one entry in the caller's transaction.

    `facts` are ids, counts and digests that JSON can hold; personal data does not belong here.
    """
    if not connection.in_atomic_block:
        raise transaction.TransactionManagementError(
            "An audit entry is written in the transaction of the act it records."
        )
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
    last = AuditEntry.objects.order_by("-number").values_list("number", "hash").first()
    number, previous_hash = last or (0, START)
    entry = AuditEntry(
        number=number + 1,
        at=at.astimezone(UTC),
        actor=actor_name(by),
        action=action,
        account_id=account_id,
        subject=f"{subject._meta.model_name}:{subject.pk}",
        facts=facts,
        previous_hash=previous_hash,
    )
    entry.hash = digest(entry)
    entry.save(force_insert=True)
    return entry


def actions() -> list[str]:
    """Return the actions that were ever recorded, in order, without reading every entry."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            WITH RECURSIVE seen (action) AS (
                (SELECT action FROM audit_auditentry ORDER BY action LIMIT 1)
                UNION ALL
                SELECT (SELECT entry.action FROM audit_auditentry entry
                        WHERE entry.action > seen.action ORDER BY entry.action LIMIT 1)
                FROM seen WHERE seen.action IS NOT NULL
            )
            SELECT action FROM seen WHERE action IS NOT NULL
            """
        )
        return [action for (action,) in cursor.fetchall()]


def digest(entry: AuditEntry) -> str:
    """Return the SHA-256 (lower-case hex) over the entry's canonical JSON and previous hash."""
    canonical = json.dumps(
        content(entry), sort_keys=True, separators=(",", ":"), ensure_ascii=False
    )
    return hashlib.sha256(canonical.encode()).hexdigest()


def content(entry: AuditEntry) -> dict[str, Any]:
    """Return what an entry's hash covers, as JSON holds it."""
    return {
        "number": entry.number,
        "at": entry.at.astimezone(UTC).isoformat(timespec="microseconds"),
        "actor": entry.actor,
        "action": entry.action,
        "account_id": entry.account_id,
        "subject": entry.subject,
        "facts": entry.facts,
        "previous_hash": entry.previous_hash,
    }


def first_break(
    entries: Iterable[AuditEntry], *, number: int = 0, hash: str = START
) -> Break | None:
    """Return the first place where entries do not follow from (number, hash), or None."""
    for entry in entries:
        if entry.number != number + 1:
            return Break(number + 1, f"entry {number + 1} is missing")
        if entry.previous_hash != hash:
            return Break(entry.number, "it does not follow from the entry before it")
        if entry.hash != digest(entry):
            return Break(entry.number, "its content was changed")
        number, hash = entry.number, entry.hash
    return None
