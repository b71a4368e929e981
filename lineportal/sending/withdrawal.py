"""What a revoked template or a cancelled campaign takes out of the outbox."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Exists, OuterRef
from django.utils.translation import gettext as _

from lineportal.sending import campaigns, revoked_notice
from lineportal.sending.models import Campaign, Message, StopCode
from lineportal.sending.statuses import Status
from templates_app import workflow
from templates_app.models import MessageTemplate

_RECENT = timedelta(days=1)  # after that nothing of a revoked template comes back to the queue


@transaction.atomic
def revoke_template(
    template: MessageTemplate, *, by: User, at: datetime, reason: str
) -> MessageTemplate:
    """Revoke an approved version, stop everything that would still go out on it, and tell why."""
    template = workflow.revoke(template, by=by, at=at, reason=reason)
    stopped = revoked_notice.stopped(template)
    _pause_running(template, at=at)
    _cancel_queued(template, at=at)
    revoked_notice.defer(template, stopped)
    return template


@transaction.atomic
def withdraw(template: MessageTemplate, *, at: datetime) -> int:
    """Cancel what is queued on a version that is not approved any more, and pause its campaigns."""
    # One that was being started while the template was revoked; the others are told already.
    revoked_notice.defer(template, _pause_running(template, at=at))
    return _cancel_queued(template, at=at)


def cancel_left_behind(*, at: datetime) -> int:
    """Cancel what is queued of a cancelled campaign or a revoked template; return how many.

    Large ones are cancelled by parts, and a row in flight may come back to the queue.
    """
    queued = Message.objects.filter(campaign=OuterRef("pk"), status=Status.QUEUED)
    cancelled = 0
    for campaign in Campaign.objects.filter(Exists(queued), state=Campaign.State.CANCELLED):
        while n := campaigns.cancel_queued_of(campaign, at=at):
            cancelled += n
    for template in MessageTemplate.objects.filter(revoked_at__gt=at - _RECENT):
        while n := withdraw(template, at=at):
            cancelled += n
    return cancelled


def _pause_running(template: MessageTemplate, *, at: datetime) -> list[Campaign]:
    why = _("The template was revoked: %(reason)s.") % {"reason": template.reason.rstrip(" .")}
    running = Campaign.objects.select_for_update().filter(
        template=template, state=Campaign.State.RUNNING
    )
    return [
        campaigns.pause(campaign, by=None, at=at, reason=why, code=StopCode.REVOKED)
        for campaign in running.order_by("pk")
    ]


def _cancel_queued(template: MessageTemplate, *, at: datetime) -> int:
    queued = Message.objects.filter(
        account_id=template.account_id, service=template.service, template=template
    )
    return campaigns.cancel_queued(queued, at=at, detail=_("The template was revoked."))
