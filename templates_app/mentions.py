"""Who is meant by `@username` in a text: people who may see the account, and nobody else.

Thai, Chinese and Japanese go on without a space after a name, so names are looked for from a list;
LINE's own ids begin with an @ too, and are no mention.
"""

from __future__ import annotations

from collections.abc import Iterable

from django.contrib.auth.models import User
from django.db.models import QuerySet

from lineportal.accounts import access
from templates_app.models import MessageTemplate

VIEW = "templates_app.view_messagetemplate"


def candidates(template: MessageTemplate) -> QuerySet[User]:
    """Return the people who may see the version, by name."""
    return access.people(VIEW, template.account_id)


def named_in(text: str, people: Iterable[User]) -> list[User]:
    """Return those of the people whose names stand in the text behind an @, longest name first."""
    names: dict[str, list[User]] = {}
    for person in people:
        names.setdefault(person.username.casefold(), []).append(person)
    by_length = sorted(names, key=len, reverse=True)
    found: dict[int, User] = {}
    for place, each in enumerate(text):
        if each != "@" or (place and _continues(text[place - 1])):  # an e-mail address
            continue
        rest = text[place + 1 :]
        name = next((name for name in by_length if _begins(rest, name)), None)
        if name is None:
            continue
        exact = [who for who in names[name] if rest.startswith(who.username)]
        found |= {who.pk: who for who in exact or names[name]}
    return list(found.values())


def _begins(rest: str, name: str) -> bool:
    given, after = rest[: len(name)], rest[len(name) : len(name) + 1]
    return given.casefold() == name and not _continues(after)


def _continues(character: str) -> bool:
    return character.isascii() and (character.isalnum() or character == "_")
