"""One shape for every refusal: `{"error": code, "detail": sentence, "fields"?: {}}`."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.db import DataError
from django.http import Http404, HttpRequest, JsonResponse
from django.utils.translation import gettext as _
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import exception_handler

from lineportal import typesetting
from lineportal.api.parsers import TooLarge
from lineportal.conversations import asked, talking
from lineportal.sending import (
    campaigns,
    followers,
    forwarding,
    incidents,
    messages,
    quota,
    retries,
    roads,
    routing,
    saved_audiences,
    stops,
    subject_access,
)
from recipients import imports, intake, link_codes, linking, purposes, requests
from templates_app import attachments, content, drafting, thread, waivers, workflow

# What the rooms below refuse with, and how HTTP says it.
CONFLICTS: dict[type[Exception], str] = {
    workflow.WrongState: "wrong_state",
    drafting.KeyTaken: "exists",
    campaigns.WrongState: "wrong_state",
    campaigns.NameTaken: "exists",
    quota.OverQuota: "over_quota",
    saved_audiences.NameTaken: "exists",
    messages.KeyReused: "key_reused",
    asked.KeyReused: "key_reused",
    intake.PersonExists: "exists",
    intake.Conflict: "wrong_state",
    followers.NotListed: "wrong_state",
    forwarding.NotPassedOn: "wrong_state",
    imports.NotWaiting: "wrong_state",
    retries.NothingToRetry: "wrong_state",
    routing.AccountExists: "exists",
    roads.RoadExists: "exists",
    incidents.AlreadyClosed: "wrong_state",
    linking.StandsAgainst: "exists",
    linking.AlreadyEnded: "wrong_state",
    link_codes.TooManyCodes: "wrong_state",
    requests.AlreadyOpen: "exists",
    requests.NotDone: "wrong_state",
    requests.NotOpen: "wrong_state",
    stops.AlreadyStopped: "exists",
    stops.NotStopped: "wrong_state",
    talking.CannotAnswer: "cannot_answer",
    subject_access.Forgotten: "wrong_state",
    typesetting.MissingFont: "missing_font",
}


def answer(error: Exception, context: dict[str, Any]) -> Response | None:
    """Turn a refusal into a response; None leaves a bug to the web server (500)."""
    for kind, code in CONFLICTS.items():
        if isinstance(error, kind):
            return _response(409, code, str(error))
    if isinstance(error, waivers.Blocked):
        blocked = _response(409, "blocked_by_findings", str(error))
        blocked.data["findings"] = error.findings
        return blocked
    if isinstance(error, workflow.FourEyes):
        return _response(403, "four_eyes", str(error))
    if isinstance(error, PermissionDenied):
        return _response(403, "forbidden", str(error) or _("You may not do this."))
    if isinstance(error, roads.NoRoad):
        return _response(404, "not_found", str(error))
    if isinstance(error, content.InvalidContent):
        return _response(400, "invalid", str(error), error.problems)
    if isinstance(error, workflow.MissingDecision):
        return _response(400, "invalid", str(error), {error.field: str(error)})
    if isinstance(error, thread.Unsayable):
        return _response(400, "invalid", str(error), {error.field: str(error)})
    if isinstance(error, attachments.Unusable):
        return _response(400, "invalid", str(error), {"files": str(error)})
    if isinstance(error, intake.Invalid | purposes.MissingPurpose):
        return _response(400, "invalid", str(error), {error.field: str(error)})
    if isinstance(error, DataError) or (isinstance(error, ValueError) and "NUL" in str(error)):
        # A number too large for its column, or a character that PostgreSQL does not store.
        return _response(400, "invalid", _("A value is too large, or cannot be stored; change it."))
    if isinstance(error, RequestDataTooBig):
        return _response(413, "too_large", _("The form is larger than this server takes."))
    if isinstance(error, SuspiciousOperation):
        return _response(400, "invalid", _("The form has too many fields or files."))
    response = exception_handler(error, context)
    if response is not None:
        response.data = _rest_framework(error)
    return response


def no_such_address(request: HttpRequest) -> JsonResponse:
    """Answer 404 in the API's own shape for every other address below it."""
    detail = _("There is no such address; each ends in a slash, see /api/docs/.")
    return JsonResponse({"error": "not_found", "detail": detail}, status=404)


def _rest_framework(error: Exception) -> dict[str, Any]:
    if isinstance(error, exceptions.ValidationError):
        fields = _flat(error.detail)
        return {
            "error": "invalid",
            "detail": " ".join(f"{name}: {text}" for name, text in fields.items()),
            "fields": fields,
        }
    code, detail = {
        exceptions.NotAuthenticated: (
            "unauthenticated",
            _("Give a key: Authorization: Bearer …"),
        ),
        exceptions.PermissionDenied: ("forbidden", ""),
        exceptions.MethodNotAllowed: ("method_not_allowed", ""),
        exceptions.Throttled: ("too_many_requests", ""),
        exceptions.UnsupportedMediaType: ("unsupported_media_type", ""),
        TooLarge: ("too_large", ""),
    }.get(type(error), ("", ""))
    if isinstance(error, Http404 | exceptions.NotFound):
        code, detail = "not_found", _("There is no such thing, or not for this key.")
    if isinstance(error, exceptions.AuthenticationFailed):
        code = "unauthenticated"
    text = detail or str(getattr(error, "detail", error))
    return {"error": code or "invalid", "detail": text}


def _flat(detail: Any, place: str = "") -> dict[str, str]:
    if isinstance(detail, dict):
        found: dict[str, str] = {}
        for name, inner in detail.items():
            found.update(_flat(inner, f"{place}.{name}" if place else str(name)))
        return found
    if isinstance(detail, list) and any(isinstance(inner, dict | list) for inner in detail):
        found = {}
        for index, inner in enumerate(detail):
            found.update(_flat(inner, f"{place}[{index}]"))
        return found
    texts = detail if isinstance(detail, list) else [detail]
    return {place or "body": " ".join(str(text) for text in texts)}


def _response(
    status: int, code: str, detail: str, fields: dict[str, str] | None = None
) -> Response:
    return Response(
        {"error": code, "detail": detail, **({"fields": fields} if fields else {})},
        status=status,
    )
