"""Where a version is used, on its page and before it is revoked."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.urls import reverse

from lineportal.console.template_parts import Part
from lineportal.sending import usage
from lineportal.sending.models import Campaign
from templates_app.models import MessageTemplate, State


def panel(template: MessageTemplate, request: HttpRequest) -> dict[str, Any]:
    """Return what the version is used in; nothing for one that was never approved."""
    return shown(template) if template.approved_at is not None else {}


def before_revoking(template: MessageTemplate) -> dict[str, Any]:
    """Return what stops when the version is revoked, for the form that asks."""
    if template.state != State.APPROVED:
        return {}
    return {"facts_page": "console/template/before_revoking.html", **shown(template)}


def shown(template: MessageTemplate) -> dict[str, Any]:
    """Return the usage with its campaigns as rows for a page."""
    found = usage.of(template)
    return {
        "usage": found,
        "used_in": [
            {
                "campaign": each,
                "state": Campaign.State(each.state).label,
                "url": reverse("admin:sending_campaign_change", args=[each.id]),
            }
            for each in found.campaigns
        ],
        "others": found.total - len(found.campaigns),
    }


PART = Part(page="console/template/usage.html", panel=panel)
