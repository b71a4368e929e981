"""The pages of what holds sending back: stop switches, and each account's sending policy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.dates import WEEKDAYS_ABBR
from django.utils.html import format_html
from django.utils.text import format_lazy
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.widgets import UnfoldAdminTextInputWidget, UnfoldBooleanSwitchWidget

from lineportal.accounts import access
from lineportal.console.base import ActForm, Desk, user_of
from lineportal.sending import policies, stops, windows
from lineportal.sending.models import Policy, Stop
from recipients.intake import Invalid
from templates_app.models import Category


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
        return stops.seen_by(request.user).order_by(*self.ordering)

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


class PolicyForm(forms.ModelForm[Policy]):
    """Plain fields for the hours of each category; none chosen means at any time."""

    class Meta:
        model = Policy
        fields = ("account", "canary_size", "second_key_above", "refused_percent",
                  "uncertain_percent", "cap_messages", "cap_days", "marketing_cap_messages",
                  "marketing_cap_days", "cooling_off_days", "trigger_minutes", "link_days",
                  *policies.TOLERANCES)  # fmt: skip

    def __init__(self, *args: Any, **kw: Any) -> None:
        super().__init__(*args, **kw)
        for name in (*policies.DAYS, *policies.TOLERANCES):
            self.fields[name].required = False  # left out: as it is
        kept = windows.DEFAULTS | self.instance.windows
        for category in Category:
            hours = kept[category] or {}
            weekdays = hours.get("weekdays", windows.WEEKDAYS if hours else ())
            self.initial.update(
                {
                    f"{category}_from": hours.get("from", ""),
                    f"{category}_to": hours.get("to", ""),
                    f"{category}_weekdays": list(weekdays),
                    f"{category}_on_holidays": hours.get("on_holidays", True),
                    f"{category}_closed_on": ", ".join(hours.get("closed_on", ())),
                }
            )

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        for name in policies.DAYS:
            if name in cleaned:
                cleaned[name] = cleaned[name] or getattr(self.instance, name)
        for name in policies.TOLERANCES:  # where 0 says something too
            if name in cleaned and cleaned[name] is None:
                cleaned[name] = getattr(self.instance, name)
        given: dict[str, Any] = {}
        for category in Category:
            begin, end = cleaned.get(f"{category}_from"), cleaned.get(f"{category}_to")
            given[category] = None
            if begin or end:
                dates = str(cleaned.get(f"{category}_closed_on", "")).replace(",", " ").split()
                given[category] = {
                    "from": begin,
                    "to": end,
                    "weekdays": cleaned.get(f"{category}_weekdays", []),
                    "on_holidays": cleaned.get(f"{category}_on_holidays", True),
                    "closed_on": dates,
                }
        try:
            cleaned["windows"] = windows.read(given)
        except Invalid as refusal:
            self.add_error(_field_of(refusal), str(refusal))
        return cleaned


def _field_of(refusal: Invalid) -> str:
    """Return the form's field for "windows.marketing.from"."""
    return "_".join(refusal.field.split(".")[1:]) if refusal.field.count(".") == 2 else "account"


def _hours_fields() -> dict[str, forms.Field]:
    fields: dict[str, forms.Field] = {}
    for category in Category:

        def label(text: Any, category: Category = category) -> Any:
            return format_lazy(text, category=category.label)

        fields[f"{category}_from"] = forms.CharField(
            label=label(gettext_lazy("{category}: from")),
            required=False,
            widget=UnfoldAdminTextInputWidget,
            help_text=gettext_lazy("Such as 09:00. Empty: at any time."),
        )
        fields[f"{category}_to"] = forms.CharField(
            label=label(gettext_lazy("{category}: to")),
            required=False,
            widget=UnfoldAdminTextInputWidget,
            help_text=gettext_lazy("Such as 21:00; 24:00 is midnight."),
        )
        fields[f"{category}_weekdays"] = forms.MultipleChoiceField(
            label=label(gettext_lazy("{category}: weekdays")),
            choices=list(zip(windows.WEEKDAYS, WEEKDAYS_ABBR.values(), strict=True)),
            required=False,
            widget=forms.CheckboxSelectMultiple,
        )
        fields[f"{category}_on_holidays"] = forms.BooleanField(
            label=label(gettext_lazy("{category}: on public holidays too")),
            required=False,
            widget=UnfoldBooleanSwitchWidget,
        )
        fields[f"{category}_closed_on"] = forms.CharField(
            label=label(gettext_lazy("{category}: never on")),
            required=False,
            widget=UnfoldAdminTextInputWidget,
            help_text=gettext_lazy("Dates such as 2026-12-31, with commas between."),
        )
    return fields


PolicyForm.declared_fields.update(_hours_fields())


@admin.register(Policy)
class PolicyDesk(Desk):
    view_permission = "accounts.view_officialaccount"
    form = PolicyForm
    list_display = ("account", *PolicyForm.Meta.fields[1:6])
    list_select_related = ("account",)
    ordering = ("account__name",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm(policies.CHANGE))

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(request.user.has_perm(policies.CHANGE))

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Sequence[str]:
        return (*PolicyForm.Meta.fields, *_hours_fields())

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Sequence[str]:
        return ("account",) if obj else ()

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        changes = {name: form.cleaned_data[name] for name in policies.FIELDS}
        made = policies.change(obj.account, by=user_of(request), at=timezone.now(), changes=changes)
        obj.pk = made.pk
