"""The imports' pages: a file of recipients, and what became of its rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.db import transaction
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy

from lineportal.console.base import Desk, user_of
from lineportal.sending import lanes
from recipients import imports
from recipients.models import (
    RecipientImport,
)


class ImportForm(forms.ModelForm[RecipientImport]):
    upload = forms.FileField(
        label=gettext_lazy("File"),
        help_text=gettext_lazy(
            "CSV or XLSX. Row 1 names the columns; “phone” or “line_user_id” is needed."
        ),
    )

    class Meta:
        model = RecipientImport
        fields = ("account", "upload", "as_of", "source_text", "is_dry_run")
        labels: ClassVar[dict[str, Any]] = {
            "as_of": gettext_lazy("The file speaks of"),
            "source_text": gettext_lazy("Where it comes from"),
            "is_dry_run": gettext_lazy("Only count; change nothing"),
        }


@admin.register(RecipientImport)
class ImportDesk(Desk):
    view_permission = "recipients.view_recipientimport"
    form = ImportForm
    list_display = ("file_name", "account", "state", "rows", "created", "updated", "unchanged",
                    "refused", "created_at")  # fmt: skip
    list_filter = ("state", "account")
    ordering = ("-id",)
    list_select_related = ("account",)
    change_form_outer_before_template = "console/import.html"

    def has_add_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm(imports.IMPORT))

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Sequence[str]:
        if obj is None:
            return ("account", "upload", "as_of", "source_text", "is_dry_run")
        return (
            "account", "file_name", "file_sha256", "encoding", "as_of", "source_text",
            "is_dry_run", "started_by", "created_at", "finished_at",
        )  # fmt: skip

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        values = form.cleaned_data
        with transaction.atomic():
            job = imports.receive(
                values["account"],
                name=values["upload"].name,
                file=values["upload"].file,
                at=timezone.now(),
                by=user_of(request),
                as_of=values["as_of"],
                source_text=values["source_text"],
                is_dry_run=values["is_dry_run"],
            )
            lanes.wake_import(job.pk)
        obj.pk = job.pk

    def panel(self, obj: Any, request: HttpRequest) -> dict[str, Any]:
        return {
            "refusals": obj.refusals.order_by("row")[:500],
            "is_live": obj.state in ("queued", "running"),
        }
