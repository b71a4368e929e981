"""The verdict on a drill: our rows against what the witness saw. Plain data in, sentences out.

No sentence names a phone; messages are named by their id.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from tests.drills.witness import Seen, by_phone

# What a status claims about the LINE side: True accepted, False not accepted, None either.
CLAIMS: Mapping[str, bool | None] = {
    "accepted": True,
    "delivered": True,
    "refused": False,
    "failed": False,
    "cancelled": False,
    "skipped": False,
    "uncertain": None,
    "expired": None,
}


@dataclass(frozen=True, slots=True)
class Row:
    """One message at the end of a drill."""

    id: int
    phone: str
    status: str
    tag: str
    body_sha256: str


def doubles(seen: Sequence[Seen]) -> int:
    """Return how many phones got a POST after one that may have written to them already."""
    found = by_phone(seen)
    return sum(any(post.may_have_been_sent for post in posts[:-1]) for posts in found.values())


def problems(
    rows: Sequence[Row],
    seen: Sequence[Seen],
    *,
    people: int,
    may_be_uncertain: Collection[int],
    tallies: Mapping[str, int],
) -> list[str]:
    """Return what is wrong, a sentence each; none when the drill is passed.

    `may_be_uncertain` are the ids of messages whose POST had begun when something was killed, or
    whose answer was spoilt; `tallies` is the campaign's report by status.
    """
    found: list[str] = []

    def tell(count: int, what: str) -> None:
        if count:
            found.append(f"{count} {what}")

    posts = by_phone(seen)
    tell(doubles(seen), "people were written to again after a POST that may have been sent")
    tell(len(set(posts) - {row.phone for row in rows}), "phones got a POST without a message")
    if len(rows) != people or len({row.phone for row in rows}) != people:
        found.append(f"there are {len(rows)} messages for {people} people")
    open_ones = [row for row in rows if row.status not in CLAIMS]
    tell(len(open_ones), "messages are left queued or sending")
    for status in sorted({row.status for row in rows} & set(CLAIMS)):
        claim = CLAIMS[status]
        wrong = [
            row
            for row in rows
            if row.status == status
            and claim is not None
            and any(each.accepted for each in posts.get(row.phone, ())) is not claim
        ]
        tell(len(wrong), f"messages are {status} though the witness says otherwise")
    tell(
        sum(not _is_the_same(row, posts[row.phone]) for row in rows if row.phone in posts),
        "messages have another tag or body than what was received",
    )
    uncertain = {row.id for row in rows if row.status == "uncertain"}
    tell(
        len(uncertain - set(may_be_uncertain)),
        "messages are uncertain though their POST had not begun at a kill",
    )
    counted = Counter(row.status for row in rows)
    if {status: n for status, n in tallies.items() if n} != counted:
        found.append(f"the report says {dict(tallies)}, the rows say {dict(counted)}")
    return found


def _is_the_same(row: Row, posts: Sequence[Seen]) -> bool:
    return all(each.tag == row.tag and each.body_sha256 == row.body_sha256 for each in posts)
