"""The door for providers: check the signature over the raw body, store it, answer at once."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from lineportal.accounts import credentials
from lineportal.providers import PROVIDERS
from lineportal.providers.base import BadSignature
from lineportal.sending import inbox

BODY_LIMIT = 1024 * 1024  # bytes


@csrf_exempt
@require_POST
def line(request: HttpRequest, webhook_id: str) -> HttpResponse:
    """Take LINE's webhook: 200 once stored, 401 unsigned, 404 unknown address, 413 too large."""
    at = timezone.now()
    signers = None
    if webhook_id.isascii() and webhook_id.isprintable():  # no NUL reaches the database
        signers = credentials.webhook_signers(webhook_id, provider="line", at=at)
    if signers is None:
        return HttpResponse("There is no webhook here.\n", status=404, content_type="text/plain")
    body = request.read(BODY_LIMIT + 1)
    if len(body) > BODY_LIMIT:
        return HttpResponse("At most 1 MiB is taken.\n", status=413, content_type="text/plain")
    try:
        PROVIDERS["line"].verify(body, request.headers, signers.secrets)
    except BadSignature:
        return HttpResponse(
            "The signature does not fit the body and this channel's secret; nothing was stored.\n",
            status=401,
            content_type="text/plain",
        )
    inbox.store(signers.account_id, provider="line", body=body, at=at)
    return HttpResponse("stored\n", content_type="text/plain")
