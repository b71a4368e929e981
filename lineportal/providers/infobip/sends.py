"""Infobip: LINE Official Notifications to phone numbers, and LINE OA messages to LINE user ids.

Facts: Infobip's specifications LINE 3.210 and LINE OA 3.245; what they leave open is in
docs/providers/infobip.md. Every message carries our reference as `messageId`; for how long Infobip
would know it as a repeat is not documented, so nothing is repeated by machine.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar
from urllib.parse import urlsplit
from uuid import uuid4

import aiohttp

from lineportal.providers import downloads, http, inbound
from lineportal.providers.base import (
    CannotWire,
    Check,
    Event,
    FaultScope,
    Outcome,
    OutgoingMessage,
    Provider,
    Reports,
    SendResult,
    Serves,
    WireRequest,
)
from lineportal.providers.downloads import Download, Keep
from lineportal.providers.infobip import answers, bubble, pages, setup, webhooks
from lineportal.providers.infobip.batches import Batches, Entry

PATHS = {"lon": "/line/1", "oa": "/line-oa/1"}
_ADDRESSES = {"lon": re.compile(r"\+[1-9][0-9]{4,14}"), "oa": re.compile("U[0-9a-f]{32}")}
PAGE = 500  # reports asked for at once; Infobip gives 1,000 at most
_ANSWER_LIMIT = 8 * 1024 * 1024  # a page of 1,000 reports with all that they may hold
_ENTRY_BYTES = 2048  # of the answer to a send, for each message
_BEFORE, _AFTER = b'{"messages":[', b"]}"
_WHOLE_REFUSED = (400, 413)  # nothing of the request was taken
_SINGLES = 8  # posts at once, when a batch is taken apart
_HELD = SendResult(
    Outcome.UNAVAILABLE,
    code="held_back",
    detail="Others of the same batch were refused alone too; nothing was sent.",
)
_HEADERS = {"Content-Type": "application/json", "Accept": "application/json"}


class InfobipProvider(Provider):
    name = "infobip"
    title = "Infobip"
    api = "https://api.infobip.com"
    own_hosts = re.compile("([a-z0-9-]+[.])?api[.]infobip[.]com")
    serves: ClassVar = {
        "lon": Serves(("TH",), frozenset({"bubble", "flex"}), has_receipts=True),
        "oa": Serves(("TW", "TH"), frozenset({"text", "picture", "flex"}), has_receipts=True),
    }
    settings = setup.SETTINGS
    sender_setting = "sender"
    key_setting = "api_key"
    webhook_settings = inbound.NAMES
    takes_reply_tokens = frozenset({"oa"})  # of an expired one Infobip makes a usual message
    ceiling_per_second = 1000  # none is documented
    default_rate = 50

    def __init__(self, credentials: Mapping[str, str], **options: Any) -> None:
        super().__init__(credentials, **options)
        self._before, self._after = self._frame()
        self._batches = Batches(self._post, size=int(self.given["batch_size"]))

    @classmethod
    def check_credentials(cls, credentials: Mapping[str, str]) -> None:
        """Raise BadCredentials unless these are Infobip's, and webhooks could be verified."""
        super().check_credentials(credentials)
        setup.check(credentials)

    @classmethod
    def unfit(
        cls, *, service: str, kind: str, content: Mapping[str, Any], drawing: Mapping[str, Any]
    ) -> str:
        if unserved := super().unfit(service=service, kind=kind, content=content, drawing=drawing):
            return unserved
        found = bubble.problems(drawing, service=service)
        if not found:
            return ""
        more = f" There are {len(found) - 1} more such places." if found[1:] else ""
        return f"Infobip cannot say this template: {found[0]}{more}"

    def wire(self, message: OutgoingMessage) -> WireRequest:
        to = message.address.removeprefix("+") if message.service == "lon" else message.address
        if not _ADDRESSES[message.service].fullmatch(message.address):
            raise CannotWire("The address is no phone number in E.164, or no LINE user id.")
        if message.reply_token and message.service != "oa":
            raise CannotWire("A notification answers nobody.")
        try:
            token = (
                f'"replyToken":{json.dumps(message.reply_token)},' if message.reply_token else ""
            )
            content = bubble.recased(
                json.loads(message.body),
                service=message.service,
                with_button_style=self.given["button_style"] == setup.STYLE_SAID,
            )
            text = (
                f'{self._before}"destinations":[{{"to":"{to}",'
                f'"messageId":"{message.reference.hex}"}}],'
                f'{token}"content":{json.dumps(content, ensure_ascii=False)}{self._after}'
            ).encode()
        except (ValueError, RecursionError) as error:
            raise CannotWire("The message is no JSON that could be sent.") from error
        path = f"{PATHS[message.service]}/messages"
        return WireRequest("POST", path, _HEADERS, _BEFORE + text + _AFTER)

    async def send(
        self,
        session: aiohttp.ClientSession,
        message: OutgoingMessage,
        request: WireRequest | None = None,
    ) -> SendResult:
        """Send one message, in one request with others that are sent at the same time."""
        ends_at = self.clock() + self.total_seconds
        try:
            request = request or self.wire(message)
        except CannotWire as problem:
            return SendResult(Outcome.FAULT, code="cannot_be_said", detail=str(problem))
        entry = Entry(
            message_id=message.reference.hex,
            address=message.address,
            path=request.path,
            wire=request.body[len(_BEFORE) : -len(_AFTER)],
            ends_at=ends_at,
        )
        return await self._batches.send(session, entry)

    async def check(
        self, session: aiohttp.ClientSession, *, service: str, webhook_url: str
    ) -> list[Check]:
        """Look whether Infobip takes the key, and how reports will come.

        Reports of one message that never was are asked for: no report is used up by that.
        """
        asked = {"messageId": uuid4().hex, "limit": "1"}
        answer = await self._get(session, f"{PATHS[service]}/reports", asked, http.ANSWER_LIMIT)
        return [
            answers.check_of_key(answer, self.secrets()),
            *setup.checks(self.given, service=service, webhook_url=webhook_url),
        ]

    def pulls_reports(self) -> bool:
        return setup.are_pulled(self.given)

    async def reports(self, session: aiohttp.ClientSession, *, service: str) -> Reports:
        asked = {"limit": str(PAGE)}
        answer = await self._get(session, f"{PATHS[service]}/reports", asked, _ANSWER_LIMIT)
        if isinstance(answer, SendResult):
            lost = answer.outcome is Outcome.UNCERTAIN
            more = " Reports that were on their way may be lost." if lost else ""
            return Reports(problem=f"{answer.detail}{more}")
        if answer.status != 200:
            return Reports(problem=answers.sentence(answer, self.secrets()))
        found, problem = pages.listed(answer.body, "results")
        if not answer.body or (not problem and not found):
            return Reports()
        # One that was cut short may have been full.
        return Reports(answer.body, is_last=answer.is_whole and len(found) < PAGE)

    @staticmethod
    def verify(
        body: bytes, headers: Mapping[str, str], signers: Sequence[Mapping[str, str]]
    ) -> None:
        inbound.verify_basic_or_hmac(body, headers, signers)

    @classmethod
    def vouching_headers(cls, signers: Sequence[Mapping[str, str]]) -> tuple[str, ...]:
        return inbound.signature_headers(signers)

    @staticmethod
    def events(body: bytes) -> list[Event]:
        return webhooks.events(body)

    async def _post(
        self, session: aiohttp.ClientSession, batch: Sequence[Entry]
    ) -> list[SendResult]:
        results = await self._post_once(session, batch)
        if len(batch) == 1 or results[0].http_status not in _WHOLE_REFUSED:
            return results
        # Nothing was taken for the sake of one, or of all: each is posted alone, and has its own.
        # The first two show whether it is all: then the others, which surely got nowhere, wait.
        tried: list[SendResult] = []
        for entry in batch[:2]:
            tried += await self._post_once(session, [entry])
        if all(_is_shared(each) for each in tried):
            return [*tried, *(_HELD for _entry in batch[2:])]
        room = asyncio.Semaphore(_SINGLES)

        async def alone(entry: Entry) -> SendResult:
            async with room:
                [result] = await self._post_once(session, [entry])
                return result

        return [*tried, *await asyncio.gather(*map(alone, batch[2:]))]

    async def _post_once(
        self, session: aiohttp.ClientSession, batch: Sequence[Entry]
    ) -> list[SendResult]:
        left = min(entry.ends_at for entry in batch) - self.clock()
        if left < self.total_seconds / 4:  # a post cut off by us would be uncertain
            late = "There was too little time left for this message; nothing was sent."
            return [SendResult(Outcome.UNAVAILABLE, code="late", detail=late) for _ in batch]
        answer = await http.request(
            session,
            "POST",
            f"{self.base}{batch[0].path}",
            data=_BEFORE + b",".join(entry.wire for entry in batch) + _AFTER,
            headers={**_HEADERS, "Authorization": self._authorization()},
            total_seconds=round(left, 1),
            connect_seconds=self.connect_seconds,
            answer_limit=http.ANSWER_LIMIT + _ENTRY_BYTES * len(batch),
        )
        return answers.results(answer, batch, self.secrets())

    async def _get(
        self,
        session: aiohttp.ClientSession,
        path: str,
        asked: Mapping[str, str],
        answer_limit: int,
    ) -> http.Answer | SendResult:
        return await http.request(
            session,
            "GET",
            f"{self.base}{path}",
            params=asked,
            headers={"Accept": _HEADERS["Accept"], "Authorization": self._authorization()},
            total_seconds=self.total_seconds,
            connect_seconds=self.connect_seconds,
            answer_limit=answer_limit,
        )

    def _frame(self) -> tuple[str, str]:
        """Return what every entry begins and ends with, as JSON text."""
        hours = int(self.given["validity_hours"])
        after: dict[str, Any] = {
            "options": {"validityPeriod": {"amount": hours, "timeUnit": "HOURS"}}
        }
        if url := self.given["report_url"]:
            after["webhooks"] = {
                "delivery": {"url": url, "intermediateReport": False, "notify": True},
                "contentType": "application/json",
            }
        before = json.dumps({"sender": self.given["sender"]})
        return f"{before[:-1]},", f",{json.dumps(after)[1:]}"

    async def content(
        self, session: aiohttp.ClientSession, *, message_id: str, url: str, limit: int, keep: Keep
    ) -> Download:
        """Read a file from where the event says that Infobip keeps it, and from nowhere else."""
        try:
            named, own = urlsplit(url), urlsplit(self.base)
            is_own = (
                (named.scheme, named.port) in (("https", None), ("https", 443))
                and "@" not in named.netloc
                and bool(self.own_hosts.fullmatch(named.hostname or ""))
            )
        except ValueError:
            return Download("refused", problem="The file's address is none.")
        if not is_own and (named.scheme, named.netloc) != (own.scheme, own.netloc):
            return Download("refused", problem="The file lies at an address that is not Infobip's.")
        return await downloads.read(
            session,
            url,
            headers={"Authorization": self._authorization()},
            limit=limit,
            keep=keep,
            connect_seconds=self.connect_seconds,
        )

    def _authorization(self) -> str:
        return f"App {self.given['api_key']}"


def _is_shared(result: SendResult) -> bool:
    """Return whether others would be refused like this one."""
    return result.outcome is Outcome.FAULT and result.scope is not FaultScope.MESSAGE
