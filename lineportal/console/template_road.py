"""Whether the account's road can carry a template, said on its page before anybody starts it."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest

from lineportal.console.template_parts import Part
from lineportal.sending import routing
from templates_app.models import MessageTemplate


def panel(template: MessageTemplate, request: HttpRequest) -> dict[str, Any]:
    """Return why nothing of this can be sent now; blank: it can, as far as the road goes."""
    return {"road_problem": routing.problem_of(template)}


PART = Part(page="console/template/road.html", panel=panel)
