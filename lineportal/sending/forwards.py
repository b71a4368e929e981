"""The webhooks that are to be passed on: taken by lease, told what became of each try, ended.

A bot that takes nothing is asked less and less often, one delivery at a time; what waits keeps its
order meanwhile. Each delivery is tried for 24 hours.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection, transaction

from lineportal.sending import bot_address, vouching
from lineportal.sending.models import BotAnswer, Forward, Forwarding, ForwardState
from recipients.intake import Invalid

LIFE = timedelta(hours=24)  # of a delivery's tries
LEASE = timedelta(seconds=15)  # longer than a post and the writing of its result
# Seconds before the second try, the third, ...; then four hours each time.
WAITS = (5, 15, 60, 300, 900, 1_800, 3_600, 7_200, 14_400)
FAILURES = 5  # in a row, until the bot rests
SHORTEST_REST = timedelta(seconds=2)
LONGEST_REST = timedelta(minutes=1)
DONE_KEPT = timedelta(days=7)
ENDED_KEPT = timedelta(days=30)  # given up or dropped: somebody may ask why
BATCH = 5_000  # rows

_BATCH_BYTES = 4 * 1024 * 1024  # of bodies at once, or one body


@dataclass(frozen=True, slots=True)
class Taken:
    """A delivery that its taker may post now, once."""

    pk: int
    tries: int  # this one too
    url: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Tried:
    """What became of one post."""

    pk: int
    tries: int
    answer: BotAnswer
    http_status: int | None = None


def step(forwarding_id: int, tried: Sequence[Tried], *, room: int, at: datetime) -> list[Taken]:
    """Record what became of posts, and take up to `room` deliveries that are due, oldest first.

    While the bot fails, one at a time is taken, and none while it rests.
    """
    with transaction.atomic():
        forwarding = Forwarding.objects.select_for_update(no_key=True).get(pk=forwarding_id)
        if tried:
            _record(tried, at=at)
            _note(forwarding, tried, at=at)
        if room < 1 or not forwarding.is_on or _rests(forwarding, at=at):
            return []
        try:
            bot_address.check(forwarding.url)
        except Invalid:
            _hold(forwarding, at=at)
            return []
        if forwarding.failed_in_a_row >= FAILURES:
            room = 1 if not _is_one_under_way(forwarding_id, at=at) else 0
        return _take(forwarding, room=room, at=at) if room else []


def due(*, at: datetime) -> list[int]:
    """Return the ids of the forwardings that have something to pass on now."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT id FROM sending_forwarding forwarding
            WHERE is_on AND (rests_until IS NULL OR rests_until <= %(at)s) AND EXISTS (
                SELECT FROM sending_forward
                WHERE forwarding_id = forwarding.id AND state = 'waiting' AND next_at <= %(at)s
                  AND (leased_until IS NULL OR leased_until <= %(at)s))
            """,
            {"at": at},
        )
        return [pk for (pk,) in cursor.fetchall()]


def is_on_sql(account_id: str, provider: str) -> str:
    """Return an SQL condition: webhooks of these columns' account and provider are passed on."""
    return (
        "EXISTS (SELECT 1 FROM sending_forwarding forwarding WHERE forwarding.is_on"
        f" AND forwarding.account_id = {account_id} AND forwarding.provider = {provider})"
    )


def drop(delivery_ids: Iterable[int], *, at: datetime) -> int:
    """End the waiting ones of these deliveries, whose bodies were emptied; return how many."""
    return _end("delivery_id = ANY(%(of)s)", ForwardState.DROPPED, of=list(delivery_ids), at=at)


def drop_all(forwarding_id: int, *, at: datetime) -> int:
    """End all that waits of a forwarding; return how many."""
    return _end("forwarding_id = %(of)s", ForwardState.DROPPED, of=forwarding_id, at=at)


def keep_until_passed_on(delivery_ids: Iterable[int]) -> set[int]:
    """Have bodies emptied once they are passed on; return the deliveries that wait for that."""
    waiting = Forward.objects.filter(
        delivery__in=list(delivery_ids), state=ForwardState.WAITING
    ).order_by("pk")
    ids = set(waiting.select_for_update(of=("self",)).values_list("delivery_id", flat=True))
    Forward.objects.filter(delivery__in=ids).update(then_empty=True)
    return ids


def retry(forwarding_id: int, *, at: datetime) -> int:
    """Have all that waits tried now; return how many wait."""
    waiting = Forward.objects.filter(forwarding=forwarding_id, state=ForwardState.WAITING)
    count = waiting.count()
    waiting.filter(next_at__gt=at).update(next_at=at)
    return count


def give_up(*, at: datetime) -> int:
    """End what waits for longer than 24 hours, or for a bot that is off; return how many."""
    late = _end("received_at <= %(of)s", ForwardState.GIVEN_UP, of=at - LIFE, at=at)
    off = list(Forwarding.objects.filter(is_on=False).values_list("pk", flat=True))
    return late + _end("forwarding_id = ANY(%(of)s)", ForwardState.DROPPED, of=off, at=at)


def forget_ended(*, at: datetime) -> int:
    """Delete a batch of what ended long ago; return how many rows."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            DELETE FROM sending_forward WHERE id IN (
                SELECT id FROM sending_forward
                WHERE ended_at < %(done)s AND (state = 'done' OR ended_at < %(ended)s)
                ORDER BY ended_at LIMIT %(batch)s)
            """,
            {"done": at - DONE_KEPT, "ended": at - ENDED_KEPT, "batch": BATCH},
        )
        return int(cursor.rowcount)


def _rests(forwarding: Forwarding, *, at: datetime) -> bool:
    return forwarding.rests_until is not None and forwarding.rests_until > at


def _hold(forwarding: Forwarding, *, at: datetime) -> None:
    forwarding.answer, forwarding.http_status = BotAnswer.NOT_ALLOWED, None
    forwarding.rests_until = at + LONGEST_REST
    forwarding.save(update_fields=["answer", "http_status", "rests_until"])


def _is_one_under_way(forwarding_id: int, *, at: datetime) -> bool:
    return Forward.objects.filter(
        forwarding=forwarding_id, state=ForwardState.WAITING, leased_until__gt=at
    ).exists()


def _take(forwarding: Forwarding, *, room: int, at: datetime) -> list[Taken]:
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT forward.id, forward.delivery_id, octet_length(delivery.body)
            FROM sending_forward forward
            JOIN sending_webhookdelivery delivery ON delivery.id = forward.delivery_id
            WHERE forward.forwarding_id = %(of)s AND forward.state = 'waiting'
              AND forward.next_at <= %(at)s
              AND (forward.leased_until IS NULL OR forward.leased_until <= %(at)s)
            ORDER BY forward.next_at, forward.id LIMIT %(room)s
            FOR UPDATE OF forward SKIP LOCKED
            """,
            {"of": forwarding.pk, "at": at, "room": room},
        )
        ids: list[int] = []
        emptied, size = [], 0
        for pk, delivery_id, length in cursor.fetchall():
            if not length:
                emptied.append(delivery_id)
                continue
            size += length
            if ids and size > _BATCH_BYTES:
                break
            ids.append(pk)
        if emptied:
            drop(emptied, at=at)
        cursor.execute(
            """
            UPDATE sending_forward forward SET tries = tries + 1, leased_until = %(until)s
            FROM sending_webhookdelivery delivery
            WHERE forward.id = ANY(%(ids)s) AND delivery.id = forward.delivery_id
            RETURNING forward.id, forward.next_at, forward.tries, forward.headers::text,
                      delivery.body
            """,
            {"ids": ids, "until": at + LEASE},
        )
        rows = sorted(cursor.fetchall(), key=lambda row: (row[1], row[0]))
    return [
        Taken(pk, tries, forwarding.url, vouching.headers_to_post(json.loads(headers)), bytes(body))
        for pk, _next_at, tries, headers, body in rows
    ]


def _record(tried: Sequence[Tried], *, at: datetime) -> None:
    """Write results; one of an earlier lease, which somebody else holds now, matches no row."""
    rows = [
        {"id": each.pk, "tries": each.tries, "answer": each.answer, "status": each.http_status}
        for each in tried
    ]
    with connection.cursor() as cursor:
        cursor.execute(
            """
            WITH mine AS MATERIALIZED (
                SELECT forward.id, given.answer, given.status,
                       make_interval(secs => (%(waits)s::int[])[LEAST(given.tries, %(last)s)])
                           AS wait,
                       make_interval(secs => %(life)s) AS life
                FROM json_to_recordset(%(rows)s::json)
                    AS given (id bigint, tries int, answer text, status int)
                JOIN sending_forward forward
                  ON forward.id = given.id AND forward.tries = given.tries
                WHERE forward.state = 'waiting' ORDER BY forward.id FOR UPDATE OF forward
            ), ended AS (
                UPDATE sending_forward forward SET
                    answer = mine.answer, http_status = mine.status, leased_until = NULL,
                    next_at = CASE mine.answer WHEN 'taken' THEN next_at
                                               ELSE %(at)s + mine.wait END,
                    state = CASE WHEN mine.answer = 'taken' THEN 'done'
                        WHEN %(at)s + mine.wait > received_at + mine.life THEN 'given_up'
                        ELSE 'waiting' END,
                    ended_at = CASE WHEN mine.answer = 'taken'
                        OR %(at)s + mine.wait > received_at + mine.life THEN %(at)s END
                FROM mine WHERE forward.id = mine.id
                RETURNING forward.delivery_id, forward.ended_at, forward.then_empty
            )
            UPDATE sending_webhookdelivery SET body = '' WHERE id IN (
                SELECT delivery_id FROM ended WHERE then_empty AND ended_at IS NOT NULL)
            """,
            {
                "rows": json.dumps(rows),
                "at": at,
                "life": LIFE.total_seconds(),
                "waits": list(WAITS),
                "last": len(WAITS),
            },
        )


def _note(forwarding: Forwarding, tried: Sequence[Tried], *, at: datetime) -> None:
    """Write down how the bot fares; when it takes one after a rest, what failed goes now."""
    was_resting = forwarding.failed_in_a_row >= FAILURES
    is_taken = any(each.answer == BotAnswer.TAKEN for each in tried)
    if is_taken:
        forwarding.failed_in_a_row, forwarding.failing_since = 0, None
        forwarding.rests_until, forwarding.taken_at = None, at
    else:
        forwarding.failed_in_a_row += len(tried)
        forwarding.failing_since = forwarding.failing_since or at
        if forwarding.failed_in_a_row >= FAILURES:
            rest = min(max((at - forwarding.failing_since) / 4, SHORTEST_REST), LONGEST_REST)
            forwarding.rests_until = at + rest
    last = tried[-1]
    forwarding.tried_at, forwarding.answer = at, last.answer
    forwarding.http_status = last.http_status
    forwarding.save(
        update_fields=["failed_in_a_row", "failing_since", "rests_until", "tried_at", "answer",
                       "http_status", "taken_at"]
    )  # fmt: skip
    if is_taken and was_resting:
        with connection.cursor() as cursor:
            # In the order in which they came.
            cursor.execute(
                "UPDATE sending_forward SET next_at = received_at"
                " WHERE forwarding_id = %s AND state = 'waiting' AND next_at > %s",
                [forwarding.pk, at],
            )


def _end(
    condition: str, state: ForwardState, *, of: datetime | int | list[int], at: datetime
) -> int:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            f"""
            WITH mine AS MATERIALIZED (
                SELECT id FROM sending_forward WHERE state = 'waiting' AND {condition}
                ORDER BY id FOR UPDATE
            ), ended AS (
                UPDATE sending_forward forward SET state = %(state)s, ended_at = %(at)s,
                    leased_until = NULL
                FROM mine WHERE forward.id = mine.id
                RETURNING forward.delivery_id, forward.then_empty
            ), emptied AS (
                UPDATE sending_webhookdelivery SET body = '' WHERE id IN (
                    SELECT delivery_id FROM ended WHERE then_empty)
            )
            SELECT count(*) FROM ended
            """,
            {"of": of, "state": state, "at": at},
        )
        [(count,)] = cursor.fetchall()
    return int(count)
