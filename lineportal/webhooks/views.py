"""The door for providers: the raw body's signature is checked, it is stored, answered at once."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from lineportal.accounts import credentials
from lineportal.providers import PROVIDERS
from lineportal.providers.base import BadSignature
from lineportal.sending import forwards, inbox, vouching

BODY_LIMIT = 1024 * 1024  # bytes
_IS_PASSED_ON = forwards.is_on_sql("account.id", "road.provider")


@csrf_exempt
@require_POST
def receive(request: HttpRequest, provider: str, webhook_id: str) -> HttpResponse:
    """Take a webhook: 200 once stored, 401 unsigned, 404 unknown address, 413 too large."""
    at = timezone.now()
    signers = None
    # No NUL reaches the database.
    if provider in PROVIDERS and webhook_id.isascii() and webhook_id.isprintable():
        signers = credentials.webhook_signers(
            webhook_id, provider=provider, at=at, asking=_IS_PASSED_ON
        )
    if signers is None:
        return _answer("There is no webhook here.", status=404)
    body = request.read(BODY_LIMIT + 1)
    if len(body) > BODY_LIMIT:
        return _answer("At most 1 MiB is taken.", status=413)
    try:
        PROVIDERS[provider].verify(body, request.headers, signers.credentials)
    except BadSignature:
        return _answer(
            "Neither signature nor credentials fit this address; nothing was stored.", status=401
        )
    headers = None
    if signers.is_so:
        headers = vouching.headers_to_keep(
            request.headers, provider=provider, signers=signers.credentials
        )
    inbox.store(signers.account_id, provider=provider, body=body, at=at, headers=headers)
    return _answer("stored")


def _answer(words: str, *, status: int = 200) -> HttpResponse:
    return HttpResponse(f"{words}\n", status=status, content_type="text/plain")
