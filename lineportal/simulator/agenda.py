"""What the partners have still to do, and when: a list of works kept on the virtual clock."""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable
from itertools import count

Work = Callable[[float], None]  # takes the instant for which it was planned


class Agenda:
    """Works in order of time; those planned for one instant go in the order they were planned."""

    def __init__(self) -> None:
        self._works: list[tuple[float, int, Work]] = []
        self._order = count()

    @property
    def next_at(self) -> float:
        """The instant of the next work; infinity when there is none."""
        return self._works[0][0] if self._works else math.inf

    def plan(self, at: float, work: Work) -> None:
        """Have `work` done once the clock has reached `at`."""
        heapq.heappush(self._works, (at, next(self._order), work))

    def do_next(self) -> None:
        """Do the next work, which must be due."""
        at, _order, work = heapq.heappop(self._works)
        work(at)
