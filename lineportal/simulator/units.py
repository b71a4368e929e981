"""Names of aggregation units a channel has used, by month; LINE takes 1,000 in one month.

https://developers.line.biz/en/docs/messaging-api/unit-based-statistics-aggregation/
"""

from __future__ import annotations

from collections import Counter

from lineportal.simulator.clock import month

MOST_IN_A_MONTH = 1_000


class Units:
    """The names in use, each with its number of messages."""

    def __init__(self) -> None:
        self._months: dict[str, Counter[str]] = {}

    def count(self, name: str, at: float, *, messages: int = 1) -> bool:
        """Count messages under a name; False where the month's names are used up.

        The message goes then all the same, unnamed.
        """
        names = self._months.setdefault(month(at), Counter())
        if name not in names and len(names) >= MOST_IN_A_MONTH:
            return False
        names[name] += messages
        return True

    def of_month(self, at: float) -> dict[str, int]:
        """Return this month's names, first used first, with their numbers of messages."""
        return dict(self._months.get(month(at), {}))
