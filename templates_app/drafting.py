"""Write templates: a new key, a draft's words and samples, a new version beside a decided one."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from lineportal.accounts import access
from lineportal.accounts.models import OfficialAccount, Service
from templates_app import catalogue, workflow
from templates_app import content as contents
from templates_app.models import Brief, Category, MessageTemplate, State, TemplateEvent, Waiver

EDITABLE = ("purpose", "category", "language", "content", "samples")
SAMPLES_LIMIT = 10
_SAMPLE_LIMIT = 1000  # characters of one value
_WAIVED = ("code", "place", "digest", "excerpt", "reason", "by", "at")


class KeyTaken(Exception):
    """The account has a template of this key already."""


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
    samples: Any = (),
) -> MessageTemplate:
    """Make version 1 of a new key, as a draft; `samples` are values by placeholder, up to 10 sets.

    Raises PermissionDenied, KeyTaken, content.InvalidContent.
    """
    access.require(by, workflow.ADD, account)
    _check_details(service=service, category=category, language=language, purpose=purpose)
    contents.validate(content, service=service, category=category, language=language)
    catalogue.require_known(content, service=service, country=account.country)
    _check_samples(samples)
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
                samples=list(samples),
                created_by=by,
                created_at=at,
                changed_at=at,
            )
    except IntegrityError as error:  # somebody else took it at the same moment
        raise taken from error
    workflow.record(template, TemplateEvent.Kind.CREATED, by=by, at=at)
    return template


@transaction.atomic
def edit(
    template: MessageTemplate, *, by: User, at: datetime, changes: Mapping[str, Any]
) -> MessageTemplate:
    """Change a draft's purpose, category, language, content or samples.

    Whoever edits cannot approve. Raises PermissionDenied, WrongState, content.InvalidContent.
    """
    access.require(by, workflow.CHANGE, template.account_id)
    template = workflow.locked(template)
    if template.state != State.DRAFT:
        raise workflow.WrongState(
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
    contents.validate(
        template.content,
        service=template.service,
        category=template.category,
        language=template.language,
    )
    catalogue.require_known(
        template.content, service=template.service, country=template.account.country
    )
    _check_samples(template.samples)
    template.placeholders = contents.placeholders(template.content)
    template.changed_at = at
    template.save(update_fields=[*EDITABLE, "placeholders", "changed_at"])
    workflow.record(template, TemplateEvent.Kind.EDITED, by=by, at=at)
    return template


@transaction.atomic
def revise(template: MessageTemplate, *, by: User, at: datetime) -> MessageTemplate:
    """Return a new draft version beside a decided one, with all of that to begin from.

    Its waivers go along, each in the name of who gave it: they hold for unchanged words alone.
    """
    access.require(by, workflow.ADD, template.account_id)
    template = workflow.locked(template)
    if template.state not in (State.APPROVED, State.REJECTED):
        raise workflow.WrongState(
            _("Only an approved or rejected version is revised; this one is %(state)s.")
            % {"state": template.state}
        )
    # Locking the first version makes two people who revise at once take turns.
    versions = MessageTemplate.objects.filter(account_id=template.account_id, key=template.key)
    versions.select_for_update().get(version=1)
    if open_version := versions.filter(state__in=[State.DRAFT, State.SUBMITTED]).first():
        raise workflow.WrongState(
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
        samples=template.samples,
        created_by=by,
        created_at=at,
        changed_at=at,
    )
    for waiver in template.waivers.order_by("pk"):
        Waiver.objects.create(template=draft, **{name: getattr(waiver, name) for name in _WAIVED})
    if brief := Brief.objects.filter(template=template).first():
        brief.template, brief.changed_by, brief.changed_at = draft, by, at
        brief.save(force_insert=True)
    workflow.record(template, TemplateEvent.Kind.REVISED, by=by, at=at)
    workflow.record(draft, TemplateEvent.Kind.CREATED, by=by, at=at)
    return draft


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


def _check_samples(samples: Any) -> None:
    if (
        not isinstance(samples, list | tuple)
        or len(samples) > SAMPLES_LIMIT
        or not all(map(_is_sample, samples))
    ):
        raise contents.InvalidContent(
            {
                "samples": _(
                    "Give at most %(sets)d sets of sample values, each an object of texts by"
                    " placeholder, of at most %(characters)d characters each."
                )
                % {"sets": SAMPLES_LIMIT, "characters": _SAMPLE_LIMIT}
            }
        )


def _is_sample(sample: Any) -> bool:
    return isinstance(sample, dict) and all(
        isinstance(value, str)
        and len(value) <= _SAMPLE_LIMIT
        and contents.is_storable(name + value)
        for name, value in sample.items()
    )
