"""What API callers must pass for this version, and how that differs from what is approved."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest

from lineportal.console.template_parts import Part
from templates_app import callers
from templates_app.models import MessageTemplate, State


def panel(template: MessageTemplate, request: HttpRequest) -> dict[str, Any]:
    """Return the call's values, and the change against the version that is approved today."""
    change = None
    if template.state in (State.DRAFT, State.SUBMITTED):
        approved = callers.approved_before(template)
        if approved is not None:
            change = callers.compare(
                approved.placeholders, template.placeholders, version=approved.version
            )
    sample: dict[str, str] = next(iter(template.samples), {})
    return {
        "caller_names": template.placeholders,
        "caller_example": callers.example(template.placeholders, sample),
        "caller_change": callers.sentence(change) if change else "",
        "caller_version": change.compared_with_version if change else None,
    }


PART = Part(page="console/template/callers.html", panel=panel)
