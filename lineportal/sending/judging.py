"""The SELECT that judges people for a template, and its shorter form that only counts.

Rules here are about the message's values and the campaign; those about the person come first, of
`recipients/eligibility.py`, and those about our own history last, of `own_history.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import QuerySet

from lineportal.sending import linked, own_history, policies
from lineportal.sending.models import Policy
from recipients import eligibility
from recipients.models import Recipient
from templates_app import content as contents
from templates_app.models import MessageTemplate

# LINE counts UTF-16 units: characters outside the basic plane count twice.
_UTF16 = (
    "(char_length({0}) + char_length(regexp_replace({0}, '[^\\U00010000-\\U0010FFFF]', '', 'g')))"
)
# In addresses a byte takes three characters (%XX), unless it is one that stays as it is.
_PERCENT_ENCODED = (
    "(3 * octet_length({0}) - 2 * char_length(regexp_replace({0}, '[^A-Za-z0-9_.~-]', '', 'g')))"
)


# What `str.strip` takes off, the ideographic space among it: a value of these alone is none.
BLANKS = "".join(character for character in map(chr, range(1, 0x10000)) if character.isspace())


@dataclass(frozen=True, slots=True)
class Filter:
    """People chosen by a filter: one message each."""

    people: QuerySet[Recipient]


@dataclass(frozen=True, slots=True)
class Rows:
    """People named by the rows of the campaign's own file: one message per row."""

    campaign_id: int
    people: QuerySet[Recipient]


def judged(
    template: MessageTemplate,
    source: Filter | Rows,
    *,
    at: datetime,
    values: Mapping[str, Any],
    triggered_at: datetime | None = None,
    policy: Policy | None = None,
    link: int | None = None,
) -> tuple[str, list[Any]]:
    """Return the SELECT that every use shares, and its parameters; `policy` spares a look-up.

    Columns: recipient_id, address, consent, friend_status, item, values, triggered_at, link_id,
    rule, verdict. `link` is the link of one person named by their number.
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
    policy = policy or policies.of(template.account_id)
    link_id = "line.link_id" if isinstance(source, Rows) else "%s::bigint"
    link_params = [] if isinstance(source, Rows) else [link]
    unlinked, unlinked_params = linked.ended_sql("filled.link_id", policy, at=at)
    if isinstance(source, Rows):
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
    text = "(filled.values ->> %s)"
    too_long_sql, too_long_params = too_long(template, lambda name: (text, text, [name]))
    missing = "NOT filled.values ?& %s" if names else "false"
    missing_params: list[Any] = [names] if names else []
    triggered_sql = "%s::timestamptz"
    triggered_params = [triggered_at or own_history.trigger_of(values)]
    if rows_join:
        row_trigger = own_history.moment("(line.values ->> 'triggered_at')")
        triggered_sql = f"COALESCE({row_trigger}, %s::timestamptz)"
    history = own_history.conditions(
        policy,
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
        SELECT recipient_id, address, consent, friend_status, values, triggered_at, link_id, rule,
               CASE WHEN repeat > 1 THEN item || ' (row ' || row_number || ')' ELSE item END
                   AS item,
               CASE WHEN rule <> '' THEN 'excluded'
                    WHEN %s = 'lon' AND consent = 'not_set' THEN 'send_pending_consent'
                    ELSE 'send' END AS verdict
        FROM (
          SELECT recipient_id, address, consent, friend_status, values, triggered_at, link_id,
                 item, repeat, row_number, {rule} AS rule
          FROM (
           SELECT ruled.*, {earlier} AS earlier FROM (
            SELECT filled.*,
                   CASE WHEN person_rule <> '' THEN person_rule
                        WHEN {unlinked} THEN '{linked.ENDED}'
                        WHEN {missing} THEN 'missing_values'
                        WHEN {too_long_sql} THEN 'value_too_long'
                        WHEN repeat > 1 THEN 'already_in_campaign'
                        ELSE '' END AS rule
            FROM (
                SELECT person.id AS recipient_id, {address} AS address, person.consent,
                       person.friend_status, person.rule AS person_rule, {item} AS item,
                       {repeat} AS repeat, {row_number} AS row_number, {values_sql} AS values,
                       {triggered_sql} AS triggered_at, {link_id} AS link_id
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
        *unlinked_params,
        *missing_params,
        *too_long_params,
        *values_params,
        *triggered_params,
        *link_params,
        *person_params,
        *rows_params,
    ]
    return sql, params


def in_general(account_id: int, service: str) -> MessageTemplate:
    """Return a template of no words, for what the rules say of a service whatever is sent."""
    content = {} if service == "lon" else {"text": ""}
    return MessageTemplate(
        account_id=account_id, service=service, category="transactional", content=content
    )


def given(names: list[str], values: Mapping[str, Any]) -> dict[str, str]:
    """Return what a campaign or caller gives for each placeholder; "" is nothing."""
    found = ((name, values.get(name)) for name in names)
    return {name: "" if value is None else str(value).strip() for name, value in found}


def too_long(
    template: MessageTemplate, value: Callable[[str], tuple[str, str, list[Any]]]
) -> tuple[str, list[Any]]:
    """Return SQL that is true when a text would pass its limit with its values.

    `value` gives for a placeholder: SQL never shorter than its value, SQL that is the value, and
    the parameters that either takes.
    """
    conditions, params = [], []
    for part in contents.parts(
        template.content,
        service=template.service,
        category=template.category,
        language=template.language,
    ):
        names = contents.PLACEHOLDER.findall(part.text)
        if not names:
            continue
        room = part.limit - contents.utf16_units(contents.PLACEHOLDER.sub("", part.text))
        exact = _PERCENT_ENCODED if part.is_url else _UTF16
        # Bytes are never fewer than UTF-16 units, and the exact count is dear: ask it only then.
        bound = "3 * octet_length({0})" if part.is_url else "octet_length({0})"
        values = [value(name) for name in names]
        conditions.append(
            f"CASE WHEN {' + '.join(bound.format(rough) for rough, _sql, _params in values)} > %s"
            f" THEN {' + '.join(exact.format(sql) for _rough, sql, _params in values)} > %s"
            " ELSE false END"
        )
        own = [value_params for _rough, _sql, value_params in values]
        params += [*(param for each in own for param in each), room]
        params += [*(param for each in own for param in (*each, *each)), room]
    return " OR ".join(conditions) or "false", params


def _values(names: list[str], values: Mapping[str, Any], row_values: str) -> tuple[str, list[Any]]:
    """Return SQL for the frozen values: the row's, else the campaign's, else the person's own."""
    if not names:
        return "'{}'::jsonb", []
    pairs, params = [], []
    for name, own in given(names, values).items():
        pairs.append(
            f"%s::text, COALESCE(NULLIF(btrim({row_values} ->> %s, %s), ''), NULLIF(%s, ''),"
            " NULLIF(btrim(person.attributes ->> %s, %s), ''))"
        )
        params += [name, name, BLANKS, own, name, BLANKS]
    return f"jsonb_strip_nulls(jsonb_build_object({', '.join(pairs)}))", params
