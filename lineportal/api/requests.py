"""/api/v1/subject-requests/: what people ask about their own data, and by when."""

from __future__ import annotations

from typing import Any

import django_filters
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import mixins, serializers, status, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from lineportal.accounts import access
from lineportal.api.fields import Moment, user_of
from lineportal.api.resource import Resource
from recipients import requests
from recipients.intake import Invalid
from recipients.models import Recipient, SubjectRequest


class SubjectRequestOut(serializers.ModelSerializer[SubjectRequest]):
    account = serializers.SlugRelatedField[Any](slug_field="slug", read_only=True)
    closed_by = serializers.SlugRelatedField[Any](slug_field="username", read_only=True)
    is_overdue = serializers.SerializerMethodField()

    class Meta:
        model = SubjectRequest
        fields = (
            "id", "account", "recipient", "kind", "state", "note", "received_at", "due_at",
            "is_overdue", "opened_at", "answer", "closed_by", "closed_at",
        )  # fmt: skip

    @extend_schema_field(bool)
    def get_is_overdue(self, row: SubjectRequest) -> bool:
        return row.state == requests.State.OPEN and row.due_at <= timezone.now()


class SubjectRequestIn(serializers.Serializer[Any]):
    recipient = serializers.IntegerField()
    kind = serializers.ChoiceField(choices=requests.Kind.choices)
    received_at = Moment(required=False, help_text="When it reached us; now when left out.")
    note = serializers.CharField(required=False, max_length=200, allow_blank=True)


class ClosingIn(serializers.Serializer[Any]):
    outcome = serializers.ChoiceField(choices=["done", "declined"])
    answer = serializers.CharField(max_length=200, help_text="What was done, or why not.")


class SubjectRequestFilter(django_filters.FilterSet):
    account = django_filters.CharFilter("account__slug")
    overdue = django_filters.BooleanFilter(method="with_overdue")

    class Meta:
        model = SubjectRequest
        fields = ("account", "recipient", "kind", "state")

    def with_overdue(self, rows: QuerySet[Any], name: str, value: bool) -> QuerySet[Any]:
        late = requests.overdue(rows, at=timezone.now())
        return late if value else rows.exclude(pk__in=late.values("pk"))


class SubjectRequests(
    Resource,
    mixins.ListModelMixin,
    mixins.RetrieveModelMixin,
    viewsets.GenericViewSet[SubjectRequest],
):
    scope = "recipients"
    serializer_class = SubjectRequestOut
    filterset_class = SubjectRequestFilter
    lookup_value_regex = "[0-9]+"
    queryset = SubjectRequest.objects.none()

    def get_queryset(self) -> QuerySet[SubjectRequest]:
        user = user_of(self.request)
        access.require(user, "recipients.view_subjectrequest")
        rows = SubjectRequest.objects.select_related("account", "closed_by")
        return access.limited(rows, user)

    @extend_schema(request=SubjectRequestIn, responses={201: SubjectRequestOut})
    def create(self, request: Request) -> Response:
        given = SubjectRequestIn(data=request.data)
        given.is_valid(raise_exception=True)
        values, user = dict(given.validated_data), user_of(request)
        people = access.limited(Recipient.objects.all(), user)
        person = people.filter(pk=values.pop("recipient")).first()
        if person is None:
            raise Invalid("recipient", _("There is no such person for this key."))
        made = requests.open_for(person, by=user, at=timezone.now(), **values)
        return Response(self.get_serializer(made).data, status=status.HTTP_201_CREATED)

    @extend_schema(request=ClosingIn, responses=SubjectRequestOut)
    @action(detail=True, methods=["post"])
    def close(self, request: Request, pk: str) -> Response:
        given = ClosingIn(data=request.data)
        given.is_valid(raise_exception=True)
        closed = requests.close(
            self.get_object(),
            is_done=given.validated_data["outcome"] == requests.State.DONE,
            answer=given.validated_data["answer"],
            at=timezone.now(),
            by=user_of(request),
        )
        return Response(self.get_serializer(closed).data)
