"""What the API does with a person's own rights: forgetting them, and all that is held of them."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from lineportal.api.fields import user_of
from lineportal.sending import forgetting, subject_access
from recipients import purposes
from recipients.intake import Invalid


class PersonActs:
    """Acts on one person of `recipients/`; a part of that resource's view."""

    get_object: Any

    @extend_schema(
        parameters=[
            OpenApiParameter(
                "reason",
                str,
                required=True,
                description="Why the person is forgotten; kept for auditors, without numbers.",
            )
        ],
        responses={204: None},
    )
    def destroy(self, request: Request, pk: str) -> Response:
        """Forget the person for good: counts stay, and no import brings them back."""
        reason = purposes.required(request.query_params.get("reason", ""), "reason")
        forgetting.erase(self.get_object(), at=timezone.now(), by=user_of(request), reason=reason)
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(
        parameters=[
            OpenApiParameter(
                "purpose",
                str,
                required=True,
                description="What the file is handed out for; kept for auditors.",
            ),
            OpenApiParameter("as", str, enum=[form.value for form in subject_access.Form]),
        ],
        responses={
            (200, "application/json"): OpenApiTypes.OBJECT,
            (200, "application/pdf"): OpenApiTypes.BINARY,
        },
    )
    @action(detail=True)
    def subject_access(self, request: Request, pk: str) -> HttpResponse:
        """Return everything held about the person, numbers in full, as one file."""
        asked = request.query_params.get("as", subject_access.Form.JSON)
        if asked not in list(subject_access.Form):
            raise Invalid("as", _("Give json or pdf."))
        file = subject_access.hand_out(
            self.get_object(),
            form=subject_access.Form(asked),
            purpose=request.query_params.get("purpose", ""),
            by=user_of(request),
            at=timezone.now(),
        )
        return HttpResponse(file, content_type=f"application/{asked}")
