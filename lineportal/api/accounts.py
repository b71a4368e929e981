"""/api/v1/accounts/: Official Accounts and their roads; credentials go in and never come out."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers, status, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from lineportal.accounts import access
from lineportal.accounts.models import OfficialAccount, Road
from lineportal.api.fields import body_of, user_of
from lineportal.api.resource import Resource
from lineportal.sending import checking, opening, roads, routing


class RoadOut(serializers.ModelSerializer[Road]):
    class Meta:
        model = Road
        fields = ("service", "provider", "sender", "api_base_url", "rate_per_second")


class AccountOut(serializers.ModelSerializer[OfficialAccount]):
    webhook_url = serializers.SerializerMethodField()
    webhook_urls = serializers.SerializerMethodField(
        help_text="The address to enter at each provider of the account, by its name."
    )
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
            "webhook_urls",
            "roads",
        )

    def get_webhook_url(self, account: OfficialAccount) -> str:
        return routing.webhook_url(account)

    def get_webhook_urls(self, account: OfficialAccount) -> dict[str, str]:
        return routing.webhook_urls(account)


class Secrets(serializers.DictField):
    """Credentials by name, as the provider has them."""

    child = serializers.CharField(trim_whitespace=False, allow_blank=True)


class RoadIn(serializers.Serializer[Any]):
    provider = serializers.CharField(max_length=20)
    service = serializers.CharField(max_length=3)
    api_base_url = serializers.CharField(required=False, default="", allow_blank=True)
    credentials = Secrets(required=False, default=dict, write_only=True)
    rate_per_second = serializers.IntegerField(required=False)


class AccountIn(RoadIn):
    slug = serializers.CharField(max_length=50)
    name = serializers.CharField(max_length=100)
    country = serializers.CharField(max_length=2)
    timezone = serializers.CharField(required=False, default="", allow_blank=True)
    service = serializers.CharField(required=False, default="", allow_blank=True)


class RoadChanges(serializers.Serializer[Any]):
    api_base_url = serializers.CharField(
        required=False, allow_blank=True, help_text="Blank: the provider's own address."
    )
    rate_per_second = serializers.IntegerField(required=False)


class CredentialsIn(serializers.Serializer[Any]):
    credentials = Secrets(
        write_only=True, help_text="Those left out stay as they are; a blank one is taken away."
    )


class CheckIn(serializers.Serializer[Any]):
    service = serializers.CharField(
        required=False, default="", allow_blank=True, help_text="Blank: both."
    )


class FindingOut(serializers.Serializer[Any]):
    name = serializers.CharField(help_text="What was looked at.")
    result = serializers.ChoiceField(choices=[each.value for each in checking.Result])
    sentence = serializers.CharField()
    service = serializers.CharField(help_text="Blank: the account as a whole.")
    provider = serializers.CharField()


class CheckOut(serializers.Serializer[Any]):
    checked_at = serializers.DateTimeField()
    bad = serializers.IntegerField(help_text="How many of the checks are bad.")
    checks = FindingOut(many=True)


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
        values = body_of(AccountIn, request)
        account = opening.open_account(
            given=values.pop("credentials"), at=timezone.now(), by=user_of(request), **values
        )
        return Response(AccountOut(account).data, status=status.HTTP_201_CREATED)

    @extend_schema(request=CheckIn, responses=CheckOut)
    @action(detail=True, methods=["post"])
    def check(self, request: Request, slug: str) -> Response:
        """Look whether the account is set up, here and at its providers; may take some seconds."""
        at, account = timezone.now(), self.get_object()
        service = body_of(CheckIn, request)["service"]
        found = checking.check(account, by=user_of(request), at=at, service=service)
        told = {"checked_at": at, "bad": checking.bad(found), "checks": found}
        return Response(CheckOut(told).data)

    @extend_schema(request=RoadIn, responses={201: RoadOut})
    @action(detail=True, methods=["post"], url_path="roads")
    def add_road(self, request: Request, slug: str) -> Response:
        """Give the account a road for its other service, by the same provider or another one."""
        values, account = body_of(RoadIn, request), self.get_object()
        road = roads.add(
            account,
            given=values.pop("credentials"),
            at=timezone.now(),
            by=user_of(request),
            **values,
        )
        return Response(RoadOut(road).data, status=status.HTTP_201_CREATED)

    @extend_schema(request=RoadChanges, responses=RoadOut)
    @action(detail=True, methods=["patch"], url_path="roads/(?P<service>[a-z]+)")
    def change_road(self, request: Request, slug: str, service: str) -> Response:
        """Change a road's pace, or its address at the provider."""
        road = roads.change(
            self.get_object(),
            service=service,
            at=timezone.now(),
            by=user_of(request),
            **body_of(RoadChanges, request),
        )
        return Response(RoadOut(road).data)

    @extend_schema(request=CredentialsIn, responses=RoadOut)
    @action(detail=True, methods=["post"], url_path="roads/(?P<service>[a-z]+)/credentials")
    def replace_credentials(self, request: Request, slug: str, service: str) -> Response:
        """Replace a road's credentials; webhooks of the old ones are taken for 72 hours more."""
        road = roads.replace_credentials(
            self.get_object(),
            service=service,
            given=body_of(CredentialsIn, request)["credentials"],
            at=timezone.now(),
            by=user_of(request),
        )
        return Response(RoadOut(road).data)
