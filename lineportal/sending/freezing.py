"""Freeze a started campaign's audience: one message per person or row, chunk by chunk.

A chunk is one set-based statement and moves `written_through` in its transaction, so a crash
resumes behind the last whole chunk. Nothing is sent before the last one is there.
"""

from __future__ import annotations

from datetime import datetime

from django.db import connection, transaction
from django.utils.translation import gettext as _

from lineportal.audit import chain
from lineportal.sending import audience, lanes, policies
from lineportal.sending.models import Campaign, Message, StopCode
from lineportal.sending.statuses import UNFINISHED, Status

CHUNK = 50_000  # people
_WRITING = (Campaign.State.RUNNING, Campaign.State.PAUSED)


def is_small(campaign: Campaign) -> bool:
    """Return whether one chunk holds the audience, so that it is written at once."""
    if "rows" in campaign.audience:
        return int(campaign.audience["rows"]) <= CHUNK
    return audience.chunk_end(campaign, after=0, size=CHUNK) is None


def write_all(campaign_id: int, *, at: datetime) -> None:
    """Write what is missing, in as many transactions as there are chunks."""
    while write_next(campaign_id, at=at):
        pass


def unwritten() -> list[int]:
    """Return the ids of started campaigns whose messages are not all there yet."""
    rows = Campaign.objects.filter(
        frozen_at__isnull=False, written_at__isnull=True, state__in=_WRITING
    )
    return list(rows.values_list("pk", flat=True))


@transaction.atomic
def write_next(campaign_id: int, *, at: datetime) -> bool:
    """Write one chunk; return whether there is more. After the last one the campaign may send."""
    campaign = (
        Campaign.objects.select_for_update(of=("self",))
        .select_related("account", "template")
        .get(pk=campaign_id)
    )
    if campaign.written_at is not None or campaign.state not in _WRITING:
        return False
    # The rows of a file are judged together: an earlier row makes a later one a repeat.
    end = None
    if "rows" not in campaign.audience:
        end = audience.chunk_end(campaign, after=campaign.written_through, size=CHUNK)
    audience.write_campaign(
        campaign, at=campaign.frozen_at or at, after=campaign.written_through, through=end
    )
    if end is not None:
        campaign.written_through = end
        campaign.save(update_fields=["written_through"])
        return True
    _complete(campaign, at=at)
    return False


def _complete(campaign: Campaign, *, at: datetime) -> None:
    campaign.written_at = at
    queued = Message.objects.filter(campaign=campaign, status=Status.QUEUED)
    count = queued.count()
    policy = policies.of(campaign.account_id)
    if campaign.canary_size is not None and campaign.canary_size < count:
        [campaign.held_after] = queued.order_by("pk").values_list("pk", flat=True)[
            campaign.canary_size - 1 : campaign.canary_size
        ]
    if policy.second_key_above is not None and count > policy.second_key_above:
        campaign.state, campaign.stop_code = Campaign.State.PAUSED, StopCode.SECOND_KEY
        campaign.stop_reason = _(
            "%(count)d messages are more than the account's limit of %(limit)d. A second person"
            " looks at the wording and the audience, and confirms."
        ) % {"count": count, "limit": policy.second_key_above}
    if not is_unfinished(campaign):
        campaign.state, campaign.finished_at = Campaign.State.FINISHED, at
        campaign.stop_code = campaign.stop_reason = ""
    campaign.save()
    if campaign.written_through:  # a large one: the planner must know of it before workers ask
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE sending_message")
    chain.write(
        "campaign.frozen", subject=campaign, by=None, at=at, account_id=campaign.account_id,
        queued=count,
    )  # fmt: skip
    lanes.wake_service(campaign.account_id, campaign.template.service)


def is_unfinished(campaign: Campaign) -> bool:
    """Return whether something of the campaign is queued or sending."""
    return Message.objects.filter(campaign=campaign, status__in=UNFINISHED).exists()
