"""Claim, begin, record: every statement by which sending moves a message.

A claim is a token and leases on rows that stay `queued`; a slice becomes `sending` just before
its POST; results are written in one statement. Instants come from PostgreSQL's clock.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import reduce
from operator import or_
from typing import Any
from uuid import UUID, uuid4

from django.db import connection, transaction
from django.db.models import Exists, OuterRef, Q
from django.utils.translation import gettext as _

from lineportal.accounts.models import Road
from lineportal.providers import PROVIDERS
from lineportal.providers.base import Outcome, SendResult
from lineportal.providers.outcomes import REPEAT_LIFE
from lineportal.sending import due, pacing, quota, stops
from lineportal.sending.due import LEASE, Claimed
from lineportal.sending.models import Lease, Message, Stroke
from lineportal.sending.statuses import SOURCES, Status
from templates_app import way_out

CLAIM = 1_000  # messages at most
DELIVERY_LIFE = timedelta(hours=24)  # after that silence means: not delivered
STROKE_LIFE = timedelta(minutes=10)
_BACKOFF = [1, 2, 5, 10, 30, 60]  # seconds before try 2, 3, ...

# What one attempt's outcome makes of a message that cannot be repeated under a retry key.
STATUS_AFTER = {
    Outcome.ACCEPTED: Status.ACCEPTED,
    Outcome.REFUSED: Status.REFUSED,
    Outcome.FAULT: Status.FAILED,
    Outcome.THROTTLED: Status.QUEUED,
    Outcome.UNAVAILABLE: Status.QUEUED,
    Outcome.UNCERTAIN: Status.UNCERTAIN,
}


@dataclass(frozen=True, slots=True)
class Claim:
    """What a worker holds; `taken` counts the due rows, the excluded and late ones too."""

    token: UUID
    messages: list[Claimed]
    rate_per_second: float = 1.0  # of the road now
    taken: int = 0
    wait_seconds: float = 0.0  # until the road has slots again


@dataclass(slots=True)
class Sent:
    """The result of one attempt, to be recorded."""

    message: Claimed
    result: SendResult


_IS_REPEATABLE = Exists(
    Road.objects.filter(
        reduce(
            or_,
            (
                Q(provider=name, service=service)
                for name, kind in PROVIDERS.items()
                for service in kind.may_repeat
            ),
        ),
        account=OuterRef("account"),
        service=OuterRef("service"),
    )
)


def claim(road: Road, *, limit: int = CLAIM, at: datetime) -> Claim:
    """Take up to a quarter of a second's worth of due messages, one-off messages first.

    Every rule is applied: who is excluded now becomes `skipped`, what is past its `not_after`
    becomes `cancelled`. Never more than is left of the month's quota, where that is known.
    """
    token = uuid4()
    with transaction.atomic():
        if not road.account.is_active or stops.in_force(road.account_id).exists():
            return Claim(token, [])
        rate, wait_seconds = pacing.outlook(road, at=at)
        if wait_seconds > 0:
            return Claim(token, [], rate, wait_seconds=wait_seconds)
        limit = max(1, min(limit, int(rate * pacing.STRETCH.total_seconds())))
        is_counted = quota.is_told(road)
        if is_counted and (left := quota.free(road, at=at)) is not None:
            if left == 0:
                return Claim(token, [], rate)
            limit = min(limit, left)
        taken, messages = due.take(road, token, limit=limit, at=at)
        if is_counted and messages:
            quota.take(road, len(messages))
    return Claim(token, messages, rate, taken=taken)


def begin(
    token: UUID,
    slice_of: Sequence[tuple[Claimed, str]],
    *,
    at: datetime,
    is_repeat: bool = False,
) -> set[int]:
    """Move a slice to `sending` just before its POST; return the ids that may be posted.

    `slice_of` pairs each message with the SHA-256 of the body to be sent. A row that lost its
    lease, its time, its approval, its running campaign, its active account, or that a stop switch
    holds, is not among the result. `is_repeat`: the answer to the same call was lost and nothing
    of the slice was posted, so rows that it moved count too.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            -- By id alone: the index of what is queued holds a million rows.
            WITH mine AS MATERIALIZED (
                SELECT message.id, status, not_after, template_id, campaign_id, account_id, link_id,
                       given.body_sha256
                FROM unnest(%(ids)s::bigint[], %(references)s::uuid[], %(hashes)s::text[])
                    AS given (id, reference, body_sha256)
                JOIN sending_message message
                  ON message.id = given.id AND message.reference = given.reference
                JOIN sending_lease lease
                  ON lease.message_id = given.id AND lease.token = %(token)s
                ORDER BY message.id FOR UPDATE OF message
            )
            UPDATE sending_message message SET
                status = 'sending', changed_at = %(at)s, leased_until = %(until)s,
                attempts = message.attempts + CASE mine.status WHEN 'queued' THEN 1 ELSE 0 END,
                body_sha256 = mine.body_sha256,
                attempt_started_at = COALESCE(message.attempt_started_at, %(at)s),
                attempt_ended_at = NULL
            FROM mine
            WHERE message.id = mine.id
              AND mine.status = ANY(%(from)s)
              AND (mine.not_after IS NULL OR mine.not_after > %(at)s)
              AND EXISTS (SELECT 1 FROM templates_app_messagetemplate template
                          WHERE template.id = mine.template_id AND template.state = 'approved'
                            AND NOT {way_out.lacks_sql("template")})
              AND (mine.campaign_id IS NULL OR EXISTS (
                   SELECT 1 FROM sending_campaign campaign
                   WHERE campaign.id = mine.campaign_id AND campaign.state = 'running'))
              AND EXISTS (SELECT 1 FROM accounts_officialaccount account
                          WHERE account.id = mine.account_id AND account.is_active)
              AND (mine.link_id IS NULL OR EXISTS (
                   SELECT 1 FROM recipients_link open_link
                   WHERE open_link.id = mine.link_id AND open_link.ended_at IS NULL))
              AND NOT {stops.holds_sql("mine.account_id")}
            RETURNING message.id
            """,
            {
                "at": at,
                "until": at + LEASE,
                "ids": _array(message.id for message, _hash in slice_of),
                "references": _array(message.reference for message, _hash in slice_of),
                "hashes": _array(f'"{body_hash}"' for _message, body_hash in slice_of),
                "token": token,
                "from": ["queued", "sending"] if is_repeat else ["queued"],
            },
        )
        return {pk for (pk,) in cursor.fetchall()}


def release(token: UUID, ids: Sequence[int]) -> None:
    """End a claim: what of it is not begun may be claimed by others."""
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM sending_lease WHERE message_id = ANY(%s::bigint[]) AND token = %s",
            [_array(ids), token],
        )


def record(sent: Sequence[Sent], *, at: datetime) -> int:
    """Write the results of attempts; return how many rows took theirs.

    A row that a delivery event has moved on already keeps its status and gets the facts. A result
    of an earlier reference, or for a row that is back in the queue, matches no row; "surely
    unsent", told twice, does not take a later try out of its flight.
    """
    if not sent:
        return 0
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            f"""
            -- Two recorders of overlapping rows take their locks in one order.
            WITH known AS MATERIALIZED (
                SELECT id, GREATEST(attempts, 1) AS attempts,
                       attempt_started_at AS started_at
                FROM sending_message WHERE id = ANY(%(ids)s::bigint[]) ORDER BY id FOR UPDATE
            )
            UPDATE sending_message message SET
                status = CASE WHEN (message.status, given.status) IN ({_MOVES})
                              THEN given.status ELSE message.status END,
                changed_at = %(at)s, leased_until = NULL,
                ready_at = CASE given.status WHEN 'queued' THEN %(at)s + interval '1 second'
                    * COALESCE(given.wait, (%(backoff)s::int[])[LEAST(given.attempts, 6)])
                    ELSE message.ready_at END,
                accepted_at = COALESCE(message.accepted_at,
                    CASE given.status WHEN 'accepted' THEN %(at)s::timestamptz END),
                expires_at = CASE WHEN message.service = 'lon'
                    AND given.status IN ('accepted', 'uncertain') THEN %(expires_at)s
                    ELSE message.expires_at END,
                attempt_ended_at = %(at)s, http_status = given.http_status,
                request_id = given.request_id, outcome = given.outcome, detail = given.detail
            FROM (
                SELECT result.id, reference, wait, try, http_status, request_id, outcome, detail,
                       known.attempts,
                       -- A push of unknown end goes again, under the same retry key.
                       CASE WHEN outcome = 'uncertain' AND result.is_repeatable
                             AND COALESCE(known.started_at, %(at)s) > %(forgotten)s
                            THEN 'queued' ELSE status END AS status
                FROM json_to_recordset(%(results)s::json) AS result (
                    id bigint, reference uuid, status text, wait float8, try int,
                    is_repeatable boolean,
                    http_status int, request_id text, outcome text, detail text)
                JOIN known ON known.id = result.id
            ) given
            WHERE message.id = given.id AND message.reference = given.reference
              AND message.status NOT IN ('queued', 'skipped', 'cancelled')
              AND (given.status <> 'queued' OR message.attempts = given.try)
            """,
            {
                "at": at,
                "backoff": _BACKOFF,
                "expires_at": at + DELIVERY_LIFE,
                "forgotten": at - REPEAT_LIFE,
                "ids": _array(each.message.id for each in sent),
                # One text is dumped far faster than eleven arrays.
                "results": json.dumps([_row(each) for each in sent], ensure_ascii=False),
            },
        )
        recorded = int(cursor.rowcount)
        _count_strokes(sent, at=at)
        return recorded


def sweep(*, at: datetime) -> int:
    """Settle rows that a dead worker left in flight; return how many.

    A message may have been sent, so it becomes uncertain; one with a retry key goes again under
    it while LINE still remembers it.
    """
    Lease.objects.filter(until__lt=at).delete()
    stale = Message.objects.filter(status=Status.SENDING, leased_until__lt=at)
    facts = {
        "leased_until": None,
        "changed_at": at,
        "outcome": Outcome.UNCERTAIN,
        "detail": _("The worker stopped while the request was under way."),
    }
    again = stale.filter(_IS_REPEATABLE, attempt_started_at__gt=at - REPEAT_LIFE).update(
        status=Status.QUEUED, ready_at=at, **facts
    )
    lost = stale.filter(service="oa").update(status=Status.UNCERTAIN, **facts)
    lost += stale.update(status=Status.UNCERTAIN, expires_at=at + DELIVERY_LIFE, **facts)
    return again + lost


def forget_strokes(*, at: datetime) -> None:
    """Delete what live rates and breakers do not look back to."""
    Stroke.objects.filter(at__lt=at - STROKE_LIFE).delete()


def due_roads(*, at: datetime) -> list[int]:
    """Return the ids of roads that have something to claim now."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            SELECT road.id FROM accounts_road road
            JOIN accounts_officialaccount account ON account.id = road.account_id
            WHERE account.is_active AND NOT {stops.holds_sql("account.id")} AND (
                EXISTS (SELECT 1 FROM sending_message message
                        WHERE message.account_id = road.account_id
                          AND message.service = road.service AND message.campaign_id IS NULL
                          AND message.status = 'queued' AND message.ready_at <= %(at)s)
                OR EXISTS (SELECT 1 FROM sending_campaign campaign
                           JOIN sending_message message ON message.campaign_id = campaign.id
                           WHERE campaign.account_id = road.account_id
                             AND campaign.state = 'running'
                             AND campaign.written_at IS NOT NULL
                             AND message.id <= COALESCE(campaign.held_after, message.id)
                             AND message.account_id = road.account_id
                             AND message.service = road.service
                             AND message.status = 'queued' AND message.ready_at <= %(at)s))
            """,
            {"at": at},
        )
        return [pk for (pk,) in cursor.fetchall()]


_MOVES = ", ".join(
    f"('{source.value}', '{target.value}')"
    for target, sources in SOURCES.items()
    if target in STATUS_AFTER.values()
    for source in sorted(sources & {Status.SENDING, Status.UNCERTAIN})
    # An uncertain message goes back to the queue by a person only.
    if (source, target) != (Status.UNCERTAIN, Status.QUEUED)
)


def _count_strokes(sent: Sequence[Sent], *, at: datetime) -> None:
    """Note what a campaign just did, for its live rate and for the breakers."""
    by_campaign: dict[int, Counter[Outcome]] = {}
    for each in sent:
        if each.message.campaign_id is not None:
            counts = by_campaign.setdefault(each.message.campaign_id, Counter())
            counts[each.result.outcome] += 1
    Stroke.objects.bulk_create(
        Stroke(
            campaign_id=campaign_id,
            at=at,
            attempts=counts.total() - counts[Outcome.THROTTLED] - counts[Outcome.UNAVAILABLE],
            refused=counts[Outcome.REFUSED],
            uncertain=counts[Outcome.UNCERTAIN],
        )
        for campaign_id, counts in by_campaign.items()
    )


def _row(each: Sent) -> dict[str, Any]:
    result = each.result
    return {
        "id": each.message.id,
        "reference": each.message.reference.hex,
        "status": STATUS_AFTER[result.outcome],
        "wait": result.retry_after_seconds,
        "try": each.message.attempts + 1,
        "is_repeatable": each.message.is_repeatable,
        "http_status": result.http_status,
        "request_id": result.request_id,
        "outcome": result.outcome,
        "detail": result.detail or result.code,
    }


def _array(items: Iterable[int | str | UUID]) -> str:
    """Return PostgreSQL's text of an array of numbers or of quoted hexadecimal digits."""
    return f"{{{','.join(map(str, items))}}}"
