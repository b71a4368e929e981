"""Messaging API channels: credentials, limits, counts, access tokens and accepted retry keys.

Rates are real time, because they measure load; everything else runs on the virtual clock.
"""

from __future__ import annotations

import hashlib
import secrets
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from lineportal.simulator.clock import DAY, day, month
from lineportal.simulator.given import Fields, NotUsable, items
from lineportal.simulator.units import Units

COUNTRIES = ("TH", "TW", "JP")
TOKEN_SECONDS = 900  # of a stateless channel access token
DEFAULT_RATE = 2_000.0  # requests per second, channel and endpoint

_FIELDS = frozenset(
    {
        "channel_secret",
        "channel_access_token",
        "webhook_url",
        "webhook_active",
        "country",
        "display_name",
        "pnp",
        "rate_per_second",
        "monthly_limit",
        "redelivery",
        "catalogue",
    }
)


class Bucket:
    """A token bucket that holds one second's worth of requests, at least one."""

    def __init__(self, per_second: float, capacity: float | None = None) -> None:
        self._per_second = per_second
        self._capacity = capacity or max(1.0, per_second)
        self._level = self._capacity
        self._seen = time.monotonic()

    def take(self) -> bool:
        """Take one token; False when there is none."""
        now = time.monotonic()
        self._level = min(self._capacity, self._level + (now - self._seen) * self._per_second)
        self._seen = now
        if self._level < 1:
            return False
        self._level -= 1
        return True


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The template, item and button keys that LINE offers in the channel's country."""

    templates: frozenset[str]
    items: frozenset[str]
    buttons: frozenset[str]


@dataclass(frozen=True, slots=True)
class AcceptedKey:
    """A retry key LINE has accepted, with what it answered then."""

    request_id: str
    accepted_at: float
    sent_messages: list[dict[str, str]] | None  # of a push


@dataclass(slots=True, eq=False)
class Channel:
    """One Messaging API channel of one Official Account."""

    id: str
    secret: str
    access_token: str | None = None
    webhook_url: str | None = None
    webhook_active: bool = True
    country: str = "TH"
    display_name: str = "Simulated account"
    pnp: bool = True
    rate_per_second: float = DEFAULT_RATE
    monthly_limit: int | None = None
    redelivery: bool = False
    catalogue: Catalogue | None = None
    buckets: dict[str, Bucket] = field(default_factory=dict)
    delivered: Counter[tuple[str, str]] = field(default_factory=Counter)  # (kind, yyyyMMdd)
    used: Counter[str] = field(default_factory=Counter)  # yyyyMM
    retry_keys: dict[str, AcceptedKey] = field(default_factory=dict)
    units: Units = field(default_factory=Units)

    @property
    def bot_user_id(self) -> str:
        """The bot's user id, which webhooks name as `destination`."""
        return "U" + hashlib.sha256(b"bot" + self.id.encode()).hexdigest()[:32]

    def may_call(self, endpoint: str, rate: tuple[int, float] | None) -> bool:
        """Take from the endpoint's bucket; `rate` is (calls, seconds), None the channel's own."""
        bucket = self.buckets.get(endpoint)
        if bucket is None:
            calls, seconds = rate or (self.rate_per_second, 1.0)
            bucket = Bucket(calls / seconds, calls if rate else None)
            self.buckets[endpoint] = bucket
        return bucket.take()

    def count(self, kind: str, at: float) -> None:
        """Count one message that a person got: for statistics and for the month's quota."""
        self.delivered[kind, day(at)] += 1
        if kind != "reply":  # replies are free
            self.used[month(at)] += 1

    def has_used_up(self, at: float, *, coming: int = 1) -> bool:
        """Whether the month's messages do not do for those that are coming."""
        limit = self.monthly_limit
        return limit is not None and self.used[month(at)] + max(1, coming) > limit

    def accepted_key(self, key: str, at: float) -> AcceptedKey | None:
        """Return what was accepted under this retry key within 24 hours."""
        accepted = self.retry_keys.get(key)
        return accepted if accepted and at - accepted.accepted_at < DAY else None

    def accept_key(self, key: str, accepted: AcceptedKey) -> None:
        """Remember an accepted retry key, and forget those older than 24 hours."""
        self.retry_keys.pop(key, None)
        self.retry_keys[key] = accepted
        while True:
            oldest = next(iter(self.retry_keys))
            if accepted.accepted_at - self.retry_keys[oldest].accepted_at < DAY:
                return
            del self.retry_keys[oldest]

    def shown(self) -> dict[str, Any]:
        """Return the channel as JSON, without its secrets."""
        return {
            "channel_id": self.id,
            "bot_user_id": self.bot_user_id,
            "display_name": self.display_name,
            "country": self.country,
            "webhook_url": self.webhook_url,
            "webhook_active": self.webhook_active,
            "has_access_token": self.access_token is not None,
            "pnp": self.pnp,
            "rate_per_second": self.rate_per_second,
            "monthly_limit": self.monthly_limit,
            "redelivery": self.redelivery,
            "has_catalogue": self.catalogue is not None,
            "delivered": {
                kind: sum(n for (of, _), n in self.delivered.items() if of == kind)
                for kind in ("pnp", "templated", "push", "multicast", "reply")
            },
        }


class Channels:
    """All channels, by id and by access token."""

    def __init__(self) -> None:
        self.by_id: dict[str, Channel] = {}
        self._tokens: dict[str, tuple[str, float]] = {}  # stateless: (channel id, expires at)

    def clear(self) -> None:
        """Forget all channels and tokens."""
        self.by_id.clear()
        self._tokens.clear()

    def put(self, channel_id: str, value: Any) -> Channel:
        """Add the channel, or change what is given of it; raise NotUsable."""
        fields = Fields(value, "The channel", _FIELDS)
        known = self.by_id.get(channel_id)
        if known is None and "channel_secret" not in fields:
            raise NotUsable('A new channel needs "channel_secret".')
        channel = Channel(channel_id, fields.text("channel_secret", known.secret if known else ""))
        _apply(fields, channel, known)
        holder = self._by_access_token(channel.access_token) if channel.access_token else None
        if holder and holder.id != channel_id:
            raise NotUsable("The channel_access_token belongs to another channel.")
        if known:
            channel.delivered, channel.used = known.delivered, known.used
            channel.retry_keys, channel.units = known.retry_keys, known.units
        self.by_id[channel_id] = channel
        return channel

    def issue(self, channel: Channel, at: float) -> str:
        """Return a new stateless access token, good for 15 minutes."""
        token = secrets.token_urlsafe(64)
        if len(self._tokens) >= 10_000:
            self._tokens = {t: held for t, held in self._tokens.items() if held[1] > at}
        self._tokens[token] = (channel.id, at + TOKEN_SECONDS)
        return token

    def of_token(self, token: str, at: float) -> Channel | None:
        """Return the channel the token speaks for; None when it is unknown or expired."""
        channel_id, expires_at = self._tokens.get(token, ("", 0.0))
        if expires_at > at:
            return self.by_id.get(channel_id)
        return self._by_access_token(token)

    def _by_access_token(self, token: str) -> Channel | None:
        return next((c for c in self.by_id.values() if c.access_token == token), None)


def web_address(fields: Fields, name: str) -> str:
    """Return an http or https address of at most 500 characters, or raise NotUsable."""
    address = fields.text(name)
    if not is_web_address(address):
        raise NotUsable(f'"{name}" must be an http:// or https:// address, 500 characters at most.')
    return address


def is_web_address(address: str) -> bool:
    """Whether this can be a webhook address."""
    try:
        parts = urlsplit(address)
        port_is_right = parts.port is None or parts.port > 0
    except ValueError:
        return False
    is_web = parts.scheme in ("http", "https") and bool(parts.hostname)
    return is_web and port_is_right and len(address) <= 500


def _apply(fields: Fields, channel: Channel, known: Channel | None) -> None:
    was = known or channel
    channel.access_token = was.access_token
    if "channel_access_token" in fields:
        given = fields.given("channel_access_token")
        channel.access_token = fields.text("channel_access_token") if given else None
    channel.webhook_url = was.webhook_url
    if "webhook_url" in fields:
        channel.webhook_url = (
            web_address(fields, "webhook_url") if fields.given("webhook_url") else None
        )
    channel.webhook_active = fields.flag("webhook_active", default=was.webhook_active)
    channel.country = fields.choice("country", COUNTRIES, was.country)
    channel.display_name = fields.text("display_name", was.display_name)
    channel.pnp = fields.flag("pnp", default=was.pnp)
    channel.rate_per_second = fields.number(
        "rate_per_second", was.rate_per_second, least=0.01, most=1_000_000
    )
    channel.monthly_limit = was.monthly_limit
    if "monthly_limit" in fields:
        given = fields.given("monthly_limit")
        channel.monthly_limit = (
            fields.whole("monthly_limit", 0, least=0, most=10**12) if given else None
        )
    channel.redelivery = fields.flag("redelivery", default=was.redelivery)
    channel.catalogue = was.catalogue
    if "catalogue" in fields:
        given = fields.given("catalogue")
        channel.catalogue = _catalogue(fields.raw("catalogue")) if given else None


def _catalogue(value: Any) -> Catalogue:
    fields = Fields(value, "The catalogue", ("templates", "items", "buttons"))
    return Catalogue(
        *(_keys(fields.raw(name) or [], name) for name in ("templates", "items", "buttons"))
    )


def _keys(value: Any, name: str) -> frozenset[str]:
    keys = items(value, f'"{name}" of the catalogue')
    if not all(isinstance(key, str) and key for key in keys):
        raise NotUsable(f'"{name}" of the catalogue must be a list of keys.')
    return frozenset(keys)
