"""The drills' names, their sizes on the command line, and the table that is printed."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

NAMES = (
    "kills",
    "kill-in-flight",
    "kill-all",
    "database-restarted",
    "database-killed",
    "line-down",
    "line-slow",
    "line-silent",
    "line-500",
    "line-429",
    "line-401",
    "events-disordered",
    "events-late",
    "clock-forward",
    "clock-skewed",
)
_WIDTH = max(len(name) for name in NAMES)

HEADER = (
    f"{'drill':<{_WIDTH}} {'seconds':>7} {'sent':>7} {'accepted':>8} {'uncertain':>9}"
    f" {'doubles':>7} result\n"
)


def add_sizes(parser: argparse.ArgumentParser) -> None:
    """Add the options that the whole run and each drill share."""
    parser.add_argument("--kills", type=int, default=50, help="of the drill `kills`")
    parser.add_argument("--messages", type=int, default=20_000, help="of the drill `kills`")
    parser.add_argument("--seed", type=int, default=0, help="of every random choice")


def line(
    name: str,
    *,
    seconds: float,
    sent: int,
    accepted: int,
    uncertain: int,
    doubles: int,
    problems: Sequence[str],
    notes: Sequence[str],
) -> str:
    """Return a drill's line of the table."""
    result = f"FAIL: {'; '.join(problems)}" if problems else "PASS"
    remarks = f" ({', '.join(notes)})" if notes else ""
    return (
        f"{name:<{_WIDTH}} {seconds:>7.0f} {sent:>7} {accepted:>8} {uncertain:>9}"
        f" {doubles:>7} {result}{remarks}\n"
    )
