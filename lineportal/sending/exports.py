"""A campaign as CSV: one row per message, the excluded ones with their rule; streamed."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from datetime import datetime
from typing import Any, Protocol

from lineportal.sending import overdue
from lineportal.sending.models import Campaign
from recipients import phones

COLUMNS = (
    "message", "recipient", "phone", "item", "status", "verdict", "rule", "consent",
    "friend_status", "template_version", "attempts", "queued_at", "accepted_at", "delivered_at",
    "expires_at", "overdue", "detail",
)  # fmt: skip
# What spreadsheets take for a formula; East Asian ones take the full-width forms too (OWASP, "CSV
# Injection").
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


class _Text(Protocol):
    def write(self, text: str, /) -> object: ...


class _Echo:
    def write(self, text: str) -> str:
        return text


def write(campaign: Campaign, out: _Text, *, at: datetime) -> int:
    """Write the report to a text file; return the number of messages. Phones are masked."""
    written = 0
    for line in lines(campaign, at=at):
        out.write(line)
        written += 1
    return written - 1  # the header is no message


def lines(campaign: Campaign, *, at: datetime) -> Iterator[str]:
    """Yield the CSV text line by line, the header first; memory stays flat.

    `overdue` is "yes" where a message is undelivered for longer than its template allows: LINE may
    still deliver it, so that with another channel both may arrive.
    """
    writer = csv.writer(_Echo())
    yield writer.writerow(COLUMNS)
    rows: Iterator[tuple[Any, ...]] = (
        campaign.messages.order_by("pk")
        .values_list(
            "pk", "recipient_id", "recipient__phone", "item", "status", "verdict", "rule",
            "service", "consent", "friend_status", "attempts", "queued_at", "accepted_at",
            "delivered_at", "expires_at", "detail",
        )
        .iterator(chunk_size=2_000)
    )  # fmt: skip
    version, minutes = campaign.template.version, campaign.template.overdue_minutes
    for pk, recipient, phone, *middle in rows:
        item, status, verdict, rule, service, consent, friend, attempts, *times, detail = middle
        is_overdue = overdue.is_overdue(
            service=service, status=status, queued_at=times[0], minutes=minutes, at=at
        )
        yield writer.writerow(
            [
                pk, recipient, _safe(phones.mask(phone)), _safe(item), status, verdict, rule,
                consent, friend, version, attempts, *map(_iso, times),
                "yes" if is_overdue else "", _safe(detail),
            ]
        )  # fmt: skip


def _safe(text: Any) -> str:
    """Return text that no spreadsheet takes for a formula."""
    text = str(text)
    return f"'{text}" if text.startswith(_FORMULA) else text


def _iso(moment: Any) -> str:
    return moment.isoformat() if isinstance(moment, datetime) else ""
