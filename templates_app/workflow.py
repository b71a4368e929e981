"""The one way to move a template: permission, transition, record and audit, in one transaction.

Nobody approves what they created, edited or submitted, superusers included; a `lon` version is
approved only with LINE's own decision on file.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _
from django_fsm import TransitionNotAllowed

from lineportal.accounts import access
from lineportal.accounts.models import OfficialAccount, Service
from lineportal.audit import chain
from templates_app import content as contents
from templates_app import rendering
from templates_app.models import Category, DecidedBy, MessageTemplate, State, TemplateEvent

ADD = "templates_app.add_messagetemplate"
CHANGE = "templates_app.change_messagetemplate"
SUBMIT = "templates_app.submit_messagetemplate"
REVIEW = "templates_app.review_messagetemplate"
REVOKE = "templates_app.revoke_messagetemplate"

EDITABLE = ("purpose", "category", "language", "content")
_WROTE = (TemplateEvent.Kind.CREATED, TemplateEvent.Kind.EDITED, TemplateEvent.Kind.SUBMITTED)


class WrongState(Exception):
    """The template is not in a state from which this can be done."""


class FourEyes(PermissionDenied):
    """The one who decides has written, edited or submitted this version."""


class KeyTaken(Exception):
    """The account has a template of this key already."""


class MissingDecision(Exception):
    """An act that needs a reason, or LINE's decision, was called without it. `field` says which."""

    def __init__(self, field: str, sentence: str) -> None:
        super().__init__(sentence)
        self.field = field


@transaction.atomic
def create(
    account: OfficialAccount,
    *,
    key: str,
    service: str,
    language: str,
    purpose: str,
    content: Any,
    by: User,
    at: datetime,
    category: str = Category.TRANSACTIONAL,
) -> MessageTemplate:
    """Make version 1 of a new key, as a draft.

    Raises PermissionDenied, KeyTaken, content.InvalidContent.
    """
    access.require(by, ADD, account)
    _check_details(service=service, category=category, language=language, purpose=purpose)
    contents.validate(content, service=service)
    taken = KeyTaken(
        _("The account has a template “%(key)s” already; revise it, or choose another key.")
        % {"key": key}
    )
    if MessageTemplate.objects.filter(account=account, key=key).exists():
        raise taken
    try:
        with transaction.atomic():
            template = MessageTemplate.objects.create(
                account=account,
                key=key,
                service=service,
                language=language,
                purpose=purpose,
                category=category,
                content=content,
                placeholders=contents.placeholders(content),
                created_by=by,
                created_at=at,
                changed_at=at,
            )
    except IntegrityError as error:  # somebody else took it at the same moment
        raise taken from error
    _note(template, TemplateEvent.Kind.CREATED, by=by, at=at)
    return template


@transaction.atomic
def edit(
    template: MessageTemplate, *, by: User, at: datetime, changes: Mapping[str, Any]
) -> MessageTemplate:
    """Change a draft's purpose, category, language or content; whoever edits cannot approve."""
    access.require(by, CHANGE, template.account_id)
    template = _locked(template)
    if template.state != State.DRAFT:
        raise WrongState(
            _("Only a draft can be edited; this version is %(state)s. Revise it instead.")
            % {"state": template.state}
        )
    for name in EDITABLE:
        if name in changes:
            setattr(template, name, changes[name])
    _check_details(
        service=template.service,
        category=template.category,
        language=template.language,
        purpose=template.purpose,
    )
    contents.validate(template.content, service=template.service)
    template.placeholders = contents.placeholders(template.content)
    template.changed_at = at
    template.save(update_fields=[*EDITABLE, "placeholders", "changed_at"])
    _note(template, TemplateEvent.Kind.EDITED, by=by, at=at)
    return template


@transaction.atomic
def submit(template: MessageTemplate, *, by: User, at: datetime) -> MessageTemplate:
    """Hand a draft to review: the bubble is drawn and frozen, and the content hash taken."""
    access.require(by, SUBMIT, template.account_id)
    template = _locked(template)
    contents.validate(template.content, service=template.service)
    _move(template, template._submit)
    template.bubble = rendering.draw(template.content, service=template.service)
    template.content_hash = current_hash(template)
    template.submitted_by, template.submitted_at = by, at
    _save(template, "bubble", "content_hash", "submitted_by", "submitted_at", at=at)
    _note(template, TemplateEvent.Kind.SUBMITTED, by=by, at=at)
    return template


@transaction.atomic
def recall(template: MessageTemplate, *, by: User, at: datetime) -> MessageTemplate:
    """Take a submitted version back to draft."""
    access.require(by, SUBMIT, template.account_id)
    template = _locked(template)
    _move(template, template._recall)
    template.bubble, template.content_hash = None, ""
    template.submitted_by = template.submitted_at = None
    _save(template, "bubble", "content_hash", "submitted_by", "submitted_at", at=at)
    _note(template, TemplateEvent.Kind.RECALLED, by=by, at=at)
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
    template = _locked(template)
    _move(template, template._approve)
    _four_eyes(template, by)
    today = at.astimezone(ZoneInfo(template.account.timezone)).date()
    line_reference = line_reference.strip()
    if template.service == Service.LON:
        if not line_reference:
            if contents.kind(template.content, service=template.service) != "catalogue":
                raise MissingDecision(
                    "line_reference",
                    _("Give the reference of LINE's own decision; every notification needs one."),
                )
            line_reference = f"LINE key catalogue: {template.content['template_key']}"
        line_decided_on = line_decided_on or today
    if line_decided_on and line_decided_on > today:
        raise MissingDecision(
            "line_decided_on",
            _("LINE's decision cannot lie in the future; give its real date."),
        )
    if current_hash(template) != template.content_hash:
        raise WrongState(_("The content is not what was submitted; it cannot be approved."))
    template.approved_by, template.approved_at = by, at
    template.line_reference, template.line_decided_on = line_reference, line_decided_on
    _save(template, "approved_by", "approved_at", "line_reference", "line_decided_on", at=at)
    _note(template, TemplateEvent.Kind.APPROVED, by=by, at=at, note=note)
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
    template = _locked(template)
    _move(template, template._reject)
    template.rejected_by, template.rejected_at = by, at
    template.reason, template.decided_by = reason.strip(), decided_by
    _save(template, "rejected_by", "rejected_at", "reason", "decided_by", at=at)
    _note(template, TemplateEvent.Kind.REJECTED, by=by, at=at, note=reason)
    return template


@transaction.atomic
def revoke(template: MessageTemplate, *, by: User, at: datetime, reason: str) -> MessageTemplate:
    """Record that LINE, or we, took an approval back; nothing more goes out on this version.

    What is queued on it is cancelled by `sending.withdrawal.withdraw`, which doors call.
    """
    access.require(by, REVOKE, template.account_id)
    _check_reason(reason)
    template = _locked(template)
    _move(template, template._revoke)
    template.revoked_at, template.reason = at, reason.strip()
    template.rejected_by, template.rejected_at = by, at
    _save(template, "revoked_at", "reason", "rejected_by", "rejected_at", at=at)
    _note(template, TemplateEvent.Kind.REVOKED, by=by, at=at, note=reason)
    return template


@transaction.atomic
def revise(template: MessageTemplate, *, by: User, at: datetime) -> MessageTemplate:
    """Return a new draft version beside a decided one, with the same content to begin from."""
    access.require(by, ADD, template.account_id)
    template = _locked(template)
    if template.state not in (State.APPROVED, State.REJECTED):
        raise WrongState(
            _("Only an approved or rejected version is revised; this one is %(state)s.")
            % {"state": template.state}
        )
    # Locking the first version makes two people who revise at once take turns.
    versions = MessageTemplate.objects.filter(account_id=template.account_id, key=template.key)
    versions.select_for_update().get(version=1)
    if open_version := versions.filter(state__in=[State.DRAFT, State.SUBMITTED]).first():
        raise WrongState(
            _("Version %(version)d of this template is still open; finish that one first.")
            % {"version": open_version.version}
        )
    last = versions.order_by("-version").values_list("version", flat=True)[0]
    draft = MessageTemplate.objects.create(
        account_id=template.account_id,
        key=template.key,
        version=last + 1,
        service=template.service,
        purpose=template.purpose,
        category=template.category,
        language=template.language,
        content=template.content,
        placeholders=template.placeholders,
        created_by=by,
        created_at=at,
        changed_at=at,
    )
    _note(template, TemplateEvent.Kind.REVISED, by=by, at=at)
    _note(draft, TemplateEvent.Kind.CREATED, by=by, at=at)
    return draft


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


def available_acts(template: MessageTemplate, user: User) -> list[str]:
    """Return the names of the acts that this person may do on this version now, for buttons."""

    def may(permission: str) -> bool:
        return access.may(user, permission, template.account_id)

    acts: list[str] = []
    if template.state == State.DRAFT:
        acts += ["edit"] * may(CHANGE) + ["submit"] * may(SUBMIT)
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


def _locked(template: MessageTemplate) -> MessageTemplate:
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
    return template.events.filter(by_id=user.pk, kind__in=_WROTE).exists()


def _four_eyes(template: MessageTemplate, by: User) -> None:
    if _wrote(template, by):
        raise FourEyes(
            _("You created, edited or submitted this version; somebody else must decide on it.")
        )


def _check_reason(reason: str) -> None:
    if not reason.strip():
        raise MissingDecision("reason", _("Give the reason; the author will read it."))


def _check_details(*, service: str, category: str, language: str, purpose: str) -> None:
    problems = {}
    if service not in Service.values:
        problems["service"] = _("Choose “lon” or “oa”.")
    if category not in Category.values:
        problems["category"] = _("Choose “transactional” or “marketing”.")
    elif service == Service.LON and category != Category.TRANSACTIONAL:
        problems["category"] = _(
            "LINE forbids promotion in notifications; marketing belongs to the two-way account."
        )
    if not language.strip():
        problems["language"] = _("Give the language, such as “th”.")
    if not purpose.strip():
        problems["purpose"] = _("Say in a few words what the message is for.")
    if problems:
        raise contents.InvalidContent(problems)


def _note(
    template: MessageTemplate, kind: TemplateEvent.Kind, *, by: User, at: datetime, note: str = ""
) -> None:
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
