"""The webhook inbox: store first, understand later, apply each event once per account.

Stored bodies are read in batches, each a few statements however many accounts and events it has.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime

from django.db import DataError, OperationalError, connection, transaction

from lineportal.conversations import arrivals, automat, linking, opting
from lineportal.providers import PROVIDERS
from lineportal.providers.base import Event, UnreadableWebhook
from lineportal.sending import forwards, lanes, receipts, senders, taken_back
from lineportal.sending.models import WebhookDelivery
from recipients import erasure, friendship

_BATCH = 500  # deliveries
_BATCH_BYTES = 1024 * 1024  # of bodies, or one body: memory stays flat with the largest ones
_STORE = """
    INSERT INTO sending_webhookdelivery (account_id, provider, body, received_at, problem)
    VALUES (%(account)s, %(provider)s, %(body)s, %(at)s, '')
"""
_STORE_AND_PASS_ON = f"""
    WITH stored AS ({_STORE} RETURNING id), passed AS (
        INSERT INTO sending_forward (forwarding_id, delivery_id, headers, received_at, next_at)
        SELECT forwarding.id, stored.id, %(headers)s::jsonb, %(at)s, %(at)s
        FROM stored, sending_forwarding forwarding
        WHERE forwarding.account_id = %(account)s AND forwarding.provider = %(provider)s
          AND forwarding.is_on
        RETURNING forwarding_id
    )
    SELECT forwarding.id FROM passed
    JOIN sending_forwarding forwarding ON forwarding.id = passed.forwarding_id
    WHERE forwarding.rests_until IS NULL OR forwarding.rests_until <= %(at)s
"""
_COMING_BACK = frozenset({"follow", "said"})
_TOO_COMPLEX = "54"  # PostgreSQL's class "program limit exceeded": nested too deep, or too large


@dataclass(frozen=True, slots=True)
class _Stored:
    """A delivery whose row this reader has locked."""

    pk: int
    account_id: int
    provider: str
    body: bytes
    is_fetched: bool


@dataclass(frozen=True, slots=True)
class _Given:
    """An event, the delivery that brought it, and the account that it concerns."""

    stored: _Stored
    event: Event

    account_id: int

    @property
    def key(self) -> tuple[int, str]:
        return self.account_id, self.event.event_id


def store(
    account_id: int,
    *,
    provider: str,
    body: bytes,
    at: datetime,
    headers: Mapping[str, str] | None = None,
) -> None:
    """Keep a verified raw body and have a worker read it.

    With the `headers` that go with it, it is passed on too where the account has that.
    """
    given: dict[str, int | str | bytes | datetime] = {
        "account": account_id,
        "provider": provider,
        "body": body,
        "at": at,
    }
    if headers is not None:
        given["headers"] = json.dumps(dict(headers))
    forwarding_id = None
    with connection.cursor() as cursor:
        cursor.execute(_STORE if headers is None else _STORE_AND_PASS_ON, given)
        if headers is not None:
            # None of a bot that rests: who wakes it is the clock.
            forwarding_id = next((pk for (pk,) in cursor.fetchall()), None)
    transaction.on_commit(functools.partial(lanes.wake_inbox, forwarding_id))


def store_fetched(account_id: int, *, provider: str, body: bytes, at: datetime) -> None:
    """Keep a page of reports that we asked for, before anybody looks into it."""
    WebhookDelivery.objects.create(
        account_id=account_id, provider=provider, body=body, received_at=at, is_fetched=True
    )
    transaction.on_commit(lanes.wake_inbox)


def read(*, at: datetime) -> int:
    """Read stored deliveries in order; return how many. Unreadable ones are kept and flagged."""
    done = 0
    while count := _read_batch(at=at):
        done += count
    return done


def read_naming(account_id: int, names: Sequence[bytes], *, at: datetime) -> None:
    """Read what is stored unread and has one of these in it, before it is forgotten.

    Waits for a reader who has it already.
    """
    while True:
        with transaction.atomic():
            stored = _take_naming(senders.told_with(account_id), names)
            if not stored:
                return
            _read_stored(stored, at=at)


@transaction.atomic
def _read_batch(*, at: datetime) -> int:
    stored = _take()
    if stored:
        _read_stored(stored, at=at)
    return len(stored)


def _read_stored(stored: Sequence[_Stored], *, at: datetime) -> None:
    try:
        problems = _apply(stored, at=at)
    except (DataError, OperationalError, RecursionError, UnicodeError) as error:
        if not _is_of_a_body(error):
            raise
        problems = {}
        for each in stored:
            problems |= _apply_alone(each, at=at)
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE sending_webhookdelivery delivery
            SET read_at = greatest(%s, delivery.received_at), problem = given.problem
            FROM unnest(%s::bigint[], %s::text[]) AS given (id, problem)
            WHERE delivery.id = given.id
            """,
            [at, [each.pk for each in stored], [problems.get(each.pk, "") for each in stored]],
        )


def _take() -> list[_Stored]:
    """Lock and return the oldest unread deliveries that no other reader has."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT id, octet_length(body) FROM sending_webhookdelivery
            WHERE read_at IS NULL ORDER BY id LIMIT %s FOR UPDATE SKIP LOCKED
            """,
            [_BATCH],
        )
        ids: list[int] = []
        size = 0
        for pk, length in cursor.fetchall():
            size += length
            if ids and size > _BATCH_BYTES:
                break
            ids.append(pk)
        cursor.execute(
            """
            SELECT id, account_id, provider, body, is_fetched FROM sending_webhookdelivery
            WHERE id = ANY(%s) ORDER BY id
            """,
            [ids],
        )
        return [
            _Stored(pk, of, kind, bytes(body), is_fetched)
            for pk, of, kind, body, is_fetched in cursor.fetchall()
        ]


def _take_naming(account_ids: list[int], names: Sequence[bytes]) -> list[_Stored]:
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT id, account_id, provider, body, is_fetched FROM sending_webhookdelivery
            WHERE read_at IS NULL AND account_id = ANY(%s) AND EXISTS (
                SELECT FROM unnest(%s::bytea[]) AS name WHERE position(name IN body) > 0)
            ORDER BY id LIMIT 20 FOR UPDATE
            """,
            [account_ids, list(names)],
        )
        return [
            _Stored(pk, of, kind, bytes(body), is_fetched)
            for pk, of, kind, body, is_fetched in cursor.fetchall()
        ]


@transaction.atomic
def _apply(stored: Iterable[_Stored], *, at: datetime) -> dict[int, str]:
    """Apply what these deliveries say for the first time; return the problems by delivery."""
    given: dict[tuple[int, str], _Given] = {}
    problems = {}
    known = senders.Senders()
    for each in stored:
        try:
            events = PROVIDERS[each.provider].events(each.body)
        except UnreadableWebhook as problem:
            problems[each.pk] = f"signed, but not understood ({problem})"[:200]
            events = problem.readable
        for event in events:
            account_id = known.account_of(
                each.account_id,
                each.provider,
                event.sender,
                is_fetched_report=each.is_fetched and event.reference is not None,
            )
            one = _Given(each, event, account_id)
            given.setdefault(one.key, one)
    known_people = _without_the_forgotten(list(given.values()))
    fresh = _keep(known_people)
    told = [(one.account_id, one.event) for one in fresh]
    opting.hold(told)
    # People before messages, as who erases a person locks them.
    _befriend(fresh, at=at)
    arrived = arrivals.take(told, at=at)
    taken_back.empty((one.account_id, one.stored.pk, one.event) for one in known_people)
    receipts.apply(told, at=at)
    for fault in receipts.settle(told, at=at):
        lanes.stop_for_fault(**asdict(fault))
    # Last, as these write to the audit chain.
    automat.consider(arrived, at=at)
    linking.hear(arrived, at=at)
    return problems


def _apply_alone(stored: _Stored, *, at: datetime) -> dict[int, str]:
    """As `_apply`, for one of a batch in which PostgreSQL could not store something."""
    try:
        return _apply([stored], at=at)
    except (DataError, OperationalError, RecursionError, UnicodeError) as error:
        if not _is_of_a_body(error):
            raise
        kind = type(error.__cause__ or error).__name__
        return {stored.pk: f"signed, but its events cannot be stored ({kind})"[:200]}


def _is_of_a_body(error: Exception) -> bool:
    if isinstance(error, OperationalError):  # the others of its kind pass by themselves
        return (getattr(error.__cause__, "sqlstate", None) or "").startswith(_TOO_COMPLEX)
    return True


def _without_the_forgotten(given: Sequence[_Given]) -> list[_Given]:
    """Return the events, those of people who were forgotten without what names them.

    Such a person is here again only by a follow or a word of their own after that; what is older,
    or says something else, arrives late or by chance. Its body is emptied too.
    """
    named = {(one.account_id, one.event.line_user_id) for one in given}
    erased = erasure.erased_users({pair for pair in named if pair[1]})
    if not erased:
        return list(given)
    kept, bodies = {}, set()
    for one in sorted(given, key=lambda one: (one.event.occurred_at, one.event.event_id)):
        person = (one.account_id, one.event.line_user_id)
        if person in erased:
            if one.event.kind in _COMING_BACK and one.event.occurred_at > erased[person]:
                del erased[person]
            else:
                bodies.add(one.stored.pk)
                nobody = replace(one.event, line_user_id="", payload={}, said=None)
                one = replace(one, event=nobody)
        kept[one.key] = one
    # One that still goes to the company's bot is emptied after that.
    bodies -= forwards.keep_until_passed_on(bodies)
    WebhookDelivery.objects.filter(pk__in=bodies).update(body=b"")
    return [kept[one.key] for one in given]


def _keep(given: Sequence[_Given]) -> list[_Given]:
    """Store the events that their accounts have not had before; return those."""
    if not given:
        return []
    rows = [
        {
            "delivery_id": one.stored.pk,
            "account_id": one.account_id,
            "event_id": one.event.event_id,
            "kind": one.event.kind,
            "occurred_at": one.event.occurred_at.isoformat(),
            "reference": one.event.reference and str(one.event.reference),
            "line_user_id": one.event.line_user_id,
            "payload": one.event.payload,
            "effect": _effect(one.event),
        }
        # In one order over all readers, which wait here for each other's events.
        for one in sorted(given, key=lambda one: one.key)
    ]
    with connection.cursor() as cursor:
        # As one JSON text: a fourth of the time of nine arrays.
        cursor.execute(
            """
            INSERT INTO sending_webhookevent (delivery_id, account_id, event_id, kind,
                occurred_at, reference, line_user_id, payload, effect)
            SELECT * FROM json_to_recordset(%s) AS given (delivery_id bigint, account_id bigint,
                event_id text, kind text, occurred_at timestamptz, reference uuid,
                line_user_id text, payload jsonb, effect text)
            ON CONFLICT (account_id, event_id) DO NOTHING
            RETURNING account_id, event_id
            """,
            [json.dumps(rows, ensure_ascii=False)],
        )
        kept = set(cursor.fetchall())
    return [one for one in given if one.key in kept]


def _effect(event: Event) -> str:
    if event.kind in receipts.KINDS:
        return "receipt" if event.reference else "unknown tag"
    if event.kind in arrivals.KINDS and event.line_user_id:
        return "conversation"
    return "nothing new" if _is_of_a_friend(event) else "kept"


def _is_of_a_friend(event: Event) -> bool:
    return event.kind in friendship.STATUS_AFTER and bool(event.line_user_id)


def _befriend(fresh: Sequence[_Given], *, at: datetime) -> None:
    changed = friendship.apply_all(
        [
            friendship.Told(
                account_id=one.account_id,
                line_user_id=one.event.line_user_id,
                event=one.event.kind,
                occurred_at=one.event.occurred_at,
                event_id=one.event.event_id,
            )
            for one in fresh
            if _is_of_a_friend(one.event)
        ],
        at=at,
        besides=[
            (one.account_id, one.event.line_user_id)
            for one in fresh
            if one.event.kind in arrivals.TELLING and one.event.line_user_id
        ],
    )
    if changed:
        with connection.cursor() as cursor:
            cursor.execute(
                """
                UPDATE sending_webhookevent event SET effect = 'friend status'
                FROM unnest(%s::bigint[], %s::text[]) AS given (account_id, event_id)
                WHERE event.account_id = given.account_id AND event.event_id = given.event_id
                """,
                [[one.account_id for one in changed], [one.event_id for one in changed]],
            )
