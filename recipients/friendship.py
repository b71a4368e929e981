"""Friend status from LINE's own events, in the order of LINE's timestamps however they arrive."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import reduce
from operator import or_

from django.db import transaction
from django.db.models import Q

from lineportal.accounts.models import OfficialAccount
from recipients import consent, linking
from recipients.models import ConsentRecord, FriendStatus, Recipient, Source

STATUS_AFTER = {"follow": FriendStatus.FRIEND, "unfollow": FriendStatus.BLOCKED}


@dataclass(frozen=True, slots=True)
class Told:
    """LINE told an account that somebody did "follow" or "unfollow" (which means: blocked)."""

    account_id: int
    line_user_id: str
    event: str
    occurred_at: datetime
    event_id: str


@transaction.atomic
def apply(
    account: OfficialAccount,
    *,
    line_user_id: str,
    event: str,
    occurred_at: datetime,
    event_id: str,
    at: datetime,
) -> bool:
    """Apply one event; return whether anything changed."""
    told = Told(account.pk, line_user_id, event, occurred_at, event_id)
    return bool(apply_all([told], at=at))


@transaction.atomic
def apply_all(
    told: Iterable[Told], *, at: datetime, besides: Iterable[tuple[int, str]] = ()
) -> list[Told]:
    """Apply events of any people and accounts; return those that changed anything.

    Somebody never seen before is recorded: an unfollow may come from a stranger (LINE). `besides`
    are (account id, LINE user id) of people who did something else, recorded and locked with them.
    """
    in_order = sorted(told, key=lambda one: (one.occurred_at, one.event_id))
    keys = {(one.account_id, one.line_user_id) for one in in_order}
    people = _locked(keys.union(besides), at=at)
    numbers = _numbers_of([people[key] for key in keys])
    changed, entries = [], []
    for one in in_order:
        recipient = people[one.account_id, one.line_user_id]
        statement = consent.Statement(
            source=Source.LINE,
            observed_at=one.occurred_at,
            is_dated=True,
            told_at=at,
            reference=one.event_id,
        )
        value = STATUS_AFTER[one.event]
        decision = consent.judge(
            value,
            held=recipient.friend_status,
            held_observed_at=recipient.friend_observed_at,
            statement=statement,
        )
        # A conflict is an older follow, which does not lift a newer block.
        if decision is consent.Decision.APPLY:
            entries.append(consent.entry(recipient, consent.FRIEND, value, statement))
            consent.assign(recipient, consent.FRIEND, value, statement)
            changed.append(one)
            linked = numbers.get(recipient.pk)
            if linked and (entry := consent.stated(linked, value, statement)):
                entries.append(entry)
    ConsentRecord.objects.bulk_create(entries)
    touched = {entry.recipient_id: entry.recipient for entry in entries}
    Recipient.objects.bulk_update(touched.values(), consent.FRIEND_FIELDS)
    return changed


def _numbers_of(people: Sequence[Recipient]) -> dict[int, Recipient]:
    """Return the rows of the numbers linked to these LINE users, locked, by the user's row.

    Asked with the users locked, so that no link can be made meanwhile.
    """
    pairs = linking.open_links().filter(user_recipient__in=people)
    user_of = dict(pairs.values_list("phone_recipient", "user_recipient"))
    if not user_of:
        return {}
    rows = Recipient.objects.filter(pk__in=user_of).order_by("pk").select_for_update()
    return {user_of[row.pk]: row for row in rows}


def _locked(keys: set[tuple[int, str]], *, at: datetime) -> dict[tuple[int, str], Recipient]:
    """Return these people, locked in the order of ids; who is new is recorded first."""
    if not keys:
        return {}
    of_accounts: dict[int, list[str]] = {}
    for account_id, line_user_id in sorted(keys):
        of_accounts.setdefault(account_id, []).append(line_user_id)
    Recipient.objects.bulk_create(
        [
            Recipient(account_id=account_id, line_user_id=each, created_at=at, updated_at=at)
            for account_id, ids in of_accounts.items()
            for each in ids
        ],
        ignore_conflicts=True,
    )
    wanted = reduce(or_, (Q(account=pk, line_user_id__in=ids) for pk, ids in of_accounts.items()))
    # With the numbers linked to them, in one order: who links two people locks both.
    numbers = list(consent.numbers_of(Recipient.objects.filter(wanted).values("pk")))
    rows = Recipient.objects.filter(wanted | Q(pk__in=numbers)).order_by("pk").select_for_update()
    return {(row.account_id, row.line_user_id): row for row in rows if row.line_user_id}
