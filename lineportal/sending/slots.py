"""The slots that a process holds on one road, by its own clock; a slot that has passed is lost.

So a late process never posts at a time that belongs to another, and the road's rate holds over
all of them together.
"""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

GRACE_SECONDS = 0.03  # a post may come this much after its slot


@dataclass(slots=True)
class Run:
    """Slots in a row: `count` of them, `step` seconds apart; `first` is monotonic."""

    first: float
    step: float
    count: int
    used: int = 0

    @property
    def left(self) -> int:
        return self.count - self.used

    def lose_passed(self, now: float) -> None:
        passed = math.ceil((now - GRACE_SECONDS - self.first) / self.step)
        self.used = max(self.used, min(passed, self.count))

    def moment(self, ahead: int) -> float:
        return self.first + (self.used + ahead) * self.step


class HeldSlots:
    """Slots in the order in which they were reserved.

    `renew` reserves up to so many more; it waits until the road has some, or returns None while
    the road is held back for long.
    """

    def __init__(
        self, clock: Callable[[], float], renew: Callable[[int], Awaitable[Run | None]]
    ) -> None:
        self._clock = clock
        self._renew = renew
        self._runs: deque[Run] = deque()
        self._order = asyncio.Lock()

    def clear(self) -> None:
        """Let go of what is held: it was reserved at another pace."""
        self._runs.clear()

    async def next_at(self, ahead: int, wanted: int) -> float | None:
        """Return when the slot after the next `ahead` ones comes; reserve `wanted` if none does.

        None: the road is held back.
        """
        async with self._order:
            while True:
                passed_by = ahead
                for run in self._runs:
                    run.lose_passed(self._clock())
                    if passed_by < run.left:
                        return run.moment(passed_by)
                    passed_by -= run.left
                if not await self._add(wanted):
                    return None

    async def take(self, count: int) -> list[float]:
        """Use up the next `count` slots; return their moments. Lost ones are reserved anew.

        They are fewer if the road is held back.
        """
        moments: list[float] = []
        async with self._order:
            while (wanted := count - len(moments)) > 0:
                if not self._runs and not await self._add(wanted):
                    break
                run = self._runs[0]
                run.lose_passed(self._clock())
                n = min(wanted, run.left)
                moments += [run.moment(i) for i in range(n)]
                run.used += n
                if not run.left:
                    self._runs.popleft()
        return moments

    async def _add(self, wanted: int) -> bool:
        run = await self._renew(wanted)
        if run is not None:
            self._runs.append(run)
        return run is not None
