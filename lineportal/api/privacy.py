"""What the API does with a person's own rights: whole numbers, forgetting."""

from __future__ import annotations

from typing import Any

from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from lineportal.api.fields import user_of
from lineportal.sending import forgetting
from recipients import purposes


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
