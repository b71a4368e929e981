"""Precision and recall of the wording rules on the labelled texts: `make lint-quality`.

Prints counts only, never a text: half of the set is held out, and rules written from it would
measure nothing.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from templates_app.findings import wording

TEXTS = Path(__file__).parent / "texts"
FILES = ("development", "development_2", "development_3", "held_out", "unseen")
LANGUAGES = ("en", "th", "zh-Hant", "ja")
_Z = 1.959964  # 95 %


@dataclass(frozen=True, slots=True)
class Quality:
    """Counts of one language in one file."""

    language: str
    hits: int  # promotional and blocked
    misses: int  # promotional, not blocked
    false_alarms: int  # not promotional, blocked
    passes: int

    @property
    def n(self) -> int:
        return self.hits + self.misses + self.false_alarms + self.passes

    @property
    def recall(self) -> float:
        return self.hits / (self.hits + self.misses)

    @property
    def precision(self) -> float:
        return self.hits / (self.hits + self.false_alarms)


def measure(file: str) -> list[Quality]:
    """Return the quality per language on `texts/<file>.jsonl`; nothing if there is no such file."""
    path = TEXTS / f"{file}.jsonl"
    if not path.exists():
        return []
    rows = [json.loads(line) for line in path.read_text("utf-8").splitlines() if line.strip()]
    found = []
    for language in LANGUAGES:
        judged = [
            (row["promotional"], bool(wording.judge(row["text"], language)))
            for row in rows
            if row["language"] == language
        ]
        if judged:
            found.append(
                Quality(
                    language,
                    judged.count((True, True)),
                    judged.count((True, False)),
                    judged.count((False, True)),
                    judged.count((False, False)),
                )
            )
    return found


def interval(successes: int, n: int) -> tuple[float, float]:
    """Return Wilson's 95 % interval of a share."""
    if not n:
        return 0.0, 1.0
    share = successes / n
    middle = (share + _Z**2 / (2 * n)) / (1 + _Z**2 / n)
    half = _Z / (1 + _Z**2 / n) * math.sqrt(share * (1 - share) / n + _Z**2 / (4 * n**2))
    return max(0.0, middle - half), min(1.0, middle + half)


def lines() -> Iterator[str]:
    """Yield the report: one line per file and language."""
    yield f"{'file':<12} {'language':<9} {'n':>4} {'blocked':>8}  precision            recall"
    for file in FILES:
        for each in measure(file):
            blocked = each.hits + each.false_alarms
            precision = _share(each.hits, blocked)
            recall = _share(each.hits, each.hits + each.misses)
            yield (
                f"{file:<12} {each.language:<9} {each.n:>4} {blocked:>8}  {precision:<20} {recall}"
            )


def _share(successes: int, n: int) -> str:
    low, high = interval(successes, n)
    return f"{successes / n if n else 0:.3f} ({low:.3f}-{high:.3f})"


if __name__ == "__main__":
    for line in lines():
        print(line)
