"""The recipients' pages: a person with verdicts, ledger and messages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from lineportal.accounts import access
from lineportal.console import privacy_acts
from lineportal.console.base import ActForm, Desk, user_of
from lineportal.console.lists import AccountFilter
from lineportal.sending import audience, forgetting
from recipients import eligibility, erasure, finding, intake, phones
from recipients.models import (
    Consent,
    FriendStatus,
    Recipient,
    Source,
)

_LOOK: dict[str, str] = {
    Consent.AGREED: "lp-good",
    FriendStatus.FRIEND: "lp-good",
    Consent.NOT_SET: "lp-wait",
}


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


class StandingForm(ActForm):
    consent = forms.ChoiceField(
        label=gettext_lazy("LON consent"),
        required=False,
        choices=[("", gettext_lazy("as it is")), *Consent.choices],
    )
    friend_status = forms.ChoiceField(
        label=gettext_lazy("Friend status"),
        required=False,
        choices=[("", gettext_lazy("as it is")), *FriendStatus.choices],
    )
    observed_at = forms.DateTimeField(
        label=gettext_lazy("Observed at (UTC)"),
        required=False,
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}),
        help_text=gettext_lazy(
            "When this was true. Without it a refusal or block can be recorded, not lifted."
        ),
    )


class EraseForm(ActForm):
    reason = forms.CharField(
        label=gettext_lazy("Reason"),
        max_length=200,
        help_text=gettext_lazy("Auditors will read it; name nobody in it."),
    )


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
    list_filter = ("consent", "friend_status", ("account", AccountFilter))
    search_fields = ("phone", "line_user_id")
    search_help_text = gettext_lazy("A whole phone number, a LINE user id, or a recipient's number")
    ordering = ("-id",)
    sortable_by = ("number",)
    walks = (("account", "consent", "friend_status"),)
    list_select_related = ("account",)
    readonly_fields = ("masked_phone", "known_details")
    change_form_outer_before_template = "console/recipient.html"
    act_labels: ClassVar[dict[str, Any]] = {
        "standing": gettext_lazy("Record consent or friend status"),
        **privacy_acts.LABELS,
        "erase": gettext_lazy("Forget this person"),
    }
    act_forms: ClassVar[dict[str, type[ActForm]]] = {
        "standing": StandingForm,
        "erase": EraseForm,
        **privacy_acts.FORMS,
    }
    act_notes: ClassVar[dict[str, Any]] = {
        "erase": gettext_lazy(
            "Number, LINE user id, attributes and what was sent are emptied for good; counts stay,"
            " and the person cannot be imported again."
        ),
        **privacy_acts.NOTES,
    }
    grave_act = frozenset({"erase"})

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
            "known_details", "created_at", "updated_at",
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

    def available_acts(self, obj: Any, user: User) -> Sequence[str]:
        if obj.erased_at:
            return []
        acts = ["standing"] if access.may(user, intake.CHANGE, obj.account_id) else []
        acts += privacy_acts.available(obj, user)
        return acts + (["erase"] if access.may(user, erasure.ERASE, obj.account_id) else [])

    def panel(self, obj: Any, request: HttpRequest) -> dict[str, Any]:
        at = timezone.now()
        verdicts = []
        for service, label in (("lon", _("Notification")), ("oa", _("Two-way message"))):
            asked = eligibility.Asked(service, "transactional", at)
            verdict, rule = eligibility.verdict(obj, asked)
            verdicts.append((label, verdict, rule, audience.sentence(verdict, rule)))
        may_see_requests = request.user.has_perm("recipients.view_subjectrequest")
        return {
            "now": at,
            "requests": obj.subject_requests.order_by("-id")[:20] if may_see_requests else [],
            "verdicts": verdicts,
            "rules_version": eligibility.VERSION,
            "ledger": obj.ledger.select_related("recorded_by").order_by("-observed_at", "-id")[:50],
            "messages_sent": obj.messages.select_related("campaign").order_by("-id")[:20],
        }

    def do(self, act: str, obj: Any, request: HttpRequest, details: dict[str, Any]) -> Any:
        if act == "erase":
            return forgetting.erase(obj, at=timezone.now(), by=user_of(request), **details)
        if act == "reveal":
            return privacy_acts.reveal(self, obj, request, **details)
        if act == "access":
            return privacy_acts.hand_out(obj, request, **details)
        if act == "request":
            return privacy_acts.enter_request(obj, request, details)
        given = {name: value for name, value in details.items() if value}
        return intake.change(
            obj,
            intake.Details(**given),
            by=user_of(request),
            at=timezone.now(),
            source=Source.PERSON,
        )
