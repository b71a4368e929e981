"""Claim, begin, record: every statement by which sending moves a message.

A claim is a token and a lease on rows that stay `queued`; a slice becomes `sending` just before
its POST; results are written in one statement. Instants come from PostgreSQL's clock.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from django.db import connection, transaction
from django.utils.translation import gettext as _

from lineportal.accounts.models import Road
from lineportal.providers.base import Outcome, SendResult
from lineportal.sending import pacing, windows
from lineportal.sending.models import Campaign, Message
from lineportal.sending.statuses import SOURCES, Status
from recipients import eligibility
from templates_app.models import Category, State

LEASE = timedelta(seconds=30)  # of a claim, and of a row in flight beyond the provider's time-out
REPEAT_LIFE = timedelta(hours=23)  # LINE keeps a retry key for 24 hours
DELIVERY_LIFE = timedelta(hours=24)  # after that silence means: not delivered
_BACKOFF = (1, 2, 5, 10, 30, 60)  # seconds before try 2, 3, ...

# What one attempt's outcome makes of a `lon` message; `oa` differs where it may be repeated.
STATUS_AFTER = {
    Outcome.ACCEPTED: Status.ACCEPTED,
    Outcome.REFUSED: Status.REFUSED,
    Outcome.FAULT: Status.FAILED,
    Outcome.THROTTLED: Status.QUEUED,
    Outcome.UNAVAILABLE: Status.QUEUED,
    Outcome.UNCERTAIN: Status.UNCERTAIN,
}


@dataclass(frozen=True, slots=True)
class Claimed:
    """One message that a worker holds: all that is needed to draw and send it."""

    id: int
    template_id: int
    campaign_id: int | None
    service: str
    address: str
    values: dict[str, str]
    reference: UUID
    body_template_hash: str
    may_be_repeated: bool = True  # False: LINE has forgotten the retry key of an earlier try


@dataclass(frozen=True, slots=True)
class Claim:
    """What a worker holds; `taken` counts the due rows, the excluded and late ones too."""

    token: UUID
    messages: list[Claimed]
    slots: pacing.Slots
    taken: int = 0


@dataclass(frozen=True, slots=True)
class Sent:
    """The result of one attempt, to be recorded."""

    message: Claimed
    result: SendResult


def claim(road: Road, *, limit: int, at: datetime) -> Claim:
    """Take up to `limit` due messages of a road, one-off messages first; every rule is applied.

    Who is excluded now becomes `skipped`, what is past its `not_after` becomes `cancelled`.
    """
    token = uuid4()
    with transaction.atomic():
        if not road.account.is_active:
            return Claim(token, [], pacing.Slots(0, at, 1))
        slots = pacing.reserve(road, wanted=limit, at=at)
        if slots.count == 0:
            return Claim(token, [], slots)
        found: list[int] = _take(road, None, token, limit=slots.count, at=at)
        for campaign in _running(road, at=at):
            if len(found) >= slots.count:
                break
            found += _take(road, campaign, token, limit=slots.count - len(found), at=at)
        messages = _judged_again(found, at=at)
        if unused := slots.count - len(messages):
            pacing.give_back(road, unused=unused, slots=slots, at=at)
    return Claim(token, messages, slots, taken=len(found))


def begin(token: UUID, slice_of: Sequence[tuple[Claimed, str]], *, at: datetime) -> set[int]:
    """Move a slice to `sending` just before its POST; return the ids that may be posted.

    `slice_of` pairs each message with the SHA-256 of the body to be sent. A row that lost its
    claim, its time, its approval, its running campaign or its active account is not among the
    result.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE sending_message message SET
                status = 'sending', changed_at = %(at)s, leased_until = %(until)s,
                attempts = message.attempts + 1, body_sha256 = given.body_sha256,
                attempt_started_at = COALESCE(message.attempt_started_at, %(at)s),
                attempt_ended_at = NULL
            FROM unnest(%(ids)s::bigint[], %(hashes)s::text[]) AS given (id, body_sha256)
            WHERE message.id = given.id AND message.claim = %(token)s
              AND message.status = 'queued'
              AND (message.not_after IS NULL OR message.not_after > %(at)s)
              AND EXISTS (SELECT 1 FROM templates_app_messagetemplate template
                          WHERE template.id = message.template_id AND template.state = 'approved')
              AND (message.campaign_id IS NULL OR EXISTS (
                   SELECT 1 FROM sending_campaign campaign
                   WHERE campaign.id = message.campaign_id AND campaign.state = 'running'))
              AND EXISTS (SELECT 1 FROM accounts_officialaccount account
                          WHERE account.id = message.account_id AND account.is_active)
            RETURNING message.id
            """,
            {
                "at": at,
                "until": at + LEASE,
                "ids": [message.id for message, _hash in slice_of],
                "hashes": [body_hash for _message, body_hash in slice_of],
                "token": token,
            },
        )
        return {pk for (pk,) in cursor.fetchall()}


def release(token: UUID) -> int:
    """Give back what a claim still holds unsent; return how many."""
    return Message.objects.filter(claim=token, status=Status.QUEUED).update(
        claim=None, leased_until=None
    )


def record(sent: Sequence[Sent], *, at: datetime) -> int:
    """Write the results of attempts; return how many rows took theirs.

    A row that a delivery event has moved on already keeps its status and gets the facts. A result
    of an earlier reference, or for a row that is back in the queue, matches no row.
    """
    if not sent:
        return 0
    sent = sorted(sent, key=lambda each: each.message.id)
    with transaction.atomic(), connection.cursor() as cursor:
        ids = [each.message.id for each in sent]
        # Two recorders of overlapping rows take their locks in one order.
        cursor.execute(
            "SELECT id, attempts, attempt_started_at FROM sending_message WHERE id = ANY(%s)"
            " ORDER BY id FOR UPDATE",
            [ids],
        )
        tries = {pk: (attempts, started_at) for pk, attempts, started_at in cursor.fetchall()}
        rows = [_row(each, *tries.get(each.message.id, (1, at)), at=at) for each in sent]
        cursor.execute(
            f"""
            UPDATE sending_message message SET
                status = CASE WHEN (message.status, given.status) IN ({_MOVES})
                              THEN given.status ELSE message.status END,
                changed_at = %s, claim = NULL, leased_until = NULL,
                ready_at = COALESCE(given.ready_at, message.ready_at),
                accepted_at = COALESCE(message.accepted_at, given.accepted_at),
                expires_at = COALESCE(given.expires_at, message.expires_at),
                attempt_ended_at = %s, http_status = given.http_status,
                request_id = given.request_id, outcome = given.outcome, detail = given.detail
            FROM unnest(%s::bigint[], %s::uuid[], %s::text[], %s::timestamptz[],
                        %s::timestamptz[], %s::timestamptz[], %s::int[], %s::text[],
                        %s::text[], %s::text[])
                AS given (id, reference, status, ready_at, accepted_at, expires_at,
                          http_status, request_id, outcome, detail)
            WHERE message.id = given.id AND message.reference = given.reference
              AND message.status NOT IN ('queued', 'skipped', 'cancelled')
            """,
            [at, at, *map(list, zip(*rows, strict=True))],
        )
        return int(cursor.rowcount)


def sweep(*, at: datetime) -> int:
    """Settle rows that a dead worker left in flight; return how many.

    A notification may have been sent, so it becomes uncertain; a two-way push goes again under
    the same retry key while LINE still remembers it.
    """
    stale = Message.objects.filter(status=Status.SENDING, leased_until__lt=at)
    facts = {
        "claim": None,
        "leased_until": None,
        "changed_at": at,
        "outcome": Outcome.UNCERTAIN,
        "detail": _("The worker stopped while the request was under way."),
    }
    again = stale.filter(service="oa", attempt_started_at__gt=at - REPEAT_LIFE).update(
        status=Status.QUEUED, ready_at=at, **facts
    )
    lost = stale.filter(service="oa").update(status=Status.UNCERTAIN, **facts)
    lost += stale.update(status=Status.UNCERTAIN, expires_at=at + DELIVERY_LIFE, **facts)
    return again + lost


def due_roads(*, at: datetime) -> list[int]:
    """Return the ids of roads that have something to claim now."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT road.id FROM accounts_road road
            JOIN accounts_officialaccount account ON account.id = road.account_id
            WHERE account.is_active AND (
                EXISTS (SELECT 1 FROM sending_message message
                        WHERE message.account_id = road.account_id
                          AND message.service = road.service AND message.campaign_id IS NULL
                          AND message.status = 'queued' AND message.ready_at <= %(at)s)
                OR EXISTS (SELECT 1 FROM sending_campaign campaign
                           JOIN sending_message message ON message.campaign_id = campaign.id
                           WHERE campaign.account_id = road.account_id
                             AND campaign.state = 'running'
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


def _running(road: Road, *, at: datetime) -> list[Campaign]:
    campaigns = Campaign.objects.filter(
        account=road.account,
        state=Campaign.State.RUNNING,
        template__service=road.service,
        template__state=State.APPROVED,
    ).order_by("started_at")
    if not windows.is_open(road.account, at=at):
        campaigns = campaigns.exclude(template__category=Category.MARKETING)
    return list(campaigns)


def _take(
    road: Road, campaign: Campaign | None, token: UUID, *, limit: int, at: datetime
) -> list[int]:
    which = "message.campaign_id = %(campaign)s" if campaign else "message.campaign_id IS NULL"
    marketing = (
        "true" if windows.is_open(road.account, at=at) else "template.category <> 'marketing'"
    )
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            WITH due AS (
                SELECT message.id FROM sending_message message
                JOIN templates_app_messagetemplate template ON template.id = message.template_id
                WHERE message.account_id = %(account)s AND message.service = %(service)s
                  AND {which} AND message.status = 'queued' AND message.ready_at <= %(at)s
                  AND (message.leased_until IS NULL OR message.leased_until <= %(at)s)
                  AND template.state = 'approved' AND {marketing}
                ORDER BY message.ready_at, message.id
                LIMIT %(limit)s FOR UPDATE OF message SKIP LOCKED
            )
            UPDATE sending_message message SET claim = %(token)s, leased_until = %(until)s
            FROM due WHERE message.id = due.id RETURNING message.id
            """,
            {
                "account": road.account_id,
                "service": road.service,
                "campaign": campaign.pk if campaign else None,
                "limit": limit,
                "token": token,
                "at": at,
                "until": at + LEASE,
            },
        )
        return [pk for (pk,) in cursor.fetchall()]


def _judged_again(ids: list[int], *, at: datetime) -> list[Claimed]:
    """Apply every rule to what was taken; return the messages that may still go out."""
    rows = Message.objects.filter(pk__in=ids).select_related("template").order_by("pk")
    kept: list[Claimed] = []
    late: list[int] = []
    excluded: dict[int, str] = {}
    for category in Category.values:
        group = [row for row in rows if row.template.category == category]
        for service in {row.service for row in group}:
            asked = eligibility.Asked(service=service, category=category, at=at)
            rules = eligibility.excluded([row.recipient_id for row in group], asked)
            for row in (row for row in group if row.service == service):
                if row.not_after and row.not_after <= at:
                    late.append(row.pk)
                elif row.recipient_id in rules:
                    excluded[row.pk] = rules[row.recipient_id]
                elif row.reference is not None:
                    kept.append(
                        Claimed(
                            id=row.pk,
                            template_id=row.template_id,
                            campaign_id=row.campaign_id,
                            service=row.service,
                            address=row.address,
                            values=row.values,
                            reference=row.reference,
                            body_template_hash=row.body_template_hash,
                            may_be_repeated=row.service != "oa"
                            or row.attempt_started_at is None
                            or row.attempt_started_at > at - REPEAT_LIFE,
                        )
                    )
    if excluded:
        _skip(excluded, at=at)
    Message.objects.filter(pk__in=late, status__in=SOURCES[Status.CANCELLED]).update(
        status=Status.CANCELLED,
        changed_at=at,
        claim=None,
        leased_until=None,
        detail="too_late",
    )
    return sorted(kept, key=lambda message: message.id)


def _skip(rules: dict[int, str], *, at: datetime) -> None:
    """Exclude messages (rule by id), with the consent and friend status that are held now."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE sending_message message SET
                status = 'skipped', verdict = 'excluded', rule = given.rule,
                rules_version = %(version)s, consent = recipient.consent,
                friend_status = recipient.friend_status, changed_at = %(at)s,
                claim = NULL, leased_until = NULL
            FROM unnest(%(ids)s::bigint[], %(rules)s::text[]) AS given (id, rule),
                 recipients_recipient recipient
            WHERE message.id = given.id AND recipient.id = message.recipient_id
              AND message.status = ANY(%(sources)s)
            """,
            {
                "version": eligibility.VERSION,
                "at": at,
                "ids": list(rules),
                "rules": list(rules.values()),
                "sources": [status.value for status in SOURCES[Status.SKIPPED]],
            },
        )


def _row(
    each: Sent, attempts: int, started_at: datetime | None, *, at: datetime
) -> tuple[Any, ...]:
    result, message = each.result, each.message
    status = STATUS_AFTER[result.outcome]
    is_young = (started_at or at) > at - REPEAT_LIFE
    if result.outcome is Outcome.UNCERTAIN and message.service == "oa" and is_young:
        status = Status.QUEUED  # again, under the same retry key
    ready_at = expires_at = None
    if status is Status.QUEUED:
        wait = result.retry_after_seconds or _BACKOFF[min(attempts, len(_BACKOFF)) - 1]
        ready_at = at + timedelta(seconds=wait)
    if message.service == "lon" and status in (Status.ACCEPTED, Status.UNCERTAIN):
        expires_at = at + DELIVERY_LIFE
    return (
        message.id,
        message.reference,
        status.value,
        ready_at,
        at if status is Status.ACCEPTED else None,
        expires_at,
        result.http_status,
        result.request_id,
        result.outcome.value,
        result.detail or result.code,
    )
