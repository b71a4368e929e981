"""What every provider can and needs, as tables for people; docs/providers/README.md holds them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from lineportal.accounts.models import Country, Service
from lineportal.providers import PROVIDERS
from lineportal.providers.base import Provider, Setting


class MissingMarks(Exception):
    """A document does not say where the tables go."""


_CONTENTS = {
    "bubble": "fields of the editor",
    "catalogue": "LINE's template keys",
    "flex": "Flex of one's own",
    "text": "text",
    "picture": "a picture with words and buttons",
}


def served() -> str:
    """Return, as Markdown, which provider serves which service in which country, and how."""
    head = (
        "Provider", "Service", *Country.values, "Templates made of", "Reports back",
        "Safe to repeat", "Messages a second",
    )  # fmt: skip
    rows = [
        _served(kind, service)
        for kind in PROVIDERS.values()
        for service in Service.values
        if service in kind.serves
    ]
    return _table(head, rows)


def settings() -> str:
    """Return, as Markdown, the credentials of each provider."""
    head = ("Provider", "Credential", "Called there", "Needed", "Secret", "Value")
    return _table(
        head, [_setting(kind, each) for kind in PROVIDERS.values() for each in kind.settings]
    )


def documented(text: str) -> str:
    """Return a document with both tables written anew between their marks."""
    for name, table in (("served", served()), ("settings", settings())):
        begin, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
        before, found, rest = text.partition(begin)
        _old, closed, after = rest.partition(end)
        if not found or not closed:
            raise MissingMarks(f"The document needs the lines {begin} and {end}.")
        text = f"{before}{begin}\n\n{table}\n\n{end}{after}"
    return text


def _served(kind: type[Provider], service: str) -> Sequence[str]:
    offer = kind.serves[service]
    return (
        f"`{kind.name}`",
        f"`{service}`",
        *(_yes(country in offer.countries) for country in Country.values),
        ", ".join(words for name, words in _CONTENTS.items() if name in offer.contents),
        _yes(offer.has_receipts),
        _yes(service in kind.may_repeat),
        f"{kind.default_rate}, at most {kind.ceiling_per_second}",
    )


def _setting(kind: type[Provider], setting: Setting) -> Sequence[str]:
    choices = f"one of {', '.join(f'`{each}`' for each in setting.choices)}."
    default = f"`{setting.default}` when left out."
    words = [setting.help, choices if setting.choices else "", default if setting.default else ""]
    return (
        f"`{kind.name}`",
        f"`{setting.name}`",
        setting.label,
        _yes(setting.is_required),
        _yes(setting.is_secret),
        " ".join(word for word in words if word),
    )


def _yes(is_so: bool) -> str:
    return "yes" if is_so else "-"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', '/') for cell in line)} |" for line in lines)
