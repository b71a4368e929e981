from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from lineportal.accounts.models import OfficialAccount
from lineportal.sending import clock
from recipients import requests
from recipients.models import SubjectRequest


class Command(BaseCommand):
    help = "List open requests of people, the most urgent first; fails when any is overdue."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--account", help="slug; without it all accounts")

    def handle(self, *, account: str | None, **options: Any) -> None:
        if account and not OfficialAccount.objects.filter(slug=account).exists():
            raise CommandError(f"There is no account “{account}”.")
        rows = SubjectRequest.objects.filter(state=requests.State.OPEN).select_related("account")
        if account:
            rows = rows.filter(account__slug=account)
        late = set(requests.overdue(rows, at=clock.now()).values_list("pk", flat=True))
        for row in rows.order_by("due_at", "pk"):
            mark = ", OVERDUE" if row.pk in late else ""
            self.stdout.write(
                f"{row.pk}: {row.kind} of recipient {row.recipient_id}, {row.account.slug},"
                f" due {row.due_at:%Y-%m-%d %H:%M} UTC{mark}"
            )
        if late:
            raise CommandError(f"{len(late)} overdue.")
