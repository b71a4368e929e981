"""What stops by itself: a slower road, and campaigns that would only fail on.

Account faults (401, 403, the monthly quota) pause every campaign of the road, template faults (400)
those of the template, and rates of refusal or uncertainty the one campaign. Each says why.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext as _

from lineportal.accounts.models import Road
from lineportal.providers.base import FaultScope, Outcome, SendResult
from lineportal.sending import campaigns, incidents, pacing, policies
from lineportal.sending.models import Campaign, IncidentCode, StopCode, Stroke
from lineportal.sending.outbox import Sent
from lineportal.sending.receipts import Fault

ATTEMPTS = 200  # that a rate is taken over at least
_STROKES = 400  # read at most to find them


def is_shared(result: SendResult) -> bool:
    """Return whether other messages of the road, or of the template, would end like this now."""
    if result.outcome is Outcome.FAULT:
        return result.scope is not FaultScope.MESSAGE
    return result.outcome in (Outcome.THROTTLED, Outcome.UNAVAILABLE)


def react(road: Road, sent: Sequence[Sent], *, at: datetime) -> bool:
    """Draw the consequences of recorded results; return whether the claim's rest must wait."""
    outcomes = {each.result.outcome for each in sent}
    if outcomes <= {Outcome.ACCEPTED}:
        return False
    if Outcome.UNAVAILABLE in outcomes:
        with transaction.atomic():
            pacing.hold(road, at=at)
    throttled = [each.result for each in sent if each.result.outcome is Outcome.THROTTLED]
    if throttled:
        with transaction.atomic():
            pacing.slow_down(road, at=at, retry_after_seconds=throttled[0].retry_after_seconds)
    for each in sent:
        if each.result.outcome is Outcome.FAULT and is_shared(each.result):
            is_of_template = each.result.scope is FaultScope.TEMPLATE
            stop_for(
                Fault(
                    road.account_id,
                    road.service,
                    each.message.template_id if is_of_template else None,
                    each.result.code or str(each.result.http_status),
                    each.result.detail,
                ),
                at=at,
            )
    if outcomes & {Outcome.REFUSED, Outcome.UNCERTAIN}:
        for campaign_id in {each.message.campaign_id for each in sent}:
            if campaign_id is not None:
                _stop_for_rate(campaign_id, at=at)
    return any(is_shared(each.result) for each in sent)


def rates(campaign: Campaign) -> tuple[int, int, int]:
    """Return (attempts, refused, uncertain) of the last 200 attempts or a few more.

    Nothing before the campaign was started or last resumed counts.
    """
    strokes = Stroke.objects.filter(campaign=campaign).order_by("-at", "-pk")
    since = campaign.resumed_at or campaign.started_at
    if since is not None:
        strokes = strokes.filter(at__gte=since)
    attempts = refused = uncertain = 0
    for n, no, maybe in strokes.values_list("attempts", "refused", "uncertain")[:_STROKES]:
        attempts, refused, uncertain = attempts + n, refused + no, uncertain + maybe
        if attempts >= ATTEMPTS:
            break
    return attempts, refused, uncertain


def stop_for(fault: Fault, *, at: datetime) -> None:
    """Pause the running campaigns that a fault concerns: of an account, or of one template."""
    running = Campaign.objects.filter(
        account=fault.account_id,
        state=Campaign.State.RUNNING,
        template__service=fault.service,
    )
    code = StopCode.ACCOUNT
    if fault.template_id is not None:
        running, code = running.filter(template_id=fault.template_id), StopCode.TEMPLATE
    road = Road.objects.get(account=fault.account_id, service=fault.service)
    reason = f"{road.provider}: {fault.detail or fault.code}"
    for campaign in running:
        _pause(campaign, code, reason, at=at)


def stop_at_quota(road: Road, stopped: Sequence[Campaign], *, at: datetime) -> None:
    """Pause the campaigns of a road whose quota is used up, and open the incident of it."""
    reason = _(
        "This month's quota of messages is used up at LINE. Buy more in LINE Official Account"
        " Manager, or wait for the next month; then resume the campaign."
    )
    for campaign in stopped:
        _pause(campaign, StopCode.QUOTA, reason, at=at)
        incidents.open_or_touch(
            road.account_id, IncidentCode.QUOTA_REACHED, reason, road=road, at=at
        )


def _stop_for_rate(campaign_id: int, *, at: datetime) -> None:
    campaign = Campaign.objects.get(pk=campaign_id)
    if campaign.state != Campaign.State.RUNNING:
        return
    attempts, refused, uncertain = rates(campaign)
    if attempts < ATTEMPTS:
        return
    policy = policies.of(campaign.account_id)
    for code, n, limit, sentence in (
        (
            StopCode.UNCERTAIN,
            uncertain,
            policy.uncertain_percent,
            _("Of the last %(all)d attempts %(n)d ended without a clear answer; the limit is"
              " %(limit)d %%."),
        ),
        (
            StopCode.REFUSED,
            refused,
            policy.refused_percent,
            _("Of the last %(all)d attempts %(n)d were refused; the limit is %(limit)d %%."),
        ),
    ):  # fmt: skip
        if 100 * n > limit * attempts:
            reason = sentence % {"all": attempts, "n": n, "limit": limit}
            _pause(campaign, code, reason, at=at)
            return


def _pause(campaign: Campaign, code: StopCode, reason: str, *, at: datetime) -> None:
    with contextlib.suppress(campaigns.WrongState):  # somebody paused or ended it meanwhile
        campaigns.pause(campaign, by=None, at=at, reason=reason, code=code)
