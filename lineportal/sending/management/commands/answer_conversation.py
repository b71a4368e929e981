from __future__ import annotations

from typing import Any

from django.core.exceptions import PermissionDenied
from django.core.management.base import BaseCommand, CommandError, CommandParser

from lineportal.conversations import talking
from lineportal.sending import clock
from lineportal.sending.management import given
from recipients.intake import Invalid


class Command(BaseCommand):
    help = "Answer a customer in the name of somebody who may; a worker sends it."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("conversation", type=int, help="its number")
        what = parser.add_mutually_exclusive_group(required=True)
        what.add_argument("--text", default="", help="what is said")
        what.add_argument("--canned", default="", help="the shortcut of a canned answer")
        parser.add_argument("--by", required=True, help="user name of who answers")

    def handle(self, *, conversation: int, text: str, canned: str, by: str, **options: Any) -> None:
        talk, user, at = given.conversation(conversation), given.user(by), clock.now()
        try:
            if canned:
                chosen = talking.canned_of(talk, canned)
                said = talking.answer_canned(talk, chosen, by=user, at=at)
            else:
                said = talking.answer(talk, text, by=user, at=at)
        except (Invalid, PermissionDenied, talking.CannotAnswer) as refusal:
            raise CommandError(str(refusal)) from refusal
        self.stdout.write(f"Answer {said.pk} waits for a worker.")
