"""What every provider is: one file that speaks one company's wire format, in both directions.

Nothing here knows Django. A provider reports outcomes as values and never raises for what the
network or the other side does.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

import aiohttp


class Outcome(enum.StrEnum):
    """What one call told us."""

    ACCEPTED = "accepted"  # the provider took it; delivery is reported later, or never
    REFUSED = "refused"  # this recipient cannot get this message; the cause is not told
    FAULT = "fault"  # our request or account is wrong: every message like it would fail
    THROTTLED = "throttled"  # too fast, surely not sent: slow down and try again
    UNAVAILABLE = "unavailable"  # surely not sent: try again
    UNCERTAIN = "uncertain"  # maybe sent: never sent again by machine without a retry key


class FaultScope(enum.StrEnum):
    """How much a FAULT concerns, so that the right thing is stopped."""

    ACCOUNT = "account"  # token, permission or quota: every message of this road
    TEMPLATE = "template"  # every message of this template version
    MESSAGE = "message"  # this message alone


# Not frozen, like all that is made for every message: freezing makes an object slow to build.
@dataclass(slots=True)
class OutgoingMessage:
    """One message, ready for the wire.

    `address` is `+E.164` for `lon`, a LINE user id for `oa`. `body` is the approved and frozen
    drawing with its placeholders filled, as JSON text: for `lon` bubbles and `oa` a LINE message
    object, for catalogue content `{"templateKey", "body"}`, where `is_catalogue` is set.
    `reference` identifies the attempt: delivery tag for `lon`, retry key for `oa`. `unit` is the
    stable name under which LINE counts this template.
    """

    service: str  # "lon" or "oa"
    address: str
    body: str
    reference: UUID
    unit: str = ""
    is_catalogue: bool = False


@dataclass(slots=True)
class WireRequest:
    """The exact request that goes out; credentials are added when it is sent."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(slots=True)
class SendResult:
    """What one attempt gave. `detail` is the provider's own words, for operators; no secrets."""

    outcome: Outcome
    http_status: int | None = None
    request_id: str = ""
    code: str = ""
    detail: str = ""
    scope: FaultScope = FaultScope.MESSAGE
    retry_after_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Event:
    """One thing a provider told us by webhook, in our words.

    `kind`: "delivered", "follow", "unfollow" or "other"; `occurred_at` is the provider's time.
    """

    event_id: str
    kind: str
    occurred_at: datetime
    reference: UUID | None = None
    line_user_id: str = ""
    payload: Mapping[str, Any] = field(default_factory=dict)


class BadSignature(Exception):
    """The webhook body was not signed by the provider with a secret we know."""


class UnreadableWebhook(Exception):
    """The body is signed, but is not, or not all, what the provider documents.

    `readable` holds the events that could be read nevertheless.
    """

    def __init__(self, problem: str, readable: Sequence[Event] = ()) -> None:
        super().__init__(problem)
        self.readable = list(readable)


class Provider(Protocol):
    """One road's connection to one company. Built from credentials; holds no Django object."""

    name: str
    ceiling_per_second: int  # the provider's own rate limit per endpoint
    may_repeat: frozenset[str]  # services whose sends carry an idempotency key

    def wire(self, message: OutgoingMessage) -> WireRequest:
        """Return the bytes that `send` would post; preview and wire are the same."""
        ...

    async def send(
        self,
        session: aiohttp.ClientSession,
        message: OutgoingMessage,
        request: WireRequest | None = None,
    ) -> SendResult:
        """Post one message. Never raises for the network or the answer; never logs a secret.

        `request` is what `wire` made of it, where the caller has that already.
        """
        ...


class WebhookReader(Protocol):
    """The other direction: verify and read what the provider posts to us."""

    def verify(self, body: bytes, headers: Mapping[str, str], secrets: Sequence[str]) -> None:
        """Raise BadSignature unless one of the secrets signed the raw body."""
        ...

    def events(self, body: bytes) -> list[Event]:
        """Return the events of a verified body; raise UnreadableWebhook. Unknown types are kept."""
        ...
