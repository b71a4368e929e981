"""A file of links, uploaded: tried first, then taken as a whole or not at all."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages as notices
from django.contrib.admin import AdminSite
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.text import format_lazy
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.widgets import (
    UnfoldAdminFileFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldBooleanSwitchWidget,
)

from lineportal.accounts import access
from lineportal.accounts.models import OfficialAccount
from lineportal.console.base import user_of
from recipients import link_files, linking
from recipients.intake import Invalid

MOST_ROWS = 500  # the page waits for its answer


class LinkFileForm(forms.Form):
    account = forms.ModelChoiceField(
        OfficialAccount.objects.none(),
        label=gettext_lazy("Account"),
        empty_label=None,
        widget=UnfoldAdminSelectWidget,
    )
    upload = forms.FileField(
        label=gettext_lazy("File"),
        widget=UnfoldAdminFileFieldWidget,
        help_text=format_lazy(
            gettext_lazy(
                "CSV or XLSX of at most {most} rows. Row 1 names the columns: phone, line_user_id"
                " and, if you know it, linked_at, such as 2026-11-24T09:00:00+07:00."
            ),
            most=MOST_ROWS,
        ),
    )
    is_dry_run = forms.BooleanField(
        label=gettext_lazy("Only show what it would do"),
        required=False,
        initial=True,
        widget=UnfoldBooleanSwitchWidget,
    )


def urls(site: AdminSite) -> list[URLPattern]:
    """Return the page's address."""

    def page(request: HttpRequest) -> HttpResponse:
        return _page(request, site)

    return [path("links/file/", site.admin_view(page), name="link_file")]


def _page(request: HttpRequest, site: AdminSite) -> HttpResponse:
    user = user_of(request)
    access.require(user, linking.KEEP)
    form = LinkFileForm(request.POST or None, request.FILES or None)
    choice: Any = form.fields["account"]
    choice.queryset = access.accounts_of(user).order_by("name")
    status = 200
    if request.method == "POST":
        if form.is_valid() and _take(request, form):
            return HttpResponseRedirect(reverse("admin:link_file"))
        status = 400
    context = {
        **site.each_context(request),
        "title": _("Link numbers by file"),
        "note": _(
            "Each row says whose number is which LINE user's. One row at fault, and nothing of the"
            " file is done; the same file again confirms its links."
        ),
        "form": form,
        "back_url": reverse("admin:recipients_linkconflict_changelist"),
    }
    return TemplateResponse(request, "console/act.html", context, status=status)


def _take(request: HttpRequest, form: LinkFileForm) -> bool:
    """Try or take the file; return whether it could be used, the form else says why."""
    values = form.cleaned_data
    try:
        taken = link_files.take(
            values["account"], values["upload"].file, at=timezone.now(), by=user_of(request),
            reference="file", is_dry_run=values["is_dry_run"], most=MOST_ROWS,
        )  # fmt: skip
    except Invalid as refusal:
        form.add_error("upload", str(refusal))
        return False
    counts = {"made": taken.made, "known": taken.known}
    if values["is_dry_run"]:
        sentence = _(
            "Every row can be used: %(made)d would be linked, %(known)d are known. To link them,"
            " choose the file again and switch “Only show what it would do” off."
        )
        notices.info(request, sentence % counts)
    else:
        notices.success(request, _("%(made)d linked, %(known)d known before.") % counts)
    return True
