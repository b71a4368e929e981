"""The pages of privacy: requests of people, and how long each account keeps what names them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.contrib.auth.models import User
from django.db.models import F, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from lineportal.accounts import access
from lineportal.console.base import ActForm, Desk, user_of
from lineportal.console.lists import AccountFilter
from lineportal.sending import retention
from lineportal.sending.models import Retention
from recipients import requests
from recipients.models import SubjectRequest


class RetentionForm(forms.ModelForm[Retention]):
    class Meta:
        model = Retention
        fields = ("account", *retention.FIELDS)

    def _post_clean(self) -> None:
        """Leave the row alone: `retention.change` judges and writes, by its own rules."""


@admin.register(Retention)
class RetentionDesk(Desk):
    view_permission = "accounts.view_officialaccount"
    form = RetentionForm
    list_display = ("account", *retention.FIELDS)
    list_select_related = ("account",)
    ordering = ("account__name",)
    fields: ClassVar[Sequence[str]] = ("account", *retention.FIELDS)
    readonly_fields: ClassVar[Sequence[str]] = ("account",)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(request.user.has_perm(retention.CHANGE))

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        changes = {name: form.cleaned_data[name] for name in form.changed_data}
        retention.change(obj.account, by=user_of(request), at=timezone.now(), changes=changes)


class OverdueFilter(admin.SimpleListFilter):
    title = gettext_lazy("due date")
    parameter_name = "due"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("overdue", _("Overdue"))]

    def queryset(self, request: HttpRequest, rows: QuerySet[Any]) -> QuerySet[Any]:
        return requests.overdue(rows, at=timezone.now()) if self.value() else rows


class CloseForm(ActForm):
    outcome = forms.ChoiceField(
        label=gettext_lazy("Outcome"),
        choices=[("done", gettext_lazy("Done")), ("declined", gettext_lazy("Declined"))],
    )
    answer = forms.CharField(
        label=gettext_lazy("What was done, or why not"),
        max_length=200,
        help_text=gettext_lazy("As the person was told; name nobody in it."),
    )


@admin.register(SubjectRequest)
class SubjectRequestDesk(Desk):
    view_permission = "recipients.view_subjectrequest"
    list_display = (
        "number", "kind", "person", "due", "state_badge", "account", "received_at", "closed_by",
    )  # fmt: skip
    list_filter = ("state", OverdueFilter, "kind", ("account", AccountFilter))
    list_select_related = ("account", "closed_by")
    change_form_outer_before_template = "console/buttons.html"
    fields: ClassVar[Sequence[str]] = (
        "kind", "person", "account", "state_badge", "due", "received_at", "due_at", "note",
        "opened_by", "opened_at", "answer", "closed_by", "closed_at",
    )  # fmt: skip
    readonly_fields: ClassVar[Sequence[str]] = ("person", "state_badge", "due")
    act_labels: ClassVar[dict[str, Any]] = {"close": gettext_lazy("Close the request")}
    act_forms: ClassVar[dict[str, type[ActForm]]] = {"close": CloseForm}
    main_act = frozenset({"close"})

    def get_ordering(self, request: HttpRequest) -> Sequence[Any]:
        """Open ones first, what is due soonest on top."""
        return (F("closed_at").desc(nulls_first=True), "due_at", "id")

    @admin.display(description=gettext_lazy("Request"), ordering="id")
    def number(self, request: SubjectRequest) -> str:
        return str(request.pk)

    @admin.display(description=gettext_lazy("Person"))
    def person(self, request: SubjectRequest) -> str:
        page = reverse("admin:recipients_recipient_change", args=[request.recipient_id])
        return format_html('<a href="{}">{} {}</a>', page, _("Recipient"), request.recipient_id)

    @admin.display(description=gettext_lazy("Due"), ordering="due_at")
    def due(self, request: SubjectRequest) -> str:
        at = timezone.now()
        if request.state != requests.State.OPEN:
            return "–"
        if request.due_at <= at:
            days = (at - request.due_at).days + 1
            late = ngettext("%(n)d day overdue", "%(n)d days overdue", days) % {"n": days}
            return format_html('<span class="lp-badge lp-act">{}</span>', late)
        days = (request.due_at - at).days
        text = ngettext("%(n)d day left", "%(n)d days left", days) % {"n": days}
        return format_html('<span class="lp-badge lp-wait">{}</span>', text)

    @admin.display(description=gettext_lazy("State"), ordering="state")
    def state_badge(self, request: SubjectRequest) -> str:
        look = "lp-good" if request.state == requests.State.DONE else ""
        label = request.get_state_display()
        return format_html('<span class="lp-badge {}">{}</span>', look, label)

    def available_acts(self, obj: Any, user: User) -> Sequence[str]:
        may = access.may(user, requests.HANDLE, obj.account_id)
        return ["close"] if may and obj.state == requests.State.OPEN else []

    def do(self, act: str, obj: Any, request: HttpRequest, details: dict[str, Any]) -> Any:
        return requests.close(
            obj,
            is_done=details["outcome"] == requests.State.DONE,
            answer=details["answer"],
            at=timezone.now(),
            by=user_of(request),
        )
