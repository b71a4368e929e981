"""Write into a version's thread, and mail whom the entry mentions.

The mail is a job of the entry's own transaction: a mail server that is down neither loses the
entry nor keeps it waiting.
"""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User
from django.core.mail import EmailMessage
from django.db import transaction
from django.utils.translation import gettext as _

from lineportal.accounts import access
from lineportal.sending import lanes, mails
from templates_app import mentions, thread
from templates_app.models import MessageTemplate, ReviewEntry


@transaction.atomic
def say(template: MessageTemplate, kind: str, text: str = "", **details: Any) -> ReviewEntry:
    """Write an entry as `thread.say` does, and have whoever it mentions mailed.

    Raises what `thread.say` raises.
    """
    entry = thread.say(template, kind, text, **details)
    for who in entry.mentions.exclude(email="").order_by("pk"):
        lanes.mail_entry(entry.pk, who.pk)
    return entry


def mail(entry_id: int, user_id: int) -> EmailMessage | None:
    """Return the mail about an entry; None where the person may not see it any more."""
    entry = ReviewEntry.objects.select_related("template__account", "by").get(pk=entry_id)
    who = User.objects.get(pk=user_id)
    template = entry.template
    if not who.is_active or not access.may(who, mentions.VIEW, template.account_id):
        return None
    subject = _("%(by)s mentioned you: %(template)s (%(account)s)") % {
        "by": entry.by.username,
        "template": str(template),
        "account": template.account.name,
    }
    said = [
        f"{entry.get_kind_display()}, {entry.by.username}:",
        entry.text,
        mails.template_link(template, f"entry-{entry.pk}"),
    ]
    return mails.write(who, subject, said)
