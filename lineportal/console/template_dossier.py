"""The brief on a template's page, and the dossier for LINE as a download."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django import forms
from django.contrib.auth.models import User
from django.contrib.humanize.templatetags.humanize import intcomma
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _

from lineportal.accounts import access
from lineportal.console.base import ActForm, user_of
from lineportal.console.template_parts import Act, Part
from templates_app import briefs, dossier, workflow
from templates_app.dossier_words import LANGUAGES
from templates_app.models import MessageTemplate

LABELS: dict[str, Any] = {
    "use_case": _("Use case"),
    "trigger": _("Trigger"),
    "audience": _("Audience"),
    "monthly_volume": _("Messages a month"),
    "contact_name": _("Contact"),
    "contact_email": _("Contact's e-mail"),
    "contact_phone": _("Contact's phone"),
}


class BriefForm(ActForm):
    use_case = forms.CharField(
        label=LABELS["use_case"],
        widget=forms.Textarea(attrs={"rows": 3}),
        required=False,
        help_text=_("What the reader gets from it."),
    )
    trigger = forms.CharField(
        label=LABELS["trigger"],
        widget=forms.Textarea(attrs={"rows": 3}),
        required=False,
        help_text=_("What happens before it is sent."),
    )
    audience = forms.CharField(
        label=LABELS["audience"],
        widget=forms.Textarea(attrs={"rows": 3}),
        required=False,
        help_text=_("Who gets it, and why they may."),
    )
    monthly_volume = forms.IntegerField(
        label=LABELS["monthly_volume"], required=False, min_value=0, max_value=2_000_000_000
    )
    contact_name = forms.CharField(
        label=LABELS["contact_name"],
        required=False,
        max_length=200,
        help_text=_("Whom LINE may ask, in your company."),
    )
    contact_email = forms.EmailField(label=LABELS["contact_email"], required=False)
    contact_phone = forms.CharField(label=LABELS["contact_phone"], required=False, max_length=40)


class DossierForm(ActForm):
    language = forms.ChoiceField(
        label=_("Language"),
        required=False,
        choices=[("", _("Of the account's country")), *LANGUAGES.items()],
    )
    form = forms.ChoiceField(
        label=_("File"),
        choices=[("pdf", _("PDF to read")), ("zip", _("ZIP: PDF, exact JSON, samples, digests"))],
    )


def panel(template: MessageTemplate, request: HttpRequest) -> dict[str, Any]:
    """Return the brief as labelled lines, and what a good dossier still wants."""
    brief = briefs.of(template)
    return {
        "brief": [
            (LABELS[name], intcomma(value) if name == "monthly_volume" else value)
            for name, value in briefs.as_dict(brief).items()
            if value not in ("", None)
        ],
        "brief_missing": [LABELS[name] for name in briefs.missing(brief)],
        "may_brief": "brief" in available(template, user_of(request)),
    }


def available(template: MessageTemplate, user: User) -> Sequence[str]:
    """Return the acts of this part that the person may do now."""
    acts = []
    if briefs.is_open(template) and access.may(user, workflow.CHANGE, template.account_id):
        acts.append("brief")
    if access.may(user, dossier.BUILD, template.account_id):
        acts.append("dossier")
    return acts


def _write(template: MessageTemplate, *, by: User, at: datetime, **changes: Any) -> None:
    briefs.write(template, changes=changes, by=by, at=at)


def _initial(template: MessageTemplate) -> dict[str, Any]:
    return briefs.as_dict(briefs.of(template))


def _hand_out(
    template: MessageTemplate, *, by: User, at: datetime, language: str, form: str
) -> HttpResponse:
    name, file = dossier.build(template, by=by, at=at, language=language, form=form)
    answer = HttpResponse(file, content_type=dossier.Form(form).content_type)
    answer["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer


PART = Part(
    page="console/template/dossier.html",
    panel=panel,
    acts={
        "brief": Act(
            _("Write the brief"), _write, form=BriefForm, is_button=False, initial=_initial
        ),
        "dossier": Act(
            _("Build the dossier"),
            _hand_out,
            form=DossierForm,
            note=_(
                "What LINE's account manager gets. Who built it, and its digest, is written down."
            ),
        ),
    },
    available=available,
)
