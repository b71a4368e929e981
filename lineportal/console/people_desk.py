"""The recipients' pages: a person with verdicts, ledger and messages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from lineportal.accounts import access
from lineportal.console import figures, ledger_acts, link_acts, privacy_acts
from lineportal.console.base import ActForm, Desk, user_of
from lineportal.console.lists import AccountFilter
from lineportal.sending import audience, forgetting, proofs
from lineportal.sending.models import Campaign
from lineportal.sending.statuses import Verdict
from recipients import eligibility, erasure, finding, intake, phones
from recipients.models import (
    Consent,
    FriendStatus,
    Recipient,
    Source,
)
from templates_app.models import MessageTemplate, State

CAMPAIGNS = "sending.view_campaign"

_LOOK: dict[str, str] = {
    Consent.AGREED: "lp-good",
    FriendStatus.FRIEND: "lp-good",
    Consent.NOT_SET: "lp-wait",
}

_VERDICT_LOOK: dict[str, str] = {Verdict.SEND: "lp-good", Verdict.SEND_PENDING_CONSENT: "lp-wait"}


def badge(value: str, label: Any) -> str:
    """Return a state as a coloured word."""
    return format_html('<span class="lp-badge {}">{}</span>', _LOOK.get(value, ""), label)


class RecipientForm(forms.ModelForm[Recipient]):
    phone = forms.CharField(label=gettext_lazy("Phone"), required=False, max_length=40)
    line_user_id = forms.CharField(label=gettext_lazy("LINE user id"), required=False)
    attributes = forms.JSONField(label=gettext_lazy("Attributes"), required=False, initial=dict)

    class Meta:
        model = Recipient
        fields = ("account", "phone", "line_user_id", "consent", "friend_status", "attributes")

    def _post_clean(self) -> None:
        """Leave the row alone: `intake` judges and writes, by its own rules."""


class EraseForm(ActForm):
    reason = forms.CharField(
        label=gettext_lazy("Reason"),
        max_length=200,
        help_text=gettext_lazy("Auditors will read it; name nobody in it."),
    )


class CampaignFilter(admin.SimpleListFilter):
    """Whom a campaign is about; offered where a campaign's page links here."""

    title = gettext_lazy("campaign")
    parameter_name = "campaign"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        campaign = _campaign(request)
        return [(str(campaign.pk), campaign.name)] if campaign else []

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[Recipient]
    ) -> QuerySet[Recipient] | None:
        campaign = _campaign(request)
        return queryset & audience.people(campaign) if campaign and self.value() else None


def _campaign(request: HttpRequest) -> Campaign | None:
    name = request.GET.get("campaign", "")
    if not name.isdecimal() or len(name) > 18 or not request.user.has_perm(CAMPAIGNS):
        return None
    return access.limited(Campaign.objects.filter(pk=int(name)), request.user).first()


@admin.register(Recipient)
class RecipientDesk(Desk):
    view_permission = "recipients.view_recipient"
    form = RecipientForm
    list_display = (
        "number",
        "masked_phone",
        "account",
        "consent_badge",
        "friend_badge",
        "updated_at",
    )
    list_filter = ("consent", "friend_status", CampaignFilter, ("account", AccountFilter))
    list_before_template = "console/people_head.html"
    search_fields = ("phone", "line_user_id")
    search_help_text = gettext_lazy("A whole phone number, a LINE user id, or a recipient's number")
    ordering = ("-id",)
    sortable_by = ("number",)
    walks = (("account", "consent", "friend_status"),)
    list_select_related = ("account",)
    readonly_fields = ("masked_phone", "known_details")
    change_form_outer_before_template = "console/recipient.html"
    act_labels: ClassVar[dict[str, Any]] = {
        **ledger_acts.LABELS,
        **privacy_acts.LABELS,
        **link_acts.LABELS,
        "erase": gettext_lazy("Forget this person"),
    }
    act_forms: ClassVar[dict[str, type[ActForm]]] = {
        "erase": EraseForm,
        **ledger_acts.FORMS,
        **privacy_acts.FORMS,
        **link_acts.FORMS,
    }
    act_notes: ClassVar[dict[str, Any]] = {
        "erase": gettext_lazy(
            "Number, LINE user id, attributes and what was sent are emptied for good; counts stay,"
            " and the person cannot be imported again."
        ),
        **ledger_acts.NOTES,
        **privacy_acts.NOTES,
        **link_acts.NOTES,
    }
    grave_act = frozenset({"erase", "reassign"})

    @admin.display(description=gettext_lazy("Recipient"), ordering="id")
    def number(self, recipient: Recipient) -> str:
        return str(recipient.pk)

    @admin.display(description=gettext_lazy("Phone"))
    def masked_phone(self, recipient: Recipient) -> str:
        return phones.mask(recipient.phone) or "–"

    @admin.display(description=gettext_lazy("Attributes"))
    def known_details(self, recipient: Recipient) -> str:
        country = recipient.account.country
        pairs = [
            (name, phones.mask_whole(str(value), country=country))
            for name, value in sorted(recipient.attributes.items())
        ]
        return format_html_join("", "<div>{}: {}</div>", pairs) or "–"

    @admin.display(description=gettext_lazy("LON consent"))
    def consent_badge(self, recipient: Recipient) -> str:
        return badge(recipient.consent, recipient.get_consent_display())

    @admin.display(description=gettext_lazy("Friend status"))
    def friend_badge(self, recipient: Recipient) -> str:
        return badge(recipient.friend_status, recipient.get_friend_status_display())

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Recipient], search_term: str
    ) -> tuple[QuerySet[Recipient], bool]:
        return (queryset.filter(finding.whom(search_term)) if search_term else queryset), False

    def has_add_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm(intake.ADD))

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Sequence[str]:
        if obj is None:
            return ("account", "phone", "line_user_id", "consent", "friend_status", "attributes")
        return (
            "account", "masked_phone", "phone_country", "consent", "consent_source",
            "consent_observed_at", "friend_status", "friend_source", "friend_observed_at",
            "known_details", *(name for name in ("phone_since", "closed_at") if getattr(obj, name)),
            "created_at", "updated_at",
        )  # fmt: skip

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        values = form.cleaned_data
        said = {name: values[name] for name in ("consent", "friend_status")}
        # What a new person is assumed to be is not a statement.
        stated = {
            name: value for name, value in said.items() if value not in ("not_set", "not_friend")
        }
        made = intake.add(
            values["account"],
            intake.Details(
                phone=values["phone"] or None,
                line_user_id=values["line_user_id"] or None,
                attributes=values["attributes"] or {},
                **stated,
            ),
            by=user_of(request),
            at=timezone.now(),
            source=Source.PERSON,
        )
        obj.pk = made.pk

    def get_urls(self) -> list[URLPattern]:
        own = [
            path("standing/", self._site(self.standing), name="recipients_recipient_standing"),
            path(
                "<path:object_id>/evidence/<int:record>/",
                self._site(self.evidence_view),
                name="recipients_recipient_evidence",
            ),
        ]
        return [*own, *super().get_urls()]

    def evidence_view(self, request: HttpRequest, object_id: str, record: int) -> HttpResponse:
        """Answer with what proves a record of the person's ledger."""
        obj = self.get_object(request, object_id)
        if obj is None:
            raise Http404
        return ledger_acts.download(obj, record, user_of(request))

    def standing(self, request: HttpRequest) -> HttpResponse:
        """How many of an account's people a service reaches, by consent and friend status."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        accounts = access.accounts_of(request.user).order_by("name")
        account = accounts.filter(slug=request.GET.get("account", "")).first() or accounts.first()
        service = "oa" if request.GET.get("service") == "oa" else "lon"
        context = {
            **self.admin_site.each_context(request),
            "title": _("Who may be written to"),
            "opts": self.opts,
            "accounts": accounts,
            "account": account,
            "service": service,
            "rules_version": eligibility.VERSION,
        }
        if account:
            found = audience.figures_of_account(account.pk, service, at=timezone.now())
            context |= figures.shown(found, account__id__exact=account.pk)
        return TemplateResponse(request, "console/standing.html", context)

    def available_acts(self, obj: Any, user: User) -> Sequence[str]:
        if obj.erased_at:
            return []
        acts = [*ledger_acts.available(obj, user), *privacy_acts.available(obj, user)]
        acts += link_acts.available(obj, user)
        return acts + (["erase"] if user.has_perm(erasure.ERASE) else [])

    def panel(self, obj: Any, request: HttpRequest) -> dict[str, Any]:
        at = timezone.now()
        approved = MessageTemplate.objects.filter(account=obj.account_id, state=State.APPROVED)
        wanted = request.GET.get("template", "")
        is_id = wanted.isdecimal() and len(wanted) < 20
        asked_for = approved.filter(pk=int(wanted)).first() if is_id else None
        held = proofs.Held(obj)
        if asked_for:
            found = [(str(asked_for), audience.explain(obj, asked_for, at=at, held=held))]
        else:
            found = [
                (label, audience.explain(obj, None, at=at, service=service, held=held))
                for service, label in (("lon", _("Notification")), ("oa", _("Two-way message")))
            ]
        may_see_requests = request.user.has_perm("recipients.view_subjectrequest")
        return {
            "now": at,
            "requests": obj.subject_requests.order_by("-id")[:20] if may_see_requests else [],
            "verdicts": [
                (
                    label,
                    each,
                    _VERDICT_LOOK.get(each.verdict, ""),
                    figures.proof(each.inputs, each.reading),
                )
                for label, each in found
            ],
            "templates_to_ask": approved.order_by("key", "-version")[:100],
            "asked_for": asked_for,
            **link_acts.panel(obj, user_of(request), at=at),
            **ledger_acts.panel(obj, user_of(request), at=at),
            "messages_sent": obj.messages.select_related("campaign").order_by("-id")[:20],
        }

    def do(self, act: str, obj: Any, request: HttpRequest, details: dict[str, Any]) -> Any:
        if act == "erase":
            return forgetting.erase(obj, at=timezone.now(), by=user_of(request), **details)
        if act == "reveal":
            return privacy_acts.reveal(self, obj, request, **details)
        if act in link_acts.LABELS:
            return link_acts.do(self, act, obj, request)
        if act == "access":
            return privacy_acts.hand_out(obj, request, **details)
        if act == "request":
            return privacy_acts.enter_request(obj, request, details)
        return ledger_acts.do(act, obj, request, details)
