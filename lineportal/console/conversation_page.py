"""A conversation's page: what was said, who it is, and what may be done; each act is a POST.

Opening the page marks the conversation as read, though it is a GET: that is told to no customer
and to no audit, is undone by nothing and can be done twice; and who answers is not asked to press
a button for each. It is marked before the messages are read, so that what comes meanwhile stays
unread; and never for a page that a browser fetches ahead.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.contrib import messages as notices
from django.contrib.admin import AdminSite
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from lineportal.accounts import access
from lineportal.console import conversation_parts as parts
from lineportal.console.base import REFUSALS, user_of
from lineportal.conversations import linking, talking
from lineportal.conversations.models import CannedAnswer, ChatMessage, Conversation
from lineportal.sending import policies
from recipients import linking as links
from recipients import phones
from recipients.intake import Invalid

PER_PAGE = 50
_ATTRIBUTES_LIMIT = 20
CANNED_LIMIT = 200


def urls(site: AdminSite) -> list[URLPattern]:
    """Return the page's addresses: the page, its messages alone, and one for each act."""

    def page(request: HttpRequest, pk: int) -> HttpResponse:
        return show(request, site, pk)

    def act(request: HttpRequest, pk: int, act: str) -> HttpResponse:
        return do(request, site, pk, act)

    return [
        path("conversations/<int:pk>/", site.admin_view(page), name="conversation"),
        path(
            "conversations/<int:pk>/messages/",
            site.admin_view(show_messages),
            name="conversation_messages",
        ),
        path(
            "conversations/<int:pk>/do/<slug:act>/",
            site.admin_view(require_POST(act)),
            name="conversation_act",
        ),
    ]


def show(
    request: HttpRequest, site: AdminSite, pk: int, *, typed: str = "", status: int = 200
) -> HttpResponse:
    """Show the conversation from its end, or around or before one of its messages."""
    user = _reader(request)
    talk = _talk(user, pk)
    at = timezone.now()
    is_prefetch = "prefetch" in request.headers.get("Sec-Purpose", "")
    if request.method == "GET" and not is_prefetch:
        talking.mark_read(talk, by=user)
    may = access.may(user, talking.ANSWER, talk.account_id)
    context = {
        **site.each_context(request),
        "title": parts.plain(str(talk)),
        "typed": typed,
        "may": may,
        "once": uuid.uuid4(),
        **_window(request, talk, may=may, at=at),
        **_side(talk, user),
        **(_desk_of_answers(talk) if may else {}),
    }
    return TemplateResponse(request, "console/conversation.html", context, status=status)


def show_messages(request: HttpRequest, pk: int) -> HttpResponse:
    """Answer with the newest messages alone; with 204 where the page shows them already."""
    user = _reader(request)
    talk = _talk(user, pk)
    talking.mark_read(talk, by=user)
    may = access.may(user, talking.ANSWER, talk.account_id)
    context = _window(request, talk, may=may, at=timezone.now())
    if context["version"] == request.GET.get("known"):
        return HttpResponse(status=204)
    context |= {"may": may, "is_part": True}
    return TemplateResponse(request, "console/conversation_messages.html", context)


def do(request: HttpRequest, site: AdminSite, pk: int, act: str) -> HttpResponse:
    """Carry out one act; a refusal shows the page again with what was typed."""
    user = _reader(request)
    talk = _talk(user, pk)
    given, at = request.POST, timezone.now()
    try:
        if act == "answer":
            said = _canned(talk, given.get("canned", "")) if given.get("do") == "canned" else None
            if said:
                talking.answer_canned(talk, said, by=user, at=at, reference=_once(given))
            else:
                text = given.get("text", "")
                talking.answer(talk, text, by=user, at=at, reference=_once(given))
        elif act == "again":
            talking.send_again(_own(talk, given.get("message", "")), by=user, at=at,
                               saw_risk=given.get("saw_risk") == "yes")  # fmt: skip
        elif act == "assign":
            talking.assign(talk, _person(talk, given.get("to", "")), by=user, at=at)
        elif act == "offer-link":
            linking.offer_by(talk, by=user, at=at)
        elif act == "take-over":
            talking.take_over(talk, by=user, at=at)
        elif act == "give-back":
            talking.give_back(talk, by=user, at=at)
        elif act == "close":
            talking.close(talk, by=user, at=at)
        elif act == "reopen":
            talking.reopen(talk, by=user, at=at)
        else:
            raise Http404
    except REFUSALS as refusal:
        is_denied = isinstance(refusal, PermissionDenied)
        notices.error(request, str(refusal) or _("You may not do this."))
        typed = given.get("text", "")
        return show(request, site, pk, typed=typed, status=403 if is_denied else 409)
    if act == "close":
        return HttpResponseRedirect(reverse("admin:conversations"))
    return HttpResponseRedirect(f"{_page(talk)}#latest")


def _reader(request: HttpRequest) -> User:
    user = user_of(request)
    if not user.has_perm(talking.VIEW):
        raise PermissionDenied
    if request.method == "GET":
        access.keep_list(user)
    return user


def _talk(user: User, pk: int) -> Conversation:
    rows = Conversation.objects.select_related("account", "recipient", "assignee")
    found = access.limited(rows, user).filter(pk=pk).first() if pk < 2**63 else None
    if found is None:
        raise Http404
    return found


def _window(request: HttpRequest, talk: Conversation, *, may: bool, at: datetime) -> dict[str, Any]:
    """Return the messages of the page, oldest first, and the ways to what is not on it."""
    rows = (
        ChatMessage.objects.filter(conversation=talk)
        .select_related("author", "media")
        .defer("media__preview", "content")
        .annotate(
            has_preview=Q(media__preview__isnull=False),
            is_sent_again=Exists(ChatMessage.objects.filter(again_of=OuterRef("pk"))),
        )
    )
    before, around = (_mark(talk, request.GET.get(name, "")) for name in ("before", "around"))
    newer: list[ChatMessage] = []
    if around:
        newer = list(_after(rows, around)[: PER_PAGE // 2 + 1])
        older = list(_until(rows, around)[: PER_PAGE // 2 + 1])
        size = PER_PAGE // 2
    else:
        older = list((_before(rows, before) if before else _down(rows))[: PER_PAGE + 1])
        size = PER_PAGE
    has_older = len(older) > size
    shown = [*reversed(older[:size]), *newer[:size]]
    is_latest = not before and len(newer) <= size
    barred = talking.barred(talk, at=at)
    token_left = _token_left(talk, at)
    version = parts.version(talk, shown, barred, token_left // 5, talk.recipient.friend_status)
    page = _page(talk)
    part = reverse("admin:conversation_messages", args=[talk.pk])
    return {
        "talk": talk,
        "bubbles": parts.bubbles(talk, shown, may=may),
        "version": version,
        "barred": barred,
        "token_left": token_left,
        "older_url": f"{page}?before={shown[0].pk}#older" if has_older else "",
        "latest_url": "" if is_latest and not around else f"{page}#latest",
        # What is looked up in the past is not refreshed under the reader's eyes.
        "part_url": "" if before or around else f"{part}?known={version}",
        "page_url": page,
        "marked": around.pk if around else None,
    }


def _mark(talk: Conversation, text: str) -> ChatMessage | None:
    if not (text.isascii() and text.isdecimal() and len(text) < 18):
        return None
    return ChatMessage.objects.filter(conversation=talk, pk=int(text)).first()


def _own(talk: Conversation, text: str) -> ChatMessage:
    found = _mark(talk, text)
    if found is None:
        raise Http404
    return found


def _down(rows: QuerySet[ChatMessage]) -> QuerySet[ChatMessage]:
    return rows.order_by("-occurred_at", "-id")


def _before(rows: QuerySet[ChatMessage], mark: ChatMessage) -> QuerySet[ChatMessage]:
    # The first condition is what the index is entered by.
    rows = rows.filter(occurred_at__lte=mark.occurred_at)
    return _down(rows.filter(Q(occurred_at__lt=mark.occurred_at) | Q(pk__lt=mark.pk)))


def _until(rows: QuerySet[ChatMessage], mark: ChatMessage) -> QuerySet[ChatMessage]:
    rows = rows.filter(occurred_at__lte=mark.occurred_at)
    return _down(rows.filter(Q(occurred_at__lt=mark.occurred_at) | Q(pk__lte=mark.pk)))


def _after(rows: QuerySet[ChatMessage], mark: ChatMessage) -> QuerySet[ChatMessage]:
    rows = rows.filter(occurred_at__gte=mark.occurred_at)
    later = rows.filter(Q(occurred_at__gt=mark.occurred_at) | Q(pk__gt=mark.pk))
    return later.order_by("occurred_at", "id")


def _token_left(talk: Conversation, at: datetime) -> int:
    """Return for how many seconds an answer is free; 0: it goes as a push."""
    if not talking.has_token(talk, at=at) or talk.reply_token_at is None:
        return 0
    return max(int((talk.reply_token_at + talking.TOKEN_LIFE - at).total_seconds()), 0)


def _side(talk: Conversation, user: User) -> dict[str, Any]:
    """Return who this is, as far as this person may know."""
    person = talk.recipient
    label, look = parts.FRIENDS[person.friend_status]
    may_see = access.may(user, "recipients.view_recipient", talk.account_id)
    country = talk.account.country
    attributes = [
        (parts.plain(name), parts.plain(phones.mask_whole(str(value), country=country)))
        for name, value in sorted(person.attributes.items())[:_ATTRIBUTES_LIMIT]
    ]
    change = reverse("admin:recipients_recipient_change", args=[person.pk])
    return {
        "name": parts.plain(talk.name),
        "friend": label,
        "friend_look": look,
        "friend_since": person.friend_observed_at,
        "phone": phones.mask(person.phone) if may_see else "",
        "attributes": attributes if may_see else [],
        "person_url": change if may_see else "",
        "zone": talk.account.timezone,
        **(_linked(talk) if may_see else {}),
    }


def _linked(talk: Conversation) -> dict[str, Any]:
    """Return the number that this LINE user is linked to, masked, and how old the link is."""
    link = linking.phone_of(talk.recipient)
    if link is None:
        return {}
    at, days = timezone.now(), policies.of(talk.account_id).link_days
    person = link.phone_recipient
    return {
        "link": link,
        "link_phone": phones.mask(person.phone),
        "link_days": (at - link.confirmed_at).days,
        "link_is_stale": links.is_stale(link, at=at, days=days),
        "link_url": reverse("admin:recipients_recipient_change", args=[person.pk]),
    }


def _desk_of_answers(talk: Conversation) -> dict[str, Any]:
    """Return what an answer is made with: canned ones, and to whom the talk may be given."""
    rows = CannedAnswer.objects.filter(account=talk.account_id, is_on=True)
    people: Sequence[User] = list(access.people(talking.ANSWER, talk.account_id))
    return {"canned": list(rows.order_by("shortcut")[:CANNED_LIMIT]), "people": people}


def _canned(talk: Conversation, text: str) -> CannedAnswer:
    rows = CannedAnswer.objects.filter(account=talk.account_id)
    is_number = text.isascii() and text.isdecimal() and len(text) < 18
    found = rows.filter(pk=int(text)).first() if is_number else None
    if found is None:
        raise Invalid("canned", _("Choose a canned answer of this account that is in use."))
    return found


def _person(talk: Conversation, text: str) -> User | None:
    if not text:
        return None
    is_number = text.isascii() and text.isdecimal() and len(text) < 10
    found = User.objects.filter(pk=int(text)).first() if is_number else None
    if found is None:
        raise Invalid("assignee", _("Choose somebody who may answer for this account."))
    return found


def _once(given: Any) -> uuid.UUID | None:
    """Return the mark of one press of the button, whichever of its clicks this is."""
    try:
        return uuid.UUID(given.get("once", ""))
    except ValueError:
        return None


def _page(talk: Conversation) -> str:
    return reverse("admin:conversation", args=[talk.pk])
