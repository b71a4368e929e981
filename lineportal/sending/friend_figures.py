"""How an account's friends grew and who blocked it, day by day, from the ledger."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from django.db import connection

from lineportal.accounts.models import OfficialAccount
from recipients.models import FriendStatus

SPANS = (30, 90, 365)  # days that pages offer
MOST_DAYS = 366
_FRIEND, _BLOCKED = FriendStatus.FRIEND.value, FriendStatus.BLOCKED.value


@dataclass(frozen=True, slots=True)
class Day:
    """One day of the account's zone; `friends` and `blockers` are those at its end."""

    day: date
    friends: int
    blockers: int
    new: int  # became friends who had not blocked
    unblocked: int  # became friends again
    blocked: int  # friends or strangers
    lost: int  # of those who blocked, the friends; strangers do so too
    left: int  # are no friends any more, without having blocked

    @property
    def net(self) -> int:
        """By how many the friends became more."""
        return self.new + self.unblocked - self.left - self.lost


@dataclass(frozen=True, slots=True)
class Figures:
    """The days asked for, oldest first, and what they come to."""

    days: tuple[Day, ...]
    friends: int
    blockers: int

    @property
    def new(self) -> int:
        return sum(day.new + day.unblocked for day in self.days)

    @property
    def blocked(self) -> int:
        return sum(day.blocked for day in self.days)

    @property
    def block_percent(self) -> float | None:
        """Of all who were ever reached as friends or blocked; None: nobody yet."""
        known = self.friends + self.blockers
        return round(100 * self.blockers / known, 1) if known else None


def of(account: OfficialAccount, *, days: int, at: datetime) -> Figures:
    """Return the last so many days of an account, today included.

    A change counts on the day when it happened at LINE, as far as that is known; what a file or a
    listing told counts on the day that it names.
    """
    zone = ZoneInfo(account.timezone)
    today = at.astimezone(zone).date()
    first = today - timedelta(days=days - 1)
    moves = _moves(account, since=first)
    held = Counter(dict(_now(account)))
    friends, blockers = held[_FRIEND], held[_BLOCKED]
    found = []
    for back in range(days):
        day = today - timedelta(days=back)
        of_day = {(old, new): n for (when, old, new), n in moves.items() if when == day}
        made = _day(day, of_day, friends=friends, blockers=blockers)
        found.append(made)
        friends -= made.net
        blockers -= made.blocked - sum(n for (old, _new), n in of_day.items() if old == _BLOCKED)
    return Figures(tuple(reversed(found)), held[_FRIEND], held[_BLOCKED])


def _day(day: date, moves: dict[tuple[str, str], int], *, friends: int, blockers: int) -> Day:
    def count(old: str | None, new: str) -> int:
        return sum(n for (was, now), n in moves.items() if now == new and old in (None, was))

    unblocked = count(_BLOCKED, _FRIEND)
    return Day(
        day=day,
        friends=friends,
        blockers=blockers,
        new=count(None, _FRIEND) - unblocked,
        unblocked=unblocked,
        blocked=count(None, _BLOCKED),
        lost=count(_FRIEND, _BLOCKED),
        left=count(_FRIEND, FriendStatus.NOT_FRIEND.value),
    )


def _now(account: OfficialAccount) -> list[tuple[str, int]]:
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT friend_status, count(*) FROM recipients_recipient
            WHERE account_id = %s AND line_user_id IS NOT NULL AND erased_at IS NULL
            GROUP BY friend_status
            """,
            [account.pk],
        )
        return list(cursor.fetchall())


def _moves(account: OfficialAccount, *, since: date) -> Counter[tuple[date, str, str]]:
    """Return how many went from one status to another on each day of the account's zone."""
    with connection.cursor() as cursor:
        # By the index `ledger_of_friends`.
        cursor.execute(
            """
            SELECT (entry.observed_at AT TIME ZONE %(zone)s)::date, entry.previous, entry.value,
                count(*)
            FROM recipients_consentrecord entry
            JOIN recipients_recipient person ON person.id = entry.recipient_id
            WHERE entry.subject = 'friend' AND entry.value <> entry.previous
              AND entry.observed_at >= (%(since)s::timestamp AT TIME ZONE %(zone)s)
              AND person.account_id = %(account)s AND person.line_user_id IS NOT NULL
              AND person.erased_at IS NULL
            GROUP BY 1, 2, 3
            """,
            {"zone": account.timezone, "since": since, "account": account.pk},
        )
        return Counter({(day, old, new): n for day, old, new, n in cursor.fetchall()})
