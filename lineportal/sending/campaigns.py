"""The life of a campaign: create, start, pause, resume, cancel, finish; one function per act.

States move by compare-and-set under a row lock. Starting freezes the audience: every message is
written in the same transaction, so a start is whole or did not happen.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.utils.translation import gettext as _

from lineportal.accounts import access
from lineportal.accounts.models import OfficialAccount, Road
from lineportal.audit import chain
from lineportal.sending import audience as audiences
from lineportal.sending import filters, lanes
from lineportal.sending.models import Campaign, Message
from lineportal.sending.statuses import SOURCES, UNFINISHED, Status
from recipients.intake import Invalid
from templates_app import workflow
from templates_app.models import MessageTemplate, State

ADD = "sending.add_campaign"
RUN = "sending.run_campaign"


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
) -> Campaign:
    """Make a draft campaign on an approved version; rows of a file are added by `rows.add`.

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
    audience = dict(audience or {})
    if "rows" not in audience:
        try:
            filters.people(account, audience)
        except filters.InvalidAudience as error:
            raise Invalid("audience", str(error)) from error
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
                created_by=by,
                created_at=at,
            )
    except IntegrityError as error:
        raise _name_taken(Campaign.objects.get(account=account, name=name)) from error
    _audit("create", campaign, by=by, at=at, template=template.pk)
    return campaign


@transaction.atomic
def start(campaign: Campaign, *, by: User, at: datetime) -> Campaign:
    """Freeze the audience and begin to send, or schedule where a later start was given.

    Raises PermissionDenied, WrongState.
    """
    access.require(by, RUN, campaign.account_id)
    campaign = _locked(campaign)
    if campaign.state != Campaign.State.DRAFT:
        raise _wrong_state(campaign, _("started"))
    campaign.started_by = by
    if campaign.scheduled_at and campaign.scheduled_at > at:
        campaign.state = Campaign.State.SCHEDULED
        campaign.save(update_fields=["state", "started_by"])
        _audit("schedule", campaign, by=by, at=at)
        return campaign
    return _freeze_and_run(campaign, by=by, at=at)


@transaction.atomic
def start_scheduled(campaign: Campaign, *, at: datetime) -> None:
    """Start a campaign whose time has come; where it cannot, it is cancelled and says why."""
    campaign = _locked(campaign)
    if campaign.state != Campaign.State.SCHEDULED:
        return
    if campaign.not_after and campaign.not_after <= at:
        _end(
            campaign,
            Campaign.State.CANCELLED,
            _("Its time had passed before it could start."),
        )
        _audit("cancel", campaign, by=None, at=at)
        return
    if campaign.template.state != State.APPROVED:
        _end(
            campaign,
            Campaign.State.CANCELLED,
            _("Its template is not approved any more."),
        )
        _audit("cancel", campaign, by=None, at=at)
        return
    try:
        _freeze_and_run(campaign, by=None, at=at)
    except WrongState as refusal:  # nothing is written yet
        _end(campaign, Campaign.State.CANCELLED, str(refusal))
        _audit("cancel", campaign, by=None, at=at)


@transaction.atomic
def pause(campaign: Campaign, *, by: User | None, at: datetime, reason: str = "") -> Campaign:
    """Stop claiming; what is in flight ends. `by` None is the system, which gives the reason."""
    if by is not None:
        access.require(by, RUN, campaign.account_id)
    campaign = _locked(campaign)
    if campaign.state != Campaign.State.RUNNING:
        raise _wrong_state(campaign, _("paused"))
    campaign.state, campaign.stop_reason = Campaign.State.PAUSED, reason
    campaign.save(update_fields=["state", "stop_reason"])
    _audit("pause", campaign, by=by, at=at, has_reason=bool(reason))
    return campaign


@transaction.atomic
def resume(campaign: Campaign, *, by: User, at: datetime) -> Campaign:
    """Go on with a paused campaign, if its template is still approved."""
    access.require(by, RUN, campaign.account_id)
    campaign = _locked(campaign)
    if campaign.state != Campaign.State.PAUSED:
        raise _wrong_state(campaign, _("resumed"))
    _require_approved(campaign.template)
    campaign.state, campaign.stop_reason = Campaign.State.RUNNING, ""
    campaign.save(update_fields=["state", "stop_reason"])
    _wake(campaign)
    _audit("resume", campaign, by=by, at=at)
    return campaign


@transaction.atomic
def cancel(campaign: Campaign, *, by: User, at: datetime) -> Campaign:
    """End a campaign for good; what is queued is cancelled, what was sent stays as it is."""
    access.require(by, RUN, campaign.account_id)
    campaign = _locked(campaign)
    if campaign.state in (Campaign.State.FINISHED, Campaign.State.CANCELLED):
        raise _wrong_state(campaign, _("cancelled"))
    _end(campaign, Campaign.State.CANCELLED, "")
    cancelled = _cancel_queued_of(campaign, at=at)
    _audit("cancel", campaign, by=by, at=at, cancelled=cancelled)
    return campaign


@transaction.atomic
def revoke_template(
    template: MessageTemplate, *, by: User, at: datetime, reason: str
) -> MessageTemplate:
    """Revoke an approved version and stop everything that would still go out on it."""
    template = workflow.revoke(template, by=by, at=at, reason=reason)
    withdraw(template, at=at)
    return template


@transaction.atomic
def withdraw(template: MessageTemplate, *, at: datetime) -> int:
    """Cancel what is queued on a version that is not approved any more, and pause its campaigns."""
    why = _("The template was revoked.")
    for campaign in Campaign.objects.select_for_update().filter(
        template=template, state=Campaign.State.RUNNING
    ):
        campaign.state, campaign.stop_reason = Campaign.State.PAUSED, why
        campaign.save(update_fields=["state", "stop_reason"])
        _audit("pause", campaign, by=None, at=at, has_reason=True)
    return cancel_queued(Message.objects.filter(template=template), at=at, detail=why)


@transaction.atomic
def reopen(campaign_id: int, *, by: User, at: datetime) -> None:
    """Let a finished campaign run again for a message that a person sends once more.

    `finish_done` ends it again. Raises WrongState for a cancelled one.
    """
    campaign = _locked(Campaign(pk=campaign_id))
    if campaign.state == Campaign.State.CANCELLED:
        raise _wrong_state(campaign, _("sent from"))
    if campaign.state == Campaign.State.FINISHED:
        campaign.state, campaign.finished_at = Campaign.State.RUNNING, None
        campaign.save(update_fields=["state", "finished_at"])
        _audit("reopen", campaign, by=by, at=at)


def finish_done(*, at: datetime) -> int:
    """Finish running campaigns of which nothing is queued or sending; return how many."""
    done = 0
    for campaign in Campaign.objects.filter(state=Campaign.State.RUNNING):
        if not _is_done(campaign):
            continue
        with transaction.atomic():
            running = Campaign.objects.filter(pk=campaign.pk, state=Campaign.State.RUNNING)
            # Looked at again under the lock: somebody may have sent a message once more.
            if running.select_for_update(skip_locked=True).exists() and _is_done(campaign):
                done += running.update(state=Campaign.State.FINISHED, finished_at=at)
    return done


def cancel_left_behind(*, at: datetime) -> int:
    """Cancel what came back to the queue after its campaign was cancelled; return how many."""
    queued = Message.objects.filter(campaign=OuterRef("pk"), status=Status.QUEUED)
    cancelled = 0
    for campaign in Campaign.objects.filter(Exists(queued), state=Campaign.State.CANCELLED):
        cancelled += _cancel_queued_of(campaign, at=at)
    return cancelled


@transaction.atomic
def cancel_queued(messages: QuerySet[Message], *, at: datetime, detail: str) -> int:
    """Move the queued ones of these messages to cancelled; return how many.

    What a worker holds but has not begun to send loses its claim, so that `begin` refuses it.
    """
    queued = messages.filter(status__in=SOURCES[Status.CANCELLED])
    # Locks are taken in the order of the ids, as the workers take theirs.
    in_order = queued.order_by("pk").select_for_update().values("pk")
    return Message.objects.filter(pk__in=in_order).update(
        status=Status.CANCELLED,
        changed_at=at,
        detail=detail[:300],
        claim=None,
        leased_until=None,
    )


def available_acts(campaign: Campaign, user: User) -> list[str]:
    """Return the names of the acts that this person may do on the campaign now, for buttons."""
    if not access.may(user, RUN, campaign.account_id):
        return []
    return {
        Campaign.State.DRAFT: ["start", "cancel"],
        Campaign.State.SCHEDULED: ["cancel"],
        Campaign.State.RUNNING: ["pause", "cancel"],
        Campaign.State.PAUSED: ["resume", "cancel"],
    }.get(Campaign.State(campaign.state), [])


def _freeze_and_run(campaign: Campaign, *, by: User | None, at: datetime) -> Campaign:
    _require_approved(campaign.template)
    if workflow.current_hash(campaign.template) != campaign.template.content_hash:
        raise WrongState(_("The template is not what was approved; it cannot be sent."))
    road = Road.objects.filter(account=campaign.account, service=campaign.template.service).first()
    if road is None:
        raise WrongState(
            _("The account has no road for the service “%(service)s”; add its credentials first.")
            % {"service": campaign.template.service}
        )
    campaign.frozen_at = campaign.started_at = at
    campaign.state = Campaign.State.RUNNING
    campaign.save(update_fields=["state", "frozen_at", "started_at", "started_by"])
    written = audiences.write_campaign(campaign, at=at)
    if road.used_at is None:
        Road.objects.filter(pk=road.pk, used_at__isnull=True).update(used_at=at)
    if _is_done(campaign):
        campaign.state, campaign.finished_at = Campaign.State.FINISHED, at
        campaign.save(update_fields=["state", "finished_at"])
    _wake(campaign)
    _audit("start", campaign, by=by, at=at, messages=written)
    return campaign


def _cancel_queued_of(campaign: Campaign, *, at: datetime) -> int:
    why = _("The campaign was cancelled.")
    return cancel_queued(Message.objects.filter(campaign=campaign), at=at, detail=why)


def _is_done(campaign: Campaign) -> bool:
    return not Message.objects.filter(campaign=campaign, status__in=UNFINISHED).exists()


def _wake(campaign: Campaign) -> None:
    road = Road.objects.get(account=campaign.account, service=campaign.template.service)
    lanes.wake_road(road.pk)


def _end(campaign: Campaign, state: str, reason: str) -> None:
    campaign.state, campaign.stop_reason = state, reason
    campaign.save(update_fields=["state", "stop_reason"])


def _locked(campaign: Campaign) -> Campaign:
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


def _audit(act: str, campaign: Campaign, *, by: User | None, at: datetime, **facts: Any) -> None:
    chain.write(
        f"campaign.{act}",
        subject=campaign,
        by=by,
        at=at,
        account_id=campaign.account_id,
        **facts,
    )
