"""The findings on a template's page, and the waiver of one that bars it from review."""

from __future__ import annotations

from typing import Any

from django import forms
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from lineportal.console.base import ActForm, user_of
from lineportal.console.template_parts import Act, Part
from templates_app import waivers, workflow
from templates_app.models import MessageTemplate


class WaiveForm(ActForm):
    digest = forms.CharField(widget=forms.HiddenInput)
    reason = forms.CharField(
        label=_("Why LINE will accept these words"),
        widget=forms.Textarea,
        help_text=_("The reviewer reads it beside the finding, and it goes into the dossier."),
    )


def panel(template: MessageTemplate, request: HttpRequest) -> dict[str, Any]:
    """Return the findings with their waivers; a link to waive where this person may."""
    judged = waivers.judged(template)
    return {
        "judged": judged,
        "barring": sum(each.bars for each in judged),
        "may_waive": workflow.may_waive(template, user_of(request)),
    }


def _waive(template: MessageTemplate, **details: Any) -> None:
    workflow.waive(template, **details)


PART = Part(
    page="console/template/findings.html",
    panel=panel,
    acts={
        "waive": Act(
            _("Waive this finding"),
            _waive,
            form=WaiveForm,
            note=_("Who waives a finding cannot approve the version."),
            is_button=False,
        )
    },
)
