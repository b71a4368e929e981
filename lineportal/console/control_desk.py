"""The pages of what holds sending back: stop switches, and each account's sending policy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.contrib.auth.models import User
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from lineportal.accounts import access
from lineportal.console.base import ActForm, Desk, user_of
from lineportal.sending import policies, stops
from lineportal.sending.models import Policy, Stop


class StopForm(forms.ModelForm[Stop]):
    class Meta:
        model = Stop
        fields = ("account", "reason")
        help_texts: ClassVar = {
            "account": gettext_lazy("Leave it empty to stop the whole site."),
            "reason": gettext_lazy("Everybody who waits reads this."),
        }


@admin.register(Stop)
class StopDesk(Desk):
    view_permission = "sending.view_campaign"
    form = StopForm
    account_path = ""
    list_display = ("extent", "reason", "in_force", "stopped_by", "stopped_at", "lifted_by")
    list_select_related = ("account", "stopped_by", "lifted_by")
    ordering = ("-id",)
    change_form_outer_before_template = "console/buttons.html"
    act_labels: ClassVar[dict[str, Any]] = {"lift": gettext_lazy("Let it send again")}
    act_forms: ClassVar[dict[str, type[ActForm]]] = {"lift": ActForm}
    act_notes: ClassVar[dict[str, Any]] = {
        "lift": gettext_lazy("Everything that waits goes on within seconds.")
    }

    @admin.display(description=gettext_lazy("What is stopped"))
    def extent(self, stop: Stop) -> str:
        return str(stop)

    @admin.display(description=gettext_lazy("State"))
    def in_force(self, stop: Stop) -> str:
        if stop.lifted_at:
            return format_html('<span class="lp-badge">{}</span>', _("Lifted"))
        return format_html('<span class="lp-badge lp-act">{}</span>', _("In force"))

    def get_queryset(self, request: HttpRequest) -> QuerySet[Stop]:
        mine = Q(account__isnull=True) | Q(account__in=access.accounts_of(request.user))
        rows: QuerySet[Stop] = super().get_queryset(request).filter(mine)
        return rows

    def has_add_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm(stops.STOP))

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Sequence[str]:
        if obj is None:
            return ("account", "reason")
        return ("account", "reason", "stopped_by", "stopped_at", "lifted_by", "lifted_at")

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        made = stops.stop(
            form.cleaned_data["account"],
            by=user_of(request),
            at=timezone.now(),
            reason=form.cleaned_data["reason"],
        )
        obj.pk = made.pk

    def available_acts(self, obj: Any, user: User) -> Sequence[str]:
        may = access.may(user, stops.LIFT, obj.account_id)
        return ["lift"] if may and obj.lifted_at is None else []

    def do(self, act: str, obj: Any, request: HttpRequest, details: dict[str, Any]) -> Any:
        return stops.lift(obj.pk, by=user_of(request), at=timezone.now())


@admin.register(Policy)
class PolicyDesk(Desk):
    view_permission = "accounts.view_officialaccount"
    list_display = ("account", *policies.FIELDS)
    list_select_related = ("account",)
    ordering = ("account__name",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm(policies.CHANGE))

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(request.user.has_perm(policies.CHANGE))

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Sequence[str]:
        return ("account", *policies.FIELDS)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Sequence[str]:
        return ("account",) if obj else ()

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        changes = {name: form.cleaned_data[name] for name in policies.FIELDS}
        made = policies.change(obj.account, by=user_of(request), at=timezone.now(), changes=changes)
        obj.pk = made.pk
