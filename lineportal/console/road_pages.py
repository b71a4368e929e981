"""The pages that open an account and set up its roads: first the provider, then its settings."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from lineportal.accounts import access
from lineportal.accounts.models import OfficialAccount, Road
from lineportal.console import road_forms
from lineportal.console.base import REFUSALS, Desk, user_of
from lineportal.providers import PROVIDERS
from lineportal.providers.base import Provider
from lineportal.sending import opening, roads, routing
from recipients.intake import Invalid

_NAME = "accounts_officialaccount"


def urls(desk: Desk) -> list[URLPattern]:
    """Return the addresses of an account's roads."""

    def page(view: Callable[..., HttpResponse]) -> Callable[..., Any]:
        def shown(request: HttpRequest, object_id: str, **names: str) -> HttpResponse:
            account = desk.get_object(request, object_id)
            if account is None:
                raise Http404
            access.require(user_of(request), routing.MANAGE, account)
            return view(desk, request, account, **names)

        return desk._site(shown)

    return [
        path("<path:object_id>/roads/add/", page(_add), name=f"{_NAME}_road_add"),
        path(
            "<path:object_id>/roads/<slug:service>/credentials/",
            page(_credentials),
            name=f"{_NAME}_road_credentials",
        ),
        path("<path:object_id>/roads/<slug:service>/", page(_pace), name=f"{_NAME}_road"),
    ]


def add_account(desk: Desk, request: HttpRequest) -> HttpResponse:
    """Ask for the provider, then for what it needs; open the account."""
    if not desk.has_add_permission(request):
        raise PermissionDenied
    back_url = reverse(f"admin:{_NAME}_changelist")
    kind = PROVIDERS.get(request.GET.get("provider", ""))
    if kind is None:
        offers = [_offer(kind) for kind in PROVIDERS.values()]
        return _choose(desk, request, offers, title=_("Add an Official Account"), back_url=back_url)
    form = road_forms.AccountForm(request.POST or None, kind=kind)

    def do() -> OfficialAccount:
        return opening.open_account(at=timezone.now(), by=user_of(request), **form.details())

    return _page(
        desk, request, form, do,
        title=_("Add an Official Account at %(provider)s") % {"provider": kind.title},
        note=" ".join(road_forms.serves(kind)), back_url=request.path,
        said=_("The account is open. Its webhook address, for %(provider)s's pages, stands below.")
        % {"provider": kind.title},
    )  # fmt: skip


def road_rows(account: OfficialAccount, *, may_manage: bool) -> list[dict[str, Any]]:
    """Return the account's roads as its page shows them; never with a credential."""
    addresses = routing.webhook_urls(account)
    now = timezone.now()
    return [
        {
            "road": road,
            "title": _title(road.provider),
            "own_address": PROVIDERS[road.provider].api if road.provider in PROVIDERS else "",
            "webhook_url": addresses[road.provider],
            "old_until": road.previous_secret_until
            if road.previous_secret_until and road.previous_secret_until > now
            else None,
            "may_manage": may_manage and road.provider in PROVIDERS,
        }
        for road in sorted(account.roads.all(), key=lambda road: road.service)
    ]


def _add(desk: Desk, request: HttpRequest, account: OfficialAccount) -> HttpResponse:
    missing = road_forms.missing(account)
    kind = PROVIDERS.get(request.GET.get("provider", ""))
    title = _("Add a road")
    if kind is None:
        offers = [_offer(kind, account, missing) for kind in PROVIDERS.values()]
        return _choose(
            desk, request, offers if missing else [], title=title,
            back_url=desk.page_url(account), account=account,
        )  # fmt: skip
    served = [each for each in routing.services(kind, account.country) if each in missing]
    if not served:
        return HttpResponseRedirect(request.path)  # where each says for what it is
    form = road_forms.RoadForm(request.POST or None, kind=kind, services=served)

    def do() -> OfficialAccount:
        roads.add(account, at=timezone.now(), by=user_of(request), **form.details())
        return account

    return _page(
        desk, request, form, do, title=_("Add a road by %(provider)s") % {"provider": kind.title},
        back_url=desk.page_url(account), account=account,
        said=_("The road is added. Its webhook address, for %(provider)s's pages, stands below.")
        % {"provider": kind.title},
    )  # fmt: skip


def _credentials(
    desk: Desk, request: HttpRequest, account: OfficialAccount, service: str
) -> HttpResponse:
    road = _road(account, service)
    other = account.roads.exclude(pk=road.pk).filter(provider=road.provider, sender=road.sender)
    form = road_forms.CredentialsForm(request.POST or None, road=road, sharing=other.first())

    def do() -> OfficialAccount:
        how: dict[str, Any] = {
            "given": form.given(),
            "at": timezone.now(),
            "by": user_of(request),
        }
        if form.cleaned_data.get("both"):
            roads.replace_all_credentials(account, **how)
        else:
            roads.replace_credentials(account, service=service, **how)
        return account

    return _page(
        desk, request, form, do, title=_("Replace credentials"),
        note=_("%(service)s by %(provider)s, sent as %(sender)s. What webhooks were verified with"
               " before is taken for 72 hours more. Stored secrets are not shown.")
        % {"service": road.get_service_display(), "provider": _title(road.provider),
           "sender": road.sender},
        back_url=desk.page_url(account), account=account, said=_("The credentials are replaced."),
    )  # fmt: skip


def _pace(desk: Desk, request: HttpRequest, account: OfficialAccount, service: str) -> HttpResponse:
    road = _road(account, service)
    form = road_forms.PaceForm(request.POST or None, road=road)

    def do() -> OfficialAccount:
        details = form.cleaned_data
        roads.change(account, service=service, at=timezone.now(), by=user_of(request), **details)
        return account

    return _page(
        desk, request, form, do, title=_("Change pace or address"),
        note=_("%(service)s by %(provider)s. Who sends, and by whom, stays as it is.")
        % {"service": road.get_service_display(), "provider": _title(road.provider)},
        back_url=desk.page_url(account), account=account, said=_("The road is changed."),
    )  # fmt: skip


def _road(account: OfficialAccount, service: str) -> Road:
    road = account.roads.filter(service=service, provider__in=PROVIDERS).first()
    if road is None:
        raise Http404
    return road


def _title(provider: str) -> str:
    return PROVIDERS[provider].title if provider in PROVIDERS else provider


def _offer(
    kind: type[Provider], account: OfficialAccount | None = None, missing: list[str] | None = None
) -> dict[str, Any]:
    """Return what a provider is for; for an account, why not where it is for none of it."""
    is_of_use = account is None or any(
        each in (missing or []) for each in routing.services(kind, account.country)
    )
    return {
        "title": kind.title,
        "serves": road_forms.serves(kind),
        "url": f"?provider={kind.name}" if is_of_use else "",
    }


def _choose(
    desk: Desk,
    request: HttpRequest,
    offers: list[dict[str, Any]],
    *,
    title: str,
    back_url: str,
    account: OfficialAccount | None = None,
) -> HttpResponse:
    context = {
        **desk.admin_site.each_context(request),
        "title": title,
        "subtitle": account.name if account else None,
        "opts": desk.opts,
        "offers": offers,
        "account": account,
        "back_url": back_url,
    }
    return TemplateResponse(request, "console/providers.html", context)


def _page(
    desk: Desk,
    request: HttpRequest,
    form: forms.Form,
    do: Callable[[], OfficialAccount],
    *,
    title: str,
    said: str,
    back_url: str,
    note: str = "",
    account: OfficialAccount | None = None,
) -> HttpResponse:
    """Show a form; on POST do its act and go to the account, or show what is wrong with it."""
    status = 200
    if request.method == "POST":
        status = 409
        if form.is_valid():
            try:
                shown = do()
            except REFUSALS as refusal:
                field = refusal.field if isinstance(refusal, Invalid) else None
                form.add_error(field if field in form.fields else None, str(refusal))
                status = 403 if isinstance(refusal, PermissionDenied) else 409
            else:
                messages.success(request, said)
                return HttpResponseRedirect(desk.page_url(shown))
    context = {
        **desk.admin_site.each_context(request),
        "title": title,
        "subtitle": account.name if account else None,
        "heading": title,
        "opts": desk.opts,
        "form": form,
        "note": note,
        "back_url": back_url,
    }
    return TemplateResponse(request, "console/act.html", context, status=status)
