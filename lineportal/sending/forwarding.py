"""Pass an account's webhooks on to a bot that the company has already: on, off, and how it goes.

LINE knows one webhook address per channel, which is ours. Stop switches do not hold this back, for
nothing is sent to anybody.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Min
from django.utils.translation import gettext as _

from lineportal.accounts import access
from lineportal.accounts.models import OfficialAccount, Road
from lineportal.audit import chain
from lineportal.providers import PROVIDERS
from lineportal.sending import bot_address, forwards, incidents, lanes, routing
from lineportal.sending.models import Forward, Forwarding, ForwardState, IncidentCode
from recipients.intake import Invalid

LATE = timedelta(hours=1)  # that a webhook waits before a person is told


class NotPassedOn(Exception):
    """Webhooks of this account and provider are not passed on."""


@dataclass(frozen=True, slots=True)
class Figures:
    """How many deliveries wait, since when the oldest, and how many were given up lately."""

    waiting: int
    oldest_at: datetime | None
    given_up: int  # in the last 30 days


def providers_of(account: OfficialAccount) -> list[str]:
    """Return the providers whose webhooks may be passed on, the notifications' first."""
    names = account.roads.order_by("service").values_list("provider", flat=True)
    return list(dict.fromkeys(names))


def of(account: OfficialAccount, provider: str = "") -> Forwarding:
    """Return how webhooks of a provider are passed on; one that is off where none was set up.

    Without a name: LINE, or the account's first provider. Raises Invalid.
    """
    name = _provider(account, provider)
    found = Forwarding.objects.filter(account=account, provider=name).first()
    return found or Forwarding(account=account, provider=name, is_on=False)


def figures(forwarding: Forwarding, *, at: datetime) -> Figures:
    """Return what waits and what was given up."""
    if forwarding._state.adding:
        return Figures(0, None, 0)
    mine = Forward.objects.filter(forwarding=forwarding)
    waiting = mine.filter(state=ForwardState.WAITING)
    lately = mine.filter(state=ForwardState.GIVEN_UP, ended_at__gt=at - forwards.ENDED_KEPT)
    return Figures(
        waiting.count(), waiting.aggregate(oldest=Min("received_at"))["oldest"], lately.count()
    )


def watch(*, at: datetime) -> None:
    """Open an incident for each bot that a webhook waits an hour for; end those that are over."""
    for forwarding in Forwarding.objects.order_by("pk"):
        oldest = figures(forwarding, at=at).oldest_at
        code, account_id = IncidentCode.NOT_PASSED_ON, forwarding.account_id
        road = Road.objects.filter(account=account_id, provider=forwarding.provider).first()
        if forwarding.is_on and oldest is not None and at - oldest > LATE:
            incidents.open_or_touch(
                account_id,
                code,
                _("Webhooks of %(provider)s have waited for the company's bot since %(moment)s UTC;"
                  " its last answer: %(words)s. After 24 hours they are given up.")
                % {"provider": PROVIDERS[forwarding.provider].title,
                   "moment": f"{oldest.astimezone(UTC):%Y-%m-%d %H:%M}",
                   "words": words(forwarding) or _("none yet")},
                at=at,
                road=road,
            )  # fmt: skip
        else:
            note = _("Nothing waits for an hour any more.")
            incidents.end(account_id, code, at=at, road=road, note=note)


def rests_for(forwarding: Forwarding, *, at: datetime) -> timedelta | None:
    """Return how long until a bot that fails is tried again; None: it does not rest."""
    until = forwarding.rests_until
    return until - at if forwarding.is_on and until and until > at else None


def words(forwarding: Forwarding) -> str:
    """Return what became of the last try, as people read it; blank before the first."""
    if forwarding.http_status is None:
        return str(forwarding.get_answer_display())
    return f"{forwarding.get_answer_display()} ({forwarding.http_status})"


def shown_url(forwarding: Forwarding, user: Any) -> str:
    """Return the address; without its query, which may hold a token, for who cannot change it."""
    url = forwarding.url
    if "?" not in url or access.may(user, routing.MANAGE, forwarding.account_id):
        return url
    return f"{url.split('?')[0]}?…"


@transaction.atomic
def pass_on(
    account: OfficialAccount, *, url: str, by: User | None, at: datetime, provider: str = ""
) -> Forwarding:
    """Pass the webhooks that come from now on to this address; what waits goes there too.

    `by` None is an operator at the shell. Raises PermissionDenied, Invalid.
    """
    _require(by, account)
    url = url.strip()
    name = _provider(account, provider)
    bot_address.check(url)
    _hold(account)
    forwarding = Forwarding.objects.filter(account=account, provider=name).first() or Forwarding(
        account=account, provider=name
    )
    if forwarding.url != url:
        forwarding.tried_at = forwarding.taken_at = forwarding.http_status = None
        forwarding.answer = ""
    forwarding.url, forwarding.is_on, forwarding.changed_at = url, True, at
    _forget_failures(forwarding)
    forwarding.save()
    forwards.retry(forwarding.pk, at=at)
    lanes.wake_forwarder(forwarding.pk)
    chain.write(
        "forwarding.pass_on", subject=forwarding, by=by, at=at, account_id=account.pk,
        provider=name, url_sha256=hashlib.sha256(url.encode()).hexdigest(),
    )  # fmt: skip
    return forwarding


@transaction.atomic
def stop(
    account: OfficialAccount, *, by: User | None, at: datetime, provider: str = ""
) -> Forwarding:
    """Pass nothing on any more; what waits is dropped.

    Raises PermissionDenied, Invalid, NotPassedOn.
    """
    _require(by, account)
    forwarding = _that_is_on(account, provider)
    forwarding.is_on, forwarding.changed_at = False, at
    _forget_failures(forwarding)
    forwarding.save()
    chain.write(
        "forwarding.stop", subject=forwarding, by=by, at=at, account_id=account.pk,
        provider=forwarding.provider, dropped=forwards.drop_all(forwarding.pk, at=at),
    )  # fmt: skip
    return forwarding


@transaction.atomic
def try_again(
    account: OfficialAccount, *, by: User | None, at: datetime, provider: str = ""
) -> int:
    """Try all that waits now, though the bot failed; return how many wait.

    Raises PermissionDenied, Invalid, NotPassedOn.
    """
    _require(by, account)
    forwarding = _that_is_on(account, provider)
    _forget_failures(forwarding)
    forwarding.save()
    count = forwards.retry(forwarding.pk, at=at)
    lanes.wake_forwarder(forwarding.pk)
    chain.write(
        "forwarding.try_again", subject=forwarding, by=by, at=at, account_id=account.pk,
        provider=forwarding.provider, waiting=count,
    )  # fmt: skip
    return count


def _provider(account: OfficialAccount, name: str) -> str:
    names = providers_of(account)
    if name in names:
        return name
    if name or not names:
        raise Invalid(
            "provider",
            _("The account has no road by “%(name)s”; choose one of: %(list)s.")
            % {"name": name, "list": ", ".join(names) or _("none")},
        )
    return "line" if "line" in names else names[0]


def _that_is_on(account: OfficialAccount, provider: str) -> Forwarding:
    name = _provider(account, provider)
    rows = Forwarding.objects.select_for_update(no_key=True)
    found = rows.filter(account=account, provider=name, is_on=True).first()
    if found is None:
        raise NotPassedOn(
            _("Webhooks of this account are not passed on; give the bot's address first.")
        )
    return found


def _hold(account: OfficialAccount) -> None:
    """Have one person at a time change it, and no worker meanwhile."""
    OfficialAccount.objects.select_for_update(no_key=True).get(pk=account.pk)
    list(Forwarding.objects.select_for_update(no_key=True).filter(account=account))


def _forget_failures(forwarding: Forwarding) -> None:
    forwarding.failed_in_a_row, forwarding.failing_since = 0, None
    forwarding.rests_until = None


def _require(by: User | None, account: OfficialAccount) -> None:
    if by is not None:
        access.require(by, routing.MANAGE, account)
