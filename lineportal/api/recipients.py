"""/api/v1/recipients/ with imports and eligibility, and /api/v1/suppressions/."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import django_filters
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import mixins, serializers, status, viewsets
from rest_framework.decorators import action
from rest_framework.exceptions import NotFound
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from lineportal.accounts import access
from lineportal.accounts.models import OfficialAccount
from lineportal.api.fields import Moment, account_named, user_of
from lineportal.api.parsers import BODY_LIMIT, TooLarge
from lineportal.api.resource import Resource
from lineportal.sending import audience, lanes
from recipients import eligibility, imports, intake, phones, suppression
from recipients.intake import Invalid
from recipients.models import Recipient, RecipientImport, Source, Suppression
from templates_app.models import MessageTemplate


class RecipientOut(serializers.ModelSerializer[Recipient]):
    account = serializers.SlugRelatedField[Any](slug_field="slug", read_only=True)

    class Meta:
        model = Recipient
        fields = (
            "id", "account", "phone", "line_user_id", "consent", "consent_source",
            "consent_observed_at", "friend_status", "friend_source", "friend_observed_at",
            "attributes", "created_at", "updated_at",
        )  # fmt: skip


class RecipientChanges(serializers.Serializer[Any]):
    phone = serializers.CharField(required=False, allow_null=True)
    line_user_id = serializers.CharField(required=False, allow_null=True)
    consent = serializers.CharField(required=False)
    friend_status = serializers.CharField(required=False)
    attributes = serializers.DictField(required=False)
    observed_at = Moment(required=False, help_text="When consent and friend status were true.")


class RecipientIn(RecipientChanges):
    account = serializers.CharField()


class EligibilityOut(serializers.Serializer[Any]):
    verdict = serializers.CharField()
    rule = serializers.CharField()
    reason = serializers.CharField()
    consent = serializers.CharField()
    friend_status = serializers.CharField()
    rules_version = serializers.CharField()


class PhoneFilter(django_filters.FilterSet):
    """Rows of an account and of a phone, which is read as of the account's country."""

    account = django_filters.CharFilter("account__slug")
    phone = django_filters.CharFilter(method="with_phone")

    def with_phone(self, rows: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        slug = self.data.get("account", "")
        account = OfficialAccount.objects.filter(slug=slug).first()
        try:
            number = phones.read(value, country=account.country if account else "TH")
        except phones.UnreadablePhone as error:
            raise Invalid("phone", _("Not understood: %s.") % error) from error
        return rows.filter(phone=number.e164)


class RecipientFilter(PhoneFilter):
    class Meta:
        model = Recipient
        fields = ("account", "phone", "line_user_id", "consent", "friend_status")


class SuppressionFilter(PhoneFilter):
    class Meta:
        model = Suppression
        fields = ("account", "phone")


class Recipients(
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
        return access.limited(Recipient.objects.select_related("account"), user)

    @extend_schema(request=RecipientIn, responses={201: RecipientOut})
    def create(self, request: Request) -> Response:
        given = RecipientIn(data=request.data)
        given.is_valid(raise_exception=True)
        values = dict(given.validated_data)
        account = account_named(values.pop("account"), user_of(request))
        recipient = intake.add(
            account,
            intake.Details(**values),
            by=user_of(request),
            at=timezone.now(),
            source=Source.API,
        )
        return Response(RecipientOut(recipient).data, status=status.HTTP_201_CREATED)

    @extend_schema(request=RecipientChanges, responses=RecipientOut)
    def partial_update(self, request: Request, pk: str) -> Response:
        given = RecipientChanges(data=request.data)
        given.is_valid(raise_exception=True)
        recipient = intake.change(
            self.get_object(),
            intake.Details(**given.validated_data),
            by=user_of(request),
            at=timezone.now(),
            source=Source.API,
        )
        return Response(RecipientOut(recipient).data)

    @extend_schema(
        parameters=[OpenApiParameter("template", int, description="A template version's id")],
        responses=EligibilityOut,
    )
    @action(detail=True)
    def eligibility(self, request: Request, pk: str) -> Response:
        recipient = self.get_object()
        at = timezone.now()
        name = request.query_params.get("template")
        if name:
            template = _template(recipient, name)
            found = audience.explain(recipient, template, at=at)
            verdict, rule = found.verdict, found.rule
        else:
            asked = eligibility.Asked("lon", "transactional", at)
            verdict, rule = eligibility.verdict(recipient, asked)
        return Response(
            {
                "verdict": verdict,
                "rule": rule,
                "reason": audience.sentence(verdict, rule),
                "consent": recipient.consent,
                "friend_status": recipient.friend_status,
                "rules_version": eligibility.VERSION,
            }
        )


class ImportOut(serializers.ModelSerializer[RecipientImport]):
    errors = serializers.SerializerMethodField()  # type: ignore[assignment]  # the contract's name

    class Meta:
        model = RecipientImport
        fields = (
            "id", "state", "rows", "created", "updated", "unchanged", "refused", "problem",
            "encoding", "errors",
        )  # fmt: skip

    def get_errors(self, job: RecipientImport) -> list[dict[str, Any]]:
        rows = job.refusals.order_by("row").values("row", "column", "reason")
        return [dict(row) for row in rows]


class ImportIn(serializers.Serializer[Any]):
    file = serializers.FileField(allow_empty_file=True)
    account = serializers.CharField()
    as_of = serializers.CharField(required=False, default="", allow_blank=True)
    source = serializers.CharField(required=False, default="", allow_blank=True)  # type: ignore[assignment]


class ImportMade(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    state = serializers.ChoiceField(choices=RecipientImport.State.choices)


class Imports(Resource, mixins.RetrieveModelMixin, viewsets.GenericViewSet[RecipientImport]):
    scope = "recipients"
    parser_classes = (MultiPartParser,)
    serializer_class = ImportOut
    queryset = RecipientImport.objects.none()

    def get_queryset(self) -> QuerySet[RecipientImport]:
        user = user_of(self.request)
        access.require(user, "recipients.view_recipientimport")
        return access.limited(RecipientImport.objects.defer("file"), user)

    @extend_schema(request={"multipart/form-data": ImportIn}, responses={202: ImportMade})
    def create(self, request: Request) -> Response:
        if int(request.META.get("CONTENT_LENGTH") or 0) > imports.FILE_LIMIT + BODY_LIMIT:
            raise TooLarge(_("The file is larger than 100 MB; split it."))
        given = ImportIn(data=request.data)
        given.is_valid(raise_exception=True)
        values = given.validated_data
        account = account_named(values["account"], user_of(request))
        upload = values["file"]
        if upload.size > imports.FILE_LIMIT:
            raise TooLarge(_("The file is larger than 100 MB; split it."))
        with transaction.atomic():
            job = imports.receive(
                account,
                name=upload.name,
                content=upload.read(),
                at=timezone.now(),
                by=user_of(request),
                as_of=_as_of(values["as_of"], account),
                source_text=values["source"],
            )
            lanes.wake_import(job.pk)
        made = ImportMade({"id": job.pk, "state": job.state})
        return Response(made.data, status=status.HTTP_202_ACCEPTED)


class SuppressionOut(serializers.ModelSerializer[Suppression]):
    account = serializers.SlugRelatedField[Any](slug_field="slug", read_only=True)

    class Meta:
        model = Suppression
        fields = ("id", "account", "phone", "reason", "until", "created_at")


class SuppressionIn(serializers.Serializer[Any]):
    account = serializers.CharField()
    phone = serializers.CharField()
    reason = serializers.CharField(max_length=200)
    until = Moment(required=False, default=None, allow_null=True)


class Suppressions(
    Resource,
    mixins.ListModelMixin,
    mixins.RetrieveModelMixin,
    viewsets.GenericViewSet[Suppression],
):
    scope = "recipients"
    serializer_class = SuppressionOut
    filterset_class = SuppressionFilter
    queryset = Suppression.objects.none()

    def get_queryset(self) -> QuerySet[Suppression]:
        user = user_of(self.request)
        access.require(user, "recipients.view_suppression")
        rows = Suppression.objects.select_related("account").filter(lifted_at__isnull=True)
        return access.limited(rows, user)

    @extend_schema(request=SuppressionIn, responses={201: SuppressionOut})
    def create(self, request: Request) -> Response:
        given = SuppressionIn(data=request.data)
        given.is_valid(raise_exception=True)
        values = dict(given.validated_data)
        row = suppression.add(
            account_named(values.pop("account"), user_of(request)),
            by=user_of(request),
            at=timezone.now(),
            **values,
        )
        return Response(SuppressionOut(row).data, status=status.HTTP_201_CREATED)

    @extend_schema(
        operation_id="suppressions_lift",
        parameters=[
            OpenApiParameter("account", str, required=True),
            OpenApiParameter("phone", str, required=True),
        ],
        responses={204: None},
    )
    def lift(self, request: Request) -> Response:
        """End the suppression of a number, named instead of the suppression's id."""
        names = request.query_params
        if not names.get("account") or not names.get("phone"):
            raise Invalid("phone", _("Give ?account= and ?phone=, or the suppression's id."))
        row = self.filter_queryset(self.get_queryset()).first()
        if row is None:
            raise NotFound
        return self._lift(row, request)

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, pk: str) -> Response:
        return self._lift(self.get_object(), request)

    def _lift(self, row: Suppression, request: Request) -> Response:
        suppression.lift(row, by=user_of(request), at=timezone.now())
        return Response(status=status.HTTP_204_NO_CONTENT)


def _template(recipient: Recipient, name: str) -> MessageTemplate:
    rows = MessageTemplate.objects.filter(account_id=recipient.account_id)
    by_key = rows.filter(key=name).order_by("-version")
    is_id = name.isdecimal() and len(name) < 20
    template = rows.filter(pk=int(name)).first() if is_id else by_key.first()
    if template is None:
        raise Invalid("template", _("The account has no template with this id."))
    return template


def _as_of(text: str, account: OfficialAccount) -> datetime | None:
    if not text:
        return None
    try:
        return imports.read_as_of(text, account=account)
    except ValueError as error:
        raise Invalid("as_of", _("Give a date as YYYY-MM-DD, or an ISO time.")) from error
