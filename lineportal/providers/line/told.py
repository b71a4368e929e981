"""What LINE's answers hold, typed; a problem is a sentence in the answer, never an exception."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from lineportal.providers import http
from lineportal.providers.base import Count
from lineportal.providers.line import answers
from lineportal.providers.line.calls import Heard, Line
from lineportal.providers.outcomes import Outcome, SendResult

_MALFORMED = (ValueError, KeyError, TypeError, AttributeError, RecursionError)
_UNREADABLE = "LINE's answer could not be read; ask again."
_LARGEST = 10**12  # of a number that LINE tells
_TEXT_LIMIT = 4000  # characters


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What LINE told. With a `problem`, a sentence, there is no answer, and `code` says which."""

    problem: str = ""
    code: str = ""
    outcome: Outcome = Outcome.ACCEPTED
    request_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile(Told):
    """A person's profile; no text of it is shown by `repr`."""

    line_user_id: str = field(default="", repr=False)
    name: str = field(default="", repr=False)
    language: str = field(default="", repr=False)
    picture_url: str = field(default="", repr=False)
    status_message: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkToken(Told):
    """A token, good once within ten minutes, by which a person ties their LINE account to ours."""

    token: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Followers(Told):
    """A page of the people who are friends; `next` blank: it was the last."""

    line_user_ids: tuple[str, ...] = field(default=(), repr=False)
    next: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class FriendCount(Told):
    """A day's counts; all None: LINE has none of that day and, if `is_final`, never will.

    `followers`: who ever added the account, also if they blocked it later or left LINE;
    `targeted_reaches`: whom a message by age, sex or region would reach; `blocks`: who blocks it.
    """

    followers: int | None = None
    targeted_reaches: int | None = None
    blocks: int | None = None
    is_final: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Quota(Told):
    """The month's messages: at most `limit` (None: any number), about `used` of them gone."""

    limit: int | None = None
    used: int = 0

    @property
    def left(self) -> int | None:
        """How many are left; None: any number."""
        return None if self.limit is None else max(self.limit - self.used, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bot(Told):
    """Who the account is at LINE; `user_id` is the `destination` of its webhooks."""

    user_id: str = ""
    basic_id: str = ""
    name: str = ""
    chat_mode: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint(Told):
    """Where LINE sends webhooks, and whether it does."""

    url: str = ""
    is_active: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Ping(Told):
    """What came of an empty webhook that LINE was asked to send; LINE's own words for it."""

    is_answered: bool = False
    http_status: int = 0
    reason: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Validated(Told):
    """Whether LINE would take these messages; if not, for each fault (what, where)."""

    is_valid: bool = False
    faults: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted(Told):
    """A day's number as one of LINE's calls tells it."""

    count: Count = field(default_factory=Count)


T = TypeVar("T", bound=Told)


def read(
    line: Line,
    call: str,
    heard: Heard | SendResult,
    kind: type[T],
    of: Callable[[dict[str, Any], str], T],
    *,
    hidden: Iterable[str] = (),
) -> T:
    """Return what was heard as `of` makes it of LINE's JSON and request id, or the problem."""
    if isinstance(heard, SendResult):
        return _without(kind, heard)
    answer = heard.answer
    if answer.status != 200:
        return _without(kind, line.result(call, heard, hidden=hidden))
    request_id = answers.id_in(answer.headers)
    try:
        return of(json.loads(answer.body or b"{}"), request_id)
    except _MALFORMED:
        return kind(problem=_UNREADABLE, code="unreadable", outcome=Outcome.UNCERTAIN,
                    request_id=request_id)  # fmt: skip


def text(value: Any) -> str:
    """Return a text that LINE told, as it can be shown. Raises TypeError where it is none."""
    if not isinstance(value, str):
        raise TypeError
    return http.printable(value)[:_TEXT_LIMIT]


def number(value: Any) -> int:
    """Return a number that LINE told. Raises ValueError where it is none, or below zero."""
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= _LARGEST:
        raise ValueError
    return value


def _without(kind: type[T], result: SendResult) -> T:
    problem = result.detail or _UNREADABLE
    return kind(problem=problem, code=result.code, outcome=result.outcome,
                request_id=result.request_id)  # fmt: skip
