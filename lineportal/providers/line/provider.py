"""LINE without a partner between: what it serves, is set up with, and can be asked."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, ClassVar
from urllib.parse import urlencode

import aiohttp

from lineportal.providers.base import (
    CannotWire,
    Check,
    Count,
    Event,
    FaultScope,
    Outcome,
    OutgoingMessage,
    Provider,
    SendResult,
    Serves,
    Setting,
    WireRequest,
)
from lineportal.providers.downloads import Download, Keep
from lineportal.providers.line import content, looks, reads, sends, told, webhooks
from lineportal.providers.line.calls import Line

COUNTRIES = ("JP", "TH", "TW")


class LineProvider(Provider):
    name = "line"
    title = "LINE"
    api = "https://api.line.me"
    own_hosts = re.compile("api[.]line[.]me")
    serves: ClassVar = {
        "lon": Serves(COUNTRIES, frozenset({"bubble", "catalogue", "flex"}), has_receipts=True),
        "oa": Serves(COUNTRIES, frozenset({"text", "picture", "flex"}), has_receipts=False),
    }
    settings = (
        Setting("channel_id", "Channel id", is_required=True, is_secret=False),
        Setting("channel_secret", "Channel secret", is_required=True),
        Setting(
            "channel_access_token",
            "Channel access token",
            help="Empty: short-lived tokens are fetched, as LINE advises.",
        ),
    )
    sender_setting = "channel_id"
    webhook_settings = frozenset({"channel_secret"})
    signature_headers = ("X-Line-Signature",)
    ceiling_per_second = 2000
    default_rate = 500
    may_repeat = frozenset({"oa"})
    takes_reply_tokens = frozenset({"oa"})
    counts_in_zone = 9

    def __init__(self, credentials: Mapping[str, str], **options: Any) -> None:
        super().__init__(credentials, **options)
        self._line = Line(
            {each.name: self.given[each.name] for each in self.settings},
            base=self.base,
            clock=self.clock,
            total_seconds=self.total_seconds,
            connect_seconds=self.connect_seconds,
        )

    def wire(self, message: OutgoingMessage) -> WireRequest:
        return sends.outgoing(message)

    async def send(
        self,
        session: aiohttp.ClientSession,
        message: OutgoingMessage,
        request: WireRequest | None = None,
    ) -> SendResult:
        """Post one message; a stateless token that LINE no longer takes is renewed once."""
        if request is None:
            try:
                request = sends.outgoing(message)
            except CannotWire as problem:
                return _unsaid(problem)
        return await self._line.send(
            session,
            sends.call_of(message),
            request,
            hidden=tuple(filter(None, (message.address, message.reply_token))),
        )

    async def reply(
        self, session: aiohttp.ClientSession, token: str, messages: Sequence[str]
    ) -> SendResult:
        """Answer somebody who wrote, with the reply token of what they wrote; messages are JSON.

        REFUSED with the code "invalid_reply_token": surely not sent, so it may be pushed instead.
        UNCERTAIN must not be, as LINE has no key by which it would know a repeat.
        """
        try:
            request = sends.reply(token, messages)
        except CannotWire as problem:
            return _unsaid(problem)
        return await self._line.send(session, "reply", request, hidden=(token,))

    async def validate(
        self, session: aiohttp.ClientSession, messages: Sequence[str], *, as_reply: bool = False
    ) -> told.Validated:
        """Ask LINE whether it would take these message objects (JSON); nothing is sent."""
        return await reads.validate(self._line, session, messages, as_reply=as_reply)

    async def profile(self, session: aiohttp.ClientSession, line_user_id: str) -> told.Profile:
        """Return a person's profile. That there is none proves no block, one no friendship."""
        return await reads.profile(self._line, session, line_user_id)

    async def link_token(self, session: aiohttp.ClientSession, line_user_id: str) -> told.LinkToken:
        """Return a token with which this person can link their LINE account within ten minutes."""
        return await reads.link_token(self._line, session, line_user_id)

    @classmethod
    def link_page(cls, api_base_url: str, *, token: str, nonce: str) -> str:
        """Return LINE's page on which the person agrees; one of a simulator is beside its calls."""
        base = api_base_url.rstrip("/")
        if not base or base == cls.api:
            base = "https://access.line.me"
        return f"{base}/dialog/bot/accountLink?{urlencode({'linkToken': token, 'nonce': nonce})}"

    async def content(
        self, session: aiohttp.ClientSession, *, message_id: str, url: str, limit: int, keep: Keep
    ) -> Download:
        """Read a file that a customer sent; LINE knows it by its message."""
        return await content.read(
            self._line.tokens,
            session,
            message_id,
            base=self.base,
            limit=limit,
            keep=keep,
            ends_at=self.clock() + self.total_seconds,
            connect_seconds=self.connect_seconds,
        )

    async def followers(
        self,
        session: aiohttp.ClientSession,
        *,
        start: str = "",
        limit: int = reads.MOST_FOLLOWERS,
    ) -> told.Followers:
        """Return a page of friends' user ids; `start` is the `next` of the page before."""
        return await reads.followers(self._line, session, start=start, limit=limit)

    async def friend_count(self, session: aiohttp.ClientSession, *, day: date) -> told.FriendCount:
        """Return LINE's own counts of followers and blocks of a day of LINE's (UTC+9)."""
        return await reads.friend_count(self._line, session, day)

    async def quota(self, session: aiohttp.ClientSession) -> told.Quota:
        """Return the month's quota of messages, and about how much of it is used."""
        return await reads.quota(self._line, session)

    async def bot(self, session: aiohttp.ClientSession) -> told.Bot:
        """Return who the account is at LINE."""
        return await reads.bot(self._line, session)

    async def webhook(self, session: aiohttp.ClientSession) -> told.Endpoint:
        """Return where LINE sends webhooks."""
        return await reads.endpoint(self._line, session)

    async def set_webhook(self, session: aiohttp.ClientSession, url: str) -> told.Endpoint:
        """Have LINE send webhooks to this address; whether it sends any, people switch at LINE."""
        return await reads.set_endpoint(self._line, session, url)

    async def test_webhook(self, session: aiohttp.ClientSession, url: str = "") -> told.Ping:
        """Have LINE send an empty webhook, at most 60 times an hour; blank: to where it sends."""
        return await reads.ping(self._line, session, url)

    async def check(
        self, session: aiohttp.ClientSession, *, service: str, webhook_url: str
    ) -> list[Check]:
        """Look at token, account, webhooks, quota and, for `lon`, whether LINE has opened it."""
        return await looks.look(
            self._line, session, service=service, webhook_url=webhook_url,
            seconds=self.total_seconds,
        )  # fmt: skip

    async def counted(self, session: aiohttp.ClientSession, *, service: str, day: date) -> Count:
        """Return how many notifications, or pushes, people got on a day of LINE's (UTC+9)."""
        if service == "lon":
            return await reads.notifications(self._line, session, day)
        return await reads.count(self._line, session, "push", day)

    async def counted_replies(self, session: aiohttp.ClientSession, *, day: date) -> Count:
        """Return how many replies people got on a day of LINE's (UTC+9)."""
        return await reads.count(self._line, session, "reply", day)

    @staticmethod
    def verify(
        body: bytes, headers: Mapping[str, str], signers: Sequence[Mapping[str, str]]
    ) -> None:
        """Raise BadSignature unless one of the channel secrets signed the raw body."""
        webhooks.verify(body, headers, signers)

    @staticmethod
    def events(body: bytes) -> list[Event]:
        """Return the events of a verified body; types we do not know come as "other"."""
        return webhooks.events(body)


def _unsaid(problem: CannotWire) -> SendResult:
    return SendResult(
        Outcome.FAULT, code="cannot_be_said", detail=str(problem), scope=FaultScope.MESSAGE
    )
