"""The campaigns' pages: choose, see who gets it and who not, send, watch; and the messages."""

from __future__ import annotations

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

from lineportal.accounts import access
from lineportal.console.base import ActForm, Desk, user_of
from lineportal.sending import audience, campaigns, exports, messages, reports, rows
from lineportal.sending.models import Campaign, Message, WebhookEvent
from lineportal.sending.statuses import MEANING, Status, Verdict
from recipients import phones
from recipients.intake import Invalid
from recipients.models import Consent, FriendStatus
from templates_app.models import MessageTemplate, State

_LOOK = {
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
        help_text=gettext_lazy("CSV or XLSX with a column “phone” and the values of each row."),
    )

    class Meta:
        model = Campaign
        fields = ("account", "template", "name", "item_column", "scheduled_at", "not_after")

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        account, template = cleaned.get("account"), cleaned.get("template")
        if account and template and template.account_id != account.pk:
            self.add_error("template", _("This template belongs to another account."))
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


@admin.register(Campaign)
class CampaignDesk(Desk):
    view_permission = "sending.view_campaign"
    form = CampaignForm
    list_display = ("name", "account", "template", "state_badge", "delivered", "started_at")
    list_filter = ("state", "account")
    search_fields = ("name",)
    ordering = ("-id",)
    list_select_related = ("account", "template")
    readonly_fields = ("to_whom",)
    change_form_outer_before_template = "console/campaign.html"
    act_labels: ClassVar[dict[str, Any]] = {
        "start": gettext_lazy("Send"),
        "pause": gettext_lazy("Pause"),
        "resume": gettext_lazy("Resume"),
        "cancel": gettext_lazy("Cancel the campaign"),
    }
    act_forms: ClassVar[dict[str, type[ActForm]]] = {"cancel": ActForm}
    act_notes: ClassVar[dict[str, Any]] = {
        "cancel": gettext_lazy("What is queued is cancelled for good; what was sent stays sent."),
    }
    main_act = frozenset({"start", "resume"})
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
        return "; ".join(
            f"{name.replace('_', ' ')}: {', '.join(map(str, value))}"
            for name, value in campaign.audience.items()
        )

    @admin.display(description=gettext_lazy("Delivered"))
    def delivered(self, campaign: Campaign) -> str:
        report = reports.report(campaign, at=timezone.now())
        done = report.by_status.get(Status.DELIVERED, 0)
        return f"{localize(done)} / {localize(report.total)}" if report.total else "–"

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
                "account", "template", "name", "consent", "friend_status", "file", "item_column",
                "scheduled_at", "not_after",
            )  # fmt: skip
        return ("account", "template", "name", "to_whom", "scheduled_at", "not_after")

    def get_form(self, request: HttpRequest, obj: Any = None, **kw: Any) -> Any:
        form = super().get_form(request, obj, **kw)
        if "template" in form.base_fields:
            form.base_fields["template"].queryset = access.limited(
                MessageTemplate.objects.filter(state=State.APPROVED), request.user
            ).order_by("key", "-version")
        return form

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        values, at = form.cleaned_data, timezone.now()
        lines = values.get("lines")
        chosen = {name: values[name] for name in ("consent", "friend_status") if values.get(name)}
        with transaction.atomic():
            made = campaigns.create(
                values["account"],
                template=values["template"],
                name=values["name"],
                audience={"rows": len(lines)} if lines is not None else chosen,
                item_column=values.get("item_column", ""),
                scheduled_at=values.get("scheduled_at"),
                not_after=values.get("not_after"),
                by=user_of(request),
                at=at,
            )
            if lines is not None:
                rows.add(made, lines, at=at)
        obj.pk = made.pk

    def available_acts(self, obj: Any, user: User) -> Sequence[str]:
        return campaigns.available_acts(obj, user)

    def act_label(self, act: str, obj: Any) -> str:
        if act != "start":
            return super().act_label(act, obj)
        preview = reports.preview(audience.preview(obj, at=timezone.now()))
        count = preview.total - preview.by_verdict.get(Verdict.EXCLUDED, 0)
        if obj.scheduled_at and obj.scheduled_at > timezone.now():
            return _("Schedule %(count)s messages") % {"count": localize(count)}
        return _("Send %(count)s messages") % {"count": localize(count)}

    def panel(self, obj: Any, request: HttpRequest) -> dict[str, Any]:
        if obj.frozen_at is None:
            preview = reports.preview(audience.preview(obj, at=timezone.now()))
            return {
                "preview": preview,
                "verdicts": [
                    (Verdict(code).label, preview.by_verdict.get(code, 0))
                    for code in Verdict.values
                ],
                "rules": _rules(preview.by_rule),
            }
        return self._progress_context(obj)

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
            exports.lines(campaign),
            content_type="text/csv; charset=utf-8",
            headers={"Content-Disposition": f'attachment; filename="campaign-{campaign.pk}.csv"'},
        )

    def do(self, act: str, obj: Any, request: HttpRequest, details: dict[str, Any]) -> Any:
        acts: dict[str, Any] = {
            "start": campaigns.start,
            "pause": campaigns.pause,
            "resume": campaigns.resume,
            "cancel": campaigns.cancel,
        }
        return acts[act](obj, by=user_of(request), at=timezone.now())

    def _campaign(self, request: HttpRequest, pk: int) -> Campaign:
        campaign = self.get_queryset(request).filter(pk=pk).first()
        if campaign is None or not self.has_view_permission(request):
            raise Http404
        found: Campaign = campaign
        return found

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
                    "look": _LOOK.get(Status(code), ""),
                    "n": report.by_status[code],
                    "url": f"{here}&status__exact={code}",
                }
                for code in Status.values
                if code in report.by_status
            ],
            "rules": _rules(report.by_rule),
            "is_live": campaign.state in (Campaign.State.RUNNING, Campaign.State.SCHEDULED)
            or report.by_status.get(Status.ACCEPTED, 0) > 0,
            "progress_url": reverse("admin:sending_campaign_progress", args=[campaign.pk]),
            "export_url": reverse("admin:sending_campaign_export", args=[campaign.pk]),
        }


@admin.register(Message)
class MessageDesk(Desk):
    view_permission = "sending.view_message"
    list_display = ("number", "masked_phone", "campaign", "status_badge", "rule", "changed_at")
    list_filter = ("status", "service", "rule", "account")
    ordering = ("-id",)
    list_select_related = ("campaign", "recipient")
    fields = (
        "account", "campaign", "template", "masked_phone", "item", "verdict", "rule",
        "rules_version", "consent", "friend_status", "status", "queued_at", "accepted_at",
        "delivered_at", "expires_at", "attempts", "http_status", "request_id", "detail",
        "body_sha256",
    )  # fmt: skip
    readonly_fields = ("masked_phone",)
    change_form_outer_before_template = "console/message.html"
    act_labels: ClassVar[dict[str, Any]] = {"again": gettext_lazy("Send again")}
    act_forms: ClassVar[dict[str, type[ActForm]]] = {"again": ActForm}
    act_notes: ClassVar[dict[str, Any]] = {
        "again": gettext_lazy(
            "LINE cannot recognise a repeat of a notification. If the first one was sent after all,"
            " this person gets it twice."
        )
    }
    grave_act = frozenset({"again"})

    @admin.display(description=gettext_lazy("Message"), ordering="id")
    def number(self, message: Message) -> str:
        return str(message.pk)

    @admin.display(description=gettext_lazy("Phone"))
    def masked_phone(self, message: Message) -> str:
        return phones.mask(message.recipient.phone) or "–"

    @admin.display(description=gettext_lazy("Status"), ordering="status")
    def status_badge(self, message: Message) -> str:
        status = Status(message.status)
        return format_html(
            '<span class="lp-badge {}">{}</span>', _LOOK.get(status, ""), status.label
        )

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest | None = None) -> bool:
        return lookup == "campaign__id__exact" or super().lookup_allowed(lookup, value, request)

    def available_acts(self, obj: Any, user: User) -> Sequence[str]:
        may = access.may(user, messages.SETTLE, obj.account_id)
        return ["again"] if may and obj.status in messages.REPEATABLE else []

    def panel(self, obj: Any, request: HttpRequest) -> dict[str, Any]:
        references = [obj.reference, *obj.past_attempts.values_list("reference", flat=True)]
        found = WebhookEvent.objects.filter(account_id=obj.account_id, reference__in=references)
        return {
            "meaning": MEANING[Status(obj.status)],
            "reason": audience.sentence(obj.verdict, obj.rule),
            "past_attempts": obj.past_attempts.order_by("number"),
            "webhook_events": found.order_by("occurred_at"),
        }

    def do(self, act: str, obj: Any, request: HttpRequest, details: dict[str, Any]) -> Any:
        return messages.send_again(obj, by=user_of(request), at=timezone.now())


def _rules(by_rule: dict[str, int]) -> list[tuple[str, Any, int]]:
    return [(code, audience.REASONS.get(code, code), n) for code, n in sorted(by_rule.items())]
