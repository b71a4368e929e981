"""What API callers must pass for a template, and how that changes with its words.

A caller gives `values`, one for each placeholder: a change of words that adds a placeholder breaks
every caller that does not know it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.utils.translation import gettext as _

from templates_app.models import MessageTemplate, State


@dataclass(frozen=True, slots=True)
class Change:
    """Placeholders added and removed, against a version: the approved one, or this one before."""

    added: list[str]
    removed: list[str]
    compared_with_version: int | None = None

    def __bool__(self) -> bool:
        return bool(self.added or self.removed)


def compare(before: Sequence[str], after: Sequence[str], *, version: int | None = None) -> Change:
    """Return what callers of `before` must do to serve `after`, names in order of appearance."""
    return Change(
        added=[name for name in after if name not in before],
        removed=[name for name in before if name not in after],
        compared_with_version=version,
    )


def approved_before(template: MessageTemplate) -> MessageTemplate | None:
    """Return the version that callers of the key get today; None while none is approved."""
    return (
        MessageTemplate.objects.filter(
            account_id=template.account_id, key=template.key, state=State.APPROVED
        )
        .exclude(pk=template.pk)
        .order_by("-version")
        .first()
    )


def change_of(template: MessageTemplate, *, before: Sequence[str]) -> Change:
    """Return what an edit changed for callers; `before` are the draft's placeholders until then.

    Callers know the approved version; where there is none they can only know the draft.
    """
    approved = approved_before(template)
    if approved is not None:
        return compare(approved.placeholders, template.placeholders, version=approved.version)
    return compare(before, template.placeholders, version=template.version)


def sentence(change: Change) -> str:
    """Return what API callers must do, in one sentence; empty where nothing changes for them."""
    words = {"added": ", ".join(change.added), "removed": ", ".join(change.removed)}
    if change.added and change.removed:
        return (
            _("API callers must now also pass: %(added)s; no longer needed: %(removed)s.") % words
        )
    if change.added:
        return _("API callers must now also pass: %(added)s.") % words
    if change.removed:
        return _("API callers no longer need to pass: %(removed)s.") % words
    return ""


def of_edit(change: Change) -> str:
    """Return what an edit did to the draft's placeholders; empty where it left them alone."""
    words = {"added": ", ".join(change.added), "removed": ", ".join(change.removed)}
    if change.added and change.removed:
        return _("This edit brings in: %(added)s; takes out: %(removed)s.") % words
    if change.added:
        return _("This edit brings in: %(added)s.") % words
    return _("This edit takes out: %(removed)s.") % words if change.removed else ""


def example(names: Sequence[str], sample: Mapping[str, str] | None = None) -> str:
    """Return the `values` of a call as JSON; the sample's where it has them."""
    sample = sample or {}
    values = {name: sample.get(name) or "…" for name in names}
    return json.dumps({"values": values}, indent=2, ensure_ascii=False)
