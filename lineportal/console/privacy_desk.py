"""The pages of privacy: how long each account keeps what names people."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.utils import timezone

from lineportal.console.base import Desk, user_of
from lineportal.sending import retention
from lineportal.sending.models import Retention


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
