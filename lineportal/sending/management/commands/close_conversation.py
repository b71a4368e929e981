from __future__ import annotations

from typing import Any

from django.core.exceptions import PermissionDenied
from django.core.management.base import BaseCommand, CommandError, CommandParser

from lineportal.conversations import talking
from lineportal.sending import clock
from lineportal.sending.management import given


class Command(BaseCommand):
    help = "Put a conversation away as done; the customer's next word opens it again."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("conversation", type=int, help="its number")
        parser.add_argument("--by", required=True, help="user name of who closes it")

    def handle(self, *, conversation: int, by: str, **options: Any) -> None:
        talk = given.conversation(conversation)
        try:
            talking.close(talk, by=given.user(by), at=clock.now())
        except PermissionDenied as refusal:
            raise CommandError(str(refusal)) from refusal
        self.stdout.write(f"Conversation {talk.pk} is done.")
