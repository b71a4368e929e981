"""Write what LINE and the account manager want to know of a version beside its words."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from lineportal.accounts import access
from lineportal.audit import chain
from templates_app import content as contents
from templates_app import rendering, workflow
from templates_app.models import Brief, MessageTemplate, State

FIELDS = (
    "use_case", "trigger", "audience", "monthly_volume", "contact_name", "contact_email",
    "contact_phone",
)  # fmt: skip
# What an account manager asks back for where it is not there.
WANTED = ("use_case", "trigger", "audience", "monthly_volume", "contact_name", "contact_email")


def of(template: MessageTemplate) -> Brief:
    """Return the version's brief; an empty one, not yet stored, where there is none."""
    return Brief.objects.filter(template=template).first() or Brief(template=template)


def missing(brief: Brief) -> list[str]:
    """Return the fields that a good dossier has and this brief has not."""
    return [name for name in WANTED if not getattr(brief, name)]


def is_open(template: MessageTemplate) -> bool:
    """Return whether the brief can still be written: until the version is decided on."""
    return template.state in (State.DRAFT, State.SUBMITTED)


@transaction.atomic
def write(
    template: MessageTemplate, *, changes: Mapping[str, Any], by: User, at: datetime
) -> Brief:
    """Change the brief of a version that is not decided on yet; the audit keeps its digest.

    `changes` has some of FIELDS; `monthly_volume` is a number or None. Raises PermissionDenied,
    workflow.WrongState, content.InvalidContent.
    """
    access.require(by, workflow.CHANGE, template.account_id)
    template = workflow.locked(template)
    if not is_open(template):
        raise workflow.WrongState(
            _("The brief of a decided version stays as it was; revise the version instead.")
        )
    brief = of(template)
    for name in FIELDS:
        if name in changes:
            value = changes[name]
            setattr(brief, name, value.strip() if isinstance(value, str) else value)
    brief.changed_by, brief.changed_at = by, at
    _check(brief)
    brief.save()
    chain.write(
        "template.brief",
        subject=template,
        by=by,
        at=at,
        account_id=template.account_id,
        version=template.version,
        digest=rendering.digest(as_dict(brief)),
    )
    return brief


def as_dict(brief: Brief) -> dict[str, Any]:
    """Return the brief's fields by name."""
    return {name: getattr(brief, name) for name in FIELDS}


def _check(brief: Brief) -> None:
    texts = [value for value in as_dict(brief).values() if isinstance(value, str)]
    if not all(map(contents.is_storable, texts)):
        raise contents.InvalidContent(
            {"brief": _("A text holds NUL or half of a character; take it out.")}
        )
    try:
        brief.clean_fields(exclude=["template"])
    except ValidationError as error:
        raise contents.InvalidContent(
            {name: " ".join(sentences) for name, sentences in error.message_dict.items()}
        ) from error
