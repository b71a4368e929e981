"""The acts of a person's page that give something personal out: each asks what for."""

from __future__ import annotations

from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from lineportal.accounts import access
from lineportal.console.base import ActForm, Desk, user_of
from lineportal.sending import subject_access
from recipients import requests, reveals
from recipients.models import Recipient, SubjectRequest

LABELS: dict[str, Any] = {
    "reveal": gettext_lazy("Show the number"),
    "access": gettext_lazy("Hand out what we hold"),
    "request": gettext_lazy("Enter their request"),
}
NOTES: dict[str, Any] = {
    "reveal": gettext_lazy("It is shown once, and who saw it and what for stays on record."),
    "access": gettext_lazy(
        "One file of everything we hold about this person, for them alone. Make sure who asks, and"
        " read it before you hand it over: staff may have named somebody else in a text."
    ),
    "request": gettext_lazy(
        "What the person asks about their own data. The due date follows from the account's"
        " country and the day it was received."
    ),
}


class PurposeForm(ActForm):
    purpose = forms.CharField(
        label=gettext_lazy("What for"),
        max_length=200,
        help_text=gettext_lazy("Auditors will read it; name nobody in it."),
    )


class AccessForm(PurposeForm):
    form = forms.ChoiceField(
        label=gettext_lazy("File"),
        choices=[
            (subject_access.Form.PDF.value, gettext_lazy("PDF, to read")),
            (subject_access.Form.JSON.value, gettext_lazy("JSON, to take elsewhere")),
        ],
    )


class RequestForm(ActForm):
    kind = forms.ChoiceField(label=gettext_lazy("They ask for"), choices=requests.Kind.choices)
    received_at = forms.DateTimeField(
        label=gettext_lazy("Received at (UTC)"),
        required=False,
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}),
        help_text=gettext_lazy("Empty: now. The law counts from here."),
    )
    note = forms.CharField(
        label=gettext_lazy("Note"),
        required=False,
        max_length=200,
        help_text=gettext_lazy("How it came, and what exactly is asked; name nobody in it."),
    )


FORMS: dict[str, type[ActForm]] = {
    "reveal": PurposeForm,
    "access": AccessForm,
    "request": RequestForm,
}


def available(recipient: Recipient, user: Any) -> list[str]:
    """Return those acts that the user may do on the person now."""
    needed = {
        **({"reveal": reveals.REVEAL} if recipient.phone else {}),
        "access": subject_access.HAND_OUT,
        "request": requests.HANDLE,
    }
    acts = [act for act, permission in needed.items() if user.has_perm(permission)]
    # The account is asked for once, for all of them.
    is_theirs = acts and access.may(user, needed[acts[0]], recipient.account_id)
    return acts if is_theirs else []


def reveal(desk: Desk, recipient: Recipient, request: HttpRequest, *, purpose: str) -> HttpResponse:
    """Answer with the whole number, on a page that is kept nowhere."""
    number = reveals.show(recipient, purpose=purpose, by=user_of(request), at=timezone.now())
    context = {
        **desk.admin_site.each_context(request),
        "title": _("The number"),
        "subtitle": str(recipient),
        "opts": desk.opts,
        "number": number,
        "back_url": desk.page_url(recipient),
    }
    answer = TemplateResponse(request, "console/number.html", context)
    answer["Cache-Control"] = "no-store"
    return answer


def hand_out(
    recipient: Recipient, request: HttpRequest, *, purpose: str, form: str
) -> HttpResponse:
    """Answer with everything held about the person, as a file."""
    file = subject_access.hand_out(
        recipient,
        form=subject_access.Form(form),
        purpose=purpose,
        by=user_of(request),
        at=timezone.now(),
    )
    answer = HttpResponse(file, content_type=f"application/{form}")
    answer["Content-Disposition"] = f'attachment; filename="person-{recipient.pk}.{form}"'
    answer["Cache-Control"] = "no-store"
    return answer


def enter_request(
    recipient: Recipient, request: HttpRequest, details: dict[str, Any]
) -> SubjectRequest:
    """Open a request of the person."""
    return requests.open_for(recipient, by=user_of(request), at=timezone.now(), **details)
