"""/api/v1/templates/{id}/brief/ and dossier/: what LINE's account manager wants to know."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from lineportal.api.fields import user_of
from templates_app import briefs, dossier
from templates_app.dossier_words import LANGUAGES
from templates_app.models import Brief


class BriefIO(serializers.ModelSerializer[Brief]):
    missing = serializers.SerializerMethodField(help_text="what a good dossier also says")

    class Meta:
        model = Brief
        fields = (*briefs.FIELDS, "missing")

    def get_missing(self, brief: Brief) -> list[str]:
        return briefs.missing(brief)


class DossierIn(serializers.Serializer[Any]):
    language = serializers.ChoiceField(list(LANGUAGES), required=False, default="")
    format = serializers.ChoiceField([form.value for form in dossier.Form], required=False,
                                     default=dossier.Form.ZIP.value)  # fmt: skip


class Dossiers:
    """The brief and dossier of a template, as a part of its view."""

    @extend_schema(methods=["GET"], responses=BriefIO)
    @extend_schema(methods=["PATCH"], request=BriefIO, responses=BriefIO)
    @action(detail=True, methods=["get", "patch"])
    def brief(self, request: Request, pk: str) -> Response:
        """What LINE wants to know beside the words; what is left out stays as it is."""
        template = self.get_object()  # type: ignore[attr-defined]
        if request.method == "PATCH":
            given = BriefIO(data=request.data, partial=True)
            given.is_valid(raise_exception=True)
            brief = briefs.write(
                template, changes=given.validated_data, by=user_of(request), at=timezone.now()
            )
        else:
            brief = briefs.of(template)
        return Response(BriefIO(brief).data)

    @extend_schema(
        request=DossierIn,
        responses={
            (200, "application/zip"): OpenApiTypes.BINARY,
            (200, "application/pdf"): OpenApiTypes.BINARY,
        },
    )
    @action(detail=True, methods=["post"])
    def dossier(self, request: Request, pk: str) -> HttpResponse:
        """Build the dossier: a ZIP with all files, or the PDF alone."""
        given = DossierIn(data=request.data)
        given.is_valid(raise_exception=True)
        form = given.validated_data["format"]
        name, file = dossier.build(
            self.get_object(),  # type: ignore[attr-defined]
            by=user_of(request),
            at=timezone.now(),
            language=given.validated_data["language"],
            form=form,
        )
        answer = HttpResponse(file, content_type=dossier.Form(form).content_type)
        answer["Content-Disposition"] = f'attachment; filename="{name}"'
        return answer
