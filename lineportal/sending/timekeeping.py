"""What time does to campaigns: scheduled starts, canaries that are out, campaigns that are done."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction
from django.utils.translation import gettext as _

from lineportal.sending import campaigns, freezing
from lineportal.sending.models import Campaign, Message, StopCode
from lineportal.sending.statuses import UNFINISHED

LATE = timedelta(hours=1)  # a scheduled start that comes later is a question for a person


@transaction.atomic
def start_scheduled(campaign: Campaign, *, at: datetime) -> None:
    """Start a campaign whose time has come. Where that was missed, a person is asked instead.

    Missed is: `not_after` has passed, or nobody worked for an hour. It goes back to draft.
    """
    # Another worker may be at it, for minutes if it is large: it is not waited for.
    mine = Campaign.objects.select_for_update(skip_locked=True).filter(pk=campaign.pk)
    if mine.first() is None:
        return
    campaign = campaigns.locked(campaign)
    if campaign.state != Campaign.State.SCHEDULED or campaign.scheduled_at is None:
        return
    late = at - campaign.scheduled_at
    if late > LATE or (campaign.not_after is not None and campaign.not_after <= at):
        campaigns.move(
            campaign,
            Campaign.State.DRAFT,
            _("It was to start at %(time)s, and no worker ran then. Start it now, or cancel it.")
            % {"time": campaign.scheduled_at.isoformat(timespec="minutes")},
            StopCode.MISSED,
        )
        campaigns.audit("miss", campaign, by=None, at=at)
        return
    try:
        campaigns.freeze_and_run(campaign, by=None, at=at)
    except campaigns.WrongState as refusal:  # nothing is written yet
        campaigns.move(campaign, Campaign.State.CANCELLED, str(refusal))
        campaigns.audit("cancel", campaign, by=None, at=at)


def finish_done(*, at: datetime) -> int:
    """Finish running campaigns of which nothing is queued or sending; return how many.

    Of one that sends its canary first, the rest is held: it pauses until a person has looked.
    """
    done = 0
    running = Campaign.objects.filter(state=Campaign.State.RUNNING, written_at__isnull=False)
    for campaign in running:
        if not _is_done(campaign):
            continue
        with transaction.atomic():
            same = running.filter(pk=campaign.pk).select_for_update(skip_locked=True)
            # Looked at again under the lock: somebody may have sent a message once more.
            found = same.first()
            if found is None or not _is_done(found):
                continue
            if freezing.is_unfinished(found):
                campaigns.move(
                    found,
                    Campaign.State.PAUSED,
                    _("The first %(count)d are sent. Look at what became of them, then resume.")
                    % {"count": found.canary_size or 0},
                    StopCode.CANARY,
                )
                campaigns.audit("pause", found, by=None, at=at, code=StopCode.CANARY)
                continue
            done += running.filter(pk=campaign.pk).update(
                state=Campaign.State.FINISHED, finished_at=at
            )
    return done


def _is_done(campaign: Campaign) -> bool:
    """Return whether nothing is queued or sending that may be sent now."""
    rows = Message.objects.filter(campaign=campaign, status__in=UNFINISHED)
    if campaign.held_after is not None:
        rows = rows.filter(pk__lte=campaign.held_after)
    return not rows.exists()
