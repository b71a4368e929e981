"""The pages of reconciliation: days beside the provider's own counts, and incidents."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.contrib.auth.models import User
from django.contrib.humanize.templatetags.humanize import intcomma
from django.db.models import F
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from lineportal.accounts import access
from lineportal.accounts.models import OfficialAccount
from lineportal.console.base import ActForm, Desk, user_of
from lineportal.console.lists import AccountFilter
from lineportal.providers import PROVIDERS
from lineportal.sending import counting, incidents
from lineportal.sending.models import CountState, DayCount, Incident, IncidentCode

_LOOK = {
    CountState.AGREED: "lp-good",
    CountState.WAITING: "lp-wait",
    CountState.DIFFERS: "lp-act",
}
_SHOWN = 5  # open incidents on the overview and on an account's page


def opened(user: User, *, of: OfficialAccount | None = None) -> dict[str, Any]:
    """Return what `console/open_incidents.html` shows: the newest open ones, and how many."""
    if not user.has_perm(incidents.VIEW):
        return {}
    rows = incidents.open_among(incidents.seen_by(user)).select_related("account", "road")
    listed = reverse("admin:sending_incident_changelist") + "?state=open"
    if of is not None:
        rows = rows.filter(account=of)
        listed += f"&account__id__exact={of.pk}"
    return {
        "open_incidents": [
            (each, reverse("admin:sending_incident_change", args=[each.pk]))
            for each in rows[:_SHOWN]
        ],
        "open_incidents_count": rows.count(),
        "open_incidents_url": listed,
    }


@admin.register(DayCount)
class DayCountDesk(Desk):
    account_path = "road__account"
    view_permission = counting.VIEW
    list_display = (
        "day_text", "account", "road_text", "ours_text", "theirs_text", "difference_text", "badge",
    )  # fmt: skip
    list_filter = ("state", "service", ("road__account", AccountFilter))
    list_select_related = ("road__account",)
    ordering = ("-day", "-id")
    fields: ClassVar[Sequence[str]] = (
        "account", "road_text", "day_text", "badge", "ours_text", "theirs_text", "difference_text",
        "problem", "asked_at", "told_at", "incident_link",
    )  # fmt: skip
    readonly_fields: ClassVar[Sequence[str]] = (
        "account", "road_text", "day_text", "badge", "ours_text", "theirs_text", "difference_text",
        "incident_link",
    )  # fmt: skip
    change_form_outer_before_template = "console/day_count.html"

    @admin.display(description=gettext_lazy("Day"))
    def day_text(self, count: DayCount) -> str:
        return count.day.isoformat()

    @admin.display(description=gettext_lazy("Account"))
    def account(self, count: DayCount) -> str:
        return str(count.road.account)

    @admin.display(description=gettext_lazy("Road"))
    def road_text(self, count: DayCount) -> str:
        return f"{count.get_service_display()} · {PROVIDERS[count.road.provider].title}"

    @admin.display(description=gettext_lazy("Ours"))
    def ours_text(self, count: DayCount) -> str:
        return str(intcomma(count.ours))

    @admin.display(description=gettext_lazy("Provider's"))
    def theirs_text(self, count: DayCount) -> str:
        return "–" if count.theirs is None else str(intcomma(count.theirs))

    @admin.display(description=gettext_lazy("Difference"))
    def difference_text(self, count: DayCount) -> str:
        return "–" if count.difference is None else f"{count.difference:+,}"

    @admin.display(description=gettext_lazy("State"))
    def badge(self, count: DayCount) -> str:
        state = CountState(count.state)
        return format_html('<span class="lp-badge {}">{}</span>', _LOOK.get(state, ""), state.label)

    @admin.display(description=gettext_lazy("Incident"))
    def incident_link(self, count: DayCount) -> str:
        if count.incident is None:
            return "–"
        page = reverse("admin:sending_incident_change", args=[count.incident.pk])
        return format_html('<a href="{}">{}</a>', page, count.incident)

    def panel(self, obj: Any, request: HttpRequest) -> dict[str, Any]:
        hours = PROVIDERS[obj.road.provider].counts_in_zone
        return {
            "readings": obj.readings.order_by("-id")[:100],
            "zone": f"UTC{hours:+d}" if hours is not None else "UTC",
        }


class StateFilter(admin.SimpleListFilter):
    title = gettext_lazy("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("open", _("Open")), ("closed", _("Closed"))]

    def queryset(self, request: HttpRequest, rows: Any) -> Any:
        return rows.filter(closed_at__isnull=self.value() == "open") if self.value() else rows


class CodeFilter(admin.SimpleListFilter):
    title = gettext_lazy("subject")
    parameter_name = "code__exact"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [(code.value, code.label) for code in IncidentCode]

    def queryset(self, request: HttpRequest, rows: Any) -> Any:
        return rows.filter(code=self.value()) if self.value() else rows


class NoteForm(ActForm):
    note = forms.CharField(
        label=gettext_lazy("What was found or done"),
        max_length=incidents.NOTE_LIMIT,
        widget=forms.Textarea,
        help_text=gettext_lazy("Whoever looks back at it reads this; name nobody in it."),
    )


@admin.register(Incident)
class IncidentDesk(Desk):
    view_permission = incidents.VIEW
    list_display = (
        "what",
        "account",
        "road_text",
        "badge",
        "opened_at",
        "last_seen_at",
        "closed_by",
    )
    list_filter = (StateFilter, CodeFilter, ("account", AccountFilter))
    list_select_related = ("account", "road", "closed_by")
    change_form_outer_before_template = "console/incident.html"
    fields: ClassVar[Sequence[str]] = (
        "what", "account", "road_text", "badge", "opened_at", "last_seen_at", "closed_at",
        "closed_by", "note",
    )  # fmt: skip
    readonly_fields: ClassVar[Sequence[str]] = ("what", "road_text", "badge")
    act_labels: ClassVar[dict[str, Any]] = {"close": gettext_lazy("Close with a note")}
    act_forms: ClassVar[dict[str, type[ActForm]]] = {"close": NoteForm}
    act_notes: ClassVar[dict[str, Any]] = {
        "close": gettext_lazy(
            "It stays in the list with your note. What it was about opens no other incident,"
            " unless it grows worse."
        )
    }
    main_act = frozenset({"close"})

    def get_ordering(self, request: HttpRequest) -> Sequence[Any]:
        """Open ones first, then what was closed last."""
        return (F("closed_at").desc(nulls_first=True), "-id")

    @admin.display(description=gettext_lazy("Incident"))
    def what(self, incident: Incident) -> str:
        return str(incident)

    @admin.display(description=gettext_lazy("Road"))
    def road_text(self, incident: Incident) -> str:
        return incident.road.get_service_display() if incident.road else _("The whole account")

    @admin.display(description=gettext_lazy("State"))
    def badge(self, incident: Incident) -> str:
        if incident.closed_at is None:
            return format_html('<span class="lp-badge lp-act">{}</span>', _("Open"))
        state = _("Closed") if incident.closed_by_id else _("Over by itself")
        return format_html('<span class="lp-badge">{}</span>', state)

    def available_acts(self, obj: Any, user: User) -> Sequence[str]:
        may = access.may(user, incidents.CLOSE, obj.account_id)
        return ["close"] if may and obj.closed_at is None else []

    def do(self, act: str, obj: Any, request: HttpRequest, details: dict[str, Any]) -> Any:
        return incidents.close(obj.pk, by=user_of(request), at=timezone.now(), note=details["note"])

    def panel(self, obj: Any, request: HttpRequest) -> dict[str, Any]:
        if not request.user.has_perm(counting.VIEW):
            return {}
        return {
            "days": [
                (count, reverse("admin:sending_daycount_change", args=[count.pk]))
                for count in obj.day_counts.order_by("-day")[:50]
            ]
        }
