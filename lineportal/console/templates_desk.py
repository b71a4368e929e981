"""The templates' pages: write, and the review with only the buttons one may press now."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.contrib.auth.models import User
from django.db.models import Model
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from lineportal.accounts import access
from lineportal.console import (
    editor,
    template_callers,
    template_dossier,
    template_findings,
    template_road,
    template_thread,
    template_usage,
    template_versions,
)
from lineportal.console.base import ActForm, Desk, user_of, wording
from lineportal.console.lists import AccountFilter
from lineportal.console.template_parts import Part
from lineportal.sending import overdue, withdrawal
from templates_app import drafting, searching, workflow
from templates_app.models import DecidedBy, MessageTemplate, State

# In the order of the page.
PARTS: tuple[Part, ...] = (
    template_road.PART,
    template_findings.PART,
    template_thread.PART,
    template_usage.PART,
    template_versions.PART,
    template_dossier.PART,
    template_callers.PART,
)
BADGES = {State.APPROVED: "lp-good", State.SUBMITTED: "lp-wait", State.REJECTED: ""}


class ApproveForm(ActForm):
    line_reference = forms.CharField(
        label=gettext_lazy("LINE's reference"),
        required=False,
        help_text=gettext_lazy("From LINE's own decision. Every notification needs one."),
    )
    line_decided_on = forms.DateField(
        label=gettext_lazy("Decided by LINE on"),
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}),
    )
    note = forms.CharField(label=gettext_lazy("Note"), required=False, widget=forms.Textarea)


class RejectForm(ActForm):
    reason = forms.CharField(label=gettext_lazy("Reason"), widget=forms.Textarea)
    decided_by = forms.ChoiceField(label=gettext_lazy("Decided by"), choices=DecidedBy.choices)


class RevokeForm(ActForm):
    reason = forms.CharField(label=gettext_lazy("Reason"), widget=forms.Textarea)


class OverdueForm(ActForm):
    minutes = forms.IntegerField(
        label=gettext_lazy("Overdue after so many minutes without delivery"),
        required=False,
        min_value=1,
        max_value=overdue.LONGEST,
        help_text=gettext_lazy("Leave it empty for never."),
    )


@admin.register(MessageTemplate)
class TemplateDesk(Desk):
    view_permission = "templates_app.view_messagetemplate"
    list_display = ("name", "account", "service", "language", "state_badge", "changed_at")
    list_filter = ("state", "service", ("account", AccountFilter))
    sortable_by = ("name", "state_badge", "changed_at")  # hundreds of templates
    search_fields = ("key", "purpose")
    ordering = ("-changed_at",)
    list_select_related = ("account",)
    change_form_outer_before_template = "console/template.html"
    act_labels: ClassVar[dict[str, Any]] = {
        "submit": gettext_lazy("Submit for review"),
        "recall": gettext_lazy("Take back to draft"),
        "approve": gettext_lazy("Approve"),
        "reject": gettext_lazy("Reject"),
        "revise": gettext_lazy("Draft a new version"),
        "overdue": gettext_lazy("Change the overdue time"),
        "revoke": gettext_lazy("Revoke"),
        **{name: act.label for part in PARTS for name, act in part.acts.items()},
    }
    act_forms: ClassVar[dict[str, type[ActForm]]] = {
        "approve": ApproveForm,
        "reject": RejectForm,
        "revoke": RevokeForm,
        "overdue": OverdueForm,
        **{name: act.form for part in PARTS for name, act in part.acts.items() if act.form},
    }
    act_notes: ClassVar[dict[str, Any]] = {
        "approve": gettext_lazy(
            "You confirm that LINE approved exactly these words. What is approved is never edited."
        ),
        "overdue": overdue.WARNING,
        "revoke": gettext_lazy(
            "Nothing more is sent on this version: what is queued is cancelled, campaigns pause."
        ),
        **{name: act.note for part in PARTS for name, act in part.acts.items()},
    }
    linked_acts = frozenset(
        name for part in PARTS for name, act in part.acts.items() if not act.is_button
    )
    main_act = frozenset({"submit", "approve"})
    grave_act = frozenset({"revoke"})
    forbidden = 403  # as the API answers

    @admin.display(description=gettext_lazy("Template"), ordering="key")
    def name(self, template: MessageTemplate) -> str:
        return str(template)

    @admin.display(description=gettext_lazy("State"), ordering="state")
    def state_badge(self, template: MessageTemplate) -> str:
        label = _("Revoked") if template.revoked_at else State(template.state).label
        look = BADGES.get(State(template.state), "")
        return format_html('<span class="lp-badge {}">{}</span>', look, label)

    @admin.display(description=gettext_lazy("Content"))
    def written(self, template: MessageTemplate) -> str:
        text = json.dumps(template.content, indent=2, ensure_ascii=False)
        return format_html('<pre class="lp-json">{}</pre>', text)

    def get_search_results(
        self, request: HttpRequest, queryset: Any, search_term: str
    ) -> tuple[Any, bool]:
        """Search every word in or about a version, not its key alone."""
        return searching.matching(queryset, search_term[:200]), False

    def has_add_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm(workflow.ADD))

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        if not isinstance(obj, MessageTemplate):
            return bool(request.user.has_perm(workflow.CHANGE))
        return False  # the editor has a page of its own

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Sequence[str]:
        return ("written",)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Sequence[str]:
        fields = ["account", "key", "service", "language", "purpose", "category", "written"]
        if obj and obj.overdue_minutes:
            fields.append("overdue_minutes")
        if obj and obj.state == State.APPROVED:
            fields += ["line_reference", "line_decided_on", "approved_by", "approved_at"]
        return fields

    def get_urls(self) -> list[URLPattern]:
        own = [
            path(
                "preview/",
                self._site(self.preview_view),
                name="templates_app_messagetemplate_preview",
            ),
            path(
                "<path:object_id>/edit/",
                self._site(self.edit_view),
                name="templates_app_messagetemplate_edit",
            ),
        ]
        return [*own, *template_versions.urls(self), *super().get_urls()]

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        return editor.page(self, request, None)

    def edit_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        template = self.get_object(request, object_id)
        if template is None or not self.has_view_permission(request, template):
            raise Http404
        return editor.page(self, request, template)

    def preview_view(self, request: HttpRequest) -> HttpResponse:
        return editor.preview(self, request)

    def buttons(self, obj: Any, request: HttpRequest) -> list[dict[str, Any]]:
        buttons = super().buttons(obj, request)
        if workflow.may_edit(obj, user_of(request)):
            url = reverse("admin:templates_app_messagetemplate_edit", args=[obj.pk])
            buttons.insert(0, {"url": url, "label": _("Edit"), "asks": True, "look": "plain"})
        return buttons

    def act_facts(self, act: str, obj: Any) -> dict[str, Any]:
        return template_usage.before_revoking(obj) if act == "revoke" else {}

    def available_acts(self, obj: Any, user: User) -> Sequence[str]:
        acts = workflow.available_acts(obj, user)
        may_time = obj.service == "lon" and access.may(user, workflow.CHANGE, obj.account_id)
        added = [act for part in PARTS for act in part.available(obj, user)]
        return [*acts, *added, *["overdue"] * may_time]

    def act_initial(self, act: str, obj: Any) -> dict[str, Any]:
        begins = [part.acts[act].initial for part in PARTS if act in part.acts]
        return begins[0](obj) if begins and begins[0] else {}

    def panel(self, obj: Any, request: HttpRequest) -> dict[str, Any]:
        return {
            **_shown(obj, request.GET.get("sample", "")),
            "parts": [part.page for part in PARTS],
            **{name: value for part in PARTS for name, value in part.panel(obj, request).items()},
            "events": obj.events.select_related("by").order_by("-id"),
        }

    def do(self, act: str, obj: Any, request: HttpRequest, details: dict[str, Any]) -> Any:
        acts: dict[str, Any] = {
            "submit": workflow.submit,
            "recall": workflow.recall,
            "approve": workflow.approve,
            "reject": workflow.reject,
            "revise": drafting.revise,
            "revoke": withdrawal.revoke_template,
            "overdue": overdue.allow,
            **{name: act.do for part in PARTS for name, act in part.acts.items()},
        }
        return acts[act](obj, by=user_of(request), at=timezone.now(), **details)


def _shown(template: MessageTemplate, chosen: str) -> dict[str, Any]:
    """Return the phone with the placeholders, or with the sample that was asked for by number."""
    samples = list(template.samples)
    n = int(chosen) if chosen.isdecimal() and 0 < int(chosen) <= len(samples) else 0
    labels = [_("Placeholders"), *(_("Sample %(n)d") % {"n": i + 1} for i in range(len(samples)))]
    return {
        **wording(template, values=samples[n - 1] if n else {}),
        "samples": [
            {"label": label, "url": f"?sample={i}", "is_shown": i == n}
            for i, label in enumerate(labels if samples else [])
        ],
    }
