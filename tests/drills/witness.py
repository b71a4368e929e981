"""What the LINE side really received: the simulator's request log, read and kept by the drill."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from tests.line import Line

_PAGE = 5_000


@dataclass(frozen=True, slots=True)
class Seen:
    """One POST that would write to somebody, as the simulator logged it."""

    phone: str | None  # None: a number that nobody has
    tag: str
    accepted: bool
    status: int | None  # None: no answer was given
    body_sha256: str

    @property
    def may_have_been_sent(self) -> bool:
        """Whether a sender who got this answer, or none, must not post again."""
        return self.accepted or self.status is None or self.status >= 500


class Witness:
    """Keeps the log over restarts of the simulator; read it before each."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self._kept: list[Seen] = []  # of simulators that are gone

    def count(self) -> int:
        """Return how many requests to send this simulator has received, whatever its answer."""
        counted = self._line.call("GET", "requests/count")
        return sum(
            each["count"] for path, each in counted["by_path"].items() if path.endswith("/push")
        )

    def read(self) -> list[Seen]:
        """Return everything received so far, in the order in which it came."""
        found: list[Seen] = []
        last = 0
        while True:
            page = self._line.call("GET", f"requests?after={last}&path=/bot/pnp/push&limit={_PAGE}")
            found += [
                Seen(
                    phone=entry["phone"],
                    tag=entry["tag"] or "",
                    accepted=entry["accepted"],
                    status=entry["status"],
                    body_sha256=entry["raw_sha256"],
                )
                for entry in page
            ]
            if len(page) < _PAGE:
                return [*self._kept, *found]
            last = page[-1]["n"]

    def keep(self) -> None:
        """Read all and keep it, for the simulator is about to forget."""
        self._kept = self.read()


def by_phone(seen: Iterable[Seen]) -> dict[str | None, list[Seen]]:
    """Return the POSTs of each phone, in the order in which they came."""
    found: dict[str | None, list[Seen]] = defaultdict(list)
    for each in seen:
        found[each.phone].append(each)
    return dict(found)
