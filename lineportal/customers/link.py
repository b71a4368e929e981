"""The door for customers: the page where they enter their code, on the way to LINE's consent.

Whoever holds LINE's token and the code may go on, nobody else; there is no login and no cookie, so
there is nothing that a page of somebody else could borrow, and no CSRF token.
"""

from __future__ import annotations

from urllib.parse import urlencode, urlsplit

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from lineportal.accounts import languages
from lineportal.accounts.models import OfficialAccount, Road, Service
from lineportal.conversations import link_words, linking
from lineportal.providers.line import LineProvider

_TOKEN_LIMIT = 200  # characters
_CODE_LIMIT = 60
_SLUG_LIMIT = 100


@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
def page(request: HttpRequest, slug: str) -> HttpResponse:
    """Ask for the code; where it is right, lead on to LINE, which asks whether they agree."""
    at = timezone.now()
    account = _account(slug)
    language = _language(request, account)
    words = link_words.of(language, name=account.name if account else "")
    if account is None:
        return _shown(request, words, language, status=404, problem=words.no_page)
    given = request.POST if request.method == "POST" else request.GET
    token = _token(given.get("linkToken", ""))
    made = linking.given(account, token, at=at) if token else None
    road = Road.objects.filter(
        account=account, service=Service.OA, provider=LineProvider.name
    ).first()
    if made is None or road is None or not account.is_active:
        return _shown(request, words, language, account, asks_again=True)
    if linking.is_locked(made):
        return _shown(request, words, language, account, asks_again=True, problem=words.locked)
    target = LineProvider.link_page(road.api_base_url, token=token, nonce="")
    problem = ""
    if request.method == "POST":
        try:
            nonce = linking.enter(made, given.get("code", "")[:_CODE_LIMIT], at=at)
        except linking.Locked:
            return _shown(request, words, language, account, asks_again=True, problem=words.locked)
        if nonce is not None:
            target = LineProvider.link_page(road.api_base_url, token=token, nonce=nonce)
            return _closed(HttpResponseRedirect(target, status=303), leads_to=target)
        problem = words.wrong_code
    return _shown(
        request, words, language, account, token=token, problem=problem, leads_to=target,
        status=400 if problem else 200,
    )  # fmt: skip


def _shown(
    request: HttpRequest,
    words: link_words.Words,
    language: str,
    account: OfficialAccount | None = None,
    *,
    token: str = "",
    problem: str = "",
    asks_again: bool = False,
    leads_to: str = "",
    status: int = 200,
) -> HttpResponse:
    query = {"linkToken": token} if token else {}
    choices = [
        (name, title, f"?{urlencode({**query, 'lang': name})}")
        for name, title in languages.LANGUAGES.items()
    ]
    context = {
        "words": words,
        "language": language,
        "languages": choices,
        "account": account,
        "token": token,
        "problem": problem,
        "asks_again": asks_again,
    }
    response = render(request, "customers/link.html", context, status=status)
    return _closed(response, leads_to=leads_to)


def _closed(response: HttpResponse, *, leads_to: str = "") -> HttpResponse:
    """Let nobody keep, frame or be told of the page; LINE's token stands in its address."""
    origin = ""
    if leads_to:
        parts = urlsplit(leads_to)
        origin = f" {parts.scheme}://{parts.netloc}"  # where the form is sent on to
    response["Content-Security-Policy"] = (
        "default-src 'none'; style-src 'self'; base-uri 'none'; frame-ancestors 'none';"
        f" form-action 'self'{origin}"
    )
    response["Referrer-Policy"] = "no-referrer"
    response["Cache-Control"] = "no-store"
    response["X-Robots-Tag"] = "noindex"
    response["Vary"] = "Accept-Language"
    return response


def _account(slug: str) -> OfficialAccount | None:
    if len(slug) > _SLUG_LIMIT or not slug.isascii() or not slug.isprintable():
        return None
    return OfficialAccount.objects.filter(slug=slug).first()


def _token(text: str) -> str:
    is_one = 0 < len(text) <= _TOKEN_LIMIT and text.isascii() and text.isprintable()
    return text if is_one else ""


def _language(request: HttpRequest, account: OfficialAccount | None) -> str:
    """Return the language that was chosen, else the browser's first of ours, else the country's."""
    chosen = request.GET.get("lang", "") or request.POST.get("lang", "")
    if chosen in languages.LANGUAGES:
        return chosen
    for tag in request.headers.get("Accept-Language", "")[:200].split(","):
        name = tag.partition(";")[0].strip()
        # Only a tag of one of ours counts; the next may be one.
        if name and (found := languages.nearest(name)) != "en":
            return found
        if name.lower().startswith("en"):
            return "en"
    return languages.nearest("", country=account.country if account else "")
