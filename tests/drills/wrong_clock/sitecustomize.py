"""Puts a process's clock wrong by DRILL_CLOCK_OFF_SECONDS; Python imports this by its name.

Everything that Python code can ask for the time of day is shifted; the monotonic clock is not,
as on a machine whose clock somebody set.
"""

from __future__ import annotations

import datetime as module
import os
import sys
import time
from typing import Any

_OFF = float(os.environ["DRILL_CLOCK_OFF_SECONDS"])
_right_time, _right_ns = time.time, time.time_ns
_Right = module.datetime


class _SameKind(type):
    def __instancecheck__(cls, value: Any) -> bool:
        return isinstance(value, _Right)

    def __subclasscheck__(cls, kind: type) -> bool:
        return issubclass(kind, _Right)


class _Wrong(_Right, metaclass=_SameKind):
    @classmethod
    def now(cls, tz: module.tzinfo | None = None) -> Any:
        return _Right.fromtimestamp(time.time(), tz)

    @classmethod
    def utcnow(cls) -> Any:
        return _Right.fromtimestamp(time.time(), module.UTC).replace(tzinfo=None)

    @classmethod
    def today(cls) -> Any:
        return _Right.fromtimestamp(time.time())


time.time = lambda: _right_time() + _OFF
time.time_ns = lambda: _right_ns() + int(_OFF * 10**9)
module.datetime = _Wrong  # type: ignore[misc]
sys.stderr.write(f"the clock is off by {_OFF:.0f} s\n")
