"""What several commands are given: an account by its slug, and credentials by name=value."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from django.contrib.auth.models import User
from django.core.management.base import CommandError, CommandParser

from lineportal.accounts.models import OfficialAccount
from lineportal.conversations.models import Conversation
from lineportal.providers import PROVIDERS
from lineportal.sending import routing


def account(slug: str) -> OfficialAccount:
    """Return the account of this slug. Raises CommandError."""
    found = OfficialAccount.objects.filter(slug=slug).first()
    if found is None:
        raise CommandError(f"There is no account “{slug}”.")
    return found


def conversation(pk: int) -> Conversation:
    """Return the conversation of this number. Raises CommandError."""
    found = Conversation.objects.filter(pk=pk).first() if 0 < pk < 2**63 else None
    if found is None:
        raise CommandError(f"There is no conversation {pk}; list_conversations shows them.")
    return found


def user(name: str) -> User:
    """Return the active user of this name. Raises CommandError."""
    found = User.objects.filter(username=name, is_active=True).first()
    if found is None:
        raise CommandError(f"There is no user “{name}” who may log in.")
    return found


def add_credentials(parser: CommandParser, words: str = "") -> None:
    """Let the command take `--credential`; `words` say what is particular to it."""
    parser.add_argument(
        "--credential",
        nargs="+",
        action="extend",
        default=[],
        metavar="NAME=VALUE",
        help="NAME=@FILE reads the value from a file, away from the shell's history;"
        f" list_providers names them{words}",
    )


def credentials(pairs: Sequence[str]) -> dict[str, str]:
    """Return the credentials by their names. Raises CommandError, which holds no value."""
    return dict(map(_pair, pairs))


def addresses(of: OfficialAccount) -> str:
    """Return a line with the webhook address for each provider of the account."""
    return "\n".join(
        f"Webhook address to enter at {PROVIDERS[name].title}: {url}"
        for name, url in routing.webhook_urls(of).items()
    )


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise CommandError("Give each credential as name=value or name=@file.")
    if value.startswith("@"):
        try:
            value = Path(value[1:]).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError, ValueError) as error:
            raise CommandError(f"The file for the credential “{name}” cannot be read.") from error
        if not value:
            raise CommandError(f"The file for the credential “{name}” is empty.")
    return name, value
