"""The part of an account's page that passes webhooks on to a bot of the company."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib.auth.models import User
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy

from lineportal.accounts import access
from lineportal.accounts.models import OfficialAccount
from lineportal.console.base import ActForm, user_of
from lineportal.providers import PROVIDERS
from lineportal.sending import bot_address, forwarding, routing

LABELS: dict[str, Any] = {
    "pass_on": gettext_lazy("Pass on to this address"),
    "stop_passing_on": gettext_lazy("Stop passing on"),
    "try_passing_on": gettext_lazy("Try again now"),
}
NOTES: dict[str, Any] = {
    "pass_on": gettext_lazy(
        "Every webhook that comes from now on goes to this address too, byte for byte and with its"
        " signature, so that the bot verifies it as if it came from LINE. What waits goes there as"
        " well."
    ),
    "stop_passing_on": gettext_lazy(
        "The bot hears nothing more, and what still waits for it is dropped. The portal itself goes"
        " on reading its webhooks."
    ),
    "try_passing_on": gettext_lazy("Everything that waits is tried at once."),
}


class ProviderForm(ActForm):
    provider = forms.CharField(widget=forms.HiddenInput, required=False)


class AddressForm(ProviderForm):
    url = forms.CharField(
        label=gettext_lazy("Address of the bot"),
        max_length=bot_address.LIMIT,
        widget=forms.URLInput(attrs={"placeholder": "https://"}),
        help_text=gettext_lazy(
            "HTTPS, and a host that an operator lists in LINEPORTAL_BOT_HOSTS. It answers with a"
            " status from 200 to 299 within two seconds, as LINE asks of every bot."
        ),
    )


FORMS: dict[str, type[ActForm]] = {
    "pass_on": AddressForm,
    "stop_passing_on": ProviderForm,
    "try_passing_on": ProviderForm,
}
ACTS = frozenset(LABELS)
GRAVE = frozenset({"stop_passing_on"})


def available(account: OfficialAccount, user: User) -> list[str]:
    """Return those acts that the user may do on the account."""
    return list(LABELS) if access.may(user, routing.MANAGE, account) else []


def do(act: str, account: OfficialAccount, request: HttpRequest, details: dict[str, Any]) -> None:
    """Carry out one of ACTS; raises what `forwarding` refuses with."""
    who: dict[str, Any] = {
        "by": user_of(request), "at": timezone.now(), "provider": details["provider"],
    }  # fmt: skip
    if act == "pass_on":
        forwarding.pass_on(account, url=details["url"], **who)
    elif act == "stop_passing_on":
        forwarding.stop(account, **who)
    else:
        forwarding.try_again(account, **who)


def panel(account: OfficialAccount, request: HttpRequest) -> dict[str, Any]:
    """Return what `console/account_forwarding.html` shows: one part for each provider."""
    at, user = timezone.now(), user_of(request)
    parts = []
    for name in forwarding.providers_of(account):
        kept = forwarding.of(account, name)
        parts.append(
            {
                "forwarding": kept,
                "title": PROVIDERS[name].title,
                "url": forwarding.shown_url(kept, user),
                "figures": forwarding.figures(kept, at=at),
                "words": forwarding.words(kept),
                "rests": bool(forwarding.rests_for(kept, at=at)),
            }
        )
    return {"forwardings": parts, "may_pass_on": access.may(user, routing.MANAGE, account)}
