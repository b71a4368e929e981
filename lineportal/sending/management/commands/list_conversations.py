from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from lineportal.conversations.models import Conversation
from lineportal.sending.management import given

MOST = 1_000


class Command(BaseCommand):
    help = "List an account's conversations, the newest first: number, state, unread, when, friend."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--account", required=True, help="the account's slug")
        parser.add_argument(
            "--state", choices=Conversation.State.values, default="", help="all when left out"
        )
        parser.add_argument("--unread", action="store_true", help="only what nobody opened yet")

    def handle(self, *, account: str, state: str, unread: bool, **options: Any) -> None:
        rows = Conversation.objects.filter(account=given.account(account))
        rows = rows.filter(last_heard_at__isnull=False).select_related("recipient", "assignee")
        if state:
            rows = rows.filter(state=state)
        if unread:
            rows = rows.filter(unread__gt=0)
        for talk in rows.order_by("-last_message_at", "-pk")[:MOST]:
            self.stdout.write(
                f"{talk.pk:<8} {talk.state:<5} {talk.unread:>3} unread"
                f"  {talk.last_message_at:%Y-%m-%d %H:%M}  {talk.recipient.friend_status:<10}"
                f"  {talk.assignee or '-'}"
            )
