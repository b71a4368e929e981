"""/api/v1/accounts/{slug}/friends/: growth and blocks by the day; sync/: asked of LINE."""

from __future__ import annotations

from typing import Any

from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status, viewsets
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from lineportal.accounts import access
from lineportal.accounts.models import OfficialAccount
from lineportal.api.fields import user_of
from lineportal.api.resource import Resource
from lineportal.sending import followers, friend_counts, friend_figures
from lineportal.sending.models import FriendSync


class FriendDayOut(serializers.Serializer[Any]):
    day = serializers.DateField(help_text="Of the account's time zone.")
    friends = serializers.IntegerField(help_text="At the end of the day.")
    blockers = serializers.IntegerField(help_text="At the end of the day.")
    new = serializers.IntegerField()
    unblocked = serializers.IntegerField()
    blocked = serializers.IntegerField(help_text="Strangers who blocked too.")
    left = serializers.IntegerField(help_text="No friends any more, without having blocked.")
    net = serializers.IntegerField()


class LineDayOut(serializers.Serializer[Any]):
    day = serializers.DateField(help_text="Of LINE's, which is UTC+9's.")
    followers = serializers.IntegerField(help_text="Ever; those who blocked or left LINE too.")
    targeted_reaches = serializers.IntegerField()
    blocks = serializers.IntegerField()
    friends = serializers.IntegerField(help_text="Followers without those who block.")
    our_friends = serializers.IntegerField()
    our_blockers = serializers.IntegerField()
    friends_difference = serializers.IntegerField(help_text="Ours less LINE's.")
    blocks_difference = serializers.IntegerField(help_text="Ours less LINE's.")
    meaning = serializers.CharField()


class FriendsOut(serializers.Serializer[Any]):
    friends = serializers.IntegerField()
    blockers = serializers.IntegerField()
    block_percent = serializers.FloatField(allow_null=True)
    days = FriendDayOut(many=True)
    line_counts = LineDayOut(many=True, help_text="The days that LINE counted, the newest first.")


class FriendsIn(serializers.Serializer[Any]):
    days = serializers.IntegerField(
        required=False, default=30, min_value=1, max_value=friend_figures.MOST_DAYS
    )


class FriendSyncOut(serializers.ModelSerializer[FriendSync]):
    class Meta:
        model = FriendSync
        fields = (
            "id", "state", "started_at", "pages", "seen", "created", "changed", "unlisted",
            "problem", "finished_at",
        )  # fmt: skip
        read_only_fields = fields


class FriendSyncIn(serializers.Serializer[Any]):
    restart = serializers.BooleanField(required=False, default=False)


class FriendSyncs(Resource, viewsets.GenericViewSet[FriendSync]):
    """POST begins a listing, or takes up the one that stopped; GET tells how the last one goes."""

    scope = "recipients"
    lookup_field = "slug"
    queryset = FriendSync.objects.none()
    serializer_class = FriendSyncOut

    @extend_schema(parameters=[FriendsIn], responses=FriendsOut)
    def figures(self, request: Request, slug: str) -> Response:
        """Friends, new ones and blocks of the last days, today included."""
        access.require(user_of(request), "recipients.view_recipient")
        given = FriendsIn(data=request.query_params)
        given.is_valid(raise_exception=True)
        account = self._account(request, slug)
        told = friend_figures.of(account, days=given.validated_data["days"], at=timezone.now())
        shown = {
            "friends": told.friends,
            "blockers": told.blockers,
            "block_percent": told.block_percent,
            "days": told.days,
            "line_counts": friend_counts.beside(account, told),
        }
        return Response(FriendsOut(shown).data)

    @extend_schema(responses=FriendSyncOut)
    def retrieve(self, request: Request, slug: str) -> Response:
        access.require(user_of(request), "recipients.view_recipient")
        runs = FriendSync.objects.filter(account=self._account(request, slug))
        last = runs.order_by("-pk").first()
        if last is None:
            raise NotFound
        return Response(FriendSyncOut(last).data)

    @extend_schema(request=FriendSyncIn, responses={202: FriendSyncOut})
    def create(self, request: Request, slug: str) -> Response:
        given = FriendSyncIn(data=request.data)
        given.is_valid(raise_exception=True)
        sync = followers.begin(
            self._account(request, slug),
            by=user_of(request),
            at=timezone.now(),
            restart=given.validated_data["restart"],
        )
        return Response(FriendSyncOut(sync).data, status=status.HTTP_202_ACCEPTED)

    def _account(self, request: Request, slug: str) -> OfficialAccount:
        found: OfficialAccount = get_object_or_404(access.accounts_of(user_of(request)), slug=slug)
        return found
