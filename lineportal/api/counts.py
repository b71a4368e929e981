"""/api/v1/reconciliation/ and /api/v1/incidents/: what providers counted, what went wrong."""

from __future__ import annotations

from typing import Any

import django_filters
from django.db.models import F, QuerySet
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from lineportal.accounts import access
from lineportal.accounts.models import Service
from lineportal.api.fields import user_of
from lineportal.api.resource import Resource
from lineportal.sending import counting, incidents
from lineportal.sending.models import CountState, DayCount, Incident, IncidentCode


class DayCountOut(serializers.ModelSerializer[DayCount]):
    account = serializers.CharField(source="road.account.slug")
    provider = serializers.CharField(source="road.provider")
    ours = serializers.IntegerField(help_text="Delivered; accepted, where there are no receipts.")
    theirs = serializers.IntegerField(allow_null=True, help_text="null: not told")
    difference = serializers.IntegerField(allow_null=True, help_text="theirs less ours")

    class Meta:
        model = DayCount
        fields = (
            "id", "account", "service", "provider", "day", "ours", "theirs", "difference", "state",
            "problem", "is_final", "asked_at", "told_at", "incident",
        )  # fmt: skip


class DayCountFilter(django_filters.FilterSet):
    account = django_filters.CharFilter("road__account__slug")
    service = django_filters.ChoiceFilter(choices=Service.choices)
    state = django_filters.ChoiceFilter(choices=CountState.choices)
    since = django_filters.DateFilter("day", "gte")
    until = django_filters.DateFilter("day", "lte")

    class Meta:
        model = DayCount
        fields = ("account", "service", "state")


class Reconciliation(Resource, mixins.ListModelMixin, viewsets.GenericViewSet[DayCount]):
    """Days of roads, newest first: what we hold, and what the provider counted."""

    scope = "reports"
    serializer_class = DayCountOut
    filterset_class = DayCountFilter
    queryset = DayCount.objects.none()

    def get_queryset(self) -> QuerySet[DayCount]:
        user = user_of(self.request)
        access.require(user, counting.VIEW)
        rows = DayCount.objects.select_related("road__account").order_by("-day", "-id")
        return access.limited(rows, user, account="road__account")


class IncidentOut(serializers.ModelSerializer[Incident]):
    account = serializers.SlugRelatedField[Any](slug_field="slug", read_only=True)
    service = serializers.CharField(
        source="road.service", allow_null=True, default=None, help_text="null: the whole account"
    )
    closed_by = serializers.SlugRelatedField[Any](
        slug_field="username", read_only=True, help_text="null on a closed one: over by itself"
    )

    class Meta:
        model = Incident
        fields = (
            "id", "account", "service", "code", "sentence", "opened_at", "last_seen_at",
            "closed_at", "closed_by", "note",
        )  # fmt: skip


class IncidentClosingIn(serializers.Serializer[Any]):
    note = serializers.CharField(
        max_length=incidents.NOTE_LIMIT, help_text="What was found or done; names nobody."
    )


class IncidentFilter(django_filters.FilterSet):
    account = django_filters.CharFilter("account__slug")
    code = django_filters.ChoiceFilter(choices=IncidentCode.choices)
    open = django_filters.BooleanFilter("closed_at", "isnull")

    class Meta:
        model = Incident
        fields = ("account", "code", "open")


class Incidents(
    Resource,
    mixins.ListModelMixin,
    mixins.RetrieveModelMixin,
    viewsets.GenericViewSet[Incident],
):
    """Incidents, open ones first; POST …/close/ closes one with a note."""

    scope = "accounts"
    serializer_class = IncidentOut
    filterset_class = IncidentFilter
    lookup_value_regex = "[0-9]+"
    queryset = Incident.objects.none()

    def get_queryset(self) -> QuerySet[Incident]:
        user = user_of(self.request)
        access.require(user, incidents.VIEW)
        rows = incidents.seen_by(user).select_related("account", "road", "closed_by")
        return rows.order_by(F("closed_at").desc(nulls_first=True), "-id")

    @extend_schema(request=IncidentClosingIn, responses=IncidentOut)
    @action(detail=True, methods=["post"])
    def close(self, request: Request, pk: str) -> Response:
        given = IncidentClosingIn(data=request.data)
        given.is_valid(raise_exception=True)
        closed = incidents.close(
            self.get_object().pk,
            by=user_of(request),
            at=timezone.now(),
            note=given.validated_data["note"],
        )
        return Response(self.get_serializer(closed).data)
