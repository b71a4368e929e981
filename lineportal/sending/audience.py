"""Who a message goes to: people judged by the rules, with their values, in one SQL statement.

The same SELECT previews (counts), explains (one person) and writes (messages, the skipped ones
too), so the three can never disagree. Rules here are about the message's values and the campaign;
rules about the person are in `recipients/eligibility.py` and come first.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection
from django.db.models import QuerySet
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from lineportal.sending import filters, own_history, policies
from lineportal.sending.models import Campaign
from recipients import eligibility
from recipients.models import Recipient
from templates_app import content as contents
from templates_app.models import MessageTemplate

# Codes and sentences of the rules about values and the campaign, after those about the person.
RULES: dict[str, Promise] = {
    "missing_values": gettext_lazy("A placeholder of the template has no value for this person."),
    "value_too_long": gettext_lazy("A value makes a text longer than LINE allows."),
    "already_in_campaign": gettext_lazy("The same person and item stand in an earlier row."),
    "frequency_cap": gettext_lazy("The person has had as many messages as the account allows."),
    "recently_refused": gettext_lazy("LINE refused the person's last message a short time ago."),
    "trigger_too_old": gettext_lazy("What the message tells of happened too long ago."),
}
REASONS: dict[str, Promise] = {rule.code: rule.reason for rule in eligibility.RULES} | RULES

# LINE counts UTF-16 units: characters outside the basic plane count twice.
_UTF16 = (
    "(char_length({0}) + char_length(regexp_replace({0}, '[^\\U00010000-\\U0010FFFF]', '', 'g')))"
)
# In addresses a byte takes three characters (%XX), unless it is one that stays as it is.
_PERCENT_ENCODED = (
    "(3 * octet_length({0}) - 2 * char_length(regexp_replace({0}, '[^A-Za-z0-9_.~-]', '', 'g')))"
)


# What `str.strip` takes off, the ideographic space among it: a value of these alone is none.
_BLANKS = "".join(character for character in map(chr, range(1, 0x10000)) if character.isspace())


@dataclass(frozen=True, slots=True)
class Explanation:
    """The verdict for one person, and what it was decided on."""

    verdict: str
    rule: str
    reason: str
    consent: str
    friend_status: str
    rules_version: str


def preview(campaign: Campaign, *, at: datetime) -> list[tuple[str, str, int]]:
    """Return (verdict, rule, count) for everyone the campaign is about, writing nothing."""
    sql, params = _judged(campaign.template, _of(campaign), at=at, values=campaign.values)
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT verdict, rule, count(*) FROM ({sql}) judged GROUP BY 1, 2 ORDER BY 1, 2",
            params,
        )
        return list(cursor.fetchall())


def explain(
    recipient: Recipient,
    template: MessageTemplate,
    *,
    at: datetime,
    values: Mapping[str, Any] | None = None,
) -> Explanation:
    """Return the verdict for one person and template, with its reason in one sentence."""
    source = _Filter(Recipient.objects.filter(pk=recipient.pk))
    sql, params = _judged(template, source, at=at, values=values or {})
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT verdict, rule FROM ({sql}) judged", params)
        [(verdict, rule)] = cursor.fetchall()
    return Explanation(
        verdict=verdict,
        rule=rule,
        reason=sentence(verdict, rule),
        consent=recipient.consent,
        friend_status=recipient.friend_status,
        rules_version=eligibility.VERSION,
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
    if isinstance(source, _Filter):
        people = source.people.filter(pk__gt=after)
        source = _Filter(people if through is None else people.filter(pk__lte=through))
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
) -> int:
    """Write a one-off message, queued or skipped; return its id."""
    source = _Filter(Recipient.objects.filter(pk=recipient.pk))
    sql, params = _insert(
        template,
        source,
        at=at,
        values=values,
        campaign=None,
        not_after=not_after,
        by=by,
        triggered_at=triggered_at,
    )
    with connection.cursor() as cursor:
        cursor.execute(f"{sql} RETURNING id", params)
        [(pk,)] = cursor.fetchall()
    return int(pk)


@dataclass(frozen=True, slots=True)
class _Filter:
    """People chosen by a filter: one message each."""

    people: QuerySet[Recipient]


@dataclass(frozen=True, slots=True)
class _Rows:
    """People named by the rows of the campaign's own file: one message per row."""

    campaign_id: int
    people: QuerySet[Recipient]


def _of(campaign: Campaign) -> _Filter | _Rows:
    if "rows" in campaign.audience:
        return _Rows(campaign.pk, Recipient.objects.filter(account=campaign.account))
    return _Filter(filters.people(campaign.account, campaign.audience))


def _judged(
    template: MessageTemplate,
    source: _Filter | _Rows,
    *,
    at: datetime,
    values: Mapping[str, Any],
    triggered_at: datetime | None = None,
) -> tuple[str, list[Any]]:
    """Return the SELECT that every use shares, and its parameters.

    Columns: recipient_id, address, consent, friend_status, item, values, triggered_at, rule,
    verdict.
    """
    asked = eligibility.Asked(
        service=template.service, category=template.category, at=at, purpose=template.purpose
    )
    person_sql, person_params = (
        source.people.annotate(rule=eligibility.first_excluding(asked))
        .order_by()
        .values_list(
            "pk",
            "rule",
            "phone",
            "line_user_id",
            "consent",
            "friend_status",
            "attributes",
        )
        .query.sql_with_params()
    )
    row_values, item, repeat, rows_join, rows_params = "'{}'::jsonb", "''", "1", "", []
    if isinstance(source, _Rows):
        row_values, item = "line.values", "line.item"
        repeat = "row_number() OVER (PARTITION BY line.recipient_id, line.item ORDER BY line.row)"
        rows_join = (
            " JOIN sending_campaignrow line ON line.recipient_id = person.id"
            " AND line.campaign_id = %s"
        )
        rows_params = [source.campaign_id]
    names = template.placeholders
    values_sql, values_params = _values(names, values, row_values)
    row_number = "line.row" if rows_join else "0"
    address = "person.phone" if template.service == "lon" else "person.line_user_id"
    too_long, too_long_params = _too_long(template)
    missing = "NOT filled.values ?& %s" if names else "false"
    missing_params: list[Any] = [names] if names else []
    triggered_sql = "%s::timestamptz"
    triggered_params = [triggered_at or own_history.trigger_of(values)]
    if rows_join:
        row_trigger = own_history.moment("(line.values ->> 'triggered_at')")
        triggered_sql = f"COALESCE({row_trigger}, %s::timestamptz)"
    history = own_history.conditions(
        policies.of(template.account_id),
        service=template.service,
        category=template.category,
        at=at,
        names=own_history.Names("ranked.recipient_id", "ranked.triggered_at", earlier="earlier"),
    )
    told, told_params = own_history.cased(history)
    rule = f"CASE WHEN rule <> '' THEN rule {told} ELSE '' END" if history else "rule"
    # How many messages of the same file to the same person come before, for the cap.
    earlier = "0::bigint"
    if history and rows_join:
        earlier = """count(*) FILTER (WHERE rule = '') OVER (PARTITION BY recipient_id
            ORDER BY row_number ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)"""
    # OFFSET 0 keeps PostgreSQL from folding the levels into one, which would work every rule out
    # again wherever its result is used.
    sql = f"""
        SELECT recipient_id, address, consent, friend_status, values, triggered_at, rule,
               CASE WHEN repeat > 1 THEN item || ' (row ' || row_number || ')' ELSE item END
                   AS item,
               CASE WHEN rule <> '' THEN 'excluded'
                    WHEN %s = 'lon' AND consent = 'not_set' THEN 'send_pending_consent'
                    ELSE 'send' END AS verdict
        FROM (
          SELECT recipient_id, address, consent, friend_status, values, triggered_at, item,
                 repeat, row_number, {rule} AS rule
          FROM (
           SELECT ruled.*, {earlier} AS earlier FROM (
            SELECT filled.*,
                   CASE WHEN person_rule <> '' THEN person_rule
                        WHEN {missing} THEN 'missing_values'
                        WHEN {too_long} THEN 'value_too_long'
                        WHEN repeat > 1 THEN 'already_in_campaign'
                        ELSE '' END AS rule
            FROM (
                SELECT person.id AS recipient_id, {address} AS address, person.consent,
                       person.friend_status, person.rule AS person_rule, {item} AS item,
                       {repeat} AS repeat, {row_number} AS row_number, {values_sql} AS values,
                       {triggered_sql} AS triggered_at
                FROM ({person_sql} OFFSET 0) AS person
                    (id, rule, phone, line_user_id, consent, friend_status, attributes)
                {rows_join}
                OFFSET 0
            ) filled
            OFFSET 0
           ) ruled
          ) ranked
          OFFSET 0
        ) told
    """
    params = [
        template.service,
        *told_params,
        *missing_params,
        *too_long_params,
        *values_params,
        *triggered_params,
        *person_params,
        *rows_params,
    ]
    return sql, params


def _values(names: list[str], values: Mapping[str, Any], row_values: str) -> tuple[str, list[Any]]:
    """Return SQL for the frozen values: the row's, else the campaign's, else the person's own."""
    if not names:
        return "'{}'::jsonb", []
    pairs, params = [], []
    for name in names:
        pairs.append(
            f"%s::text, COALESCE(NULLIF(btrim({row_values} ->> %s, %s), ''), NULLIF(%s, ''),"
            " NULLIF(btrim(person.attributes ->> %s, %s), ''))"
        )
        given = values.get(name)
        own = "" if given is None else str(given).strip()
        params += [name, name, _BLANKS, own, name, _BLANKS]
    return f"jsonb_strip_nulls(jsonb_build_object({', '.join(pairs)}))", params


def _too_long(template: MessageTemplate) -> tuple[str, list[Any]]:
    """Return SQL that is true when a text would pass its limit with the frozen values."""
    conditions, params = [], []
    for part in contents.parts(template.content, service=template.service):
        names = contents.PLACEHOLDER.findall(part.text)
        if not names:
            continue
        room = part.limit - contents.utf16_units(contents.PLACEHOLDER.sub("", part.text))
        value = "(filled.values ->> %s)"
        exact = _PERCENT_ENCODED if part.is_url else _UTF16
        # Bytes are never fewer than UTF-16 units, and the exact count is dear: ask it only then.
        bound = f"3 * octet_length({value})" if part.is_url else f"octet_length({value})"
        conditions.append(
            f"CASE WHEN {' + '.join(bound for _name in names)} > %s"
            f" THEN {' + '.join(exact.format(value) for _name in names)} > %s ELSE false END"
        )
        params += [*names, room]
        for name in names:
            params += [name, name]
        params.append(room)
    return " OR ".join(conditions) or "false", params


def _insert(
    template: MessageTemplate,
    source: _Filter | _Rows,
    *,
    at: datetime,
    values: Mapping[str, Any],
    campaign: Campaign | None,
    not_after: datetime | None,
    by: int | None,
    triggered_at: datetime | None = None,
) -> tuple[str, list[Any]]:
    judged, params = _judged(template, source, at=at, values=values, triggered_at=triggered_at)
    sql = f"""
        INSERT INTO sending_message (
            account_id, campaign_id, template_id, recipient_id, item, service, verdict, rule,
            rules_version, consent, friend_status, address, values, body_template_hash,
            status, queued_at, ready_at, triggered_at, not_after, changed_at, reference, attempts,
            body_sha256, request_id, outcome, detail, created_by_id
        )
        SELECT %s, %s, %s, recipient_id, item, %s, verdict, rule,
               %s, consent, friend_status,
               CASE WHEN rule = '' THEN address ELSE '' END,
               values, %s,
               CASE WHEN rule = '' THEN 'queued' ELSE 'skipped' END, %s, %s, triggered_at, %s, %s,
               CASE WHEN rule = '' THEN gen_random_uuid() END, 0, '', '', '', '', %s
        FROM ({judged}) judged
    """
    return sql, [
        template.account_id,
        campaign.pk if campaign else None,
        template.pk,
        template.service,
        eligibility.VERSION,
        template.content_hash,
        at,
        at,
        not_after,
        at,
        by,
        *params,
    ]
