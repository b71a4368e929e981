"""Two-way messages to people named by their number: they go to the LINE user linked to it.

A message remembers the link it goes by, and is excluded once that has ended or become stale.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from lineportal.sending import policies
from lineportal.sending.models import Message, Policy
from recipients import linking
from recipients.models import Link, Recipient

ENDED = "link_ended"  # the rule


def ended_sql(column: str, policy: Policy, *, at: datetime) -> tuple[str, list[datetime]]:
    """Return SQL and its parameter: this link, if there is one, is not to be sent by any more."""
    return (
        f"({column} IS NOT NULL AND NOT EXISTS (SELECT FROM recipients_link open_link"
        f" WHERE open_link.id = {column} AND open_link.ended_at IS NULL"
        " AND open_link.confirmed_at > %s))",
        [at - timedelta(days=policy.link_days)],
    )


def ended(message_ids: Sequence[int], policy: Policy, *, at: datetime) -> dict[int, str]:
    """Return the rule by id of those messages whose link has ended or become stale."""
    sql, params = ended_sql("message.link_id", policy, at=at)
    rows = Message.objects.raw(
        f"SELECT id FROM sending_message message WHERE id = ANY(%s) AND {sql}",
        [list(message_ids), *params],
    )
    return dict.fromkeys((row.pk for row in rows), ENDED)


def user_of(recipient: Recipient, *, at: datetime) -> tuple[Recipient, int] | None:
    """Return the LINE user linked to a number and the link, held open until the act is done."""
    days = policies.of(recipient.account_id).link_days
    found = linking.users_of([recipient.pk], at=at, days=days).get(recipient.pk)
    if found is None:
        return None
    # Who ends it waits for us; what we write is then found as ended when it is due.
    link = Link.objects.select_for_update(no_key=True).filter(pk=found[1], ended_at=None).first()
    return (Recipient.objects.get(pk=found[0]), link.pk) if link else None


def filled(
    names: Iterable[str],
    values: Mapping[str, Any],
    *others: Mapping[str, Any],
    number: Mapping[str, Any],
) -> dict[str, Any]:
    """Return the values, with what neither they nor the others give taken from the number's row.

    `names` are the placeholders; `others` what is looked at beside the values, such as the LINE
    user's own attributes.
    """
    found = dict(values)
    for name in names:
        is_given = any(str(each.get(name) or "").strip() for each in (values, *others))
        if not is_given and (value := str(number.get(name) or "").strip()):
            found[name] = value
    return found
