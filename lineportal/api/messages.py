"""/api/v1/messages/: one message to one person, made once per Idempotency-Key."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import mixins, serializers, status, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from lineportal.accounts import access
from lineportal.api.fields import Moment, TemplateName, account_named, template_named, user_of
from lineportal.api.proofs import InputOut, ReadingOut
from lineportal.api.resource import Resource
from lineportal.sending import audience, history, messages, overdue, proofs, words
from lineportal.sending.models import Message
from lineportal.sending.statuses import Status


class MessageOut(serializers.ModelSerializer[Message]):
    template_version = serializers.IntegerField(source="template.version")
    reference = serializers.SerializerMethodField()
    overdue = serializers.SerializerMethodField()

    class Meta:
        model = Message
        fields = (
            "id", "campaign", "recipient", "item", "status", "verdict", "rule", "reference",
            "attempts", "template", "template_version", "queued_at", "accepted_at",
            "delivered_at", "expires_at", "overdue", "detail",
        )  # fmt: skip

    def get_overdue(self, message: Message) -> bool:
        """Undelivered for longer than its template allows; LINE may still deliver it."""
        return overdue.of(message, at=timezone.now())

    def get_reference(self, message: Message) -> str | None:
        """The delivery tag as LINE knows it; None for what was never to be sent."""
        return message.reference.hex if message.reference else None


class StepOut(serializers.Serializer[Any]):
    at = serializers.DateTimeField()
    what = serializers.CharField()
    detail = serializers.CharField()
    reference = serializers.CharField()
    http_status = serializers.IntegerField(allow_null=True)
    request_id = serializers.CharField()


class ProofOut(serializers.Serializer[Any]):
    """What a message was decided on, at its start or when the claim skipped it."""

    verdict = serializers.CharField()
    rule = serializers.CharField()
    reason = serializers.CharField()
    rules_version = serializers.CharField()
    decided_at = serializers.DateTimeField()
    inputs = InputOut(many=True)
    reading = ReadingOut(many=True)


class WordsOut(serializers.Serializer[Any]):
    """The exact words of a message, the version they are of, and who approved it."""

    template = serializers.IntegerField(source="template.pk")
    key = serializers.CharField(source="template.key")
    version = serializers.IntegerField(source="template.version")
    content_hash = serializers.CharField()
    current_hash = serializers.CharField(help_text="of the template's row, taken now")
    is_intact = serializers.BooleanField(help_text="the row holds what was approved")
    approved_by = serializers.CharField(source="template.approved_by.username")
    approved_at = serializers.DateTimeField(source="template.approved_at")
    audit_number = serializers.IntegerField(
        allow_null=True, help_text="of the audit entry of the approval"
    )
    line_reference = serializers.CharField(source="template.line_reference")
    line_decided_on = serializers.DateField(allow_null=True)
    revoked_at = serializers.DateTimeField(source="template.revoked_at", allow_null=True)
    body_sha256 = serializers.CharField(help_text="of the request that was sent; blank: none was")
    is_same_body = serializers.BooleanField(
        allow_null=True, help_text="whether the words make the very bytes that were sent"
    )
    words = serializers.JSONField(
        allow_null=True, help_text="LINE's message object with the values, phone numbers masked"
    )
    emptied = serializers.CharField(help_text="why there are no words: erased, dropped, incomplete")
    emptied_at = serializers.DateTimeField(allow_null=True)


class MessageIn(serializers.Serializer[Any]):
    account = serializers.CharField()
    template = TemplateName()
    phone = serializers.CharField(required=False, allow_null=True, default=None)
    line_user_id = serializers.CharField(required=False, allow_null=True, default=None)
    values = serializers.DictField(
        child=serializers.CharField(allow_blank=True), required=False, default=dict
    )
    not_after = Moment(required=False, default=None, allow_null=True)
    triggered_at = Moment(
        required=False,
        default=None,
        allow_null=True,
        help_text="When what it tells of happened; the account's policy may bar what is too old.",
    )


class MessageMade(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    status = serializers.CharField()
    verdict = serializers.CharField()
    template = serializers.IntegerField()
    template_version = serializers.IntegerField()


class Messages(Resource, mixins.RetrieveModelMixin, viewsets.GenericViewSet[Message]):
    scope = "messages"
    scopes_of = dict.fromkeys(
        ("retrieve", "history", "proof", "words"), ("messages", "campaigns", "reports")
    )
    serializer_class = MessageOut
    queryset = Message.objects.none()

    def get_queryset(self) -> QuerySet[Message]:
        user = user_of(self.request)
        access.require(user, "sending.view_message")
        return access.limited(Message.objects.select_related("template"), user)

    @extend_schema(responses=StepOut(many=True))
    @action(detail=True, pagination_class=None)
    def history(self, request: Request, pk: str) -> Response:
        """Every attempt, answer and event of the message, oldest first."""
        return Response(StepOut(history.of(self.get_object()), many=True).data)

    @extend_schema(responses=ProofOut)
    @action(detail=True)
    def proof(self, request: Request, pk: str) -> Response:
        """Why it was sent or not: what was held of the person then, and the rules as read."""
        message = self.get_object()
        inputs, reading = proofs.of_message(message)
        found = {
            "verdict": message.verdict,
            "rule": message.rule,
            "reason": audience.sentence(message.verdict, message.rule),
            "rules_version": message.rules_version,
            "decided_at": proofs.decided_at(message),
            "inputs": inputs,
            "reading": reading,
        }
        return Response(ProofOut(found).data)

    @extend_schema(responses=WordsOut)
    @action(detail=True)
    def words(self, request: Request, pk: str) -> Response:
        """The exact words, this version, this hash, approved by whom, LINE's reference."""
        return Response(WordsOut(words.of(self.get_object())).data)

    @extend_schema(
        request=MessageIn,
        parameters=[
            OpenApiParameter("Idempotency-Key", str, OpenApiParameter.HEADER, required=True)
        ],
        responses={202: MessageMade},
    )
    def create(self, request: Request) -> Response:
        given = MessageIn(data=request.data)
        given.is_valid(raise_exception=True)
        values = given.validated_data
        user = user_of(request)
        account = account_named(values["account"], user)
        key = request.headers.get("Idempotency-Key", "")
        # A repeat answers the first result, even when the template has been revoked since.
        if earlier := messages.earlier(account, key=key, body=request.data, by=user):
            return _answer(earlier)
        message = messages.request(
            account,
            template=template_named(account, values["template"]),
            phone=values["phone"],
            line_user_id=values["line_user_id"],
            values=values["values"],
            not_after=values["not_after"],
            triggered_at=values["triggered_at"],
            key=key,
            body=request.data,
            by=user,
            at=timezone.now(),
        )
        return _answer(message)


def _answer(message: Message) -> Response:
    """Return the answer to the request that made the message, at any repeat as at first.

    `messages/{id}/` tells what has become of it since.
    """
    if message.reference is None:  # excluded when it was asked for
        return Response(
            {
                "error": "excluded",
                "detail": _("Nothing is sent. %s") % audience.sentence("excluded", message.rule),
                "verdict": message.verdict,
                "rule": message.rule,
                "id": message.pk,
            },
            status=status.HTTP_422_UNPROCESSABLE_ENTITY,
        )
    was_late = message.not_after is not None and message.not_after <= message.queued_at
    first = {
        "id": message.pk,
        "status": Status.CANCELLED if was_late else Status.QUEUED,
        "verdict": message.verdict,
        "template": message.template_id,
        "template_version": message.template.version,
    }
    return Response(MessageMade(first).data, status=status.HTTP_202_ACCEPTED)
