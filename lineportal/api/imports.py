"""/api/v1/recipients/imports/."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.http import FileResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers, status, viewsets
from rest_framework.decorators import action
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from lineportal.accounts import access
from lineportal.accounts.models import OfficialAccount
from lineportal.api.fields import account_named, user_of
from lineportal.api.parsers import BODY_LIMIT, TooLarge
from lineportal.api.resource import Resource
from lineportal.sending import lanes
from recipients import imports, repairs
from recipients.intake import Invalid
from recipients.models import RecipientImport

_ERRORS_SHOWN = 1_000  # of the refused rows; all of them are in the file to repair


class ImportOut(serializers.ModelSerializer[RecipientImport]):
    errors = serializers.SerializerMethodField()  # type: ignore[assignment]  # the contract's name
    dry_run = serializers.BooleanField(source="is_dry_run")

    class Meta:
        model = RecipientImport
        fields = (
            "id", "state", "stage", "percent", "rows_read", "dry_run", "rows", "created",
            "updated", "unchanged", "refused", "problem", "problem_kind", "encoding", "header",
            "mapping", "tag", "errors",
        )  # fmt: skip

    def get_errors(self, job: RecipientImport) -> list[dict[str, Any]]:
        rows = job.refusals.order_by("row").values("row", "column", "reason")[:_ERRORS_SHOWN]
        return [dict(row) for row in rows]


class ImportIn(serializers.Serializer[Any]):
    file = serializers.FileField(allow_empty_file=True)
    account = serializers.CharField()
    as_of = serializers.CharField(required=False, default="", allow_blank=True)
    source = serializers.CharField(required=False, default="", allow_blank=True)  # type: ignore[assignment]
    dry_run = serializers.BooleanField(required=False, default=False)
    mapping = serializers.JSONField(
        required=False,
        default=dict,
        help_text="What columns mean, by their names in row 1, as JSON: phone, line_user_id,"
        " consent, friend_status, the name of a value, or - to pass it over.",
    )
    tag = serializers.CharField(required=False, default="", allow_blank=True)

    def validate_mapping(self, value: Any) -> Any:
        if not isinstance(value, dict):
            raise serializers.ValidationError(_("Give an object of column names and meanings."))
        return value


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
        return access.limited(RecipientImport.objects.all(), user)

    @extend_schema(request={"multipart/form-data": ImportIn}, responses={202: ImportMade})
    def create(self, request: Request) -> Response:
        if int(request.META.get("CONTENT_LENGTH") or 0) > imports.FILE_LIMIT + BODY_LIMIT:
            raise TooLarge(imports.too_large())
        given = ImportIn(data=request.data)
        given.is_valid(raise_exception=True)
        values = given.validated_data
        account = account_named(values["account"], user_of(request))
        upload = values["file"]
        if upload.size > imports.FILE_LIMIT:
            raise TooLarge(imports.too_large())
        with transaction.atomic():
            job = imports.receive(
                account,
                name=upload.name,
                file=upload.file,
                at=timezone.now(),
                by=user_of(request),
                as_of=_as_of(values["as_of"], account),
                source_text=values["source"],
                is_dry_run=values["dry_run"],
                mapping=values["mapping"],
                tag=values["tag"],
            )
            lanes.wake_import(job.pk)
        return _made(job)

    @extend_schema(request=None, responses={202: ImportMade})
    @action(detail=True, methods=["post"])
    def apply(self, request: Request, pk: str) -> Response:
        """Import the file of a finished dry run."""
        with transaction.atomic():
            job = imports.apply(self.get_object(), by=user_of(request), at=timezone.now())
            lanes.wake_import(job.pk)
        return _made(job)

    @extend_schema(responses={(200, repairs.CONTENT_TYPE): OpenApiTypes.BINARY})
    @action(detail=True, methods=["get"])
    def refused(self, request: Request, pk: str) -> FileResponse:
        """Answer with the first 100,000 refused rows as XLSX, to be repaired and sent again."""
        job = self.get_object()
        file = repairs.workbook(job, by=user_of(request), at=timezone.now())
        return FileResponse(
            file, filename=f"refused-{job.pk}.xlsx", content_type=repairs.CONTENT_TYPE
        )


def _made(job: RecipientImport) -> Response:
    made = ImportMade({"id": job.pk, "state": job.state})
    return Response(made.data, status=status.HTTP_202_ACCEPTED)


def _as_of(text: str, account: OfficialAccount) -> datetime | None:
    if not text:
        return None
    try:
        return imports.read_as_of(text, account=account)
    except ValueError as error:
        raise Invalid("as_of", _("Give a date as YYYY-MM-DD, or an ISO time.")) from error
