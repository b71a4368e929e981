"""The pages of canned answers, of words that are answered by themselves, and of each account's
greetings and office hours, with a box to try them.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.dates import WEEKDAYS_ABBR
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.widgets import (
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanSwitchWidget,
)

from lineportal.accounts import access, hours
from lineportal.accounts.models import OfficialAccount
from lineportal.console.base import Desk, user_of
from lineportal.conversations import answer_rules, answering, automat, canned
from lineportal.conversations.models import Answering, AnswerRule, CannedAnswer
from recipients.intake import Invalid

TRIED_LIMIT = 5000
_DONE = {
    "stop": gettext_lazy("Marketing stops for this person, always. A fixed sentence confirms it."),
    "start": gettext_lazy("Marketing begins again for who had stopped it; a sentence says so."),
    "answer": gettext_lazy("The canned answer is given."),
    "hand_over": gettext_lazy("A person takes over; the machine is silent from here on."),
    "link": gettext_lazy("The customer is offered to link their number."),
    "away": gettext_lazy("No words fit; it is outside office hours now, which is said."),
    "": gettext_lazy("Nothing is said; it waits in the inbox for a person."),
}


class _Choice(forms.ModelChoiceField[CannedAnswer]):
    """A canned answer, told from those of other accounts."""

    widget = UnfoldAdminSelectWidget

    def label_from_instance(self, obj: Any) -> str:
        return f"{obj.account}: {obj.title}"


class AnswerDesk(Desk):
    """A desk of what only those who keep canned answers may change."""

    ordering: Any = ("account__name", "pk")
    list_select_related: Any = ("account",)
    change_form_outer_before_template = "console/buttons.html"

    def has_add_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm(canned.KEEP))

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        may = bool(request.user.has_perm(canned.KEEP))
        return may and (obj is None or access.may(request.user, canned.KEEP, obj.account_id))

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Sequence[str]:
        return ("account",) if obj else ()

    def get_form(self, request: HttpRequest, obj: Any = None, **kw: Any) -> Any:
        """Offer only canned answers in use of the user's accounts, or of the row's own."""
        form = super().get_form(request, obj, **kw)
        form.base_fields = copy.deepcopy(form.base_fields)  # those of this request alone
        rows = CannedAnswer.objects.filter(is_on=True).select_related("account")
        rows = access.limited(rows, request.user).order_by("account__name", "title")
        if obj is not None:
            rows = rows.filter(account=obj.account_id)
        for field in form.base_fields.values():
            if isinstance(field, _Choice):
                field.queryset = rows
        return form


class CannedAnswerForm(forms.ModelForm[CannedAnswer]):
    class Meta:
        model = CannedAnswer
        fields = ("account", "shortcut", "title", "text")
        help_texts: ClassVar = {
            "shortcut": gettext_lazy("Such as “hours”: letters, digits, hyphens."),
            "title": gettext_lazy("For colleagues; customers do not see it."),
            "text": gettext_lazy("Goes to customers as it stands."),
        }

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        account = cleaned.get("account") or (self.instance.account if self.instance.pk else None)
        values = {name: cleaned[name] for name in canned.FIELDS if name in cleaned}
        if account is not None:
            of = self.instance if self.instance.pk else None
            cleaned |= _read(self, lambda: canned.read(account, values, of=of))
        return cleaned


@admin.register(CannedAnswer)
class CannedAnswerDesk(AnswerDesk):
    view_permission = canned.VIEW
    form = CannedAnswerForm
    list_display = ("title", "shortcut", "account", "is_on", "changed_at")
    list_filter = ("is_on",)
    act_labels: ClassVar[dict[str, Any]] = {
        "retire": gettext_lazy("Take out of use"), "use": gettext_lazy("Use again"),
    }  # fmt: skip

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        by, at = user_of(request), timezone.now()
        values = {name: form.cleaned_data[name] for name in canned.FIELDS[:3]}
        if change:
            canned.change(obj, by=by, at=at, changes=values)
        else:
            obj.pk = canned.keep(obj.account, by=by, at=at, values=values).pk

    def available_acts(self, obj: Any, user: User) -> Sequence[str]:
        if not access.may(user, canned.KEEP, obj.account_id):
            return []
        return ["retire"] if obj.is_on else ["use"]

    def do(self, act: str, obj: Any, request: HttpRequest, details: dict[str, Any]) -> Any:
        changes = {"is_on": act == "use"}
        return canned.change(obj, by=user_of(request), at=timezone.now(), changes=changes)


class AnswerRuleForm(forms.ModelForm[AnswerRule]):
    words = forms.CharField(
        label=gettext_lazy("Words"),
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 4}),
        help_text=gettext_lazy("One on each line. Capitals and widths make no difference."),
    )
    answer = _Choice(
        CannedAnswer.objects.none(), label=gettext_lazy("Canned answer"), required=False,
        help_text=gettext_lazy("Of the same account; only for “Give the canned answer”."),
    )  # fmt: skip

    class Meta:
        model = AnswerRule
        fields = ("account", *answer_rules.FIELDS)
        help_texts: ClassVar = {"position": gettext_lazy("The lowest that fits is used.")}

    def __init__(self, *args: Any, **kw: Any) -> None:
        super().__init__(*args, **kw)
        if self.instance.pk:
            self.initial["words"] = "\n".join(self.instance.words)

    def clean_words(self) -> list[str]:
        return [each for each in self.cleaned_data["words"].splitlines() if each.strip()]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        account = cleaned.get("account") or (self.instance.account if self.instance.pk else None)
        if account is not None and not self.errors:
            values = {name: cleaned[name] for name in answer_rules.FIELDS if name in cleaned}
            cleaned |= _read(self, lambda: answer_rules.read(account, values))
        return cleaned


@admin.register(AnswerRule)
class AnswerRuleDesk(AnswerDesk):
    view_permission = answer_rules.VIEW
    form = AnswerRuleForm
    list_display = ("said", "match", "act", "answer", "account", "position", "is_on")
    list_select_related = ("account", "answer")
    list_filter = ("act", "is_on")
    ordering = ("account__name", "position", "pk")
    act_labels: ClassVar[dict[str, Any]] = {"remove": gettext_lazy("Remove")}

    @admin.display(description=gettext_lazy("Words"))
    def said(self, rule: AnswerRule) -> str:
        return str(rule)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        by, at = user_of(request), timezone.now()
        values = {name: form.cleaned_data[name] for name in answer_rules.FIELDS}
        if change:
            answer_rules.change(obj, by=by, at=at, changes=values)
        else:
            obj.pk = answer_rules.keep(obj.account, by=by, at=at, values=values).pk

    def available_acts(self, obj: Any, user: User) -> Sequence[str]:
        return ["remove"] if access.may(user, canned.KEEP, obj.account_id) else []

    def do(self, act: str, obj: Any, request: HttpRequest, details: dict[str, Any]) -> Any:
        answer_rules.remove(obj, by=user_of(request), at=timezone.now())
        return HttpResponseRedirect(reverse("admin:conversations_answerrule_changelist"))


class AnsweringForm(forms.ModelForm[Answering]):
    """Plain fields for the office hours; none given means that somebody is always there."""

    hours_from = forms.CharField(
        label=gettext_lazy("Office hours: from"), required=False,
        widget=UnfoldAdminTextInputWidget,
        help_text=gettext_lazy("Such as 09:00. Empty: somebody is always there."),
    )  # fmt: skip
    hours_to = forms.CharField(
        label=gettext_lazy("Office hours: to"), required=False, widget=UnfoldAdminTextInputWidget,
        help_text=gettext_lazy("Such as 18:00; 24:00 is midnight."),
    )  # fmt: skip
    hours_weekdays = forms.MultipleChoiceField(
        label=gettext_lazy("Office hours: weekdays"), required=False,
        choices=list(zip(hours.WEEKDAYS, WEEKDAYS_ABBR.values(), strict=True)),
        widget=forms.CheckboxSelectMultiple,
    )  # fmt: skip
    hours_on_holidays = forms.BooleanField(
        label=gettext_lazy("Office hours: on public holidays too"), required=False,
        widget=UnfoldBooleanSwitchWidget,
    )  # fmt: skip
    hours_closed_on = forms.CharField(
        label=gettext_lazy("Office hours: closed on"), required=False,
        widget=UnfoldAdminTextInputWidget,
        help_text=gettext_lazy("Dates such as 2026-12-31, with commas between."),
    )  # fmt: skip
    greeting = _Choice(
        CannedAnswer.objects.none(), label=gettext_lazy("Greeting of new friends"), required=False
    )
    greeting_again = _Choice(
        CannedAnswer.objects.none(), label=gettext_lazy("Greeting of who unblocked"),
        required=False,
    )  # fmt: skip
    away = _Choice(
        CannedAnswer.objects.none(), label=gettext_lazy("Answer outside office hours"),
        required=False,
    )  # fmt: skip
    handed_over = _Choice(
        CannedAnswer.objects.none(), label=gettext_lazy("Answer when a person takes over"),
        required=False,
    )  # fmt: skip

    class Meta:
        model = Answering
        fields = ("account", "is_on", *answering.ANSWERS, "away_every_hours")

    def __init__(self, *args: Any, **kw: Any) -> None:
        super().__init__(*args, **kw)
        kept = self.instance.hours or {}
        self.initial.update(
            {
                "hours_from": kept.get("from", ""),
                "hours_to": kept.get("to", ""),
                "hours_weekdays": list(kept.get("weekdays", hours.WEEKDAYS)),
                "hours_on_holidays": kept.get("on_holidays", False),
                "hours_closed_on": ", ".join(kept.get("closed_on", ())),
            }
        )

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        cleaned["hours"] = None
        if cleaned.get("hours_from") or cleaned.get("hours_to"):
            cleaned["hours"] = {
                "from": cleaned["hours_from"],
                "to": cleaned["hours_to"],
                "weekdays": cleaned.get("hours_weekdays", []),
                "on_holidays": cleaned.get("hours_on_holidays", False),
                "closed_on": cleaned.get("hours_closed_on", "").replace(",", " ").split(),
            }
        account = cleaned.get("account") or (self.instance.account if self.instance.pk else None)
        if account is not None and not self.errors:
            values = {name: cleaned[name] for name in answering.FIELDS}
            cleaned |= _read(self, lambda: answering.read(account, values))
        return cleaned


@admin.register(Answering)
class AnsweringDesk(AnswerDesk):
    view_permission = answering.VIEW
    form = AnsweringForm
    list_display = ("account", "is_on", "greeting", "away")
    list_select_related = ("account", "greeting", "away")
    change_form_outer_before_template = "console/answering_try.html"

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Sequence[str]:
        of_hours = [name for name in AnsweringForm.declared_fields if name.startswith("hours_")]
        if obj is not None and not self.has_change_permission(request, obj):
            return (*AnsweringForm.Meta.fields, "hours")
        return (*AnsweringForm.Meta.fields, *of_hours)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        changes = {name: form.cleaned_data[name] for name in answering.FIELDS}
        made = answering.change(
            obj.account, by=user_of(request), at=timezone.now(), changes=changes
        )
        obj.pk = made.pk

    def panel(self, obj: Any, request: HttpRequest) -> dict[str, Any]:
        tried = request.GET.get("try", "")[:TRIED_LIMIT]
        return {"tried": tried, **_tried(obj.account, tried)} if tried else {}


def _tried(account: OfficialAccount, text: str) -> dict[str, Any]:
    """Return what would be done about a text now, in words."""
    plan = automat.plans([account.pk]).get(account.pk)
    if plan is None:
        return {"done": _("Nothing is said: automatic answers are off. Stop words still count.")}
    decision = automat.decide(plan, text, at=timezone.now())
    return {"done": _DONE[decision.act], "rule": decision.rule, "answer": decision.answer}


def _read(form: forms.ModelForm[Any], read: Any) -> dict[str, Any]:
    """Return what an act would take of a form; what it refuses stands beside its field."""
    try:
        values: dict[str, Any] = read()
    except Invalid as refusal:
        field = refusal.field.replace(".", "_")
        form.add_error(field if field in form.fields else None, str(refusal))
        return {}
    return values
