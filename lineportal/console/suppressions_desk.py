"""The suppressions' pages: numbers that must not be written to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.contrib.auth.models import User
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy

from lineportal.accounts import access
from lineportal.console.base import ActForm, Desk, user_of
from lineportal.console.lists import AccountFilter
from recipients import finding, phones, suppression
from recipients.models import (
    Suppression,
)


class SuppressionForm(forms.ModelForm[Suppression]):
    phone = forms.CharField(label=gettext_lazy("Phone"), max_length=40)

    class Meta:
        model = Suppression
        fields = ("account", "phone", "reason", "until")

    def _post_clean(self) -> None:
        """Leave the row alone: `suppression.add` reads the number and writes."""


@admin.register(Suppression)
class SuppressionDesk(Desk):
    view_permission = "recipients.view_suppression"
    form = SuppressionForm
    list_display = ("masked_phone", "account", "reason", "until", "created_at", "lifted_at")
    list_filter = (("account", AccountFilter),)
    search_fields = ("phone",)
    search_help_text = gettext_lazy("A whole phone number")
    ordering = ("-id",)
    list_select_related = ("account",)
    walks = (("account",),)
    readonly_fields = ("masked_phone",)
    change_form_outer_before_template = "console/buttons.html"
    act_labels: ClassVar[dict[str, Any]] = {"lift": gettext_lazy("Lift the suppression")}
    act_forms: ClassVar[dict[str, type[ActForm]]] = {"lift": ActForm}

    @admin.display(description=gettext_lazy("Phone"))
    def masked_phone(self, row: Suppression) -> str:
        return phones.mask(row.phone)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Suppression], search_term: str
    ) -> tuple[QuerySet[Suppression], bool]:
        if search_term:
            queryset = queryset.filter(phone__in=finding.numbers(search_term))
        return queryset, False

    def has_add_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm(suppression.SUPPRESS))

    def get_fields(self, request: HttpRequest, obj: Model | None = None) -> Sequence[str]:
        first = "phone" if obj is None else "masked_phone"
        rest = () if obj is None else ("created_by", "created_at", "lifted_at")
        return ("account", first, "reason", "until", *rest)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        values = form.cleaned_data
        made = suppression.add(
            values.pop("account"), by=user_of(request), at=timezone.now(), **values
        )
        obj.pk, obj.phone = made.pk, made.phone

    def available_acts(self, obj: Any, user: User) -> Sequence[str]:
        may = access.may(user, suppression.SUPPRESS, obj.account_id)
        return ["lift"] if may and obj.lifted_at is None else []

    def do(self, act: str, obj: Any, request: HttpRequest, details: dict[str, Any]) -> Any:
        suppression.lift(obj, by=user_of(request), at=timezone.now())
