"""One request to the LINE side: what it carried, and the ways LINE refuses it."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from lineportal.simulator.channels import Channel
from lineportal.simulator.faults import MESSAGES
from lineportal.simulator.files import File
from lineportal.simulator.findings import Findings, Problem
from lineportal.simulator.log import Entry
from lineportal.simulator.people import Person
from lineportal.simulator.world import World

LARGEST_BODY = 2 * 1024 * 1024  # LINE's limit of a request


class Refused(Exception):
    """LINE answers with an error."""

    def __init__(
        self,
        status: int,
        message: str = "",
        details: list[Problem] | None = None,
        *,
        headers: dict[str, str] | None = None,
        extra: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(status)
        self.status = status
        self.headers = headers or {}
        self.answer: dict[str, Any] = {"message": message or MESSAGES[status]}
        if details:
            self.answer["details"] = details
        self.answer |= extra or {}


@dataclass(slots=True, eq=False)
class Call:
    """A request that has been read."""

    world: World
    request: web.Request
    request_id: str
    at: float
    raw: bytes
    entry: Entry
    json: Any = None  # the body, where it is JSON
    channel: Channel | None = None
    person: Person | None = None

    @property
    def caller(self) -> Channel:
        """The channel whose token came with the call."""
        assert self.channel is not None, "the endpoint asks for no token"
        return self.channel

    def body(self) -> dict[str, Any]:
        """Return the JSON object in the body, or refuse."""
        content_type = self.request.content_type
        if content_type != "application/json":
            raise Refused(415, f"The content type, {content_type}, is not supported")
        if not isinstance(self.json, dict):
            raise Refused(400, "The request body could not be parsed as JSON")
        return self.json


# Gives (status, body), JSON or a file; awaited where it is a coroutine.
Answer = tuple[int, dict[str, Any] | File]
Act = Callable[[Call], "Answer | Awaitable[Answer]"]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One call that LINE offers."""

    method: str
    path: str
    act: Act
    sends: bool = False
    needs_token: bool = True
    takes_retry_key: bool = False
    rate: tuple[int, float] | None = None  # (calls, seconds); None: the channel's own rate


def parsed(raw: bytes) -> Any:
    """Return the JSON value, None where it is none."""
    try:
        return json.loads(raw) if raw else None
    except (ValueError, RecursionError):
        return None


def refuse_if_any(findings: Findings) -> None:
    """Answer 400 with LINE's list of what is wrong."""
    if findings.problems:
        number = findings.invalid_keys
        is_about_keys = number == len(findings.problems)
        raise Refused(
            400,
            f"The request body has {number} invalid key(s)."
            if is_about_keys
            else f"The request body has {len(findings.problems)} error(s)",
            findings.problems,
        )
