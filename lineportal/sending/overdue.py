"""Notifications that are late: flagged, so that another channel such as SMS can take over.

A flag is no status and stops nothing: LINE may still deliver within its 24 hours, so that a person
reached twice is possible. Two-way messages have no receipt, so they are never overdue.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from lineportal.accounts import access
from lineportal.audit import chain
from lineportal.sending.models import Message
from lineportal.sending.statuses import Status
from recipients.intake import Invalid
from templates_app import workflow
from templates_app.models import MessageTemplate

LONGEST = 24 * 60  # minutes; after that a notification is expired
UNDELIVERED = frozenset(
    {Status.QUEUED, Status.SENDING, Status.ACCEPTED, Status.UNCERTAIN, Status.EXPIRED,
     Status.REFUSED, Status.FAILED}
)  # fmt: skip
WARNING = gettext_lazy(
    "Overdue is no status: LINE may still deliver such a message. If you send the same by another"
    " channel, both may arrive."
)


def among(messages: QuerySet[Message], *, at: datetime) -> QuerySet[Message]:
    """Return those of the messages that are overdue now."""
    # Few templates have a limit; named one by one, no message is joined to find them.
    limits = MessageTemplate.objects.filter(overdue_minutes__isnull=False)
    late = Q(pk__in=[])
    for pk, minutes in limits.values_list("pk", "overdue_minutes"):
        late |= Q(template=pk, queued_at__lte=at - timedelta(minutes=minutes or 0))
    return messages.filter(late, service="lon", status__in=UNDELIVERED)


def accounts() -> list[int]:
    """Return the ids of the accounts that have a template with a limit."""
    limits = MessageTemplate.objects.filter(overdue_minutes__isnull=False)
    return list(limits.order_by("account").values_list("account_id", flat=True).distinct())


def is_overdue(*, service: str, status: str, queued_at: datetime, minutes: int | None,
               at: datetime) -> bool:  # fmt: skip
    """Return the same for one message whose template allows so many minutes."""
    return (
        service == "lon"
        and minutes is not None
        and status in UNDELIVERED
        and queued_at + timedelta(minutes=minutes) <= at
    )


def of(message: Message, *, at: datetime) -> bool:
    """Return whether one message, with its template at hand, is overdue now."""
    return is_overdue(
        service=message.service,
        status=message.status,
        queued_at=message.queued_at,
        minutes=message.template.overdue_minutes,
        at=at,
    )


@transaction.atomic
def allow(
    template: MessageTemplate, *, minutes: int | None, by: User, at: datetime
) -> MessageTemplate:
    """Say after how many minutes an undelivered message of this version is overdue; None: never.

    It changes nothing that was decided on, so every state takes it.
    Raises PermissionDenied, Invalid.
    """
    access.require(by, workflow.CHANGE, template.account_id)
    if minutes is not None and not 1 <= minutes <= LONGEST:
        raise Invalid("overdue_after_minutes", _("Give 1 to 1,440 minutes, or nothing for never."))
    template = MessageTemplate.objects.select_for_update().get(pk=template.pk)
    template.overdue_minutes = minutes
    template.save(update_fields=["overdue_minutes"])
    chain.write(
        "template.overdue", subject=template, by=by, at=at, account_id=template.account_id,
        minutes=minutes,
    )  # fmt: skip
    return template
