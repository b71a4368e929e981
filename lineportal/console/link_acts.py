"""The link of a person's page: its age, the other side masked, and what may be done with it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from lineportal.accounts import access
from lineportal.console.base import ActForm, Desk, user_of
from lineportal.conversations import linking as talks
from lineportal.sending import policies
from recipients import link_codes, linking, phones
from recipients.models import Recipient

LABELS: dict[str, Any] = {
    "link_code": gettext_lazy("Make a link code"),
    "confirm_link": gettext_lazy("The link is still right"),
    "end_link": gettext_lazy("End the link"),
}
FORMS: dict[str, type[ActForm]] = {"link_code": ActForm, "end_link": ActForm}
NOTES: dict[str, Any] = {
    "link_code": gettext_lazy(
        "Give it only to the customer whom you know to own this number. It is shown once, works"
        " once, for 24 hours, and makes an earlier one void."
    ),
    "end_link": gettext_lazy(
        "The number and the LINE user are two people again. Both keep what is held of them, the"
        " friend status too."
    ),
}


def available(recipient: Recipient, user: User) -> list[str]:
    """Return the acts of linking that this person may do now."""
    if not access.may(user, linking.KEEP, recipient.account_id):
        return []
    if linking.of(recipient):
        return ["confirm_link", "end_link"]
    return ["link_code"] if recipient.phone and not recipient.line_user_id else []


def panel(recipient: Recipient, user: User, *, at: datetime) -> dict[str, Any]:
    """Return what the person's page shows of the other side."""
    link = linking.of(recipient) if access.may(user, linking.VIEW) else None
    if link is None:
        return {}
    is_phone = link.phone_recipient_id == recipient.pk
    other = link.user_recipient if is_phone else link.phone_recipient
    return {
        "link": link,
        "link_other": other,
        "link_label": _("LINE user") if is_phone else phones.mask(other.phone),
        "link_days": (at - link.confirmed_at).days,
        "link_is_stale": linking.is_stale(
            link, at=at, days=policies.of(recipient.account_id).link_days
        ),
    }


def do(desk: Desk, act: str, recipient: Recipient, request: HttpRequest) -> HttpResponse | None:
    """Carry out an act of linking; a code is shown on a page of its own, once."""
    at, by = timezone.now(), user_of(request)
    if act == "link_code":
        return _shown(desk, recipient, request, link_codes.issue(recipient, at=at, by=by))
    link = linking.of(recipient)
    if link is None:
        raise linking.AlreadyEnded(_("This link has ended already."))
    if act == "end_link":
        linking.end(link, at=at, by=by)
    else:
        linking.confirm(link, at=at, by=by)
    return None


def _shown(
    desk: Desk, recipient: Recipient, request: HttpRequest, issued: link_codes.Issued
) -> HttpResponse:
    context = {
        **desk.admin_site.each_context(request),
        "title": _("Link code"),
        "subtitle": str(recipient),
        "opts": desk.opts,
        "code": issued.shown,
        "expires_at": issued.row.expires_at,
        "address": talks.address(recipient.account),
        "back_url": desk.page_url(recipient),
    }
    response = TemplateResponse(request, "console/link_code.html", context)
    response["Cache-Control"] = "no-store"
    return response
