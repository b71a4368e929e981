"""The parts of a template's page: each a file with what it shows and the acts it adds."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.contrib.auth.models import User
from django.http import HttpRequest

from lineportal.console.base import ActForm
from templates_app.models import MessageTemplate


@dataclass(frozen=True, slots=True)
class Act:
    """One thing a person can do; `do` takes the template, `by`, `at` and the form's values.

    `is_button` False: the part links to the act itself, beside what it is about.
    """

    label: Any
    do: Callable[..., Any]
    form: type[ActForm] | None = None
    note: Any = ""
    is_button: bool = True


def _nothing(template: MessageTemplate, request: HttpRequest) -> dict[str, Any]:
    return {}


def _none(template: MessageTemplate, user: User) -> Sequence[str]:
    return ()


@dataclass(frozen=True, slots=True)
class Part:
    """`page` is included in the template's page with what `panel` returns in its context."""

    page: str
    panel: Callable[[MessageTemplate, HttpRequest], dict[str, Any]] = _nothing
    acts: Mapping[str, Act] = field(default_factory=dict)
    available: Callable[[MessageTemplate, User], Sequence[str]] = _none
