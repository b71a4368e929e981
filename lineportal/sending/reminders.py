"""Remind people, once each working morning, of versions that wait longer than is usual.

A reminder is a row, one for each version and day, written in the transaction that makes the mail's
job: so it is mailed once however many workers look, and not lost where the mail server is away.
"""

from __future__ import annotations

import json
from collections import defaultdict
from datetime import date, datetime
from zoneinfo import ZoneInfo

from django.contrib.auth.models import User
from django.core.mail import EmailMessage
from django.db import connection, transaction
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from lineportal.accounts import access
from lineportal.accounts.models import OfficialAccount
from lineportal.sending import lanes, mails
from templates_app import business_days, desk
from templates_app.models import ReviewReminder
from templates_app.waits import Party

MORNING = range(9, 12)  # o'clock where the account is; a worker that was away has until noon

# Where another worker writes the same, this waits for it, and then writes nothing.
_WRITE = """
    INSERT INTO templates_app_reviewreminder (template_id, day, why, people, at)
    SELECT given.id, %(day)s, given.why,
           ARRAY(SELECT jsonb_array_elements_text(given.people)::bigint), %(at)s
    FROM jsonb_to_recordset(%(given)s::jsonb) AS given (id bigint, why text, people jsonb)
    ORDER BY given.id
    ON CONFLICT (template_id, day) DO NOTHING
    RETURNING id, template_id
"""


def remind(*, at: datetime) -> int:
    """Write today's reminders where it is a working morning; return how many are new."""
    made = 0
    for account in OfficialAccount.objects.filter(is_active=True).order_by("pk"):
        local = at.astimezone(ZoneInfo(account.timezone))
        if local.hour in MORNING and business_days.is_one(account.country, local.date()):
            made += _remind(account, local.date(), at=at)
    return made


def mail(user_id: int, reminder_ids: list[int], *, at: datetime) -> EmailMessage | None:
    """Return the mail of these reminders; None where nothing of it waits for the person now."""
    who = User.objects.filter(pk=user_id, is_active=True).first()
    first = ReviewReminder.objects.select_related("template__account").filter(pk__in=reminder_ids)
    held = list(first)
    if who is None or not held:
        return None
    account = held[0].template.account
    if not access.may(who, desk.VIEW, account):
        return None
    reminded = {each.template_id for each in held}
    rows = [row for row in desk.late(account, at=at) if row.pk in reminded and who in row.people]
    if not rows:
        return None
    subject = ngettext(
        "%(n)d template waits for you (%(account)s)",
        "%(n)d templates wait for you (%(account)s)",
        len(rows),
    ) % {"n": len(rows), "account": account.name}
    return mails.write(who, subject, [_said(row) for row in rows])


@transaction.atomic
def _remind(account: OfficialAccount, day: date, *, at: datetime) -> int:
    late = {row.pk: row for row in desk.late(account, at=at)}
    if not late:
        return 0
    people = {pk: [who.pk for who in row.people] for pk, row in late.items()}
    given = [
        {"id": pk, "why": row.wait.why.value, "people": people[pk]} for pk, row in late.items()
    ]
    with connection.cursor() as cursor:
        cursor.execute(_WRITE, {"given": json.dumps(given), "day": day, "at": at})
        new = cursor.fetchall()
    of_people: dict[int, list[int]] = defaultdict(list)
    for reminder, template in sorted(new):
        for who in late[template].people:
            if who.email:
                of_people[who.pk].append(reminder)
    for user_id, reminder_ids in of_people.items():
        lanes.mail_reminder(user_id, reminder_ids)
    return len(new)


def _said(row: desk.Row) -> str:
    if row.template is None:  # desk.late reads them all
        raise TypeError(f"version {row.pk} was not read")
    days = ngettext("%(n)d business day", "%(n)d business days", row.age) % {"n": row.age}
    said = _("%(template)s: %(why)s since %(since)s, %(days)s; usual: up to %(usual)d.") % {
        "template": str(row.template),
        "why": row.wait.why.label,
        "since": row.wait.since.isoformat(),
        "days": days,
        "usual": row.wait.usual or 0,
    }
    if row.wait.party == Party.LINE:
        said += " " + _("Ask the account manager how it stands.")
    return f"{said}\n{mails.template_link(row.template)}"
