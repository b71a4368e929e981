"""/api/v1/links/: which number is which LINE user's, and codes for customers."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers, status, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from lineportal.accounts import access
from lineportal.api.fields import Moment, account_named, user_of
from lineportal.api.resource import Resource
from lineportal.conversations import linking as talks
from lineportal.sending import policies
from recipients import intake, link_codes, link_files, linking
from recipients.models import Link, LinkConflict, Recipient, Source


class LinkOut(serializers.ModelSerializer[Link]):
    account = serializers.SlugRelatedField[Any](slug_field="slug", read_only=True)
    is_stale = serializers.SerializerMethodField(
        help_text="Too old to be sent by, by the account's policy, until confirmed again."
    )

    class Meta:
        model = Link
        fields = (
            "id", "account", "phone_recipient", "user_recipient", "linked_at", "confirmed_at",
            "source", "is_stale", "ended_at", "end_reason",
        )  # fmt: skip

    def get_is_stale(self, link: Link) -> bool:
        kept: dict[int, int] = self.context["link_days"]
        if link.account_id not in kept:
            kept[link.account_id] = policies.of(link.account_id).link_days
        return linking.is_stale(link, at=timezone.now(), days=kept[link.account_id])


class LinkConflictOut(serializers.ModelSerializer[LinkConflict]):
    account = serializers.SlugRelatedField[Any](slug_field="slug", read_only=True)

    class Meta:
        model = LinkConflict
        fields = (
            "id", "account", "phone_recipient", "user_recipient", "source", "arose_at",
            "settled_at", "is_linked",
        )  # fmt: skip


class LinkIn(serializers.Serializer[Any]):
    account = serializers.CharField()
    phone = serializers.CharField()
    line_user_id = serializers.CharField()
    linked_at = Moment(required=False, default=None, allow_null=True)
    evidence = serializers.CharField(required=False, default="", allow_blank=True, max_length=200)


class LinkCodeIn(serializers.Serializer[Any]):
    account = serializers.CharField()
    phone = serializers.CharField()


class LinkCodeOut(serializers.Serializer[Any]):
    code = serializers.CharField(help_text="Given this once; we keep a digest.")
    url = serializers.CharField(help_text="Where the customer reads how to go on.")
    expires_at = serializers.DateTimeField()


class Links(
    Resource,
    mixins.ListModelMixin,
    mixins.RetrieveModelMixin,
    viewsets.GenericViewSet[Link],
):
    scope = "recipients"
    serializer_class = LinkOut
    filterset_fields = ("account__slug", "phone_recipient", "user_recipient")
    lookup_value_regex = "[0-9]+"
    queryset = Link.objects.none()

    def get_queryset(self) -> QuerySet[Link]:
        user = user_of(self.request)
        access.require(user, linking.VIEW)
        return access.limited(Link.objects.select_related("account"), user)

    def get_serializer_context(self) -> dict[str, Any]:
        return {**super().get_serializer_context(), "link_days": {}}

    @extend_schema(request=LinkIn, responses={201: LinkOut})
    def create(self, request: Request) -> Response:
        """Link a number and a LINE user; the same again confirms it."""
        given = LinkIn(data=request.data)
        given.is_valid(raise_exception=True)
        values = given.validated_data
        user, at = user_of(request), timezone.now()
        account = account_named(values["account"], user)
        access.require(user, linking.KEEP, account)
        with transaction.atomic():
            people = link_files.pair(account, values["phone"], values["line_user_id"], at=at)
            made = linking.link(
                *people, at=at, by=user, source=Source.API, evidence=values["evidence"],
                linked_at=values["linked_at"],
            )  # fmt: skip
        return Response(self.get_serializer(made).data, status=status.HTTP_201_CREATED)

    @extend_schema(request=None, responses=LinkOut)
    @action(detail=True, methods=["post"])
    def end(self, request: Request, pk: str) -> Response:
        """End the link; both people keep what is held of them."""
        ended = linking.end(self.get_object(), at=timezone.now(), by=user_of(request))
        return Response(self.get_serializer(ended).data)

    @extend_schema(request=None, responses=LinkOut)
    @action(detail=True, methods=["post"])
    def confirm(self, request: Request, pk: str) -> Response:
        """Say that the link is still right, which makes it young again."""
        kept = linking.confirm(self.get_object(), at=timezone.now(), by=user_of(request))
        return Response(self.get_serializer(kept).data)

    @extend_schema(request=LinkCodeIn, responses={201: LinkCodeOut})
    @action(detail=False, methods=["post"])
    def codes(self, request: Request) -> Response:
        """Make a code for a customer whom you know to own the number; an earlier one is void."""
        given = LinkCodeIn(data=request.data)
        given.is_valid(raise_exception=True)
        user, at = user_of(request), timezone.now()
        account = account_named(given.validated_data["account"], user)
        access.require(user, linking.KEEP, account)
        number = intake.read_phone(account, given.validated_data["phone"])
        person = Recipient.objects.filter(account=account, phone=number.e164).first()
        if person is None:
            raise intake.Invalid("phone", _("We hold nobody with this number; add them first."))
        issued = link_codes.issue(person, at=at, by=user)
        answer = {
            "code": issued.shown,
            "url": talks.address(account),
            "expires_at": issued.row.expires_at,
        }
        response = Response(LinkCodeOut(answer).data, status=status.HTTP_201_CREATED)
        response["Cache-Control"] = "no-store"
        return response


class LinkConflicts(Resource, mixins.ListModelMixin, viewsets.GenericViewSet[LinkConflict]):
    """What was proven in the chat while another link stands; people decide it in the console."""

    scope = "recipients"
    serializer_class = LinkConflictOut
    filterset_fields: ClassVar = {"account__slug": ["exact"], "settled_at": ["isnull"]}
    queryset = LinkConflict.objects.none()

    def get_queryset(self) -> QuerySet[LinkConflict]:
        user = user_of(self.request)
        access.require(user, linking.VIEW_CONFLICT)
        return access.limited(LinkConflict.objects.select_related("account"), user)
