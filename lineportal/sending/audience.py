"""Who a message goes to: people judged by the rules, with their values, in one SQL statement.

The same conditions preview (counts), explain (one person) and write (messages, the skipped ones
too), so the three can never disagree. The SELECT is in `judging.py`, its counts in `breakdown.py`,
what a verdict rests on in `proofs.py`.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from lineportal.sending import breakdown, filters, judging, own_history, policies, proofs
from lineportal.sending.models import Campaign, CampaignRow
from recipients import eligibility
from recipients.models import Recipient
from templates_app.models import MessageTemplate

REASONS = proofs.REASONS


@dataclass(frozen=True, slots=True)
class Explanation:
    """The verdict for one person, what it was decided on, and every rule as it was read."""

    verdict: str
    rule: str
    reason: str
    consent: str
    friend_status: str
    rules_version: str
    at: datetime
    inputs: tuple[proofs.Input, ...]
    reading: tuple[proofs.Reading, ...]


def preview(campaign: Campaign, *, at: datetime) -> list[tuple[str, str, int]]:
    """Return (verdict, rule, count) for everyone the campaign is about, writing nothing."""
    counts = figures(campaign, at=at).by("verdict", "rule")
    return [(verdict, rule, n) for (verdict, rule), n in sorted(counts.items())]


def figures(campaign: Campaign, *, at: datetime) -> breakdown.Breakdown:
    """Return how many the campaign is about, by standing, verdict and rule; writes nothing."""
    return breakdown.of(campaign.template, _of(campaign), at=at, values=campaign.values)


def figures_of_account(account_id: int, service: str, *, at: datetime) -> breakdown.Breakdown:
    """Return how many people of an account a service reaches in general, whatever is sent."""
    people = judging.Filter(Recipient.objects.filter(account_id=account_id))
    return breakdown.of(judging.in_general(account_id, service), people, at=at, values={})


def people(campaign: Campaign) -> QuerySet[Recipient]:
    """Return the people a campaign is about, before any rule."""
    if "rows" in campaign.audience:
        rows = CampaignRow.objects.filter(campaign=campaign)
        return Recipient.objects.filter(
            account=campaign.account, pk__in=rows.values("recipient_id")
        )
    return filters.people(campaign.account, campaign.audience)


def explain(
    recipient: Recipient,
    template: MessageTemplate | None,
    *,
    at: datetime,
    values: Mapping[str, Any] | None = None,
    service: str = eligibility.LON,
    held: proofs.Held | None = None,
) -> Explanation:
    """Return the verdict for one person and template, with all that it rests on.

    Without a template: what the rules say of a transactional message of the service in general.
    `held` spares looking up again what does not depend on the template.
    """
    if template is None:
        template = judging.in_general(recipient.account_id, service)
    held = held or proofs.Held(recipient)
    source = judging.Filter(Recipient.objects.filter(pk=recipient.pk))
    sql, params = judging.judged(template, source, at=at, values=values or {}, policy=held.policy)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT verdict, rule, consent, friend_status, values, triggered_at"
            f" FROM ({sql}) judged",
            params,
        )
        [(verdict, rule, consent, friend_status, filled, triggered_at)] = cursor.fetchall()
    facts = copy.copy(recipient)
    facts.consent, facts.friend_status = consent, friend_status  # as they were judged
    return Explanation(
        verdict=verdict,
        rule=rule,
        reason=sentence(verdict, rule),
        consent=consent,
        friend_status=friend_status,
        rules_version=own_history.rules_version(held.policy, category=template.category),
        at=at,
        inputs=proofs.inputs(
            facts, template, held, at=at, values=json.loads(filled), triggered_at=triggered_at
        ),
        reading=proofs.reading(
            rule,
            eligibility.Asked(template.service, template.category, at),
            switched_on=own_history.switched_on(held.policy, category=template.category),
            has_values=bool(template.placeholders),
            has_rows=False,
        ),
    )


def sentence(verdict: str, rule: str) -> str:
    """Return what a verdict means, for people."""
    if rule:
        return str(REASONS[rule])
    if verdict == "send_pending_consent":
        return _("Delivered only if the person agrees within 24 hours of LINE's question.")
    return _("Nothing speaks against it.")


def chunk_end(campaign: Campaign, *, after: int, size: int) -> int | None:
    """Return the id of the `size`-th person behind `after`; None where no more follow that one."""
    people = filters.people(campaign.account, campaign.audience).filter(pk__gt=after)
    ends = people.order_by("pk").values_list("pk", flat=True)[size - 1 : size + 1]
    return ends[0] if len(ends) == 2 else None


def write_campaign(
    campaign: Campaign, *, at: datetime, after: int = 0, through: int | None = None
) -> int:
    """Write one message per person or row, queued or skipped; return how many.

    `after` and `through` limit it to people with ids behind the one and up to the other.
    """
    source = _of(campaign)
    if isinstance(source, judging.Filter):
        people = source.people.filter(pk__gt=after)
        source = judging.Filter(people if through is None else people.filter(pk__lte=through))
    sql, params = _insert(
        campaign.template,
        source,
        at=at,
        values=campaign.values,
        campaign=campaign,
        not_after=campaign.not_after,
        by=campaign.started_by_id,
    )
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return int(cursor.rowcount)


def write_one(
    recipient: Recipient,
    template: MessageTemplate,
    *,
    at: datetime,
    values: Mapping[str, Any],
    not_after: datetime | None,
    by: int | None,
    triggered_at: datetime | None = None,
    link: int | None = None,
) -> int:
    """Write a one-off message, queued or skipped; return its id."""
    source = judging.Filter(Recipient.objects.filter(pk=recipient.pk))
    sql, params = _insert(
        template,
        source,
        at=at,
        values=values,
        campaign=None,
        not_after=not_after,
        by=by,
        triggered_at=triggered_at,
        link=link,
    )
    with connection.cursor() as cursor:
        cursor.execute(f"{sql} RETURNING id", params)
        [(pk,)] = cursor.fetchall()
    return int(pk)


def _of(campaign: Campaign) -> judging.Filter | judging.Rows:
    if "rows" in campaign.audience:
        return judging.Rows(campaign.pk, Recipient.objects.filter(account=campaign.account))
    return judging.Filter(filters.people(campaign.account, campaign.audience))


def _insert(
    template: MessageTemplate,
    source: judging.Filter | judging.Rows,
    *,
    at: datetime,
    values: Mapping[str, Any],
    campaign: Campaign | None,
    not_after: datetime | None,
    by: int | None,
    triggered_at: datetime | None = None,
    link: int | None = None,
) -> tuple[str, list[Any]]:
    judged, params = judging.judged(
        template, source, at=at, values=values, triggered_at=triggered_at, link=link
    )
    sql = f"""
        INSERT INTO sending_message (
            account_id, campaign_id, template_id, recipient_id, item, service, verdict, rule,
            rules_version, consent, friend_status, address, values, body_template_hash,
            status, queued_at, ready_at, triggered_at, not_after, changed_at, reference, attempts,
            body_sha256, request_id, outcome, detail, created_by_id, link_id
        )
        SELECT %s, %s, %s, recipient_id, item, %s, verdict, rule,
               %s, consent, friend_status,
               CASE WHEN rule = '' THEN address ELSE '' END,
               values, %s,
               CASE WHEN rule = '' THEN 'queued' ELSE 'skipped' END, %s, %s, triggered_at, %s, %s,
               CASE WHEN rule = '' THEN gen_random_uuid() END, 0, '', '', '', '', %s, link_id
        FROM ({judged}) judged
    """
    return sql, [
        template.account_id,
        campaign.pk if campaign else None,
        template.pk,
        template.service,
        own_history.rules_version(policies.of(template.account_id), category=template.category),
        template.content_hash,
        at,
        at,
        not_after,
        at,
        by,
        *params,
    ]
