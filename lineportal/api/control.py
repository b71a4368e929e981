"""/api/v1/stops/ and /api/v1/accounts/{slug}/policy/: what holds sending back."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers, status, viewsets
from rest_framework.request import Request
from rest_framework.response import Response

from lineportal.accounts import access
from lineportal.accounts.models import OfficialAccount
from lineportal.api.fields import account_named, user_of
from lineportal.api.resource import Resource
from lineportal.sending import policies, stops
from lineportal.sending.models import Policy, Stop


class StopOut(serializers.ModelSerializer[Stop]):
    account = serializers.SlugRelatedField[Any](
        slug_field="slug", read_only=True, help_text="null: the whole site"
    )

    class Meta:
        model = Stop
        fields = ("id", "account", "reason", "stopped_at", "lifted_at")


class StopIn(serializers.Serializer[Any]):
    account = serializers.CharField(
        required=False, allow_null=True, default=None, help_text="null: the whole site"
    )
    reason = serializers.CharField(max_length=stops.REASON_LIMIT)


class Stops(Resource, mixins.ListModelMixin, viewsets.GenericViewSet[Stop]):
    """Stop switches: POST throws one, DELETE lifts it; GET lists those that were ever thrown."""

    scope = "campaigns"
    serializer_class = StopOut
    queryset = Stop.objects.none()

    def get_queryset(self) -> QuerySet[Stop]:
        user = user_of(self.request)
        access.require(user, "sending.view_campaign")
        return stops.seen_by(user).select_related("account")

    @extend_schema(request=StopIn, responses={201: StopOut})
    def create(self, request: Request) -> Response:
        given = StopIn(data=request.data)
        given.is_valid(raise_exception=True)
        user, slug = user_of(request), given.validated_data["account"]
        made = stops.stop(
            account_named(slug, user) if slug else None,
            by=user,
            at=timezone.now(),
            reason=given.validated_data["reason"],
        )
        return Response(StopOut(made).data, status=status.HTTP_201_CREATED)

    @extend_schema(responses=StopOut)
    def destroy(self, request: Request, pk: str) -> Response:
        lifted = stops.lift(self.get_object().pk, by=user_of(request), at=timezone.now())
        return Response(StopOut(lifted).data)


class PolicyOut(serializers.ModelSerializer[Policy]):
    class Meta:
        model = Policy
        fields = policies.FIELDS


class PolicyIn(serializers.Serializer[Any]):
    canary_size = serializers.IntegerField(required=False, allow_null=True)
    second_key_above = serializers.IntegerField(required=False, allow_null=True)
    cap_messages = serializers.IntegerField(
        required=False, allow_null=True, help_text="At most so many to one person; null: off."
    )
    cap_days = serializers.IntegerField(required=False)
    marketing_cap_messages = serializers.IntegerField(required=False, allow_null=True)
    marketing_cap_days = serializers.IntegerField(required=False)
    cooling_off_days = serializers.IntegerField(
        required=False, allow_null=True, help_text="After LINE refused a person; null: off."
    )
    trigger_minutes = serializers.IntegerField(
        required=False, allow_null=True, help_text="The oldest trigger that is told; null: off."
    )
    link_days = serializers.IntegerField(
        required=False, help_text="So long a number's link to a LINE user is sent by."
    )
    refused_percent = serializers.IntegerField(required=False)
    uncertain_percent = serializers.IntegerField(required=False)
    count_tolerance = serializers.IntegerField(
        required=False, help_text="How many messages a day's count may be off; 0: none."
    )
    count_tolerance_percent = serializers.IntegerField(
        required=False, help_text="Or this share of the provider's count, if that is more."
    )
    windows = serializers.JSONField(
        required=False,
        help_text="By category, null for any time: {“marketing”: {“from”: “09:00”, “to”: “21:00”,"
        " “weekdays”: [“mon”], “on_holidays”: false, “closed_on”: [“2026-12-31”]}}",
    )


class Policies(Resource, viewsets.GenericViewSet[OfficialAccount]):
    scope = "accounts"
    lookup_field = "slug"
    queryset = OfficialAccount.objects.none()

    @extend_schema(responses=PolicyOut)
    def retrieve(self, request: Request, slug: str) -> Response:
        user = user_of(request)
        access.require(user, "accounts.view_officialaccount")
        account = get_object_or_404(access.accounts_of(user), slug=slug)
        return Response(PolicyOut(policies.of(account.pk)).data)

    @extend_schema(request=PolicyIn, responses=PolicyOut)
    def partial_update(self, request: Request, slug: str) -> Response:
        given = PolicyIn(data=request.data)
        given.is_valid(raise_exception=True)
        user = user_of(request)
        account = get_object_or_404(access.accounts_of(user), slug=slug)
        changed = policies.change(account, by=user, at=timezone.now(), changes=given.validated_data)
        return Response(PolicyOut(changed).data)
