"""Does an account hear from its providers: can they reach us, and when did they last?

Each function returns a check's name, whether all is well (None: not known), and a sentence.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from urllib.parse import urlsplit

from django.conf import settings
from django.db.models import Max
from django.utils.translation import gettext as _

from lineportal.accounts.models import Road
from lineportal.providers.base import Provider
from lineportal.sending import routing, senders
from lineportal.sending.models import WebhookDelivery

Heard = tuple[str, bool | None, str]

# The first receipts come within minutes; this long without any is no accident.
SILENCE = timedelta(hours=1)
# An account's newest deliveries that are looked through, so that the question stays cheap.
NEWEST = 10_000


def public_address(road: Road) -> Heard:
    """Say whether the provider can call the webhook address that we show for it."""
    name = "public_address"
    parts = urlsplit(settings.PUBLIC_URL)
    if routing.is_loopback(road):
        return name, True, _("The provider's address is on this machine, and so may ours be.")
    if parts.hostname in routing.LOOPBACK:
        return name, False, _(
            "LINEPORTAL_PUBLIC_URL is an address of this machine alone, so no webhook can come;"
            " set it to the address that others reach this server by."
        )  # fmt: skip
    if parts.scheme != "https":
        return name, False, _(
            "LINEPORTAL_PUBLIC_URL does not begin with https://, which webhooks need; set it to an"
            " address that does."
        )  # fmt: skip
    return name, True, _("Webhooks are asked for at a public address.")


def webhook(road: Road, kind: type[Provider], *, at: datetime) -> Heard:
    """Say when the last webhook of the road's provider came."""
    name = "last_webhook"
    last = _last(road, kind)
    if last is not None:
        sentence = _("The last webhook of %(provider)s came at %(when)s.")
        return name, True, sentence % {"provider": kind.title, "when": _told(last)}
    has_receipts = kind.serves[road.service].has_receipts if road.service in kind.serves else False
    if road.used_at is None or not has_receipts:
        return name, None, _("No webhook of %(provider)s has come yet.") % {"provider": kind.title}
    if _came_ever(road, kind):
        return name, None, _("No webhook of %(provider)s came of late.") % {"provider": kind.title}
    if at - road.used_at < SILENCE:
        sentence = _("No webhook of %(provider)s has come yet; the first messages are just sent.")
        return name, None, sentence % {"provider": kind.title}
    sentence = _(
        "Messages are sent since %(when)s, but no webhook of %(provider)s ever came; enter the"
        " webhook address there, and see that it is switched on."
    )
    return name, False, sentence % {"provider": kind.title, "when": _told(road.used_at)}


def pulled(road: Road, kind: type[Provider], *, at: datetime) -> Heard:
    """Say when reports last came, where we ask for them ourselves."""
    name = "last_reports"
    last = _last(road, kind)
    if last is not None:
        sentence = _("Reports are asked for; the last ones of %(provider)s came at %(when)s.")
        return name, True, sentence % {"provider": kind.title, "when": _told(last)}
    if road.used_at is None:
        return name, None, _("Reports are asked for once the first message is sent.")
    is_new = _came_ever(road, kind) or at - road.used_at < SILENCE
    sentence = _("Reports are asked for, but none of %(provider)s came since %(when)s.")
    details = {"provider": kind.title, "when": _told(road.used_at)}
    return name, None if is_new else False, sentence % details


def _last(road: Road, kind: type[Provider]) -> datetime | None:
    moments = [_last_of(pk, road.provider) for pk in _sharing(road, kind)]
    return max((moment for moment in moments if moment), default=None)


def _came_ever(road: Road, kind: type[Provider]) -> bool:
    rows = WebhookDelivery.objects.filter(account_id__in=_sharing(road, kind))
    return rows.filter(provider=road.provider).exists()


def _sharing(road: Road, kind: type[Provider]) -> set[int]:
    """Return the accounts whose deliveries may speak of this one: its own, and of the same key."""
    accounts = {road.account_id}
    if kind.key_setting:
        accounts |= set(senders.sharing(road.account_id, road.provider).values())
    return accounts


def _last_of(account_id: int, provider: str) -> datetime | None:
    # Emptied ones are left out, so that one index leads to the newest.
    newest = WebhookDelivery.objects.filter(account_id=account_id, emptied_at__isnull=True)
    found = WebhookDelivery.objects.filter(
        pk__in=newest.order_by("-id").values("pk")[:NEWEST], provider=provider
    )
    last: datetime | None = found.aggregate(last=Max("received_at"))["last"]
    return last


def _told(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"
