"""The friends of an account: how they grew, who blocked, and asking LINE who they are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.contrib import messages as notices
from django.contrib.admin import AdminSite
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from lineportal.accounts import access
from lineportal.accounts.models import OfficialAccount
from lineportal.console.base import REFUSALS, user_of
from lineportal.sending import followers, friend_counts, friend_figures
from lineportal.sending.models import FriendSync

VIEW = "recipients.view_recipient"
SHOWN = 7  # days of LINE's own counts
_HEIGHT, _WIDTH = 120, 720  # of the chart, in its own units


@dataclass(frozen=True, slots=True)
class Bar:
    """One day's bars: up for who became a friend, down for who blocked or left."""

    x: float
    width: float
    up: float
    down: float
    day: friend_figures.Day

    @property
    def top(self) -> float:
        return _HEIGHT / 2 - self.up


def urls(site: AdminSite) -> list[URLPattern]:
    """Return the page's address."""

    def page(request: HttpRequest) -> HttpResponse:
        return _ask(request, site) if request.method == "POST" else _show(request, site)

    return [path("friends/", site.admin_view(page), name="friends")]


def _show(request: HttpRequest, site: AdminSite, *, status: int = 200) -> HttpResponse:
    user = user_of(request)
    if not user.has_perm(VIEW):
        raise PermissionDenied
    accounts = list(access.accounts_of(user).order_by("name"))
    account = _chosen(request, accounts)
    span = _span(request)
    context: dict[str, Any] = {
        **site.each_context(request),
        "title": _("Friends"),
        "accounts": accounts,
        "account": account,
        "span": span,
        "spans": friend_figures.SPANS,
    }
    if account is not None:
        figures = friend_figures.of(account, days=span, at=timezone.now())
        syncs = FriendSync.objects.filter(account=account).order_by("-pk")
        context |= {
            "figures": figures,
            "bars": _bars(figures),
            "newest_first": [*reversed(figures.days)],
            "beside": friend_counts.beside(account, figures)[:SHOWN],
            "sync": syncs.first(),
            "may_sync": access.may(user, followers.SYNC, account),
        }
    return TemplateResponse(request, "console/friends.html", context, status=status)


def _ask(request: HttpRequest, site: AdminSite) -> HttpResponse:
    user = user_of(request)
    account = _chosen(request, list(access.accounts_of(user)))
    if account is None:
        raise PermissionDenied
    try:
        followers.begin(account, at=timezone.now(), by=user)
    except REFUSALS as refusal:
        notices.error(request, str(refusal) or _("You may not do this."))
        return _show(request, site, status=403 if isinstance(refusal, PermissionDenied) else 409)
    notices.success(request, _("LINE is being asked; the figures below move as its pages come."))
    return HttpResponseRedirect(f"{reverse('admin:friends')}?account={account.slug}")


def _chosen(request: HttpRequest, accounts: list[OfficialAccount]) -> OfficialAccount | None:
    slug = request.POST.get("account") or request.GET.get("account", "")
    first = accounts[0] if accounts else None
    return next((each for each in accounts if each.slug == slug), None if slug else first)


def _span(request: HttpRequest) -> int:
    known = {str(each): each for each in friend_figures.SPANS}
    return known.get(request.GET.get("days", ""), friend_figures.SPANS[0])


def _bars(figures: friend_figures.Figures) -> list[Bar]:
    most = max(
        (max(day.new + day.unblocked, day.lost + day.left) for day in figures.days), default=0
    )
    scale = (_HEIGHT / 2 - 2) / most if most else 0
    step = _WIDTH / len(figures.days)
    return [
        Bar(
            x=round(n * step, 2),
            width=round(step * 0.8, 2),
            up=round((day.new + day.unblocked) * scale, 2),
            down=round((day.lost + day.left) * scale, 2),
            day=day,
        )
        for n, day in enumerate(figures.days)
    ]
