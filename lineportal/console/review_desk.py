"""The review desk: one board of what waits for whom, with filters, search and pages."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from django import forms
from django.contrib.admin import AdminSite
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from lineportal.accounts import access
from lineportal.accounts.models import OfficialAccount, Service
from lineportal.console.base import ActForm, user_of
from templates_app import desk
from templates_app.desk import Column, Filter
from templates_app.models import MessageTemplate, State

_ANY = ("", _("any"))


class DeskForm(ActForm):
    """What of the desk is wanted; sent by GET, so that an address can be kept."""

    q = forms.CharField(
        label=_("Search"),
        required=False,
        max_length=200,
        widget=forms.TextInput(attrs={"type": "search"}),
    )
    account = forms.ModelChoiceField(
        OfficialAccount.objects.none(), label=_("Account"), required=False, empty_label=_("any"),
        to_field_name="slug",
    )  # fmt: skip
    service = forms.ChoiceField(label=_("Service"), required=False, choices=[])
    state = forms.ChoiceField(label=_("State"), required=False, choices=[])
    language = forms.ChoiceField(label=_("Language"), required=False, choices=[])
    who = forms.ModelChoiceField(
        User.objects.none(),
        label=_("Waits for, or decided by"),
        required=False,
        empty_label=_("anybody"),
    )

    def __init__(self, *args: Any, user: Any, **kw: Any) -> None:
        super().__init__(*args, **kw)
        fields: dict[str, Any] = self.fields
        fields["account"].queryset = access.accounts_of(user).order_by("name")
        fields["service"].choices = [_ANY, *Service.choices]
        fields["state"].choices = [_ANY, *State.choices, ("revoked", _("Revoked"))]
        rows = access.limited(MessageTemplate.objects.all(), user)
        languages = rows.order_by("language").values_list("language", flat=True).distinct()
        fields["language"].choices = [_ANY, *((each, each) for each in languages)]
        fields["who"].queryset = desk.people_to_choose(user)

    def wanted(self) -> Filter:
        """Return the filter that the form holds; a field that says nothing known is left out."""
        held = self.cleaned_data
        account, who = held.get("account"), held.get("who")
        return Filter(
            account=account.slug if account else "",
            service=held.get("service", ""),
            state=held.get("state", ""),
            language=held.get("language", ""),
            who=who.pk if who else None,
            text=held.get("q", ""),
        )


def urls(site: AdminSite) -> list[URLPattern]:
    """Return the desk's address."""

    def view(request: HttpRequest) -> HttpResponse:
        return show(request, site)

    return [path("review-desk/", site.admin_view(view), name="review_desk")]


def show(request: HttpRequest, site: AdminSite) -> HttpResponse:
    """Show the desk as this person sees it."""
    user = user_of(request)
    if not user.has_perm(desk.VIEW):
        raise PermissionDenied
    form = DeskForm(request.GET, user=user)
    form.is_valid()
    wanted = form.wanted()
    pages = {column.value: _number(request.GET.get(f"p_{column}", "")) for column in Column}
    columns = desk.board(user, at=timezone.now(), wanted=wanted, pages=pages)
    context = {
        **site.each_context(request),
        "title": _("Review desk"),
        "form": form,
        "wanted": wanted,
        "is_filtered": wanted != Filter(),
        "is_narrowed": replace(wanted, text="") != Filter(),
        "columns": [_column(request, each) for each in columns[:-1]],
        "decided": _column(request, columns[-1]),
    }
    return TemplateResponse(request, "console/desk.html", context)


def _column(request: HttpRequest, shown: desk.Shown) -> dict[str, Any]:
    def address(page: int) -> str:
        query = request.GET.copy()
        query[f"p_{shown.column}"] = str(page)
        return f"?{query.urlencode()}#{shown.column}"

    return {
        "shown": shown,
        "previous": address(shown.page - 1) if shown.page > 1 else "",
        "next": address(shown.page + 1) if shown.page < shown.pages else "",
    }


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 6 else 1
