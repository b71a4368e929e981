"""/api/v1/catalogue/: LINE's catalogue of keys, as it was imported."""

from __future__ import annotations

from typing import Any

import django_filters
from django.db.models import QuerySet
from rest_framework import mixins, serializers, viewsets

from lineportal.accounts import access
from lineportal.accounts.models import Country
from lineportal.api.fields import user_of
from lineportal.api.resource import Resource
from templates_app import catalogue
from templates_app.models import CatalogueEntry, CatalogueKind


class EntryOut(serializers.ModelSerializer[CatalogueEntry]):
    edition = serializers.CharField(source="edition.name", read_only=True)

    class Meta:
        model = CatalogueEntry
        fields = ("id", "country", "kind", "key", "title", "description", "edition", "retired_at")


class EntryFilter(django_filters.FilterSet):
    country = django_filters.ChoiceFilter(choices=Country.choices)
    kind = django_filters.ChoiceFilter(choices=CatalogueKind.choices)
    retired = django_filters.BooleanFilter("retired_at", lookup_expr="isnull", exclude=True)
    search = django_filters.CharFilter(method="find")

    class Meta:
        model = CatalogueEntry
        fields = ("country", "kind", "retired", "search")

    def find(
        self, rows: QuerySet[CatalogueEntry], name: str, words: str
    ) -> QuerySet[CatalogueEntry]:
        return catalogue.search(rows, words)


class Catalogue(
    Resource,
    mixins.ListModelMixin,
    mixins.RetrieveModelMixin,
    viewsets.GenericViewSet[CatalogueEntry],
):
    scope = "templates"
    serializer_class = EntryOut
    filterset_class = EntryFilter
    queryset = CatalogueEntry.objects.none()

    def get_queryset(self) -> QuerySet[Any]:
        access.require(user_of(self.request), "templates_app.view_catalogueentry")
        return CatalogueEntry.objects.select_related("edition")
