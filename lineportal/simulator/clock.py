"""A virtual clock: it runs with real time, from wherever it was last set."""

from __future__ import annotations

import time
from datetime import UTC, datetime


class Clock:
    def __init__(self) -> None:
        self._ahead = 0.0  # seconds

    def now(self) -> float:
        """Return the virtual time in seconds since 1970."""
        return time.time() + self._ahead

    def set(self, moment: float) -> None:
        """Let the clock run on from a moment that is not in its past."""
        self._ahead = max(self._ahead, moment - time.time())

    def iso(self) -> str:
        return datetime.fromtimestamp(self.now(), UTC).isoformat()
