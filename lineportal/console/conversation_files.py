"""Customers' files, handed out: pictures as we drew them anew, all else to be saved, never run."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.admin import AdminSite
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseRedirect,
    StreamingHttpResponse,
)
from django.http.response import HttpResponseBase
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.http import content_disposition_header
from django.views.decorators.http import require_GET

from lineportal.accounts import access
from lineportal.audit import chain
from lineportal.console.base import user_of
from lineportal.conversations import media_kinds, media_store, talking
from lineportal.conversations.models import Media

_SAFE = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "Cache-Control": "private, no-store",
    "Cross-Origin-Resource-Policy": "same-origin",
}


def urls(site: AdminSite) -> list[URLPattern]:
    """Return the addresses of a file and of its preview."""
    return [
        path(
            "conversations/files/<int:pk>/",
            site.admin_view(require_GET(hand_out)),
            name="conversation_file",
        ),
        path(
            "conversations/files/<int:pk>/preview/",
            site.admin_view(require_GET(show_preview)),
            name="conversation_preview",
        ),
    ]


def hand_out(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Answer with the file, as something to be saved; it is on record who took it."""
    media = _file(request, pk)
    if media.state != Media.State.KEPT:
        messages.error(request, media_store.why_not(media))
        talk = media.message.conversation_id
        return HttpResponseRedirect(reverse("admin:conversation", args=[talk]))
    with transaction.atomic():
        chain.write(
            "conversation.file",
            subject=media.message.conversation,
            by=user_of(request),
            at=timezone.now(),
            account_id=media.message.account_id,
            media=media.pk,
        )
    kind = media.content_type if media.content_type in media_kinds.HARMLESS else ""
    return StreamingHttpResponse(
        media_store.pieces(media),
        content_type=kind or media_kinds.UNKNOWN,
        headers={
            **_SAFE,
            "Content-Length": str(media.size),
            "Content-Disposition": content_disposition_header(True, media_store.name_of(media)),
        },
    )


def show_preview(request: HttpRequest, pk: int) -> HttpResponse:
    """Answer with the small picture that we drew of a picture."""
    media = _file(request, pk)
    if media.preview is None:
        raise Http404
    return HttpResponse(bytes(media.preview), content_type="image/png", headers=_SAFE)


def _file(request: HttpRequest, pk: int) -> Media:
    user = user_of(request)
    if not user.has_perm(talking.VIEW):
        raise PermissionDenied
    rows = Media.objects.select_related("message__conversation")
    found = access.limited(rows, user, account="message__account").filter(
        pk=pk if pk < 2**63 else 0
    )
    media = found.first()
    if media is None:
        raise Http404
    return media
