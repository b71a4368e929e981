"""The campaigns' pages: choose, see who gets it and who not, send, watch; and the messages."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.contrib.auth.models import User
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.formats import localize
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.widgets import UnfoldAdminFileFieldWidget, UnfoldAdminSelectWidget

from lineportal.accounts import access
from lineportal.accounts.models import Service
from lineportal.console import figures
from lineportal.console.base import ActForm, Desk, user_of, wording
from lineportal.console.lists import AccountFilter
from lineportal.sending import (
    audience,
    campaigns,
    exports,
    policies,
    quota,
    reports,
    retries,
    rows,
    trees,
    waiting,
)
from lineportal.sending.breakdown import Breakdown
from lineportal.sending.models import Campaign, SavedAudience, StopCode
from lineportal.sending.statuses import MEANING, Status, Verdict
from recipients.intake import Invalid
from recipients.models import Consent, FriendStatus
from templates_app.models import Category, MessageTemplate, State

LOOK = {
    Status.DELIVERED: "lp-good",
    Status.ACCEPTED: "lp-wait",
    Status.QUEUED: "lp-wait",
    Status.SENDING: "lp-wait",
    Status.UNCERTAIN: "lp-act",
    Status.FAILED: "lp-act",
}
_STATE_LOOK = {
    Campaign.State.RUNNING: "lp-wait",
    Campaign.State.FINISHED: "lp-good",
    Campaign.State.PAUSED: "lp-act",
}


class CampaignForm(forms.ModelForm[Campaign]):
    saved = forms.ModelChoiceField(
        label=gettext_lazy("Audience"),
        queryset=SavedAudience.objects.none(),
        required=False,
        empty_label=gettext_lazy("Everyone of the account, or as chosen below"),
        widget=UnfoldAdminSelectWidget,
        help_text=gettext_lazy("The campaign takes a copy of its filter as it is now."),
    )
    consent = forms.MultipleChoiceField(
        label=gettext_lazy("Only with consent"),
        choices=Consent.choices,
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=gettext_lazy(
            "None chosen: everyone. The rules exclude whom LINE would not serve."
        ),
    )
    friend_status = forms.MultipleChoiceField(
        label=gettext_lazy("Only with friend status"),
        choices=FriendStatus.choices,
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )
    file = forms.FileField(
        label=gettext_lazy("Or one message per row of a file"),
        required=False,
        widget=UnfoldAdminFileFieldWidget,
        help_text=gettext_lazy("CSV or XLSX with a column “phone” and the values of each row."),
    )

    class Meta:
        model = Campaign
        fields = (
            "account", "template", "name", "item_column", "scheduled_at", "not_after",
            "canary_size",
        )  # fmt: skip
        help_texts: ClassVar = {
            "item_column": gettext_lazy(
                "The column that tells rows of one person apart, such as an order number."
                " Empty: one row per person."
            ),
            "not_after": gettext_lazy("What has not left by then never leaves."),
            "canary_size": gettext_lazy(
                "Send so many first, then wait until a person lets it go on."
            ),
        }

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        account, template = cleaned.get("account"), cleaned.get("template")
        if account and template and template.account_id != account.pk:
            self.add_error("template", _("This template belongs to another account."))
        if saved := cleaned.get("saved"):
            if account and saved.account_id != account.pk:
                self.add_error("saved", _("This audience belongs to another account."))
            if any(cleaned.get(name) for name in ("consent", "friend_status", "file")):
                self.add_error("saved", _("Choose either an audience or the fields below it."))
        if account and cleaned.get("file"):
            try:
                cleaned["lines"] = rows.from_file(
                    cleaned["file"].read(),
                    account=account,
                    item_column=cleaned.get("item_column", ""),
                )
            except Invalid as refusal:
                self.add_error("file", str(refusal))
        return cleaned


def _marketing_cap(campaign: Campaign) -> str:
    """Return what the account's cap does to a marketing campaign, as a sentence."""
    if campaign.template.category != Category.MARKETING:
        return ""
    policy = policies.of(campaign.account_id)
    if policy.marketing_cap_messages is None:
        return _("Marketing cap: off. People may get any number of marketing messages.")
    return _("Marketing cap: on, at most %(n)s messages to one person in %(days)s days.") % {
        "n": policy.marketing_cap_messages,
        "days": policy.marketing_cap_days,
    }


class OverQuotaForm(ActForm):
    over_quota = forms.BooleanField(
        label=gettext_lazy("Send as many as are left of this month's quota, and stop there"),
        required=False,
    )


@admin.register(Campaign)
class CampaignDesk(Desk):
    view_permission = "sending.view_campaign"
    form = CampaignForm
    list_display = ("name", "account", "template", "state_badge", "delivered", "started_at")
    list_filter = ("state", ("account", AccountFilter))
    search_fields = ("name",)
    sortable_by = ("name", "state_badge", "started_at")  # thousands of campaigns at most
    ordering = ("-id",)
    list_select_related = ("account", "template")
    readonly_fields = ("to_whom",)
    change_form_outer_before_template = "console/campaign.html"
    act_labels: ClassVar[dict[str, Any]] = {
        "start": gettext_lazy("Send"),
        "pause": gettext_lazy("Pause"),
        "resume": gettext_lazy("Resume"),
        "confirm": gettext_lazy("Confirm and send"),
        "retry": gettext_lazy("Send the failed again"),
        "cancel": gettext_lazy("Cancel the campaign"),
    }
    act_forms: ClassVar[dict[str, type[ActForm]]] = {
        "cancel": ActForm,
        "confirm": ActForm,
        "retry": ActForm,
    }
    act_notes: ClassVar[dict[str, Any]] = {
        "confirm": gettext_lazy(
            "You are the second key: you have read the wording, and the audience is as large as it"
            " should be."
        ),
        "retry": gettext_lazy(
            "These surely reached nobody: LINE refused our request or account, not the person."
            " Mend the cause first. Uncertain messages are not among them."
        ),
        "cancel": gettext_lazy("What is queued is cancelled for good; what was sent stays sent."),
    }
    main_act = frozenset({"start", "resume", "confirm"})
    grave_act = frozenset({"cancel"})

    @admin.display(description=gettext_lazy("State"), ordering="state")
    def state_badge(self, campaign: Campaign) -> str:
        state = Campaign.State(campaign.state)
        look = _STATE_LOOK.get(state, "")
        return format_html('<span class="lp-badge {}">{}</span>', look, state.label)

    @admin.display(description=gettext_lazy("Audience"))
    def to_whom(self, campaign: Campaign) -> str:
        if "rows" in campaign.audience:
            return _("The %(n)s rows of a file") % {"n": localize(campaign.audience["rows"])}
        if not campaign.audience:
            return _("Everyone of the account; the rules exclude whom LINE would not serve")
        if trees.is_tree(campaign.audience):
            return trees.sentence(campaign.audience)
        return "; ".join(
            f"{name.replace('_', ' ')}: {', '.join(map(str, value))}"
            for name, value in campaign.audience.items()
        )

    @admin.display(description=gettext_lazy("Delivered"))
    def delivered(self, campaign: Campaign) -> str:
        done, total = campaign.counts  # type: ignore[attr-defined]
        return f"{localize(done)} / {localize(total)}" if total else "–"

    def filled(self, rows: list[Campaign]) -> list[Campaign]:
        counts = reports.delivered([campaign.pk for campaign in rows])
        for campaign in rows:
            campaign.counts = counts[campaign.pk]  # type: ignore[attr-defined]
        return rows

    def get_urls(self) -> list[URLPattern]:
        own = [
            path("<int:pk>/progress/", self._site(self.progress), name="sending_campaign_progress"),
            path("<int:pk>/report.csv", self._site(self.export), name="sending_campaign_export"),
        ]
        return [*own, *super().get_urls()]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm(campaigns.ADD))

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Sequence[str]:
        if obj is None:
            return (
                "account", "template", "name", "saved", "consent", "friend_status", "file",
                "item_column", "scheduled_at", "not_after", "canary_size",
            )  # fmt: skip
        return (
            "account", "template", "name", "to_whom", "scheduled_at", "not_after", "canary_size",
            "created_by", "started_by", "confirmed_by",
        )  # fmt: skip

    def get_form(self, request: HttpRequest, obj: Any = None, **kw: Any) -> Any:
        form = super().get_form(request, obj, **kw)
        if "template" in form.base_fields:
            form.base_fields["template"].queryset = access.limited(
                MessageTemplate.objects.filter(state=State.APPROVED), request.user
            ).order_by("key", "-version")
        if "saved" in form.base_fields:
            # A declared field is one object for all requests; each takes its own.
            chosen = form.base_fields["saved"] = copy.deepcopy(form.base_fields["saved"])
            chosen.queryset = access.limited(SavedAudience.objects.order_by("name"), request.user)
        return form

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        values, at = form.cleaned_data, timezone.now()
        lines = values.get("lines")
        chosen = {name: values[name] for name in ("consent", "friend_status") if values.get(name)}
        if values.get("saved"):
            chosen = {"saved": values["saved"].pk}
        with transaction.atomic():
            made = campaigns.create(
                values["account"],
                template=values["template"],
                name=values["name"],
                audience={"rows": len(lines)} if lines is not None else chosen,
                item_column=values.get("item_column", ""),
                scheduled_at=values.get("scheduled_at"),
                not_after=values.get("not_after"),
                canary_size=values.get("canary_size"),
                by=user_of(request),
                at=at,
            )
            if lines is not None:
                rows.add(made, lines, at=at)
        obj.pk = made.pk

    def available_acts(self, obj: Any, user: User) -> Sequence[str]:
        return campaigns.available_acts(obj, user)

    def act_label(self, act: str, obj: Any) -> str:
        if act in ("confirm", "resume", "retry"):
            by_status = reports.report(obj, at=timezone.now()).by_status
            queued = {"count": localize(by_status.get(Status.QUEUED, 0))}
            if act == "confirm":
                return _("Confirm and send %(count)s messages") % queued
            if act == "retry":
                failed = {"count": localize(by_status.get(Status.FAILED, 0))}
                return _("Send %(count)s failed messages again") % failed
            if obj.stop_code == StopCode.CANARY:
                return _("Send the other %(count)s messages") % queued
        if act != "start":
            return super().act_label(act, obj)
        found = self._figures(obj)
        count = found.total - found.by("verdict").get(Verdict.EXCLUDED, 0)
        if obj.scheduled_at and obj.scheduled_at > timezone.now():
            return _("Schedule %(count)s messages") % {"count": localize(count)}
        return _("Send %(count)s messages") % {"count": localize(count)}

    def act_form(self, act: str, obj: Any) -> type[ActForm]:
        if act == "start" and obj.template.service == Service.OA:
            return OverQuotaForm
        return super().act_form(act, obj)

    def panel(self, obj: Any, request: HttpRequest) -> dict[str, Any]:
        revoked = None
        if obj.template.revoked_at is not None:
            revoked = {"template": obj.template, "url": self.page_url(obj.template)}
        if obj.frozen_at is None:
            acts = self.available_acts(obj, user_of(request))
            return {
                "revoked": revoked,
                "waits": waiting.why(obj, at=timezone.now()).sentence,
                "quota": self._quota(obj),
                "cap": _marketing_cap(obj),
                "quota_url": self.act_url(obj, "start") if "start" in acts else "",
                **figures.shown(self._figures(obj), campaign=obj.pk),
            }
        return {"revoked": revoked, **self._progress_context(obj), **wording(obj.template)}

    def progress(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The live part of the page, alone."""
        campaign = self._campaign(request, pk)
        context = {"original": campaign, **self._progress_context(campaign)}
        return TemplateResponse(request, "console/progress.html", context)

    def export(self, request: HttpRequest, pk: int) -> StreamingHttpResponse:
        """The report as a file, streamed."""
        campaign = self._campaign(request, pk)
        access.require(user_of(request), "sending.export_campaign", campaign.account_id)
        return StreamingHttpResponse(
            exports.lines(campaign, at=timezone.now()),
            content_type="text/csv; charset=utf-8",
            headers={"Content-Disposition": f'attachment; filename="campaign-{campaign.pk}.csv"'},
        )

    def do(self, act: str, obj: Any, request: HttpRequest, details: dict[str, Any]) -> Any:
        acts: dict[str, Any] = {
            "start": campaigns.start,
            "pause": campaigns.pause,
            "resume": campaigns.resume,
            "cancel": campaigns.cancel,
            "confirm": campaigns.confirm,
        }
        if act == "retry":
            retries.retry_failed(obj, by=user_of(request), at=timezone.now())
            return obj
        more = {"over_quota": True} if details.get("over_quota") else {}
        return acts[act](obj, by=user_of(request), at=timezone.now(), **more)

    def _campaign(self, request: HttpRequest, pk: int) -> Campaign:
        campaign = self.get_queryset(request).filter(pk=pk).first()
        if campaign is None or not self.has_view_permission(request):
            raise Http404
        found: Campaign = campaign
        return found

    def _figures(self, campaign: Campaign) -> Breakdown:
        """Return the figures of a draft; worked out once for a page, as it shows them twice."""
        if not hasattr(campaign, "figures"):
            campaign.figures = audience.figures(campaign, at=timezone.now())  # type: ignore[attr-defined]
        found: Breakdown = campaign.figures  # type: ignore[attr-defined]
        return found

    def _quota(self, campaign: Campaign) -> quota.Figures | None:
        found = self._figures(campaign)
        needed = found.total - found.by("verdict").get(Verdict.EXCLUDED, 0)
        return quota.of(campaign, needed=needed, at=timezone.now())

    def _progress_context(self, campaign: Campaign) -> dict[str, Any]:
        report = reports.report(campaign, at=timezone.now())
        listing = reverse("admin:sending_message_changelist")
        here = f"{listing}?campaign__id__exact={campaign.pk}"
        return {
            "report": report,
            "percent": 100 * (report.total - report.unfinished) // max(report.total, 1),
            "statuses": [
                {
                    "label": Status(code).label,
                    "meaning": MEANING[Status(code)],
                    "look": LOOK.get(Status(code), ""),
                    "n": report.by_status[code],
                    "url": f"{here}&status__exact={code}",
                }
                for code in Status.values
                if code in report.by_status
            ],
            "rules": figures.rules(report.by_rule),
            "discrepancies": campaign.discrepancies.order_by("-pk")[:20],
            "is_live": campaign.state in (Campaign.State.RUNNING, Campaign.State.SCHEDULED)
            or report.by_status.get(Status.ACCEPTED, 0) > 0,
            "progress_url": reverse("admin:sending_campaign_progress", args=[campaign.pk]),
            "export_url": reverse("admin:sending_campaign_export", args=[campaign.pk]),
        }
