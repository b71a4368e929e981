"""LINE's catalogue of keys: browsed by all, imported by managers, edition by edition."""

from __future__ import annotations

from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Count, Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.widgets import UnfoldAdminFileFieldWidget

from lineportal.accounts import access
from lineportal.console.base import Desk, user_of
from templates_app import catalogue, catalogue_import
from templates_app.models import CatalogueEdition, CatalogueEntry

_VERSIONS_SHOWN = 50


class EditionForm(forms.ModelForm[CatalogueEdition]):
    upload = forms.FileField(
        label=gettext_lazy("File"),
        widget=UnfoldAdminFileFieldWidget,
        help_text=gettext_lazy(
            "CSV, XLSX, or the tables of LINE's page pasted into a text file. Row 1 names the"
            " columns kind, key and title. Give the whole list of the country: keys that are not in"
            " it are retired."
        ),
    )

    class Meta:
        model = CatalogueEdition
        fields = ("country", "name", "source", "upload")
        labels: ClassVar[dict[str, Any]] = {
            "name": gettext_lazy("Name of the edition"),
            "source": gettext_lazy("Where the tables were taken from"),
        }
        help_texts: ClassVar[dict[str, Any]] = {
            "name": gettext_lazy("Such as the day that the list is of."),
        }

    def _post_clean(self) -> None:
        """Leave the row alone: `catalogue_import.load` reads the file and writes."""


@admin.register(CatalogueEdition)
class EditionDesk(Desk):
    account_path = ""
    view_permission = "templates_app.view_catalogueedition"
    form = EditionForm
    list_display = ("name", "country", "keys", "imported_at", "imported_by")
    list_filter = ("country",)
    sortable_by = ("name", "imported_at")
    ordering = ("-id",)
    list_select_related = ("imported_by",)
    readonly_fields = ("imported_by", "imported_at", "sha256", "keys")
    change_form_outer_before_template = "console/catalogue_edition.html"

    def get_urls(self) -> list[URLPattern]:
        name = "templates_app_catalogueedition_known"
        return [path("known/", self._site(self.known), name=name), *super().get_urls()]

    def known(self, request: HttpRequest) -> HttpResponse:
        """Give the keys of Japan that LINE's reference names, as a file to begin with."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        held = catalogue_import.KNOWN_KEYS
        return HttpResponse(
            held.read_bytes(),
            content_type="text/csv; charset=utf-8",
            headers={"Content-Disposition": f'attachment; filename="{held.name}"'},
        )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        editions: QuerySet[Any] = super().get_queryset(request).annotate(held=Count("entries"))
        return editions

    @admin.display(description=gettext_lazy("Keys last seen in it"))
    def keys(self, edition: Any) -> int:
        return int(edition.held)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm(catalogue_import.IMPORT))

    def get_fields(self, request: HttpRequest, obj: Model | None = None) -> Any:
        if obj is None:
            return ("country", "name", "source", "upload")
        return ("country", "name", "source", "imported_by", "imported_at", "sha256", "keys")

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        values = form.cleaned_data
        upload = values.pop("upload")
        made, summary = catalogue_import.load(
            upload.read(catalogue_import.BYTES_LIMIT + 1),
            by=user_of(request),
            at=timezone.now(),
            **values,
        )
        obj.pk, obj.name, obj.country = made.pk, made.name, made.country
        self.message_user(request, str(summary))


class RetiredFilter(admin.SimpleListFilter):
    title = gettext_lazy("on offer")
    parameter_name = "retired"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("no", gettext_lazy("On offer")), ("yes", gettext_lazy("Retired"))]

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[CatalogueEntry]
    ) -> QuerySet[CatalogueEntry]:
        if self.value() in ("no", "yes"):
            return queryset.filter(retired_at__isnull=self.value() == "no")
        return queryset


@admin.register(CatalogueEntry)
class EntryDesk(Desk):
    account_path = ""
    view_permission = "templates_app.view_catalogueentry"
    list_display = ("key", "title", "kind", "country", "offered")
    list_before_template = "console/catalogue_head.html"
    list_filter = ("country", "kind", RetiredFilter)
    search_fields = ("key", "title", "description")
    search_help_text = gettext_lazy("Words of the key, title or description")
    sortable_by = ("key", "title")
    ordering = ("country", "kind", "key")
    list_select_related = ("edition",)
    fields = ("country", "kind", "key", "title", "description", "edition", "retired_at")
    readonly_fields = fields
    change_form_outer_before_template = "console/catalogue_entry.html"

    @admin.display(description=gettext_lazy("On offer"))
    def offered(self, entry: CatalogueEntry) -> str:
        return str(_("retired")) if entry.retired_at else str(_("yes"))

    def panel(self, obj: Any, request: HttpRequest) -> dict[str, Any]:
        """Name the versions that hold the key, of the accounts that this user may see."""
        found = access.limited(catalogue.used_by(obj), request.user).order_by("-id")
        return {"versions": [(each, self.page_url(each)) for each in found[:_VERSIONS_SHOWN]]}

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[CatalogueEntry], search_term: str
    ) -> tuple[QuerySet[CatalogueEntry], bool]:
        return catalogue.search(queryset, search_term), False
