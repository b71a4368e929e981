"""/api/v1/messages/: one message to one person, made once per Idempotency-Key."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import mixins, serializers, status, viewsets
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response

from lineportal.accounts import access
from lineportal.api.auth import HasScope
from lineportal.api.fields import TemplateName, account_named, template_named, user_of
from lineportal.sending import audience, messages
from lineportal.sending.models import Message
from lineportal.sending.statuses import Verdict


class MessageOut(serializers.ModelSerializer[Message]):
    template_version = serializers.IntegerField(source="template.version")
    reference = serializers.SerializerMethodField()

    class Meta:
        model = Message
        fields = (
            "id", "campaign", "recipient", "item", "status", "verdict", "rule", "reference",
            "attempts", "template", "template_version", "queued_at", "accepted_at",
            "delivered_at", "expires_at", "detail",
        )  # fmt: skip

    def get_reference(self, message: Message) -> str | None:
        """The delivery tag as LINE knows it; None for what was never to be sent."""
        return message.reference.hex if message.reference else None


class MessageIn(serializers.Serializer[Any]):
    account = serializers.CharField()
    template = TemplateName()
    phone = serializers.CharField(required=False, allow_null=True, default=None)
    line_user_id = serializers.CharField(required=False, allow_null=True, default=None)
    values = serializers.DictField(child=serializers.CharField(), required=False, default=dict)
    not_after = serializers.DateTimeField(required=False, default=None, allow_null=True)


class Messages(mixins.RetrieveModelMixin, viewsets.GenericViewSet[Message]):
    permission_classes = (IsAuthenticated, HasScope)
    scope = "messages"
    serializer_class = MessageOut
    queryset = Message.objects.none()

    def get_queryset(self) -> QuerySet[Message]:
        user = user_of(self.request)
        access.require(user, "sending.view_message")
        return access.limited(Message.objects.select_related("template"), user)

    @extend_schema(
        request=MessageIn,
        parameters=[
            OpenApiParameter("Idempotency-Key", str, OpenApiParameter.HEADER, required=True)
        ],
        responses={202: MessageOut},
    )
    def create(self, request: Request) -> Response:
        given = MessageIn(data=request.data)
        given.is_valid(raise_exception=True)
        values = given.validated_data
        user = user_of(request)
        account = account_named(values["account"], user)
        message = messages.request(
            account,
            template=template_named(account, values["template"]),
            phone=values["phone"],
            line_user_id=values["line_user_id"],
            values=values["values"],
            not_after=values["not_after"],
            key=request.headers.get("Idempotency-Key", ""),
            body=request.data,
            by=user,
            at=timezone.now(),
        )
        if message.verdict == Verdict.EXCLUDED:
            return Response(
                {
                    "error": "excluded",
                    "detail": _("Nothing is sent. %s")
                    % audience.sentence("excluded", message.rule),
                    "verdict": message.verdict,
                    "rule": message.rule,
                    "id": message.pk,
                },
                status=status.HTTP_422_UNPROCESSABLE_ENTITY,
            )
        return Response(
            {
                "id": message.pk,
                "status": message.status,
                "verdict": message.verdict,
                "template": message.template_id,
                "template_version": message.template.version,
            },
            status=status.HTTP_202_ACCEPTED,
        )
