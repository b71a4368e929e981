"""Rules about our own earlier messages to a person, and about how old a message's trigger is.

All are off until an account's policy switches them on; then they come after every other rule.
Judged when messages are written and once more at the claim, by the same conditions.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from django.db import connection
from django.utils.translation import gettext as _

from lineportal.sending.models import Policy
from recipients import eligibility
from recipients.intake import Invalid

TRIGGER = "triggered_at"  # the name of a value, and the column of a file

# In their order; the letter stands in the rules version of what was judged with the rule on.
LETTERS = {"frequency_cap": "f", "recently_refused": "r", "trigger_too_old": "t"}

# What counts against a cap: what went out or may still; what is queued is counted apart.
_COUNTED = "('accepted', 'delivered', 'uncertain', 'sending')"
# What tells how LINE took the person's last message; our own failures tell nothing.
_TOLD = "('accepted', 'delivered', 'expired', 'refused', 'uncertain')"
# A text that is a moment with its zone; anything else is no trigger.
_MOMENT = r"^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,6})?)?(Z|[+-]\d\d:\d\d)$"


class Condition(NamedTuple):
    """One rule as SQL that is true where it excludes."""

    code: str
    sql: str
    params: list[Any]


class Names(NamedTuple):
    """How the SQL around the conditions calls what they need."""

    recipient: str
    triggered_at: str
    own: str = ""  # the message's own id, where it is written already
    earlier: str = "0"  # how many messages of the same writing come before it


def conditions(
    policy: Policy, *, service: str, category: str, at: datetime, names: Names
) -> list[Condition]:
    """Return the rules that the policy switches on, in their order; mostly none."""
    found = []
    if caps := _caps(policy, category):
        counts = [_count(policy, days, only, at, names) for _n, days, only in caps]
        found.append(
            Condition(
                "frequency_cap",
                " OR ".join(f"{names.earlier} + ({sql}) >= %s" for sql, _params in counts),
                [
                    param
                    for (limit, _days, _only), (_sql, params) in zip(caps, counts, strict=True)
                    for param in (*params, limit)
                ],
            )
        )
    if policy.cooling_off_days:
        found.append(_recently_refused(policy, service, at, names))
    if policy.trigger_minutes:
        oldest = at - timedelta(minutes=policy.trigger_minutes)
        found.append(
            Condition("trigger_too_old", f"COALESCE({names.triggered_at} < %s, false)", [oldest])
        )
    return found


def excluded(
    message_ids: list[int], policy: Policy, *, service: str, category: str, at: datetime
) -> dict[int, str]:
    """Return rule code by message id for queued messages that the switched-on rules exclude now."""
    names = Names("message.recipient_id", "message.triggered_at", own="message.id")
    rules = conditions(policy, service=service, category=category, at=at, names=names)
    if not rules or not message_ids:
        return {}
    case, params = cased(rules)
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            SELECT id, rule FROM (
                SELECT message.id, CASE {case} ELSE '' END AS rule
                FROM sending_message message WHERE message.id = ANY(%s)
            ) judged WHERE rule <> ''
            """,
            [*params, message_ids],
        )
        return dict(cursor.fetchall())


def cased(rules: list[Condition]) -> tuple[str, list[Any]]:
    """Return the rules as the branches of a CASE, with their parameters."""
    sql = " ".join(f"WHEN {rule.sql} THEN '{rule.code}'" for rule in rules)
    return sql, [param for rule in rules for param in rule.params]


def switched_on(policy: Policy, *, category: str) -> list[str]:
    """Return the codes of the rules that the policy applies to messages of a category."""
    is_on = (_caps(policy, category), policy.cooling_off_days, policy.trigger_minutes)
    return [code for code, on in zip(LETTERS, is_on, strict=True) if on]


def rules_version(policy: Policy, *, category: str) -> str:
    """Return the version of the rules about the person, and which of these are on.

    It is kept on each message, so that it can be told later what was asked.
    """
    on = "".join(LETTERS[code] for code in switched_on(policy, category=category))
    return f"{eligibility.VERSION}+{on}" if on else eligibility.VERSION


def on_in(version: str) -> list[str]:
    """Return the codes of the rules that were on when something was judged by this version."""
    letters = version.partition("+")[2]
    return [code for code, letter in LETTERS.items() if letter in letters]


def counts(
    recipient_id: int, policy: Policy, *, category: str, at: datetime
) -> list[tuple[int, int, int]]:
    """Return (how many messages count, how many are allowed, in how many days) for each cap."""
    names = Names("%s::bigint", "null")
    found = []
    for limit, days, only in _caps(policy, category):
        sql, params = _count(policy, days, only, at, names)
        with connection.cursor() as cursor:
            cursor.execute(sql, [recipient_id, *params])
            [(n,)] = cursor.fetchall()
        found.append((int(n), limit, days))
    return found


def last_told(recipient_id: int, policy: Policy, *, service: str) -> tuple[str, datetime] | None:
    """Return the status of the last message whose fate LINE told, and since when; or None."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"""SELECT status, COALESCE(attempt_ended_at, changed_at) FROM sending_message
            WHERE recipient_id = %s AND account_id = %s AND service = %s AND status IN {_TOLD}
            ORDER BY id DESC LIMIT 1""",
            [recipient_id, policy.account_id, service],
        )
        row = cursor.fetchone()
    return (str(row[0]), row[1]) if row else None


def trigger_of(values: Mapping[str, Any]) -> datetime | None:
    """Return the moment that a campaign's values name as their trigger; raises Invalid."""
    text = str(values.get(TRIGGER) or "").strip()
    return read_moment(text) if text else None


def read_moment(text: str) -> datetime:
    """Return a moment with its zone, in UTC; raises Invalid."""
    try:
        read = datetime.fromisoformat(text.strip())
    except ValueError:
        read = None
    if read is None or read.tzinfo is None:
        raise Invalid(
            TRIGGER,
            _("“triggered_at” is a moment with its zone, such as 2026-12-31T09:00:00+07:00."),
        )
    return read.astimezone(UTC)


def moment(text_sql: str) -> str:
    """Return SQL for the moment in a text, null where it is none; `text_sql` takes no parameter."""
    return (
        f"CASE WHEN {text_sql} ~ '{_MOMENT}' AND pg_input_is_valid({text_sql}, 'timestamptz')"
        f" THEN ({text_sql})::timestamptz END"
    )


def _caps(policy: Policy, category: str) -> list[tuple[int, int, bool]]:
    """Return (messages, days, of marketing only) for each cap that is on."""
    caps = []
    if policy.cap_messages and policy.cap_days:
        caps.append((policy.cap_messages, policy.cap_days, False))
    if category == "marketing" and policy.marketing_cap_messages and policy.marketing_cap_days:
        caps.append((policy.marketing_cap_messages, policy.marketing_cap_days, True))
    return caps


def _count(
    policy: Policy, days: int, only_marketing: bool, at: datetime, names: Names
) -> tuple[str, list[Any]]:
    # Of two queued messages only the later one counts the other, so that they never bar each other.
    queued, not_own = "other.status = 'queued'", ""
    if names.own:
        queued += f" AND other.id < {names.own}"
        not_own = f"AND other.id <> {names.own}"
    marketing = ""
    if only_marketing:
        marketing = """AND EXISTS (SELECT FROM templates_app_messagetemplate template
            WHERE template.id = other.template_id AND template.category = 'marketing')"""
    sql = f"""SELECT count(*) FROM sending_message other
        WHERE other.recipient_id = {names.recipient} AND other.account_id = %s
          AND (other.status IN {_COUNTED} OR {queued}) {not_own}
          AND COALESCE(other.attempt_started_at, other.queued_at) > %s {marketing}"""
    return sql, [policy.account_id, at - timedelta(days=days)]


def _recently_refused(policy: Policy, service: str, at: datetime, names: Names) -> Condition:
    not_own = f"AND other.id <> {names.own}" if names.own else ""
    sql = f"""COALESCE((SELECT other.status = 'refused'
            AND COALESCE(other.attempt_ended_at, other.changed_at) > %s
        FROM sending_message other
        WHERE other.recipient_id = {names.recipient} AND other.account_id = %s
          AND other.service = %s AND other.status IN {_TOLD} {not_own}
        ORDER BY other.id DESC LIMIT 1), false)"""
    since = at - timedelta(days=policy.cooling_off_days or 0)
    return Condition("recently_refused", sql, [since, policy.account_id, service])
