"""What Infobip's statuses and errors mean, keyed on the group's name and the status' name.

Ids are not unique between groups and families. A name that is not in the table means what its
group means; a group that nobody documents is kept as "other" and settles nothing.
https://www.infobip.com/docs/essentials/response-status-and-error-codes
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lineportal.providers import http
from lineportal.providers.outcomes import FaultScope, Outcome

_NAME_LIMIT = 100
_NAME = re.compile("[A-Z]+(_[A-Z]+){0,9}")


@dataclass(frozen=True, slots=True)
class Meaning:
    """What became of a message: an Event's `kind`, and whom a "failed" concerns."""

    kind: str
    scope: FaultScope = FaultScope.MESSAGE


@dataclass(frozen=True, slots=True)
class Reading:
    """A status as told: its meaning, its name, and Infobip's words about it, masked."""

    meaning: Meaning
    code: str
    detail: str

    @property
    def outcome(self) -> Outcome:
        """What it means in the answer to a send."""
        return _OUTCOMES[self.meaning.kind]


_OUTCOMES = {
    "accepted": Outcome.ACCEPTED,
    "delivered": Outcome.ACCEPTED,
    "refused": Outcome.REFUSED,
    "failed": Outcome.FAULT,
    "expired": Outcome.UNCERTAIN,  # it had gone on its way
    "other": Outcome.UNCERTAIN,
}
ACCEPTED = Meaning("accepted")
DELIVERED = Meaning("delivered")
REFUSED = Meaning("refused")
EXPIRED = Meaning("expired")
ACCOUNT = Meaning("failed", FaultScope.ACCOUNT)
TEMPLATE = Meaning("failed", FaultScope.TEMPLATE)
MESSAGE = Meaning("failed", FaultScope.MESSAGE)
UNKNOWN = Meaning("other")

# By group: what names that are not in the table mean.
GROUPS = {
    "OK": ACCEPTED,
    "ACCEPTED": ACCEPTED,  # group 0 in the specifications of LINE
    "PENDING": ACCEPTED,
    "UNDELIVERABLE": REFUSED,
    "DELIVERED": ACCEPTED,  # handed on at least; only one name says that it arrived
    "EXPIRED": EXPIRED,
    "REJECTED": MESSAGE,
}
_GROUP_IDS = {
    "0": "ACCEPTED", "1": "PENDING", "2": "UNDELIVERABLE", "3": "DELIVERED", "4": "EXPIRED",
    "5": "REJECTED",
}  # fmt: skip
NAMES = {
    ("DELIVERED", "DELIVERED_TO_HANDSET"): DELIVERED,
    ("DELIVERED", "DELIVERED_TO_OPERATOR"): ACCEPTED,
    # The number, or the person's own wish.
    ("REJECTED", "REJECTED_NETWORK"): REFUSED,
    ("REJECTED", "REJECTED_PREFIX_MISSING"): REFUSED,
    ("REJECTED", "REJECTED_DESTINATION"): REFUSED,
    ("REJECTED", "REJECTED_DND"): REFUSED,
    ("REJECTED", "REJECTED_DESTINATION_BLOCKLISTED"): REFUSED,
    # Our sender, credit or set-up: every other message fares alike.
    ("REJECTED", "REJECTED_SOURCE"): ACCOUNT,
    ("REJECTED", "REJECTED_SENDER"): ACCOUNT,
    ("REJECTED", "REJECTED_NOT_ENOUGH_CREDITS"): ACCOUNT,
    ("REJECTED", "REJECTED_PREPAID_PACKAGE_EXPIRED"): ACCOUNT,
    ("REJECTED", "REJECTED_DESTINATION_NOT_REGISTERED"): ACCOUNT,  # still limited to a test number
    ("REJECTED", "REJECTED_ROUTE_NOT_AVAILABLE"): ACCOUNT,
    # What is said.
    ("REJECTED", "REJECTED_INVALID_UDH"): TEMPLATE,
    ("REJECTED", "REJECTED_MESSAGE_TOO_LONG"): TEMPLATE,
    # This message, this time.
    ("REJECTED", "MISSING_TO"): MESSAGE,
    ("REJECTED", "REJECTED_FLOODING_FILTER"): MESSAGE,
    ("REJECTED", "REJECTED_SYSTEM_ERROR"): MESSAGE,
    ("REJECTED", "UNDELIVERABLE_REJECTED_PLATFORM"): MESSAGE,
    ("REJECTED", "SIGNALS_BLOCKED"): MESSAGE,
    # Our own id came before, so the message is Infobip's already.
    ("REJECTED", "REJECTED_DUPLICATE_MESSAGE_ID"): ACCEPTED,
}
# The "chat" family of errors. That LINE's are among them is not documented: texts speak of other
# channels. They say more than a group that only knows "not delivered".
ERRORS = {
    "EC_UNKNOWN_USER": REFUSED,
    "EC_BLOCKED_USER": REFUSED,
    "EC_TEMPLATE_BLOCKED_BY_USER": REFUSED,
    "EC_PHONE_MATCHING_DISABLED": REFUSED,
    "EC_UNAUTHORIZED_ACCESS": ACCOUNT,
    "EC_FORBIDDEN_ACCESS": ACCOUNT,
    "EC_ILLEGAL_TRAFFIC_TYPE": ACCOUNT,
    "EC_ACCOUNT_ISSUE": ACCOUNT,
    "EC_SENDER_NOT_REGISTERED": ACCOUNT,
    "EC_CONFIGURATION_ERROR": ACCOUNT,
    "EC_DEPLOYMENT_CONFIGURATION_ERROR": ACCOUNT,
    "EC_SERVICE_NOT_ACTIVATED": ACCOUNT,
    "EC_INVALID_TEMPLATE": TEMPLATE,
    "EC_BLOCKED_CONTENT": TEMPLATE,
    "EC_BAD_REQUEST": MESSAGE,
    "EC_INVALID_TEMPLATE_ARGS": MESSAGE,
    "EC_SPAM_RATE": MESSAGE,
    "EC_TOO_MANY_REQUESTS": MESSAGE,
    "EC_NOT_ALLOWED_SENDING_TIME": MESSAGE,
    # It may have reached the person all the same.
    "EC_PROVIDER_INTERNAL_ERROR": EXPIRED,
    "EC_PROVIDER_TIMEOUT": EXPIRED,
    "EC_DUPLICATE_REQUEST": ACCEPTED,
}
_REFINED = frozenset({"UNDELIVERABLE", "REJECTED"})  # groups of which an error says more


def read(status: Any, error: Any = None, *, hidden: tuple[str, ...] = ()) -> Reading:
    """Return what a status object and its error object say; anything is read, and never raises."""
    told = status if isinstance(status, Mapping) else {}
    fault = error if isinstance(error, Mapping) else {}
    name, group, error_name = _word(told.get("name")), _group(told), _word(fault.get("name"))
    meaning = NAMES.get((group, name)) or GROUPS.get(group, UNKNOWN)
    if group in _REFINED and meaning is GROUPS[group]:
        meaning = ERRORS.get(error_name, meaning)
    words = http.masked(_text(told.get("description")), hidden=hidden)
    if error_name and error_name != "NO_ERROR":
        lasting = "permanent" if fault.get("permanent") is True else "may pass"
        reason = http.masked(_text(fault.get("description")), hidden=hidden)
        words = f"{_shown(error_name, hidden)} ({lasting}): {reason}"[: http.DETAIL_LIMIT]
    return Reading(meaning, _shown(name or group or _word(told.get("groupName")), hidden), words)


def _shown(name: str, hidden: tuple[str, ...]) -> str:
    """Return a name as it may be shown; the long ones would pass for secrets otherwise."""
    return name if _NAME.fullmatch(name) else http.masked(name, hidden=hidden)[:_NAME_LIMIT]


def _group(status: Mapping[str, Any]) -> str:
    name = _word(status.get("groupName"))
    return name if name in GROUPS else _GROUP_IDS.get(_text(status.get("groupId")), "")


def _word(value: Any) -> str:
    return value.strip().upper() if isinstance(value, str) else ""


def _text(value: Any) -> str:
    return str(value) if isinstance(value, str | int) else ""
