"""The inbox: conversations by account, newest first, and the search of all that was said."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

from django.contrib.admin import AdminSite
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db.models import Count as Total
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse, QueryDict
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext_lazy as _

from lineportal.accounts import access
from lineportal.accounts.models import OfficialAccount
from lineportal.console.base import user_of
from lineportal.console.conversation_parts import FRIENDS, digest, plain
from lineportal.console.lists import Count
from lineportal.conversations import searching, talking
from lineportal.conversations.models import ChatMessage, Conversation

PER_PAGE = 50
BADGE_LIMIT = 99  # the side bar counts no further
_STATES = {"open": _("Open"), "done": _("Done")}
_WHOSE = {"": _("All"), "mine": _("Mine"), "nobody": _("Nobody's")}
# Lists of more accounts than this are read from the newest of everybody.
_MOST_LANES = 30


@dataclass(frozen=True, slots=True)
class Wanted:
    """What of the inbox is asked for; what is not known is left out."""

    account: int | None = None
    state: str = "open"
    whose: str = ""
    is_unread: bool = False
    text: str = ""
    before: tuple[datetime, int] | None = None

    @classmethod
    def of(cls, given: QueryDict) -> Self:
        state, whose = given.get("state", ""), given.get("whose", "")
        return cls(
            account=_number(given.get("account", "")),
            state=state if state in _STATES else "open",
            whose=whose if whose in _WHOSE else "",
            is_unread=given.get("unread") == "1",
            text=given.get("q", "")[:200].strip(),
            before=_place(given.get("before", "")),
        )


def urls(site: AdminSite) -> list[URLPattern]:
    """Return the inbox's addresses: the page, and the part that is refreshed."""

    def page(request: HttpRequest) -> HttpResponse:
        return show(request, site)

    return [
        path("conversations/", site.admin_view(page), name="conversations"),
        path("conversations/rows/", site.admin_view(show_rows), name="conversations_rows"),
    ]


def show(request: HttpRequest, site: AdminSite) -> HttpResponse:
    """Show the inbox, or what a search found, as this person sees it."""
    user = _reader(request)
    wanted = Wanted.of(request.GET)
    context = {
        **site.each_context(request),
        "title": _("Conversations"),
        "wanted": wanted,
        "account_tabs": _accounts(request, user, wanted),
        "state_tabs": _tabs(request, "state", _STATES, wanted.state),
        "whose_tabs": _tabs(request, "whose", _WHOSE, wanted.whose),
        "unread_url": _address(request, unread="" if wanted.is_unread else "1"),
        "plain_url": _address(request, q=""),
        **(_found(user, wanted) if wanted.text else _rows(request, user, wanted)),
    }
    return TemplateResponse(request, "console/conversations.html", context)


def show_rows(request: HttpRequest) -> HttpResponse:
    """Answer with the rows alone; with 204 where the page shows them already."""
    user = _reader(request)
    wanted = Wanted.of(request.GET)
    context = _rows(request, user, wanted)
    if context["version"] == request.GET.get("known"):
        return HttpResponse(status=204)
    return TemplateResponse(request, "console/conversation_rows.html", context)


def unread_badge(request: HttpRequest) -> Count | int:
    """Return how many conversations hold what nobody opened, for the side bar."""
    if not request.user.has_perm(talking.VIEW):
        return 0
    rows = Conversation.objects.filter(unread__gt=0)
    found = access.limited(rows, request.user)[: BADGE_LIMIT + 1].count()
    return Count(BADGE_LIMIT, is_more=True) if found > BADGE_LIMIT else found


def newest(user: User, wanted: Wanted, *, limit: int) -> list[int]:
    """Return the ids of the conversations asked for, newest first; each account's by its index."""
    rows = _filtered(user, wanted)
    accounts = [wanted.account] if wanted.account else access.listed(user)
    if wanted.whose == "mine" or accounts is None or len(accounts) > _MOST_LANES:
        lanes = [access.limited(rows, user)]
    else:
        allowed = access.listed(user)
        lanes = [
            rows.filter(account=pk) for pk in accounts if allowed is None or pk in set(allowed)
        ]
    if wanted.whose == "mine" and wanted.account:
        lanes = [lane.filter(account=wanted.account) for lane in lanes]
    found: list[tuple[datetime, int]] = []
    for lane in lanes:
        found += lane.order_by("-last_message_at", "-id").values_list("last_message_at", "id")[
            :limit
        ]
    return [pk for _at, pk in sorted(found, reverse=True)[:limit]]


def _reader(request: HttpRequest) -> User:
    user = user_of(request)
    if not user.has_perm(talking.VIEW):
        raise PermissionDenied
    access.keep_list(user)
    return user


def _filtered(user: User, wanted: Wanted) -> QuerySet[Conversation]:
    # A follow alone makes a conversation in which nothing was said.
    rows = Conversation.objects.exclude(last_text="").filter(state=wanted.state)
    if wanted.whose == "mine":
        rows = rows.filter(assignee=user)
    elif wanted.whose == "nobody":
        rows = rows.filter(assignee=None)
    if wanted.is_unread:
        rows = rows.filter(unread__gt=0)
    if wanted.before:
        at, pk = wanted.before
        rows = rows.filter(Q(last_message_at__lt=at) | Q(last_message_at=at, pk__lt=pk))
        rows = rows.filter(last_message_at__lte=at)
    return rows


def _rows(request: HttpRequest, user: User, wanted: Wanted) -> dict[str, Any]:
    keys = newest(user, wanted, limit=PER_PAGE + 1)
    shown = _read(keys[:PER_PAGE])
    last = shown[-1] if shown and len(keys) > PER_PAGE else None
    version = digest(
        (row.pk, row.last_message_at, row.last_text, row.unread, row.assignee_id, row.name,
         row.recipient.friend_status)
        for row in shown
    )  # fmt: skip
    before = f"{last.last_message_at.isoformat()}_{last.pk}" if last else ""
    rows_url = f"{reverse('admin:conversations_rows')}{_address(request, known=version)}"
    return {
        "rows": [_row(each) for each in shown],
        "version": version,
        "rows_url": "" if wanted.before else rows_url,
        "older_url": _address(request, before=before) if last else "",
        "newest_url": _address(request, before="") if wanted.before else "",
    }


def _read(keys: Sequence[int]) -> list[Conversation]:
    rows = Conversation.objects.select_related("account", "recipient", "assignee")
    by_key = rows.in_bulk(keys)
    return [by_key[key] for key in keys if key in by_key]


def _row(talk: Conversation) -> dict[str, Any]:
    return {
        "talk": talk,
        "url": reverse("admin:conversation", args=[talk.pk]),
        "name": plain(talk.name),
        "last": plain(talk.last_text),
        "friend": FRIENDS[talk.recipient.friend_status],
    }


def _found(user: User, wanted: Wanted) -> dict[str, Any]:
    """Return the newest messages, and conversations, that hold every word searched for."""
    people = access.limited(Conversation.objects.all(), user)
    messages = access.limited(ChatMessage.objects.all(), user)
    if wanted.account:
        people = people.filter(account=wanted.account)
        messages = messages.filter(account=wanted.account)
    words = searching.words_of(wanted.text)
    said = searching.said(messages, wanted.text, limit=PER_PAGE + 1)
    named = searching.named(people, wanted.text, limit=PER_PAGE)
    hits = ChatMessage.objects.filter(pk__in=said.ids[:PER_PAGE]).order_by("-id")
    return {
        "is_search": True,
        "rows": [_row(each) for each in _read(named.ids)],
        "hits": [
            {
                **_row(message.conversation),
                "message": message,
                "url": _jump(message),
                "words": plain(searching.excerpt(message.text, words)),
            }
            for message in hits.select_related(
                "conversation__account", "conversation__recipient", "conversation__assignee"
            )
        ],
        "is_more": len(said.ids) > PER_PAGE,
        "is_cut": said.is_cut or named.is_cut,
    }


def _jump(message: ChatMessage) -> str:
    page = reverse("admin:conversation", args=[message.conversation_id])
    return f"{page}?around={message.pk}#m-{message.pk}"


def _accounts(request: HttpRequest, user: User, wanted: Wanted) -> list[dict[str, Any]]:
    """Return the accounts as tabs, each with how many of its conversations are unread."""
    rows = access.limited(Conversation.objects.filter(unread__gt=0), user)
    unread = dict(rows.order_by().values_list("account").annotate(n=Total("pk")))
    accounts: Iterable[OfficialAccount] = access.accounts_of(user).order_by("name")
    everybody = {
        "label": _("All accounts"), "url": _address(request, account="", before=""),
        "unread": Count.of(sum(unread.values())), "is_chosen": wanted.account is None,
    }  # fmt: skip
    return [
        everybody,
        *(
            {
                "label": account.name,
                "url": _address(request, account=str(account.pk), before=""),
                "unread": Count.of(unread.get(account.pk, 0)),
                "is_chosen": wanted.account == account.pk,
            }
            for account in accounts
        ),
    ]


def _tabs(
    request: HttpRequest, name: str, labels: dict[str, Any], chosen: str
) -> list[dict[str, Any]]:
    return [
        {
            "label": label,
            "url": _address(request, **{name: value, "before": ""}),
            "is_chosen": value == chosen,
        }
        for value, label in labels.items()
    ]


def _address(request: HttpRequest, **changed: str) -> str:
    """Return this address with something changed; blank: left out."""
    query = request.GET.copy()
    query.pop("known", None)
    for name, value in changed.items():
        query.pop(name, None)
        if value:
            query[name] = value
    return f"?{query.urlencode()}"


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 18 else None


def _place(text: str) -> tuple[datetime, int] | None:
    moment, _line, key = text.partition("_")
    pk = _number(key)
    try:
        at = parse_datetime(moment)
    except ValueError:
        return None
    return (at, pk) if at and at.tzinfo and pk else None
