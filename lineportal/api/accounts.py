"""/api/v1/accounts/: Official Accounts and their roads; credentials go in and never come out."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers, status, viewsets
from rest_framework.request import Request
from rest_framework.response import Response

from lineportal.accounts import access
from lineportal.accounts.models import OfficialAccount, Road
from lineportal.api.fields import user_of
from lineportal.api.resource import Resource
from lineportal.sending import opening, routing


class RoadOut(serializers.ModelSerializer[Road]):
    class Meta:
        model = Road
        fields = ("service", "provider", "sender", "api_base_url", "rate_per_second")


class AccountOut(serializers.ModelSerializer[OfficialAccount]):
    webhook_url = serializers.SerializerMethodField()
    roads = RoadOut(many=True, read_only=True)

    class Meta:
        model = OfficialAccount
        fields = (
            "slug",
            "name",
            "country",
            "timezone",
            "is_active",
            "webhook_url",
            "roads",
        )

    def get_webhook_url(self, account: OfficialAccount) -> str:
        return routing.webhook_url(account)


class AccountIn(serializers.Serializer[Any]):
    slug = serializers.CharField(max_length=50)
    name = serializers.CharField(max_length=100)
    country = serializers.CharField(max_length=2)
    timezone = serializers.CharField(required=False, default="", allow_blank=True)
    provider = serializers.CharField(max_length=20)
    service = serializers.CharField(required=False, default="", allow_blank=True)
    api_base_url = serializers.CharField(required=False, default="", allow_blank=True)
    credentials = serializers.DictField(
        child=serializers.CharField(trim_whitespace=False),
        required=False,
        default=dict,
        write_only=True,
    )
    rate_per_second = serializers.IntegerField(required=False)


class Accounts(
    Resource,
    mixins.ListModelMixin,
    mixins.RetrieveModelMixin,
    viewsets.GenericViewSet[OfficialAccount],
):
    scope = "accounts"
    serializer_class = AccountOut
    lookup_field = "slug"
    queryset = OfficialAccount.objects.none()

    def get_queryset(self) -> QuerySet[OfficialAccount]:
        access.require(user_of(self.request), "accounts.view_officialaccount")
        return access.accounts_of(user_of(self.request)).prefetch_related("roads")

    @extend_schema(request=AccountIn, responses={201: AccountOut})
    def create(self, request: Request) -> Response:
        given = AccountIn(data=request.data)
        given.is_valid(raise_exception=True)
        values = given.validated_data
        account = opening.open_account(
            slug=values["slug"],
            name=values["name"],
            country=values["country"],
            timezone=values["timezone"],
            provider=values["provider"],
            service=values["service"],
            api_base_url=values["api_base_url"],
            rate_per_second=values.get("rate_per_second"),
            given=values["credentials"],
            at=timezone.now(),
            by=user_of(request),
        )
        return Response(AccountOut(account).data, status=status.HTTP_201_CREATED)
