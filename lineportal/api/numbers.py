"""Phone numbers in answers: masked, but where the call named the number or its user may see it.

What a call gave out in full, and did not name itself, is one entry of the audit chain, written
before the answer leaves.
"""

from __future__ import annotations

from typing import Any

from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from lineportal.accounts.models import ApiKey
from recipients import reveals

PURPOSE = OpenApiParameter(
    "purpose",
    str,
    description="What whole phone numbers are read for (or the header X-Purpose); kept for"
    " auditors. The name of the key when left out.",
)


class Numbers:
    """The whole numbers that one call may hold, and those that it does."""

    def __init__(self, request: Request) -> None:
        self._request = request
        self._may_see_all = request.user.has_perm(reveals.REVEAL)
        # A filter by phone leaves no row of any other number.
        self._is_named = bool(request.query_params.get("phone"))
        self._named: set[str] = set()
        self._shown: list[int] = []  # accounts, once for each number

    def name(self, e164: str | None) -> None:
        """Note that the call itself named this number."""
        if e164:
            self._named.add(e164)

    def text(self, e164: str | None, account_id: int) -> str | None:
        """Return a number as this answer shows it."""
        is_named = self._is_named or e164 in self._named
        if e164 and not is_named and self._may_see_all:
            self._shown.append(account_id)
        return reveals.text(e164, in_full=is_named or self._may_see_all)

    def note(self) -> None:
        """Write down what was shown, if anything was."""
        key = self._request.auth
        if self._shown and isinstance(key, ApiKey):
            given = self._request.query_params.get("purpose", "")
            reveals.note(
                key,
                accounts=self._shown,
                numbers=len(self._shown),
                purpose=given or self._request.headers.get("X-Purpose", ""),
                at=timezone.now(),
            )
            self._shown = []


@extend_schema_field({"type": "string", "nullable": True})
class PhoneText(serializers.Field[Any, Any, Any, Any]):
    """A row's `phone`, as `Numbers` of the call in the serializer's context says."""

    def __init__(self, **kw: Any) -> None:
        super().__init__(source="*", read_only=True, **kw)

    def to_representation(self, value: Any) -> str | None:
        numbers: Numbers = self.context["numbers"]
        return numbers.text(value.phone, value.account_id)


class ShowsNumbers:
    """A part of a view whose answers hold phone numbers."""

    numbers: Numbers

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)  # type: ignore[misc]
        self.numbers = Numbers(request)

    def get_serializer_context(self) -> dict[str, Any]:
        context: dict[str, Any] = super().get_serializer_context()  # type: ignore[misc]
        # The schema's generator asks without any call.
        return {**context, "numbers": getattr(self, "numbers", None)}

    def finalize_response(
        self, request: Request, response: Response, *args: Any, **kwargs: Any
    ) -> Response:
        if hasattr(self, "numbers"):
            self.numbers.note()
        answer: Response = super().finalize_response(request, response, *args, **kwargs)  # type: ignore[misc]
        answer["Cache-Control"] = "no-store"
        return answer
