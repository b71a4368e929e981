"""Faults on order: the next matching requests go wrong in a chosen way.

A fault before acceptance does no work; one after it has done the work and spoils the answer,
so that whoever sends cannot know. The simulator itself stays exact about which of both it was.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from lineportal.simulator.given import Fields, NotUsable
from lineportal.simulator.people import Person, digest, is_user_id

KINDS = (
    "status",
    "drop_after_acceptance",
    "hang_after_acceptance",
    "hang",
    "unreadable",
)
# What LINE writes; https://developers.line.biz/en/reference/messaging-api/#error-responses
MESSAGES = {
    400: "The request body has 1 error(s)",
    401: "Authentication failed due to the following reason: invalid token. Confirm that the"
    " access token in the authorization header is valid.",
    403: "Access to this API is not available for your account",
    404: "Not found",
    422: "Failed to send messages",
    429: "The API rate limit has been exceeded. Try again later.",
}
_FIELDS = frozenset(
    {
        "kind",
        "status",
        "message",
        "times",
        "path",
        "phone",
        "user_id",
        "after_acceptance",
    }
    | {"seconds"}
)


@dataclass(slots=True, eq=False)
class Fault:
    """One order of things to go wrong."""

    n: int
    kind: str
    after_acceptance: bool
    times: int  # how many requests are still to be spoilt
    path: str | None  # prefix; None: the calls that send messages
    phone: str | None
    hashed: str | None
    user_id: str | None
    status: int
    message: str
    seconds: float

    def matches(self, path: str, sends: bool, to: object, person: Person | None) -> bool:
        """Whether this request is one to spoil."""
        if not (path.startswith(self.path) if self.path else sends):
            return False
        if self.phone and to != self.hashed and (person is None or person.phone != self.phone):
            return False
        return (
            not self.user_id
            or to == self.user_id
            or (isinstance(to, list) and self.user_id in to)
            or (person is not None and person.user_id == self.user_id)
        )

    def shown(self) -> dict[str, Any]:
        """Return the fault as JSON."""
        shown: dict[str, Any] = {
            "n": self.n,
            "kind": self.kind,
            "after_acceptance": self.after_acceptance,
            "times": self.times,
            "path": self.path,
            "phone": self.phone,
            "user_id": self.user_id,
        }
        if self.kind == "status":
            shown |= {"status": self.status, "message": self.message}
        if self.kind.startswith("hang"):
            shown["seconds"] = self.seconds
        return shown


class Faults:
    """Those in force, oldest first."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []
        self._last = 0

    def add(self, value: Any) -> Fault:
        """Add the fault described by a JSON object, or raise NotUsable."""
        fields = Fields(value, "The fault", _FIELDS)
        kind = fields.choice("kind", KINDS)
        if not kind:
            raise NotUsable(f'The fault needs "kind", one of: {", ".join(KINDS)}.')
        if kind == "status" and "status" not in fields:
            raise NotUsable('A fault of kind "status" needs "status", such as 500.')
        phone, user_id = fields.text("phone") or None, fields.text("user_id") or None
        if phone and not phone.startswith("+"):
            raise NotUsable('"phone" of the fault must be E.164 with its plus sign.')
        if user_id and not is_user_id(user_id):
            raise NotUsable('"user_id" of the fault must be U and 32 hex digits in lower case.')
        status = fields.whole("status", 500, least=300, most=599)
        self._last += 1
        fault = Fault(
            n=self._last,
            kind=kind,
            after_acceptance=_comes_after(kind, fields),
            times=fields.whole("times", 1, least=1, most=10**9),
            path=fields.text("path") or None,
            phone=phone,
            hashed=digest(phone).hex() if phone else None,
            user_id=user_id,
            status=status,
            message=fields.text("message", MESSAGES.get(status, "Internal server error")),
            seconds=fields.number("seconds", 3, least=0, most=3_600),
        )
        self._faults.append(fault)
        return fault

    def take(
        self,
        path: str,
        *,
        sends: bool,
        to: object,
        person: Person | None,
        accepted: bool,
    ) -> Fault | None:
        """Return the first fault for this request, used once more; None when all is well.

        Asked twice per request: before the work, and again once the message was accepted.
        """
        for fault in self._faults:
            if fault.after_acceptance == accepted and fault.matches(path, sends, to, person):
                fault.times -= 1
                if not fault.times:
                    self._faults.remove(fault)
                return fault
        return None

    def __bool__(self) -> bool:
        return bool(self._faults)

    def shown(self) -> list[dict[str, Any]]:
        """Return the faults in force."""
        return [fault.shown() for fault in self._faults]

    def clear(self) -> None:
        """Let everything go well again."""
        self._faults.clear()


def _comes_after(kind: str, fields: Fields) -> bool:
    if kind in ("status", "unreadable"):
        return fields.flag("after_acceptance", default=kind == "unreadable")
    if "after_acceptance" in fields:
        raise NotUsable(f'"after_acceptance" does not go with the kind "{kind}".')
    return kind != "hang"
