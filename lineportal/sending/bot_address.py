"""Where webhooks may be passed on to: an allowed host, and never our own door."""

from __future__ import annotations

import re
from urllib.parse import unquote, urlsplit

from django.utils.translation import gettext as _

from lineportal.accounts.models import OfficialAccount
from lineportal.sending import routing
from recipients.intake import Invalid

LIMIT = routing.URL_LIMIT
_VISIBLE = re.compile(r"[!-\[\]-~]+")  # no space, no backslash: all readers agree on the host
_WEBHOOK_ID = re.compile(r"[A-Za-z0-9_-]{20,40}")


def check(url: str) -> None:
    """Raise Invalid unless webhooks may be posted to this address.

    The rule is that of providers' addresses: HTTPS, and a host that an operator has listed; but in
    a list of its own, as nothing secret is ever posted to a bot.
    """
    if len(url) > LIMIT or not _VISIBLE.fullmatch(url):
        raise Invalid(
            "url",
            _("Give the bot's whole address, without spaces and in at most %(most)d characters.")
            % {"most": LIMIT},
        )
    routing.check_address(url, name="url", listed="BOT_HOSTS")
    # Whatever the host is called: an id as this is ours alone, and nobody can guess one.
    ids = _WEBHOOK_ID.findall(unquote(urlsplit(url).path))
    if ids and OfficialAccount.objects.filter(webhook_id__in=ids).exists():
        raise Invalid(
            "url",
            _("This is lineportal's own webhook address; give the address of the company's bot."),
        )
