"""Infobip's statuses and errors of messages, and which of them stands for what became of one.

How Infobip reports what LINE answers with 422, or with silence, is not documented; so it is a
setting. https://www.infobip.com/docs/essentials/api-essentials/response-status-and-error-codes
"""

from __future__ import annotations

from typing import Any

from lineportal.simulator.given import Fields, NotUsable

GROUPS = {
    "ACCEPTED": 0,
    "PENDING": 1,
    "UNDELIVERABLE": 2,
    "DELIVERED": 3,
    "EXPIRED": 4,
    "REJECTED": 5,
}
# name: (group, id). Ids are not unique among groups, names are.
_STATUSES = {
    "PENDING_WAITING_DELIVERY": ("PENDING", 3),
    "PENDING_ENROUTE": ("PENDING", 7),
    "PENDING_ACCEPTED": ("PENDING", 26),
    "UNDELIVERABLE_REJECTED_OPERATOR": ("UNDELIVERABLE", 4),
    "UNDELIVERABLE_NOT_DELIVERED": ("UNDELIVERABLE", 9),
    "UNDELIVERABLE_NOT_SENT": ("UNDELIVERABLE", 31),
    "DELIVERED_TO_OPERATOR": ("DELIVERED", 2),
    "DELIVERED_TO_HANDSET": ("DELIVERED", 5),
    "EXPIRED_EXPIRED": ("EXPIRED", 15),
    "EXPIRED_DLR_UNKNOWN": ("EXPIRED", 29),
    "REJECTED_NETWORK": ("REJECTED", 6),
    "REJECTED_PREFIX_MISSING": ("REJECTED", 8),
    "REJECTED_DND": ("REJECTED", 10),
    "REJECTED_SOURCE": ("REJECTED", 11),
    "REJECTED_NOT_ENOUGH_CREDITS": ("REJECTED", 12),
    "REJECTED_SENDER": ("REJECTED", 13),
    "REJECTED_DESTINATION_BLOCKLISTED": ("REJECTED", 14),
    "REJECTED_PREPAID_PACKAGE_EXPIRED": ("REJECTED", 17),
    "REJECTED_DESTINATION_NOT_REGISTERED": ("REJECTED", 18),
    "REJECTED_ROUTE_NOT_AVAILABLE": ("REJECTED", 19),
    "REJECTED_FLOODING_FILTER": ("REJECTED", 20),
    "REJECTED_SYSTEM_ERROR": ("REJECTED", 21),
    "REJECTED_DUPLICATE_MESSAGE_ID": ("REJECTED", 23),
    "REJECTED_MESSAGE_TOO_LONG": ("REJECTED", 25),
    "MISSING_TO": ("REJECTED", 51),
    "REJECTED_DESTINATION": ("REJECTED", 52),
    "UNDELIVERABLE_REJECTED_PLATFORM": ("REJECTED", 100),
    "SIGNALS_BLOCKED": ("REJECTED", 87),
}
_DESCRIPTIONS = {
    "PENDING_ENROUTE": "Message sent to next instance",
    "PENDING_ACCEPTED": "Message sent to next instance",
    "DELIVERED_TO_HANDSET": "Message delivered to handset",
}
# name: (group id, group, id, permanent)
_ERRORS = {
    "NO_ERROR": (0, "OK", 0, False),
    "EC_UNKNOWN_USER": (2, "USER_ERRORS", 7002, True),
    "EC_BLOCKED_USER": (2, "USER_ERRORS", 7003, True),
    "EC_BAD_REQUEST": (2, "USER_ERRORS", 7006, True),
    "EC_TOO_MANY_REQUESTS": (2, "USER_ERRORS", 7017, False),
    "EC_PROVIDER_INTERNAL_ERROR": (2, "USER_ERRORS", 7050, False),
    "EC_PROVIDER_TIMEOUT": (2, "USER_ERRORS", 7051, False),
    "EC_PROVIDER_DR_ERROR": (2, "USER_ERRORS", 7052, True),
}
# What may become of a message, and by which (status, error) it is reported unless set otherwise.
DEFAULTS = {
    "delivered": ("DELIVERED_TO_HANDSET", "NO_ERROR"),
    "refused": ("UNDELIVERABLE_REJECTED_OPERATOR", "EC_PROVIDER_DR_ERROR"),
    "silent": ("EXPIRED_EXPIRED", "NO_ERROR"),
    # LINE takes a push for a friend and for one who blocked alike, and says no more.
    "push_seen": ("DELIVERED_TO_HANDSET", "NO_ERROR"),
    "push_unseen": ("DELIVERED_TO_HANDSET", "NO_ERROR"),
    "push_refused": ("UNDELIVERABLE_REJECTED_OPERATOR", "EC_PROVIDER_DR_ERROR"),
}

Outcome = tuple[dict[str, Any], dict[str, Any]]  # status and error as they stand in a report


def status(name: str) -> dict[str, Any]:
    """Return a status as Infobip writes it."""
    group, number = _STATUSES[name]
    return {
        "groupId": GROUPS[group],
        "groupName": group,
        "id": number,
        "name": name,
        "description": _DESCRIPTIONS.get(name, _sentence(name)),
    }


def error(name: str) -> dict[str, Any]:
    """Return an error as Infobip writes it."""
    group_id, group, number, permanent = _ERRORS[name]
    return {
        "groupId": group_id,
        "groupName": group,
        "id": number,
        "name": name,
        "description": "No Error" if name == "NO_ERROR" else _sentence(name),
        "permanent": permanent,
    }


def outcome(what: str) -> Outcome:
    """Return how Infobip reports this unless set otherwise."""
    its_status, its_error = DEFAULTS[what]
    return status(its_status), error(its_error)


def read_outcome(value: Any, what: str) -> Outcome:
    """Return the outcome given by callers of the control side, or raise NotUsable.

    Status and error are names known here, or objects that are sent as they are.
    """
    fields = Fields(value, what, ("status", "error"))
    if not fields.given("status"):
        raise NotUsable(f'{what} needs "status", such as "EXPIRED_EXPIRED".')
    its_error = fields.raw("error") if fields.given("error") else "NO_ERROR"
    return (
        _named(fields.raw("status"), "status", what, _STATUSES, status),
        _named(its_error, "error", what, _ERRORS, error),
    )


def _named(value: Any, field: str, what: str, known: Any, make: Any) -> dict[str, Any]:
    if isinstance(value, dict):
        return dict(value)
    if isinstance(value, str) and value in known:
        found: dict[str, Any] = make(value)
        return found
    raise NotUsable(
        f'"{field}" of {what} must be an object, or one of: {", ".join(sorted(known))}.'
    )


def _sentence(name: str) -> str:
    return name.replace("EC_", "").replace("_", " ").capitalize()
