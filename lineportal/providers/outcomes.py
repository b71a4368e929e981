"""What one call to a provider told us, as values."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import timedelta

REPEAT_LIFE = timedelta(hours=23)  # LINE keeps a retry key for 24 hours


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
    # The provider's ids of the messages that it took, and what quotes the first of them.
    message_ids: tuple[str, ...] = ()
    quote_token: str = ""
