from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from lineportal import logs
from lineportal.sending.management import given

SHOWN = 50


class Command(BaseCommand):
    help = "Print what was said last in a conversation, oldest first; numbers and ids are masked."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("conversation", type=int, help="its number")

    def handle(self, *, conversation: int, **options: Any) -> None:
        talk = given.conversation(conversation)
        last = talk.messages.order_by("-occurred_at", "-pk")[:SHOWN]
        for message in reversed(last):
            words = message.text or message.get_kind_display()
            if message.unsent_at:
                words = "(taken back)"
            ended = f" [{message.progress}]" if message.progress else ""
            line = logs.masked(" ".join(words.split()))
            self.stdout.write(
                f"{message.occurred_at:%Y-%m-%d %H:%M} {message.speaker}: {line}{ended}"
            )
