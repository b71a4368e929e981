"""/api/v1/accounts/{slug}/forwarding/: webhooks passed on to a bot that the company has already."""

from __future__ import annotations

from typing import Any

from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers, viewsets
from rest_framework.request import Request
from rest_framework.response import Response

from lineportal.accounts import access
from lineportal.accounts.models import OfficialAccount
from lineportal.api.fields import user_of
from lineportal.api.resource import Resource
from lineportal.sending import bot_address, forwarding
from lineportal.sending.models import BotAnswer, Forwarding

PROVIDER = OpenApiParameter(
    "provider",
    str,
    description="Whose webhooks; LINE, or the account's first provider, when left out.",
)


class ForwardingOut(serializers.Serializer[Any]):
    provider = serializers.CharField()
    url = serializers.CharField(
        help_text="Without its query for keys whose user may not change it; blank: none was set."
    )
    is_on = serializers.BooleanField()
    waiting = serializers.IntegerField(help_text="Webhooks that are still to be passed on.")
    oldest_waiting_at = serializers.DateTimeField(allow_null=True)
    given_up = serializers.IntegerField(
        help_text="Webhooks of the last 30 days that were not taken within 24 hours."
    )
    last_tried_at = serializers.DateTimeField(allow_null=True)
    last_answer = serializers.ChoiceField(choices=["", *BotAnswer.values])
    last_http_status = serializers.IntegerField(allow_null=True)
    last_taken_at = serializers.DateTimeField(allow_null=True)
    rests_until = serializers.DateTimeField(
        allow_null=True, help_text="The bot fails; it is tried again then."
    )


class ForwardingIn(serializers.Serializer[Any]):
    url = serializers.CharField(max_length=bot_address.LIMIT, trim_whitespace=True)
    provider = serializers.CharField(required=False, default="", allow_blank=True)


class Forwardings(Resource, viewsets.GenericViewSet[OfficialAccount]):
    """PUT passes webhooks on to an address, DELETE stops that and drops what waits."""

    scope = "accounts"
    lookup_field = "slug"
    queryset = OfficialAccount.objects.none()
    serializer_class = ForwardingOut

    @extend_schema(parameters=[PROVIDER], responses=ForwardingOut)
    def retrieve(self, request: Request, slug: str) -> Response:
        access.require(user_of(request), "accounts.view_officialaccount")
        account = self._account(request, slug)
        return self._answer(request, forwarding.of(account, _provider(request)))

    @extend_schema(request=ForwardingIn, responses=ForwardingOut)
    def update(self, request: Request, slug: str) -> Response:
        given = ForwardingIn(data=request.data)
        given.is_valid(raise_exception=True)
        made = forwarding.pass_on(
            self._account(request, slug),
            url=given.validated_data["url"],
            provider=given.validated_data["provider"],
            by=user_of(request),
            at=timezone.now(),
        )
        return self._answer(request, made)

    @extend_schema(parameters=[PROVIDER], responses=ForwardingOut)
    def destroy(self, request: Request, slug: str) -> Response:
        stopped = forwarding.stop(
            self._account(request, slug),
            provider=_provider(request),
            by=user_of(request),
            at=timezone.now(),
        )
        return self._answer(request, stopped)

    def _account(self, request: Request, slug: str) -> OfficialAccount:
        found: OfficialAccount = get_object_or_404(access.accounts_of(user_of(request)), slug=slug)
        return found

    def _answer(self, request: Request, kept: Forwarding) -> Response:
        at = timezone.now()
        figures = forwarding.figures(kept, at=at)
        rests = forwarding.rests_for(kept, at=at)
        return Response(
            ForwardingOut(
                {
                    "provider": kept.provider,
                    "url": forwarding.shown_url(kept, request.user),
                    "is_on": kept.is_on,
                    "waiting": figures.waiting,
                    "oldest_waiting_at": figures.oldest_at,
                    "given_up": figures.given_up,
                    "last_tried_at": kept.tried_at,
                    "last_answer": kept.answer,
                    "last_http_status": kept.http_status,
                    "last_taken_at": kept.taken_at,
                    "rests_until": kept.rests_until if rests else None,
                }
            ).data
        )


def _provider(request: Request) -> str:
    return request.query_params.get("provider", "")
