"""The imports' pages: a file of recipients, what it would do, and what became of its rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.contrib.auth.models import User
from django.db import transaction
from django.http import FileResponse, HttpRequest
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy, ngettext
from openpyxl.utils import get_column_letter

from lineportal.console.base import ActForm, Desk, user_of
from lineportal.console.lists import AccountFilter
from lineportal.sending import lanes
from recipients import columns, imports, repairs, sheets
from recipients.models import RecipientImport

_ROWS_SHOWN = 500
State = RecipientImport.State


class ImportForm(forms.ModelForm[RecipientImport]):
    upload = forms.FileField(
        label=gettext_lazy("File"),
        help_text=gettext_lazy(
            "CSV or XLSX. Row 1 names the columns; which of them holds the phone number can be"
            " said on the next page."
        ),
    )

    class Meta:
        model = RecipientImport
        fields = ("account", "upload", "as_of", "source_text", "tag", "is_dry_run")
        labels: ClassVar[dict[str, Any]] = {
            "as_of": gettext_lazy("The file speaks of"),
            "source_text": gettext_lazy("Where it comes from"),
            "tag": gettext_lazy("Tag for everyone in it"),
            "is_dry_run": gettext_lazy("Show first what it would change"),
        }


class MeaningsForm(ActForm):
    """What each column means: one field a column, made for one import."""

    look = "pairs"
    header: ClassVar[list[str]] = []
    guesses: ClassVar[dict[str, str]] = {}
    suggestions: ClassVar[list[tuple[str, Promise | str]]] = [
        ("phone", gettext_lazy("the phone number")),
        ("line_user_id", gettext_lazy("the LINE user id")),
        ("consent", gettext_lazy("LON consent")),
        ("friend_status", gettext_lazy("friend status")),
        (columns.IGNORED, gettext_lazy("pass it over")),
    ]

    def __init__(self, *args: Any, **kw: Any) -> None:
        super().__init__(*args, **kw)
        for index, name in enumerate(self.header):
            if name:
                self.fields[f"column_{index}"] = forms.CharField(
                    label=f"{get_column_letter(index + 1)}: {name}",
                    initial=self.guesses.get(name, name),
                    max_length=sheets.NAME_LIMIT,
                    widget=forms.TextInput(attrs={"class": "lp-input", "list": "suggestions"}),
                )


@admin.register(RecipientImport)
class ImportDesk(Desk):
    view_permission = "recipients.view_recipientimport"
    form = ImportForm
    list_display = ("file_name", "account", "state", "rows", "created", "updated", "unchanged",
                    "refused", "created_at")  # fmt: skip
    list_filter = ("state", ("account", AccountFilter))
    ordering = ("-id",)
    sortable_by = ("file_name", "rows", "refused", "created_at")  # thousands of files at most
    list_select_related = ("account",)
    change_form_outer_before_template = "console/import.html"
    act_labels: ClassVar[dict[str, Any]] = {
        "apply": gettext_lazy("Import these rows"),
        "columns": gettext_lazy("Say what the columns mean"),
        "refused": gettext_lazy("Download the refused rows"),
        "discard": gettext_lazy("Discard the file"),
    }
    act_notes: ClassVar[dict[str, Any]] = {
        "columns": gettext_lazy(
            "“phone”, “line_user_id”, “consent” and “friend_status” are what we need; under any"
            " other name a column becomes a value for placeholders, and “-” passes it over. It is"
            " remembered for the account's next files."
        ),
    }
    act_forms: ClassVar[dict[str, type[ActForm]]] = {"columns": MeaningsForm}
    main_act = frozenset({"apply"})

    def has_add_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm(imports.IMPORT))

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Sequence[str]:
        if obj is None:
            return ("account", "upload", "as_of", "source_text", "tag", "is_dry_run")
        return (
            "account", "file_name", "file_sha256", "encoding", "as_of", "source_text", "tag",
            "is_dry_run", "started_by", "created_at", "finished_at",
        )  # fmt: skip

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        return {"is_dry_run": True, **super().get_changeform_initial_data(request)}

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
                tag=values["tag"],
            )
            if not imports.needs_meanings(job):
                lanes.wake_import(job.pk)
        obj.pk, obj.file_name = job.pk, job.file_name

    def available_acts(self, obj: RecipientImport, user: User) -> Sequence[str]:
        if not user.has_perm(imports.IMPORT):
            return []
        is_ready = imports.can_be_applied(obj)
        return [
            *(["apply"] if is_ready and obj.rows > obj.refused else []),
            *(["columns"] if imports.needs_meanings(obj) or is_ready else []),
            *(["refused"] if obj.refused and repairs.can_be_repaired(obj) else []),
            *(["discard"] if is_ready else []),
        ]

    def act_label(self, act: str, obj: RecipientImport) -> str:
        if act == "apply":
            rows = obj.rows - obj.refused
            return ngettext("Import %(rows)d row", "Import %(rows)d rows", rows) % {"rows": rows}
        return super().act_label(act, obj)

    def act_form(self, act: str, obj: RecipientImport) -> type[ActForm]:
        if act != "columns":
            return super().act_form(act, obj)
        header = obj.header or []
        guesses = columns.guesses(header, obj.mapping)
        return type("MeaningsForm", (MeaningsForm,), {"header": header, "guesses": guesses})

    def do(self, act: str, obj: Any, request: HttpRequest, details: dict[str, Any]) -> Any:
        by, at = user_of(request), timezone.now()
        if act == "refused":
            return FileResponse(
                repairs.workbook(obj, by=by, at=at),
                as_attachment=True,
                filename=f"refused-{obj.pk}.xlsx",
                content_type=repairs.CONTENT_TYPE,
            )
        if act == "discard":
            imports.discard(obj, by=by, at=at)
            return None
        with transaction.atomic():
            if act == "apply":
                job = imports.apply(obj, by=by, at=at)
            else:
                job = imports.set_meanings(obj, _mapping(obj, details), by=by, at=at)
            lanes.wake_import(job.pk)
        return job

    def panel(self, obj: RecipientImport, request: HttpRequest) -> dict[str, Any]:
        needs_meanings = imports.needs_meanings(obj)
        return {
            "needs_meanings": needs_meanings,
            "is_live": obj.state in (State.QUEUED, State.RUNNING) and not needs_meanings,
            "changes_nothing": obj.state == State.FINISHED and not obj.created + obj.updated,
            "earlier": imports.earlier_of_same_file(obj),
            "is_kept": imports.can_be_applied(obj),
            "groups": repairs.groups(obj),
            "refusals": obj.refusals.order_by("row")[:_ROWS_SHOWN],
            "rows_shown": _ROWS_SHOWN,
            "repair_limit": repairs.ROW_LIMIT,
        }


def _mapping(obj: RecipientImport, details: dict[str, Any]) -> dict[str, str]:
    return {
        name: details[f"column_{index}"]
        for index, name in enumerate(obj.header or [])
        if f"column_{index}" in details
    }
