from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from lineportal.audit import chain
from lineportal.audit.models import AuditEntry


class Command(BaseCommand):
    help = "Check the audit chain from its first entry; exit 1 names the first bad one."

    def handle(self, **options: Any) -> str:
        entries = AuditEntry.objects.order_by("number")
        found = chain.first_break(entries.iterator(chunk_size=5_000))
        if found:
            raise CommandError(f"Entry {found.number} breaks the chain: {found.reason}.")
        head = entries.last()
        if head is None:
            return "The audit chain is empty."
        return f"{head.number} entries hold. Head {head.number}: {head.hash}"
