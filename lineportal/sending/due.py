"""What is due on a road: rows taken under a lease, and every rule applied to them once more."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db import connection

from lineportal.accounts.models import Road
from lineportal.providers import PROVIDERS
from lineportal.providers.outcomes import REPEAT_LIFE
from lineportal.sending import linked, own_history, policies, windows
from lineportal.sending.models import Campaign, Message, Policy
from lineportal.sending.statuses import SOURCES, Status
from recipients import eligibility
from templates_app import way_out, workflow
from templates_app.models import State

_CLAIMS = 1_279_869_252  # "LINE"; the first half of the advisory lock of a road's claims
LEASE = timedelta(seconds=30)  # of a claim, and of a row in flight beyond the provider's time-out


@dataclass(slots=True)
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
    attempts: int = 0  # tries under this reference, before the one to come
    may_be_repeated: bool = True  # False: LINE has forgotten the retry key of an earlier try
    is_repeatable: bool = False  # after an uncertain end, under the same retry key


@dataclass(frozen=True, slots=True)
class _Taken:
    message: Claimed
    recipient_id: int
    category: str
    not_after: datetime | None
    purpose: str  # of a marketing template; opt-outs may name one


def take(road: Road, token: UUID, *, limit: int, at: datetime) -> tuple[int, list[Claimed]]:
    """Lease up to `limit` due rows, one-off messages first; return how many, and who still may.

    Who is excluded now becomes `skipped`, what is past its `not_after` becomes `cancelled`.
    """
    with connection.cursor() as cursor:
        # One claim after the other on a road, each seeing the leases of the one before.
        cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [_CLAIMS, road.pk])
    closed = windows.closed(road.account, at=at)
    found = _lease(road, None, token, closed=closed, limit=limit, at=at)
    for campaign in _running(road, closed=closed):
        if len(found) >= limit:
            break
        rest = limit - len(found)
        found += _lease(road, campaign, token, closed=closed, limit=rest, at=at)
    return len(found), _judged_again(found, road.account_id, at=at)


def _running(road: Road, *, closed: list[str]) -> list[Campaign]:
    running = (
        Campaign.objects.filter(
            account=road.account,
            state=Campaign.State.RUNNING,
            written_at__isnull=False,
            template__service=road.service,
            template__state=State.APPROVED,
        )
        .exclude(template__category__in=closed)
        .select_related("template")
        .order_by("started_at")
    )
    return [campaign for campaign in running if not workflow.unsendable(campaign.template)]


# Scalar subqueries, not joins: so the index of what is due is read in its order, and only as far as
# needed, even while the statistics do not know yet of the million rows just written.
_CATEGORY = """(SELECT template.category FROM templates_app_messagetemplate template
                WHERE template.id = message.template_id AND template.state = 'approved')"""


# Of a campaign it was asked before: its template is one.
_OFFERS_WAY_OUT = f"""NOT (SELECT {way_out.lacks_sql("template")}
                FROM templates_app_messagetemplate template
                WHERE template.id = message.template_id)"""


_PURPOSE = """(SELECT CASE WHEN template.category = 'marketing' THEN template.purpose ELSE '' END
               FROM templates_app_messagetemplate template
               WHERE template.id = message.template_id)"""


def _lease(
    road: Road,
    campaign: Campaign | None,
    token: UUID,
    *,
    closed: list[str],
    limit: int,
    at: datetime,
) -> list[_Taken]:
    which = f"message.campaign_id IS NULL AND {_OFFERS_WAY_OUT}"
    is_repeatable = road.service in PROVIDERS[road.provider].may_repeat
    if campaign:
        which = "message.campaign_id = %(campaign)s"
        if campaign.held_after is not None:
            which += " AND message.id <= %(held_after)s"
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            WITH due AS MATERIALIZED (
                SELECT message.id, message.template_id, message.campaign_id, message.service,
                    message.address, message.values, message.reference,
                    message.body_template_hash, message.attempts,
                    NOT %(is_repeatable)s OR message.attempt_started_at IS NULL
                        OR message.attempt_started_at > %(forgotten)s AS may_be_repeated,
                    message.recipient_id, {_CATEGORY} AS category, message.not_after,
                    {_PURPOSE} AS purpose
                FROM sending_message message
                WHERE message.account_id = %(account)s AND message.service = %(service)s
                  AND {which} AND message.status = 'queued' AND message.ready_at <= %(at)s
                  AND {_CATEGORY} <> ALL(%(closed)s)
                  AND COALESCE((SELECT lease.until FROM sending_lease lease
                                WHERE lease.message_id = message.id) <= %(at)s, true)
                ORDER BY message.ready_at, message.id
                LIMIT %(limit)s
            ), leased AS (
                INSERT INTO sending_lease AS lease (message_id, token, until)
                SELECT id, %(token)s, %(until)s FROM due
                ON CONFLICT (message_id) DO UPDATE SET token = EXCLUDED.token,
                    until = EXCLUDED.until WHERE lease.until <= %(at)s
                RETURNING message_id
            )
            SELECT due.* FROM due JOIN leased ON leased.message_id = due.id
            """,
            {
                "account": road.account_id,
                "service": road.service,
                "campaign": campaign.pk if campaign else None,
                "held_after": campaign.held_after if campaign else None,
                "closed": closed,
                "limit": limit,
                "token": token,
                "at": at,
                "until": at + LEASE,
                "forgotten": at - REPEAT_LIFE,
                "is_repeatable": is_repeatable,
            },
        )
        return [_taken(*row, is_repeatable=is_repeatable) for row in cursor.fetchall()]


def _taken(
    pk: int,
    template_id: int,
    campaign_id: int | None,
    service: str,
    address: str,
    values: str,  # JSON, as Django's cursors give it
    reference: UUID,
    body_template_hash: str,
    attempts: int,
    may_be_repeated: bool,
    recipient_id: int,
    category: str,
    not_after: datetime | None,
    purpose: str,
    *,
    is_repeatable: bool,
) -> _Taken:
    message = Claimed(
        pk,
        template_id,
        campaign_id,
        service,
        address,
        json.loads(values),
        reference,
        body_template_hash,
        attempts,
        may_be_repeated,
        is_repeatable,
    )
    return _Taken(message, recipient_id, category, not_after, purpose)


def _judged_again(found: list[_Taken], account_id: int, *, at: datetime) -> list[Claimed]:
    """Apply every rule to what was taken; return the messages that may still go out, by id."""
    kept: list[Claimed] = []
    late: list[int] = []
    excluded: dict[str, dict[int, str]] = {}  # rule by id, by the version of the rules
    groups: dict[tuple[str, str, str], list[_Taken]] = {}
    for each in found:
        groups.setdefault((each.message.service, each.category, each.purpose), []).append(each)
    policy = policies.of(account_id) if found else Policy()
    for (service, category, purpose), group in groups.items():
        asked = eligibility.Asked(service=service, category=category, at=at, purpose=purpose)
        rules = eligibility.excluded([each.recipient_id for each in group], asked)
        told = own_history.excluded(
            [each.message.id for each in group if each.recipient_id not in rules],
            policy,
            service=service,
            category=category,
            at=at,
        )
        if service == eligibility.OA:
            told |= linked.ended([each.message.id for each in group], policy, at=at)
        version = own_history.rules_version(policy, category=category)
        for each in group:
            if each.not_after and each.not_after <= at:
                late.append(each.message.id)
            elif rule := rules.get(each.recipient_id) or told.get(each.message.id):
                excluded.setdefault(version, {})[each.message.id] = rule
            else:
                kept.append(each.message)
    for version, by_id in excluded.items():
        _skip(by_id, version, at=at)
    if late:
        Message.objects.filter(pk__in=late, status__in=SOURCES[Status.CANCELLED]).update(
            status=Status.CANCELLED,
            changed_at=at,
            detail="too_late",
        )
    return sorted(kept, key=lambda message: message.id)


def _skip(rules: dict[int, str], version: str, *, at: datetime) -> None:
    """Exclude messages (rule by id), with the consent and friend status that are held now."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE sending_message message SET
                status = 'skipped', verdict = 'excluded', rule = given.rule,
                rules_version = %(version)s, consent = recipient.consent,
                friend_status = recipient.friend_status, changed_at = %(at)s
            FROM unnest(%(ids)s::bigint[], %(rules)s::text[]) AS given (id, rule),
                 recipients_recipient recipient
            WHERE message.id = given.id AND recipient.id = message.recipient_id
              AND message.status = ANY(%(sources)s)
            """,
            {
                "version": version,
                "at": at,
                "ids": list(rules),
                "rules": list(rules.values()),
                "sources": [status.value for status in SOURCES[Status.SKIPPED]],
            },
        )
