"""The thread on a version's page: what was said, the form to say more, and the files given."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django import forms
from django.contrib.admin import AdminSite
from django.contrib.auth.models import User
from django.core.files.uploadedfile import UploadedFile
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext_lazy as _

from lineportal.accounts import access
from lineportal.console.base import ActForm, user_of
from lineportal.console.template_parts import Act, Part
from lineportal.sending import discussion
from templates_app import attachments, mentions, thread
from templates_app.models import EntryKind, MessageTemplate, ReviewFile

FILE_URL = "templates_app_messagetemplate_file"
SAY = "say"


class ManyFilesInput(forms.FileInput):
    allow_multiple_selected = True


class ManyFiles(forms.FileField):
    """Any number of files in one field."""

    widget = ManyFilesInput

    def clean(self, data: Any, initial: Any = None) -> list[UploadedFile[Any]]:
        given = data if isinstance(data, list | tuple) else [data] if data else []
        return [super(ManyFiles, self).clean(each, initial) for each in given]


class SayForm(ActForm):
    """On a page of its own where something was missing: what was written is still there."""

    kind = forms.ChoiceField(
        label=_("What it is"),
        choices=thread.SAYABLE,
    )
    answers = forms.IntegerField(required=False, widget=forms.HiddenInput)
    mentioned = forms.ModelMultipleChoiceField(
        User.objects.filter(is_active=True), required=False, widget=forms.MultipleHiddenInput
    )
    text = forms.CharField(
        label=_("Text"),
        required=False,
        widget=forms.Textarea,
        help_text=_("@username mails that person."),
    )
    party = forms.CharField(
        label=_("With whom"),
        required=False,
        help_text=_("Of a milestone: the account manager that the dossier went to."),
    )
    happened_on = forms.DateField(
        label=_("On which day"),
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}),
    )
    attached = ManyFiles(
        label=_("Files"), required=False, help_text=_("Up to 5, at most 5 MB each.")
    )


def say(
    template: MessageTemplate,
    *,
    by: User,
    at: datetime,
    kind: str,
    attached: Sequence[UploadedFile[Any]],
    mentioned: Sequence[User],
    **details: Any,
) -> HttpResponse:
    """Write what the form holds, and go back to where it stands on the page."""
    if len(attached) > attachments.FILES_LIMIT:
        raise attachments.Unusable(attachments.too_many())
    entry = discussion.say(
        template,
        kind,
        by=by,
        at=at,
        files=[_read(file) for file in attached],
        mentioned=list(mentioned),
        **details,
    )
    return HttpResponseRedirect(f"{_page(template)}#entry-{entry.pk}")


def panel(template: MessageTemplate, request: HttpRequest) -> dict[str, Any]:
    """Return the entries, and what this person may add to them."""
    kinds = thread.kinds_for(template, user_of(request))
    return {
        "thread": thread.read(template),
        "say_kinds": [(kind.value, kind.label) for kind in kinds if kind != EntryKind.ANSWER],
        "may_answer": EntryKind.ANSWER in kinds,
        "may_milestone": set(thread.MILESTONES) <= set(kinds),
        "say_url": reverse("admin:templates_app_messagetemplate_act", args=[template.pk, SAY]),
        "say_people": mentions.candidates(template) if kinds else (),
    }


def available(template: MessageTemplate, user: User) -> Sequence[str]:
    return [SAY] if thread.kinds_for(template, user) else []


def urls(site: AdminSite) -> list[URLPattern]:
    """Return the address of a file of a thread."""
    route = "templates_app/messagetemplate/<int:pk>/files/<int:file>/"
    return [path(route, site.admin_view(file_view), name=FILE_URL)]


def file_view(request: HttpRequest, pk: int, file: int) -> HttpResponse:
    """Answer with a file of a version's thread, as a download."""
    user = user_of(request)
    if not user.has_perm(mentions.VIEW):
        raise Http404
    found = access.limited(
        ReviewFile.objects.filter(pk=file, entry__template=pk),
        user,
        account="entry__template__account",
    ).first()
    if found is None:
        raise Http404
    content, headers = attachments.download(found)
    return HttpResponse(content, headers=headers)


def _page(template: MessageTemplate) -> str:
    return reverse("admin:templates_app_messagetemplate_change", args=[template.pk])


def _read(file: UploadedFile[Any]) -> attachments.Attachment:
    if (file.size or 0) > attachments.FILE_LIMIT:  # not read into memory
        raise attachments.Unusable(attachments.too_large())
    return attachments.read(file.name or "", file.read())


PART = Part(
    page="console/template/thread.html",
    panel=panel,
    acts={SAY: Act(_("Write into the thread"), say, form=SayForm, is_button=False)},
    available=available,
)
