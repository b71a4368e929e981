"""The life of a campaign as people lead it: one function per act, under the campaign's row lock.

What time does to campaigns is in `timekeeping.py`. Starting freezes the audience (`freezing.py`):
at once where it is small, else by a worker; nothing is sent before it is whole.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from lineportal.accounts import access
from lineportal.accounts.models import OfficialAccount, Road
from lineportal.audit import chain
from lineportal.sending import (
    filters,
    freezing,
    lanes,
    own_history,
    policies,
    quota,
    routing,
    saved_audiences,
)
from lineportal.sending.models import Campaign, Message, StopCode
from lineportal.sending.statuses import SOURCES, Status
from recipients import siblings
from recipients.intake import Invalid
from templates_app import workflow
from templates_app.models import MessageTemplate, State

ADD = "sending.add_campaign"
RUN = "sending.run_campaign"
CANARY_LIMIT = 1_000_000  # messages
CANCEL_BATCH = 20_000  # messages


class WrongState(Exception):
    """The campaign is not in a state from which this can be done."""


class NameTaken(Exception):
    """The account has a campaign of this name already; `campaign_id` is its id."""

    def __init__(self, sentence: str, campaign_id: int) -> None:
        super().__init__(sentence)
        self.campaign_id = campaign_id


def approved_template(account: OfficialAccount, name: str | int) -> MessageTemplate:
    """Return the approved version an id or key names; a key means its highest approved version.

    Raises Invalid where there is none, WrongState where the id's version is not approved.
    """
    rows = MessageTemplate.objects.filter(account=account)
    if isinstance(name, int) or (name.isdecimal() and len(name) < 20):
        template = rows.filter(pk=int(name)).first()
        if template is not None:
            _require_approved(template)
            return template
    template = rows.filter(key=name, state=State.APPROVED).order_by("-version").first()
    if template is not None:
        return template
    if rows.filter(key=name).exists():
        raise WrongState(
            _("The template “%(key)s” has no approved version; only approved ones are sent.")
            % {"key": name}
        )
    raise Invalid("template", _("The account has no template “%(key)s”.") % {"key": name})


@transaction.atomic
def create(
    account: OfficialAccount,
    *,
    template: MessageTemplate,
    name: str,
    by: User,
    at: datetime,
    audience: Mapping[str, Any] | None = None,
    values: Mapping[str, Any] | None = None,
    item_column: str = "",
    scheduled_at: datetime | None = None,
    not_after: datetime | None = None,
    canary_size: int | None = None,
) -> Campaign:
    """Make a draft campaign on an approved version; rows of a file are added by `rows.add`.

    `audience`: a filter, or {"saved": id}, whose filter is copied. `canary_size`: so many are sent
    first; without it the account's own, if any.
    Raises PermissionDenied, Invalid, NameTaken, WrongState.
    """
    access.require(by, ADD, account)
    name = name.strip()
    if not name or len(name) > 100:
        raise Invalid("name", _("Give the campaign a name of at most 100 characters."))
    if template.account_id != account.pk:
        raise Invalid("template", _("The template belongs to another account."))
    _require_approved(template)
    if not_after and not_after <= at:
        raise Invalid("not_after", _("This moment has passed already; choose a later one."))
    if not_after and scheduled_at and not_after <= scheduled_at:
        raise Invalid("not_after", _("The end lies before the scheduled start."))
    if canary_size is None:
        canary_size = policies.of(account.pk).canary_size
    elif not 1 <= canary_size <= CANARY_LIMIT:
        raise Invalid("canary_size", _("Give a whole number from 1 to 1,000,000."))
    own_history.trigger_of(values or {})
    audience = saved_audiences.resolved(account, audience or {})
    if "rows" not in audience:
        try:
            filters.check(account, audience)
        except filters.InvalidAudience as error:
            raise Invalid("audience", str(error)) from error
    else:
        # For `rows.add`, before the audit chain's lock, which is everybody's.
        siblings.hold_all(besides=account)
    taken = Campaign.objects.filter(account=account, name=name).first()
    if taken is not None:
        raise _name_taken(taken)
    try:
        with transaction.atomic():
            campaign = Campaign.objects.create(
                account=account,
                template=template,
                name=name,
                audience=audience,
                values={key: str(value) for key, value in (values or {}).items()},
                item_column=item_column,
                scheduled_at=scheduled_at,
                not_after=not_after,
                canary_size=canary_size,
                created_by=by,
                created_at=at,
            )
    except IntegrityError as error:
        raise _name_taken(Campaign.objects.get(account=account, name=name)) from error
    audit("create", campaign, by=by, at=at, template=template.pk)
    return campaign


@transaction.atomic
def start(
    campaign: Campaign,
    *,
    by: User,
    at: datetime,
    not_after: datetime | None = None,
    over_quota: bool = False,
) -> Campaign:
    """Freeze the audience and begin to send, or schedule where a later start was given.

    `not_after` replaces the campaign's own, as it must where that has passed. Large audiences are
    written by a worker; nothing is sent before all of it is there. `over_quota`: although fewer
    messages are left of the month. Raises PermissionDenied, WrongState, Invalid, quota.OverQuota.
    """
    access.require(by, RUN, campaign.account_id)
    campaign = locked(campaign)
    if campaign.state != Campaign.State.DRAFT:
        raise _wrong_state(campaign, _("started"))
    if not_after is not None:
        campaign.not_after = not_after
    if campaign.not_after is not None and campaign.not_after <= at:
        raise Invalid(
            "not_after", _("The end of the campaign has passed; give a later one to start it.")
        )
    if not over_quota:
        quota.require_room(campaign, at=at)
    campaign.started_by = by
    campaign.stop_code = campaign.stop_reason = ""
    if campaign.scheduled_at and campaign.scheduled_at > at:
        campaign.state = Campaign.State.SCHEDULED
        campaign.save()
        audit("schedule", campaign, by=by, at=at)
        return campaign
    return freeze_and_run(campaign, by=by, at=at)


@transaction.atomic
def pause(
    campaign: Campaign,
    *,
    by: User | None,
    at: datetime,
    reason: str = "",
    code: str = StopCode.PERSON,
) -> Campaign:
    """Stop claiming; what is in flight ends. `by` None is the system, which gives the reason."""
    if by is not None:
        access.require(by, RUN, campaign.account_id)
    campaign = locked(campaign)
    if campaign.state != Campaign.State.RUNNING:
        raise _wrong_state(campaign, _("paused"))
    move(campaign, Campaign.State.PAUSED, reason, code)
    audit("pause", campaign, by=by, at=at, code=code)
    return campaign


@transaction.atomic
def resume(campaign: Campaign, *, by: User, at: datetime) -> Campaign:
    """Go on with a paused campaign, if its template is still approved.

    After a canary this releases the rest. What waits for a second person is confirmed instead.
    """
    access.require(by, RUN, campaign.account_id)
    campaign = locked(campaign)
    if campaign.state != Campaign.State.PAUSED:
        raise _wrong_state(campaign, _("resumed"))
    if campaign.stop_code == StopCode.SECOND_KEY:
        raise WrongState(_("This campaign waits for a second person, who confirms it."))
    return _go_on(campaign, "resume", by=by, at=at)


@transaction.atomic
def confirm(campaign: Campaign, *, by: User, at: datetime) -> Campaign:
    """Turn the second key: somebody else than who made or started it lets the campaign go.

    Raises PermissionDenied, FourEyes, WrongState.
    """
    access.require(by, RUN, campaign.account_id)
    campaign = locked(campaign)
    if campaign.state != Campaign.State.PAUSED or campaign.stop_code != StopCode.SECOND_KEY:
        raise _wrong_state(campaign, _("confirmed"))
    if by.pk in (campaign.created_by_id, campaign.started_by_id):
        raise workflow.FourEyes(
            _("You made or started this campaign; a second person confirms it.")
        )
    campaign.confirmed_by = by
    return _go_on(campaign, "confirm", by=by, at=at)


@transaction.atomic
def cancel(campaign: Campaign, *, by: User, at: datetime) -> Campaign:
    """End a campaign for good; what is queued is cancelled, what was sent stays as it is."""
    access.require(by, RUN, campaign.account_id)
    campaign = locked(campaign)
    if campaign.state in (Campaign.State.FINISHED, Campaign.State.CANCELLED):
        raise _wrong_state(campaign, _("cancelled"))
    move(campaign, Campaign.State.CANCELLED, "")
    cancelled = cancel_queued_of(campaign, at=at)
    audit("cancel", campaign, by=by, at=at, cancelled=cancelled)
    return campaign


@transaction.atomic
def reopen(campaign_id: int, *, by: User, at: datetime) -> None:
    """Let a finished campaign run again for a message that a person sends once more.

    `finish_done` ends it again. Raises WrongState for a cancelled one.
    """
    campaign = locked(Campaign(pk=campaign_id))
    if campaign.state == Campaign.State.CANCELLED:
        raise _wrong_state(campaign, _("sent from"))
    if campaign.state == Campaign.State.FINISHED:
        campaign.state, campaign.finished_at = Campaign.State.RUNNING, None
        campaign.save(update_fields=["state", "finished_at"])
        audit("reopen", campaign, by=by, at=at)


@transaction.atomic
def cancel_queued(messages: QuerySet[Message], *, at: datetime, detail: str) -> int:
    """Move queued ones of these messages to cancelled, at most 20,000; return how many.

    The house-keeping takes the rest, so that no request waits for a million. What a worker holds
    but has not begun to send is cancelled too: `begin` refuses it.
    """
    queued = messages.filter(status__in=SOURCES[Status.CANCELLED])
    # Locks are taken in the order of the ids, as the workers take theirs.
    in_order = queued.order_by("pk").select_for_update().values("pk")[:CANCEL_BATCH]
    return Message.objects.filter(pk__in=in_order).update(
        status=Status.CANCELLED,
        changed_at=at,
        detail=detail[:300],
    )


def available_acts(campaign: Campaign, user: User) -> list[str]:
    """Return the names of the acts that this person may do on the campaign now, for buttons."""
    if not access.may(user, RUN, campaign.account_id):
        return []
    acts = {
        Campaign.State.DRAFT: ["start", "cancel"],
        Campaign.State.SCHEDULED: ["cancel"],
        Campaign.State.RUNNING: ["pause", "cancel"],
        Campaign.State.PAUSED: ["resume", "cancel"],
    }.get(Campaign.State(campaign.state), [])
    if campaign.state == Campaign.State.PAUSED and campaign.stop_code == StopCode.SECOND_KEY:
        is_second = user.pk not in (campaign.created_by_id, campaign.started_by_id)
        acts = ["confirm", "cancel"] if is_second else ["cancel"]
    may_retry = campaign.state in (Campaign.State.FINISHED, Campaign.State.PAUSED)
    if may_retry and Message.objects.filter(campaign=campaign, status=Status.FAILED).exists():
        acts = [*acts, "retry"]
    return acts


def freeze_and_run(campaign: Campaign, *, by: User | None, at: datetime) -> Campaign:
    """Freeze a locked campaign and set it running; raises WrongState before anything is done."""
    _require_approved(campaign.template)
    if workflow.current_hash(campaign.template) != campaign.template.content_hash:
        raise WrongState(_("The template is not what was approved; it cannot be sent."))
    road = Road.objects.filter(account=campaign.account, service=campaign.template.service).first()
    if road is None:
        raise WrongState(
            _("The account has no road for the service “%(service)s”; add its credentials first.")
            % {"service": campaign.template.service}
        )
    if problem := routing.unfit(road, campaign.template):
        raise WrongState(problem)
    campaign.frozen_at = campaign.started_at = at
    campaign.state = Campaign.State.RUNNING
    campaign.save()
    if road.used_at is None:
        Road.objects.filter(pk=road.pk, used_at__isnull=True).update(used_at=at)
    audit("start", campaign, by=by, at=at)
    if freezing.is_small(campaign):
        freezing.write_all(campaign.pk, at=at)
    else:
        lanes.wake_writer(campaign.pk)
    return locked(campaign)


def _go_on(campaign: Campaign, act: str, *, by: User, at: datetime) -> Campaign:
    _require_approved(campaign.template)
    campaign.held_after = None if campaign.stop_code == StopCode.CANARY else campaign.held_after
    campaign.state, campaign.stop_code, campaign.stop_reason = Campaign.State.RUNNING, "", ""
    campaign.resumed_at = at
    campaign.save()
    lanes.wake_service(campaign.account_id, campaign.template.service)
    audit(act, campaign, by=by, at=at)
    return campaign


def cancel_queued_of(campaign: Campaign, *, at: datetime) -> int:
    """Cancel what is queued of a cancelled campaign; return how many."""
    why = _("The campaign was cancelled.")
    return cancel_queued(Message.objects.filter(campaign=campaign), at=at, detail=why)


def move(campaign: Campaign, state: str, reason: str, code: str = "") -> None:
    """Put a locked campaign into a state, and say why."""
    campaign.state, campaign.stop_reason, campaign.stop_code = state, reason, code
    campaign.save(update_fields=["state", "stop_reason", "stop_code"])


def locked(campaign: Campaign) -> Campaign:
    """Return the campaign as it is now, its row locked until the transaction ends."""
    return (
        Campaign.objects.select_for_update(of=("self",))
        .select_related("account", "template")
        .get(pk=campaign.pk)
    )


def _require_approved(template: MessageTemplate) -> None:
    if template.state != State.APPROVED:
        raise WrongState(
            _("Version %(version)d of “%(key)s” is %(state)s; only approved ones are sent.")
            % {
                "version": template.version,
                "key": template.key,
                "state": template.state,
            }
        )
    if problem := workflow.unsendable(template):
        raise WrongState(problem)


def _wrong_state(campaign: Campaign, act: str) -> WrongState:
    return WrongState(
        _("The campaign is %(state)s, so it cannot be %(act)s.")
        % {"state": campaign.state, "act": act}
    )


def _name_taken(campaign: Campaign) -> NameTaken:
    return NameTaken(
        _("The account has a campaign “%(name)s” already, with id %(id)d; choose another name.")
        % {"name": campaign.name, "id": campaign.pk},
        campaign.pk,
    )


def audit(act: str, campaign: Campaign, *, by: User | None, at: datetime, **facts: Any) -> None:
    """Write an act on a campaign into the audit."""
    chain.write(
        f"campaign.{act}",
        subject=campaign,
        by=by,
        at=at,
        account_id=campaign.account_id,
        **facts,
    )
