"""/api/v1/audiences/: filters kept under a name, and how many people a filter names."""

from __future__ import annotations

from typing import Any

import django_filters
from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import mixins, serializers, status, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from lineportal.accounts import access
from lineportal.api.fields import account_named, user_of
from lineportal.api.resource import Resource
from lineportal.sending import saved_audiences
from lineportal.sending.models import SavedAudience

_FILTER = "{“all” | “any” | “none”: [conditions or filters]}, as docs/audiences.md says."


@extend_schema_field({"type": "object", "additionalProperties": True, "description": _FILTER})
class FilterField(serializers.JSONField):
    """A filter; it is read where it is used, which names the place of a fault."""


class AudienceOut(serializers.ModelSerializer[SavedAudience]):
    account = serializers.SlugRelatedField[Any](slug_field="slug", read_only=True)
    filter = FilterField()

    class Meta:
        model = SavedAudience
        fields = ("id", "account", "name", "filter", "created_at", "changed_at")


class AudienceIn(serializers.Serializer[Any]):
    account = serializers.CharField()
    name = serializers.CharField(max_length=saved_audiences.NAME_LIMIT)
    filter = FilterField()


class AudienceChange(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=saved_audiences.NAME_LIMIT, required=False)
    filter = FilterField(required=False)


class FilterIn(serializers.Serializer[Any]):
    account = serializers.CharField()
    filter = FilterField()


class CountOut(serializers.Serializer[Any]):
    people = serializers.IntegerField(
        help_text="Whom the filter names, before the rules of eligibility."
    )


class AudienceFilter(django_filters.FilterSet):
    account = django_filters.CharFilter("account__slug")
    name = django_filters.CharFilter()

    class Meta:
        model = SavedAudience
        fields = ("account", "name")


class Audiences(
    Resource,
    mixins.ListModelMixin,
    mixins.RetrieveModelMixin,
    viewsets.GenericViewSet[SavedAudience],
):
    scope = "campaigns"
    scopes_of = dict.fromkeys(("list", "retrieve", "count"), ("campaigns", "reports"))
    serializer_class = AudienceOut
    filterset_class = AudienceFilter
    queryset = SavedAudience.objects.none()

    def get_queryset(self) -> QuerySet[SavedAudience]:
        user = user_of(self.request)
        access.require(user, saved_audiences.VIEW)
        return access.limited(SavedAudience.objects.select_related("account"), user)

    @extend_schema(request=AudienceIn, responses={201: AudienceOut})
    def create(self, request: Request) -> Response:
        given = AudienceIn(data=request.data)
        given.is_valid(raise_exception=True)
        values = dict(given.validated_data)
        user = user_of(request)
        account = account_named(values.pop("account"), user)
        saved = saved_audiences.create(account, by=user, at=timezone.now(), **values)
        return Response(AudienceOut(saved).data, status=status.HTTP_201_CREATED)

    @extend_schema(request=AudienceChange, responses=AudienceOut)
    def partial_update(self, request: Request, pk: str) -> Response:
        given = AudienceChange(data=request.data)
        given.is_valid(raise_exception=True)
        saved = saved_audiences.change(
            self.get_object(), by=user_of(request), at=timezone.now(), **given.validated_data
        )
        return Response(AudienceOut(saved).data)

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, pk: str) -> Response:
        saved_audiences.delete(self.get_object(), by=user_of(request), at=timezone.now())
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(responses=CountOut)
    @action(detail=True)
    def count(self, request: Request, pk: str) -> Response:
        """How many people the audience names now."""
        saved = self.get_object()
        found = saved_audiences.count(saved.account, saved.filter, by=user_of(request))
        return Response(CountOut(found).data)

    @extend_schema(operation_id="audiences_count_unsaved", request=FilterIn, responses=CountOut)
    @action(detail=False, methods=["post"], url_path="count", url_name="count-unsaved")
    def count_unsaved(self, request: Request) -> Response:
        """How many people a filter names that is not saved."""
        given = FilterIn(data=request.data)
        given.is_valid(raise_exception=True)
        user = user_of(request)
        account = account_named(given.validated_data["account"], user)
        found = saved_audiences.count(account, given.validated_data["filter"], by=user)
        return Response(CountOut(found).data)
