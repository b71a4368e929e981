"""The one way to move a template: permission, transition, record and audit, in one transaction.

Nobody approves what they created, edited or submitted, superusers included; a `lon` version is
approved only with LINE's own decision on file.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.utils.translation import gettext as _
from django_fsm import TransitionNotAllowed

from lineportal.accounts import access
from lineportal.accounts.models import Service
from lineportal.audit import chain
from templates_app import catalogue, rendering, waivers, way_out
from templates_app import content as contents
from templates_app.models import (
    DecidedBy,
    EntryKind,
    MessageTemplate,
    ReviewEntry,
    State,
    TemplateEvent,
    Waiver,
)

ADD = "templates_app.add_messagetemplate"
CHANGE = "templates_app.change_messagetemplate"
SUBMIT = "templates_app.submit_messagetemplate"
REVIEW = "templates_app.review_messagetemplate"
REVOKE = "templates_app.revoke_messagetemplate"
WAIVE = "templates_app.waive_finding"

WROTE = (
    TemplateEvent.Kind.CREATED,
    TemplateEvent.Kind.EDITED,
    TemplateEvent.Kind.SUBMITTED,
    TemplateEvent.Kind.WAIVED,
)


class WrongState(Exception):
    """The template is not in a state from which this can be done."""


class FourEyes(PermissionDenied):
    """The one who decides has written, edited or submitted this version."""


class MissingDecision(Exception):
    """An act that needs a reason, or LINE's decision, was called without it. `field` says which."""

    def __init__(self, field: str, sentence: str) -> None:
        super().__init__(sentence)
        self.field = field


@transaction.atomic
def submit(template: MessageTemplate, *, by: User, at: datetime) -> MessageTemplate:
    """Hand a draft to review: the bubble is drawn and frozen, and the content hash taken.

    Raises PermissionDenied, WrongState, waivers.Blocked.
    """
    access.require(by, SUBMIT, template.account_id)
    template = locked(template)
    contents.validate(
        template.content,
        service=template.service,
        category=template.category,
        language=template.language,
    )
    _require_known_keys(template)
    _move(template, template._submit)
    waivers.require_none_open(template)
    template.bubble = rendering.drawing_of(template)
    template.content_hash = current_hash(template)
    template.submitted_by, template.submitted_at = by, at
    _save(template, "bubble", "content_hash", "submitted_by", "submitted_at", at=at)
    record(template, TemplateEvent.Kind.SUBMITTED, by=by, at=at)
    return template


@transaction.atomic
def recall(template: MessageTemplate, *, by: User, at: datetime) -> MessageTemplate:
    """Take a submitted version back to draft."""
    access.require(by, SUBMIT, template.account_id)
    template = locked(template)
    _move(template, template._recall)
    template.bubble, template.content_hash = None, ""
    template.submitted_by = template.submitted_at = None
    _save(template, "bubble", "content_hash", "submitted_by", "submitted_at", at=at)
    record(template, TemplateEvent.Kind.RECALLED, by=by, at=at)
    return template


@transaction.atomic
def approve(
    template: MessageTemplate,
    *,
    by: User,
    at: datetime,
    line_reference: str = "",
    line_decided_on: date | None = None,
    note: str = "",
) -> MessageTemplate:
    """Approve a submitted version.

    A `lon` bubble needs LINE's reference; content from LINE's catalogue rests on its entry there,
    which the reviewer confirms by approving. The date is today where none is given.
    Raises PermissionDenied, FourEyes, WrongState, MissingDecision.
    """
    access.require(by, REVIEW, template.account_id)
    template = locked(template)
    _move(template, template._approve)
    _four_eyes(template, by)
    _require_known_keys(template)
    today = at.astimezone(ZoneInfo(template.account.timezone)).date()
    line_reference = line_reference.strip()
    if template.service == Service.LON:
        if not line_reference:
            if contents.kind(template.content, service=template.service) != "catalogue":
                raise MissingDecision(
                    "line_reference",
                    _("Give the reference of LINE's own decision; every notification needs one."),
                )
            line_reference = catalogue.reference(template)
        line_decided_on = line_decided_on or today
    if line_decided_on and line_decided_on > today:
        raise MissingDecision(
            "line_decided_on",
            _("LINE's decision cannot lie in the future; give its real date."),
        )
    if current_hash(template) != template.content_hash:
        raise WrongState(_("The content is not what was submitted; it cannot be approved."))
    if way_out.lacks(template.bubble, service=template.service, category=template.category):
        raise WrongState(
            _(
                "This marketing message does not say how to stop it; recall it and submit it again,"
                " and it will."
            )
        )
    template.approved_by, template.approved_at = by, at
    template.line_reference, template.line_decided_on = line_reference, line_decided_on
    _save(template, "approved_by", "approved_at", "line_reference", "line_decided_on", at=at)
    if template.service == Service.LON:
        _line_decided(template, line_reference, on=line_decided_on, by=by, at=at)
    record(template, TemplateEvent.Kind.APPROVED, by=by, at=at, note=note)
    return template


@transaction.atomic
def reject(
    template: MessageTemplate,
    *,
    by: User,
    at: datetime,
    reason: str,
    decided_by: str = DecidedBy.REVIEWER,
) -> MessageTemplate:
    """Turn a submitted version down, for a reason; `decided_by` says whether LINE did."""
    access.require(by, REVIEW, template.account_id)
    _check_reason(reason)
    if decided_by not in DecidedBy.values:
        raise MissingDecision("decided_by", _("Say who decided: “reviewer” or “line”."))
    template = locked(template)
    _move(template, template._reject)
    template.rejected_by, template.rejected_at = by, at
    template.reason, template.decided_by = reason.strip(), decided_by
    _save(template, "rejected_by", "rejected_at", "reason", "decided_by", at=at)
    if decided_by == DecidedBy.LINE:
        _line_decided(template, template.reason, on=None, by=by, at=at)
    record(template, TemplateEvent.Kind.REJECTED, by=by, at=at, note=reason)
    return template


@transaction.atomic
def revoke(template: MessageTemplate, *, by: User, at: datetime, reason: str) -> MessageTemplate:
    """Record that LINE, or we, took an approval back; nothing more goes out on this version.

    What is queued on it is cancelled by `sending.withdrawal.withdraw`, which doors call.
    """
    access.require(by, REVOKE, template.account_id)
    _check_reason(reason)
    template = locked(template)
    _move(template, template._revoke)
    template.revoked_at, template.reason = at, reason.strip()
    template.rejected_by, template.rejected_at = by, at
    _save(template, "revoked_at", "reason", "rejected_by", "rejected_at", at=at)
    record(template, TemplateEvent.Kind.REVOKED, by=by, at=at, note=reason)
    return template


@transaction.atomic
def waive(template: MessageTemplate, *, digest: str, reason: str, by: User, at: datetime) -> Waiver:
    """Waive one blocking finding of a draft; who waives cannot approve.

    `digest` names the finding. Raises PermissionDenied, WrongState, MissingDecision.
    """
    access.require(by, WAIVE, template.account_id)
    template = locked(template)
    if template.state != State.DRAFT:
        raise WrongState(_("Findings are waived while the version is a draft."))
    if not reason.strip():
        raise MissingDecision(
            "reason", _("Give the reason; the reviewer will read it beside the finding.")
        )
    open_ones: dict[str, dict[str, Any]] = {
        each.finding["digest"]: each.finding for each in waivers.judged(template) if each.bars
    }
    finding = open_ones.get(digest)
    if finding is None:
        raise WrongState(
            _("This finding is not open any more; the words have changed, or it is waived.")
        )
    waiver = Waiver.objects.create(
        template=template,
        code=finding["code"],
        place=finding["place"],
        digest=digest,
        excerpt=finding["excerpt"],
        reason=reason.strip(),
        by=by,
        at=at,
    )
    record(template, TemplateEvent.Kind.WAIVED, by=by, at=at, note=finding["code"])
    return waiver


def current_hash(template: MessageTemplate) -> str:
    """Return the content hash of the template as its row stands now."""
    return rendering.content_hash(
        content=template.content,
        bubble=template.bubble,
        service=template.service,
        purpose=template.purpose,
        category=template.category,
        language=template.language,
    )


def unsendable(template: MessageTemplate) -> str:
    """Return why nothing may be sent on an approved version, as a sentence; blank: it may.

    Marketing to friends that was approved before each message offered a way out is revised first.
    """
    if template.state == State.APPROVED and way_out.lacks(
        template.bubble, service=template.service, category=template.category
    ):
        return _(
            "Version %(version)d of “%(key)s” does not say how to stop marketing, which each"
            " message must now. Revise it; the new version says it by itself."
        ) % {"version": template.version, "key": template.key}
    return ""


def may_edit(template: MessageTemplate, user: User) -> bool:
    """Return whether the person may change this version's words now."""
    return template.state == State.DRAFT and access.may(user, CHANGE, template.account_id)


def may_waive(template: MessageTemplate, user: User) -> bool:
    """Return whether the person may waive this version's findings now."""
    return template.state == State.DRAFT and access.may(user, WAIVE, template.account_id)


def available_acts(template: MessageTemplate, user: User) -> list[str]:
    """Return the names of the acts that this person may do on this version now, for buttons."""

    accounts = access.listed(user)
    is_theirs = accounts is None or template.account_id in accounts

    def may(permission: str) -> bool:
        return is_theirs and user.has_perm(permission)

    acts: list[str] = []
    if template.state == State.DRAFT:
        acts += ["edit"] * may_edit(template, user) + ["submit"] * may(SUBMIT)
        acts += ["waive"] * may_waive(template, user)
    if template.state == State.SUBMITTED:
        acts += ["recall"] * may(SUBMIT)
        acts += ["approve"] * (may(REVIEW) and not _wrote(template, user))
        acts += ["reject"] * may(REVIEW)
    if template.state in (State.APPROVED, State.REJECTED):
        is_open = MessageTemplate.objects.filter(
            account_id=template.account_id,
            key=template.key,
            state__in=[State.DRAFT, State.SUBMITTED],
        ).exists()
        acts += ["revise"] * (may(ADD) and not is_open)
    if template.state == State.APPROVED:
        acts += ["revoke"] * may(REVOKE)
    return acts


def locked(template: MessageTemplate) -> MessageTemplate:
    """Return the row as it is now, held until the transaction ends."""
    return (
        MessageTemplate.objects.select_for_update(of=("self",))
        .select_related("account")
        .get(pk=template.pk)
    )


def _move(template: MessageTemplate, transition: Any) -> None:
    try:
        transition()
    except TransitionNotAllowed as error:
        raise WrongState(
            _("This cannot be done to a version that is %(state)s.") % {"state": template.state}
        ) from error


def _save(template: MessageTemplate, *fields: str, at: datetime) -> None:
    template.changed_at = at
    template.save(update_fields=["state", "changed_at", *fields])


def _wrote(template: MessageTemplate, user: User) -> bool:
    """Return whether a person wrote any of a version, or gave a waiver that it rests on.

    A waiver goes along to the next version in its giver's name.
    """
    wrote = template.events.filter(by_id=user.pk, kind__in=WROTE)
    return wrote.exists() or template.waivers.filter(by_id=user.pk).exists()


def _four_eyes(template: MessageTemplate, by: User) -> None:
    if _wrote(template, by):
        raise FourEyes(
            _(
                "You created, edited or submitted this version, or waived a finding of it; somebody"
                " else must decide on it."
            )
        )


def _require_known_keys(template: MessageTemplate) -> None:
    catalogue.require_known(
        template.content, service=template.service, country=template.account.country
    )


def _line_decided(
    template: MessageTemplate, text: str, *, on: date | None, by: User, at: datetime
) -> None:
    ReviewEntry.objects.create(
        template=template, kind=EntryKind.LINE_DECIDED, text=text, happened_on=on, by=by, at=at
    )


def _check_reason(reason: str) -> None:
    if not reason.strip():
        raise MissingDecision("reason", _("Give the reason; the author will read it."))


def record(
    template: MessageTemplate, kind: TemplateEvent.Kind, *, by: User, at: datetime, note: str = ""
) -> None:
    """Write a step into the version's history and the audit; the last act of its transaction."""
    TemplateEvent.objects.create(
        template=template,
        kind=kind,
        by=by,
        at=at,
        note=note,
        content_hash=template.content_hash,
    )
    chain.write(
        f"template.{kind}",
        subject=template,
        by=by,
        at=at,
        account_id=template.account_id,
        version=template.version,
        content_hash=template.content_hash,
    )
