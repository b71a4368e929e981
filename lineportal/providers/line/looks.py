"""Whether an account is set up at LINE as its road needs it, in sentences that say what to do."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta, timezone
from urllib.parse import urlsplit

import aiohttp

from lineportal.providers.base import Check
from lineportal.providers.line import reads, told
from lineportal.providers.line.calls import Line
from lineportal.providers.outcomes import Outcome, SendResult

ZONE = timezone(timedelta(hours=9))  # of the days that LINE counts
_PLACE = "LINE Developers, “Messaging API” of the channel"
_NO_KNOWLEDGE = (Outcome.UNCERTAIN, Outcome.UNAVAILABLE, Outcome.THROTTLED)
# What LINE says of a webhook that it could not deliver.
_PING_REASONS = {
    "COULD_NOT_CONNECT": "LINE cannot connect to {url}. It must be reachable from the internet,"
    " with a certificate that is known everywhere.",
    "REQUEST_TIMEOUT": "{url} does not answer LINE in time. Look whether the web server and its"
    " database are up.",
    "UNCLASSIFIED": "LINE could not deliver a webhook to {url}, and does not say why.",
}
_NOT_SIGNED = (
    "LINE's test webhook reached {url}, but was not signed with the channel secret that is set up"
    " here (401). Copy the channel secret from LINE Developers, “Basic settings”."
)
_NOT_OURS = (
    "LINE's test webhook reached {url}, which does not know it (404). Look whether the portal's"
    " public address is right."
)


async def look(
    line: Line, session: aiohttp.ClientSession, *, service: str, webhook_url: str, seconds: float
) -> list[Check]:
    """Return what was looked at: token, account, webhooks, quota and, for `lon`, notifications.

    Without a token nothing else can be looked at.
    """
    ends_at = line.clock() + seconds
    token = await line.tokens.get(session, ends_at=ends_at)
    if isinstance(token, SendResult):
        return [Check("token", _is_ok(token.outcome), token.detail)]
    (bot, endpoint, ping, quota), opened = await asyncio.gather(
        asyncio.gather(
            reads.bot(line, session),
            reads.endpoint(line, session),
            reads.ping(line, session, webhook_url),
            reads.quota(line, session),
        ),
        asyncio.gather(*(_opened(line, session, kind) for kind in _kinds(service))),
    )
    if bot.code == "token_refused":
        return [Check("token", False, bot.problem)]
    checks = [
        Check("token", True, _token(line)),
        _account(bot),
        _webhook_address(endpoint, webhook_url),
        _webhook_test(ping, webhook_url),
        _quota(quota, service),
    ]
    return [*checks, _notifications(dict(opened))] if opened else checks


def _kinds(service: str) -> tuple[str, ...]:
    return ("flexible", "templated") if service == "lon" else ()


async def _opened(
    line: Line, session: aiohttp.ClientSession, kind: str
) -> tuple[str, told.Counted]:
    """Ask for a day's number of a kind of notification, which LINE tells where that is opened."""
    day = datetime.now(UTC).astimezone(ZONE).date() - timedelta(days=1)
    return kind, await reads.counted(line, session, kind, day)


def _token(line: Line) -> str:
    if line.tokens.is_fixed:
        return "LINE takes the account's channel access token."
    return "LINE gives short-lived access tokens for the channel."


def _account(bot: told.Bot) -> Check:
    if bot.problem:
        return _unknown("account", bot, "Who the account is at LINE was not found out")
    return Check("account", True, f"At LINE the account is “{bot.name}” ({bot.basic_id}).")


def _webhook_address(endpoint: told.Endpoint, ours: str) -> Check:
    name = "webhook_address"
    enter = f"Enter {ours} in {_PLACE}." if ours else f"Enter the portal's in {_PLACE}."
    if endpoint.code == "no_webhook_address":
        return Check(name, False, f"No webhook address is set at LINE. {enter}")
    if endpoint.problem:
        return _unknown(name, endpoint, "Where LINE sends webhooks was not found out")
    if not ours:
        sentence = f"LINE sends webhooks to {_host(endpoint)}; the portal does not know its own."
        return Check(name, None, sentence)
    if endpoint.url != ours:
        sentence = (
            f"LINE sends webhooks to another address, of {_host(endpoint)}. {enter} A bot that"
            " listens there now can get them from the portal."
        )
        return Check(name, False, sentence)
    if not endpoint.is_active:
        sentence = f"The webhook address is set, but off. Switch on “Use webhook” in {_PLACE}."
        return Check(name, False, sentence)
    return Check(name, True, "LINE sends webhooks to this portal.")


def _host(endpoint: told.Endpoint) -> str:
    """Return where the address leads; the rest of another's address may be a secret."""
    try:
        return urlsplit(endpoint.url).hostname or "an unknown host"
    except ValueError:
        return "an unknown host"


def _webhook_test(ping: told.Ping, url: str) -> Check:
    name = "webhook_test"
    if ping.problem:
        return _unknown(name, ping, "LINE sent no test webhook")
    if ping.is_answered:
        return Check(name, True, "A test webhook from LINE arrived and was answered.")
    if ping.http_status == 401:
        sentence = _NOT_SIGNED
    elif ping.http_status == 404:
        sentence = _NOT_OURS
    else:
        sentence = _PING_REASONS.get(
            ping.reason.upper(), "LINE's test webhook was not answered as it should by {url}."
        )
    sentence = sentence.format(url=url or "the address that is set at LINE")
    if said := " ".join(each for each in (ping.reason, ping.detail) if each):
        sentence += f" LINE: {said}."
    return Check(name, False, sentence)


def _quota(quota: told.Quota, service: str) -> Check:
    if quota.problem:
        return _unknown("quota", quota, "The month's quota was not found out")
    aside = " Whether notifications use it LINE does not say." if service == "lon" else ""
    if quota.left is None:
        return Check("quota", True, "The account has no monthly limit of messages.")
    used = f"of {quota.limit:,} messages this month about {quota.used:,} are used"
    if quota.left:
        return Check("quota", True, f"Quota: {used}, {quota.left:,} are left.{aside}")
    sentence = f"Quota: {used}, none is left. Buy more in LINE Official Account Manager.{aside}"
    return Check("quota", None if service == "lon" else False, sentence)


def _notifications(opened: dict[str, told.Counted]) -> Check:
    name = "notifications"
    closed = [kind for kind, each in opened.items() if each.code == "not_enabled"]
    if len(closed) == len(opened):
        return Check(name, False, next(iter(opened.values())).problem)
    unknown = [each for each in opened.values() if each.problem and each.code != "not_enabled"]
    if unknown:
        return _unknown(name, unknown[0], "Whether notifications are opened was not found out")
    if closed:
        sentence = f"LINE has opened notification messages for the account, but not {closed[0]}"
        return Check(name, True, f"{sentence} ones.")
    return Check(name, True, "LINE has opened notification messages, flexible and templated.")


def _unknown(name: str, answer: told.Told, what: str) -> Check:
    return Check(name, _is_ok(answer.outcome), f"{what}. {_ended(answer.problem)}")


def _is_ok(outcome: Outcome) -> bool | None:
    return None if outcome in _NO_KNOWLEDGE else False


def _ended(text: str) -> str:
    return text if text.endswith(".") else f"{text}."
