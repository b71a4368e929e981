"""/api/v1/accounts/{slug}/retention/: how long each kind of personal data is kept."""

from __future__ import annotations

from typing import Any

from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, viewsets
from rest_framework.request import Request
from rest_framework.response import Response

from lineportal.accounts import access
from lineportal.accounts.models import OfficialAccount
from lineportal.api.fields import user_of
from lineportal.api.resource import Resource
from lineportal.sending import retention
from lineportal.sending.models import Retention


class RetentionOut(serializers.ModelSerializer[Retention]):
    class Meta:
        model = Retention
        fields = retention.FIELDS


class RetentionIn(serializers.Serializer[Any]):
    """Days; null keeps it for good."""

    message_values_days = serializers.IntegerField(required=False, allow_null=True)
    webhook_bodies_days = serializers.IntegerField(required=False, allow_null=True)
    import_files_days = serializers.IntegerField(required=False, allow_null=True)
    refused_rows_days = serializers.IntegerField(required=False, allow_null=True)
    delivery_events_days = serializers.IntegerField(required=False, allow_null=True)
    conversation_days = serializers.IntegerField(required=False, allow_null=True)
    media_days = serializers.IntegerField(required=False, allow_null=True)


class Retentions(Resource, viewsets.GenericViewSet[OfficialAccount]):
    scope = "accounts"
    lookup_field = "slug"
    queryset = OfficialAccount.objects.none()

    @extend_schema(responses=RetentionOut)
    def retrieve(self, request: Request, slug: str) -> Response:
        user = user_of(request)
        access.require(user, "accounts.view_officialaccount")
        account = get_object_or_404(access.accounts_of(user), slug=slug)
        return Response(RetentionOut(retention.of(account.pk)).data)

    @extend_schema(request=RetentionIn, responses=RetentionOut)
    def partial_update(self, request: Request, slug: str) -> Response:
        given = RetentionIn(data=request.data)
        given.is_valid(raise_exception=True)
        user = user_of(request)
        account = get_object_or_404(access.accounts_of(user), slug=slug)
        kept = retention.change(account, by=user, at=timezone.now(), changes=given.validated_data)
        return Response(RetentionOut(kept).data)
