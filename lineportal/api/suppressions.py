"""/api/v1/suppressions/."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework import mixins, serializers, status, viewsets
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from lineportal.accounts import access
from lineportal.api.fields import Moment, PhoneFilter, account_named, user_of
from lineportal.api.numbers import PURPOSE, PhoneText, ShowsNumbers
from lineportal.api.resource import Resource
from recipients import suppression
from recipients.intake import Invalid
from recipients.models import Suppression


class SuppressionFilter(PhoneFilter):
    class Meta:
        model = Suppression
        fields = ("account", "phone")


class SuppressionOut(serializers.ModelSerializer[Suppression]):
    account = serializers.SlugRelatedField[Any](slug_field="slug", read_only=True)
    phone = PhoneText()

    class Meta:
        model = Suppression
        fields = ("id", "account", "phone", "reason", "until", "created_at")


class SuppressionIn(serializers.Serializer[Any]):
    account = serializers.CharField()
    phone = serializers.CharField()
    reason = serializers.CharField(max_length=200)
    until = Moment(required=False, default=None, allow_null=True)


@extend_schema_view(
    list=extend_schema(parameters=[PURPOSE]), retrieve=extend_schema(parameters=[PURPOSE])
)
class Suppressions(
    ShowsNumbers,
    Resource,
    mixins.ListModelMixin,
    mixins.RetrieveModelMixin,
    viewsets.GenericViewSet[Suppression],
):
    scope = "recipients"
    serializer_class = SuppressionOut
    filterset_class = SuppressionFilter
    queryset = Suppression.objects.none()

    def get_queryset(self) -> QuerySet[Suppression]:
        user = user_of(self.request)
        access.require(user, "recipients.view_suppression")
        rows = Suppression.objects.select_related("account").filter(lifted_at__isnull=True)
        return access.limited(rows, user)

    @extend_schema(request=SuppressionIn, responses={201: SuppressionOut})
    def create(self, request: Request) -> Response:
        given = SuppressionIn(data=request.data)
        given.is_valid(raise_exception=True)
        values = dict(given.validated_data)
        row = suppression.add(
            account_named(values.pop("account"), user_of(request)),
            by=user_of(request),
            at=timezone.now(),
            **values,
        )
        self.numbers.name(row.phone)
        return Response(self.get_serializer(row).data, status=status.HTTP_201_CREATED)

    @extend_schema(
        operation_id="suppressions_lift",
        parameters=[
            OpenApiParameter("account", str, required=True),
            OpenApiParameter("phone", str, required=True),
        ],
        responses={204: None},
    )
    def lift(self, request: Request) -> Response:
        """End the suppression of a number, named instead of the suppression's id."""
        names = request.query_params
        if not names.get("account") or not names.get("phone"):
            raise Invalid("phone", _("Give ?account= and ?phone=, or the suppression's id."))
        row = self.filter_queryset(self.get_queryset()).first()
        if row is None:
            raise NotFound
        return self._lift(row, request)

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, pk: str) -> Response:
        return self._lift(self.get_object(), request)

    def _lift(self, row: Suppression, request: Request) -> Response:
        suppression.lift(row, by=user_of(request), at=timezone.now())
        return Response(status=status.HTTP_204_NO_CONTENT)
