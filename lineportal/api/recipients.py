"""/api/v1/recipients/ and a person's eligibility."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework import mixins, serializers, status, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from lineportal.accounts import access
from lineportal.api.fields import Moment, PhoneFilter, account_named, user_of
from lineportal.api.ledger import LedgerActs, Proven, proof
from lineportal.api.numbers import PURPOSE, PhoneText, ShowsNumbers
from lineportal.api.privacy import PersonActs
from lineportal.api.proofs import InputOut, ReadingOut
from lineportal.api.resource import Resource
from lineportal.sending import audience
from recipients import intake
from recipients.intake import Invalid
from recipients.models import Recipient, Source
from templates_app.models import MessageTemplate


class RecipientOut(serializers.ModelSerializer[Recipient]):
    account = serializers.SlugRelatedField[Any](slug_field="slug", read_only=True)
    phone = PhoneText()
    reached_at = serializers.DateTimeField(
        source="reachability.reached_at",
        read_only=True,
        allow_null=True,
        default=None,
        help_text="When LINE last reported a delivery to them; it says nothing of consent.",
    )

    class Meta:
        model = Recipient
        fields = (
            "id", "account", "phone", "line_user_id", "consent", "consent_source",
            "consent_observed_at", "friend_status", "friend_source", "friend_observed_at",
            "reached_at", "attributes", "tags", "phone_since", "closed_at", "created_at",
            "updated_at",
        )  # fmt: skip


class RecipientChanges(Proven):
    phone = serializers.CharField(required=False, allow_null=True)
    line_user_id = serializers.CharField(required=False, allow_null=True)
    consent = serializers.CharField(required=False)
    friend_status = serializers.CharField(required=False)
    attributes = serializers.DictField(required=False)
    tags = serializers.ListField(
        child=serializers.CharField(), required=False, help_text="Replace the ones held."
    )
    observed_at = Moment(required=False, help_text="When consent and friend status were true.")

    def details(self) -> dict[str, Any]:
        """Return what was said, with the evidence read. Raises Invalid."""
        values = dict(self.validated_data)
        given = proof(values)
        values.pop("evidence_file", None)
        return {**values, "evidence": given}


class RecipientIn(RecipientChanges):
    account = serializers.CharField()


class EligibilityOut(serializers.Serializer[Any]):
    verdict = serializers.CharField()
    rule = serializers.CharField()
    reason = serializers.CharField()
    consent = serializers.CharField()
    friend_status = serializers.CharField()
    rules_version = serializers.CharField()
    at = serializers.DateTimeField()
    inputs = InputOut(many=True)
    reading = ReadingOut(many=True)


class RecipientFilter(PhoneFilter):
    class Meta:
        model = Recipient
        fields = ("account", "phone", "line_user_id", "consent", "friend_status")


@extend_schema_view(
    list=extend_schema(parameters=[PURPOSE]), retrieve=extend_schema(parameters=[PURPOSE])
)
class Recipients(
    LedgerActs,
    PersonActs,
    ShowsNumbers,
    Resource,
    mixins.ListModelMixin,
    mixins.RetrieveModelMixin,
    viewsets.GenericViewSet[Recipient],
):
    scope = "recipients"
    serializer_class = RecipientOut
    filterset_class = RecipientFilter
    lookup_value_regex = "[0-9]+"
    queryset = Recipient.objects.none()

    def get_queryset(self) -> QuerySet[Recipient]:
        user = user_of(self.request)
        access.require(user, "recipients.view_recipient")
        return access.limited(Recipient.objects.select_related("account", "reachability"), user)

    @extend_schema(request=RecipientIn, responses={201: RecipientOut})
    def create(self, request: Request) -> Response:
        given = RecipientIn(data=request.data)
        given.is_valid(raise_exception=True)
        values = given.details()
        account = account_named(values.pop("account"), user_of(request))
        recipient = intake.add(
            account,
            intake.Details(**values),
            by=user_of(request),
            at=timezone.now(),
            source=Source.API,
        )
        self.numbers.name(recipient.phone if values.get("phone") else None)
        return Response(self.get_serializer(recipient).data, status=status.HTTP_201_CREATED)

    @extend_schema(request=RecipientChanges, responses=RecipientOut)
    def partial_update(self, request: Request, pk: str) -> Response:
        given = RecipientChanges(data=request.data)
        given.is_valid(raise_exception=True)
        recipient = intake.change(
            self.get_object(),
            intake.Details(**given.details()),
            by=user_of(request),
            at=timezone.now(),
            source=Source.API,
        )
        self.numbers.name(recipient.phone if given.validated_data.get("phone") else None)
        return Response(self.get_serializer(recipient).data)

    @extend_schema(
        parameters=[OpenApiParameter("template", int, description="A template version's id")],
        responses=EligibilityOut,
    )
    @action(detail=True)
    def eligibility(self, request: Request, pk: str) -> Response:
        """The verdict with all that it rests on; without a template, of notifications at large."""
        recipient = self.get_object()
        name = request.query_params.get("template")
        template = _template(recipient, name) if name else None
        found = audience.explain(recipient, template, at=timezone.now())
        return Response(EligibilityOut(found).data)


def _template(recipient: Recipient, name: str) -> MessageTemplate:
    rows = MessageTemplate.objects.filter(account_id=recipient.account_id)
    by_key = rows.filter(key=name).order_by("-version")
    is_id = name.isdecimal() and len(name) < 20
    template = rows.filter(pk=int(name)).first() if is_id else by_key.first()
    if template is None:
        raise Invalid("template", _("The account has no template with this id."))
    return template
