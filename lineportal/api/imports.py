"""/api/v1/recipients/imports/."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers, status, viewsets
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from lineportal.accounts import access
from lineportal.accounts.models import OfficialAccount
from lineportal.api.fields import account_named, user_of
from lineportal.api.parsers import BODY_LIMIT, TooLarge
from lineportal.api.resource import Resource
from lineportal.sending import lanes
from recipients import imports
from recipients.intake import Invalid
from recipients.models import RecipientImport


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
            )
            lanes.wake_import(job.pk)
        made = ImportMade({"id": job.pk, "state": job.state})
        return Response(made.data, status=status.HTTP_202_ACCEPTED)


def _as_of(text: str, account: OfficialAccount) -> datetime | None:
    if not text:
        return None
    try:
        return imports.read_as_of(text, account=account)
    except ValueError as error:
        raise Invalid("as_of", _("Give a date as YYYY-MM-DD, or an ISO time.")) from error
