"""Why nothing leaves a campaign at this moment, and until when: one sentence for people."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from lineportal.accounts.models import Road
from lineportal.sending import stops, windows
from lineportal.sending.models import Campaign, Pace, StopCode

_BEFORE = (Campaign.State.DRAFT, Campaign.State.SCHEDULED)
_LONG = timedelta(seconds=5)  # a road that rests for longer is told

# Who may let a campaign go on, by what stopped it; said after the reason.
_WHO: dict[StopCode, Promise] = {
    StopCode.PERSON: gettext_lazy("Anyone who may run campaigns may resume it."),
    StopCode.ACCOUNT: gettext_lazy(
        "Mend the account with the provider first; then anyone who may run campaigns may resume"
        " it, and send what failed again."
    ),
    StopCode.TEMPLATE: gettext_lazy(
        "The provider refuses this content. Anyone who may run campaigns may resume it once the"
        " cause is known."
    ),
    StopCode.REFUSED: gettext_lazy(
        "Look at whom it goes to; then anyone who may run campaigns may resume it."
    ),
    StopCode.UNCERTAIN: gettext_lazy(
        "Wait until the provider answers again; then anyone who may run campaigns may resume it."
    ),
    StopCode.CANARY: gettext_lazy("Anyone who may run campaigns may send the rest, or cancel it."),
    StopCode.SECOND_KEY: gettext_lazy(
        "Anyone who may run campaigns may confirm it, except who made or started it."
    ),
    StopCode.REVOKED: gettext_lazy(
        "It cannot go on: cancel it, and start one on an approved version."
    ),
    StopCode.MISSED: gettext_lazy("Anyone who may run campaigns may start or cancel it."),
}


@dataclass(frozen=True, slots=True)
class Wait:
    """`sentence` is blank where nothing holds the campaign back; `until` where that is known."""

    sentence: str = ""
    until: datetime | None = None


def why(campaign: Campaign, *, at: datetime) -> Wait:
    """Return what a campaign waits for, and who may end the wait where a person must."""
    state = Campaign.State(campaign.state)
    if campaign.stop_code:
        who = _WHO[StopCode(campaign.stop_code)]
        reason = campaign.stop_reason or StopCode(campaign.stop_code).label
        return Wait(f"{reason} {who}")
    if campaign.stop_reason:  # what could not be started was cancelled, and says so
        return Wait(campaign.stop_reason)
    if state in _BEFORE and campaign.template.revoked_at is not None:
        return Wait(
            _("The template was revoked: %(reason)s. It cannot start: cancel it, and make one on"
              " an approved version.")
            % {"reason": campaign.template.reason.rstrip(" .")}
        )  # fmt: skip
    if state == Campaign.State.SCHEDULED and campaign.scheduled_at:
        moment = windows.words(campaign.scheduled_at, campaign.account)
        return Wait(_("Starts %(moment)s.") % {"moment": moment}, campaign.scheduled_at)
    if state != Campaign.State.RUNNING:
        return Wait()
    if held := stops.in_force(campaign.account_id).order_by("stopped_at").first():
        return Wait(
            _("%(extent)s is stopped: %(reason)s Only who may lift stops lets it go on.")
            % {"extent": held, "reason": held.reason}
        )
    if not campaign.account.is_active:
        return Wait(_("The account is switched off; nothing is sent until it is switched on."))
    if campaign.written_at is None:
        return Wait(_("The messages are being written; nothing is sent before all are there."))
    opens_at = windows.opens_at(campaign.account, campaign.template.category, at=at)
    if opens_at is not None:
        moment = windows.words(opens_at, campaign.account)
        return Wait(_("Waits until %(moment)s.") % {"moment": moment}, opens_at)
    road = Road.objects.filter(account=campaign.account, service=campaign.template.service)
    next_at = Pace.objects.filter(road__in=road).values_list("next_at", flat=True).first()
    if next_at is not None and next_at > at + _LONG:
        moment = windows.words(next_at, campaign.account)
        return Wait(
            _("The provider asked for a rest until %(moment)s.") % {"moment": moment}, next_at
        )
    return Wait()
