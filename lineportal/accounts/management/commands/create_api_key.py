from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from lineportal.accounts import keys


class Command(BaseCommand):
    help = "Make an API key for a user; the key is printed once, as the last word."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("user", help="user name")
        parser.add_argument("--name", required=True, help="what the key is for")
        parser.add_argument("--scope", required=True, nargs="+", action="extend",
                            help=", ".join(keys.SCOPES))  # fmt: skip

    def handle(self, *, user: str, name: str, scope: list[str], **options: Any) -> str:
        if not 0 < len(name.strip()) <= 100:
            raise CommandError("Give the key a name of at most 100 characters.")
        owner = User.objects.filter(username=user, is_active=True).first()
        if owner is None:
            raise CommandError(f"There is no active user “{user}”; create the user first.")
        try:
            key, text = keys.create(owner, name=name, scopes=scope, at=timezone.now())
        except keys.UnknownScope as refusal:
            raise CommandError(str(refusal)) from refusal
        return f"Key “{key.name}” of {user}, shown only now: {text}"
