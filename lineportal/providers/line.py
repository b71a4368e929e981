"""LINE direct: notification messages to phone numbers, two-way pushes, and LINE's webhooks.

Facts: LINE Developers, "LINE notification messages API reference" and "Messaging API reference".
Notifications have no idempotency key (`X-Line-Retry-Key` answers 400); pushes have one.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any, ClassVar
from uuid import UUID

import aiohttp

from lineportal.providers import http
from lineportal.providers.base import (
    BadSignature,
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
    UnreadableWebhook,
    WireRequest,
)

FLEXIBLE_PATH = "/bot/pnp/push"
TEMPLATED_PATH = "/v2/bot/message/pnp/templated/push"
PUSH_PATH = "/v2/bot/message/push"
COUNT_PATHS = {
    "lon": ("/v2/bot/message/delivery/pnp", "/v2/bot/message/delivery/pnp/templated"),
    "oa": ("/v2/bot/message/delivery/push",),
}
TOKEN_PATH = "/oauth2/v3/token"  # noqa: S105 - an address

_TOKEN_RESERVE_SECONDS = 300.0  # a stateless token lives 15 minutes; renewed after 10
_TOKEN_LIFE = 600.0
_TOKEN_CODE = "token"  # noqa: S105 - a result's code
_QUOTA_WORDS = "monthly limit"  # LINE's two kinds of 429 differ in their text only
_UNKNOWN_USER = "Failed to send messages"  # push 400: the user id is unknown to this channel
_JSON = "application/json"
COUNTRIES = ("JP", "TH", "TW")
_USER_ID = re.compile("U[0-9a-f]{32}")
_TAG = re.compile(
    "[0-9a-f]{8}(-?)[0-9a-f]{4}\\1[0-9a-f]{4}\\1[0-9a-f]{4}\\1[0-9a-f]{12}", re.IGNORECASE
)
_NOT_VISIBLE = re.compile("[^!-~]")  # in no id, secret or token of LINE's; breaks an HTTP header
_EVENT_ID_LIMIT = 64  # LINE's are ULIDs of 26
_RETRY_AFTER_LIMIT = 3600.0  # LINE documents no Retry-After; a proxy's may hold anything
# What reading an event of another shape than LINE documents can raise.
_UNREADABLE = (ValueError, KeyError, TypeError, AttributeError, OverflowError, OSError,
               RecursionError)  # fmt: skip
_KINDS = {"delivery": "delivered", "follow": "follow", "unfollow": "unfollow"}


class LineProvider(Provider):
    name = "line"
    title = "LINE"
    api = "https://api.line.me"
    own_hosts = re.compile("api[.]line[.]me")
    serves: ClassVar = {
        "lon": Serves(COUNTRIES, frozenset({"bubble", "catalogue", "flex"}), has_receipts=True),
        "oa": Serves(COUNTRIES, frozenset({"text", "flex"}), has_receipts=False),
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
    ceiling_per_second = 2000
    default_rate = 500
    may_repeat = frozenset({"oa"})
    counts_in_zone = 9

    def __init__(self, credentials: Mapping[str, str], **options: Any) -> None:
        super().__init__(credentials, **options)
        self._token = ""
        self._token_until = 0.0
        self._token_lock = asyncio.Lock()
        self._fetches = 0
        self._fetched: str | SendResult = ""

    def wire(self, message: OutgoingMessage) -> WireRequest:
        # The message object is JSON already; it is set into the request as it stands.
        unit = f',"customAggregationUnits":["{message.unit}"]' if message.unit else ""
        if message.service == "oa":
            path = PUSH_PATH
            headers = {"X-Line-Retry-Key": str(message.reference)}
            text = f'{{"to":"{message.address}","messages":[{message.body}]{unit}}}'
        else:
            headers = {"X-Line-Delivery-Tag": message.reference.hex}
            to = phone_hash(message.address)
            if message.is_catalogue:
                path = TEMPLATED_PATH
                text = f'{{"to":"{to}",{message.body[1:-1]}{unit}}}'
            else:
                path = FLEXIBLE_PATH
                text = f'{{"to":"{to}","messages":[{message.body}]{unit}}}'
        return WireRequest("POST", path, {"Content-Type": _JSON, **headers}, text.encode())

    async def send(
        self,
        session: aiohttp.ClientSession,
        message: OutgoingMessage,
        request: WireRequest | None = None,
    ) -> SendResult:
        """Post one message; a stateless token that LINE no longer takes is renewed once.

        That second post is no repeat: 401 surely sent nothing.
        """
        request = request or self.wire(message)
        ends_at = self.clock() + self.total_seconds
        result = await self._send_once(session, message, request, ends_at)
        if (
            result.http_status == 401
            and result.code != _TOKEN_CODE
            and not self.given["channel_access_token"]
        ):
            result = await self._send_once(session, message, request, ends_at)
        return result

    async def _send_once(
        self,
        session: aiohttp.ClientSession,
        message: OutgoingMessage,
        request: WireRequest,
        ends_at: float,
    ) -> SendResult:
        token = await self._access_token(session, ends_at)
        if isinstance(token, SendResult):
            return token
        left = round(ends_at - self.clock(), 1)  # few lengths, so that each is made once
        if left < self.total_seconds / 2:  # a post cut off by us would be uncertain
            return SendResult(
                Outcome.UNAVAILABLE,
                code=_TOKEN_CODE,
                detail="LINE's access token came too late for this message; nothing was sent.",
            )
        answer = await http.post(
            session,
            f"{self.base}{request.path}",
            data=request.body,
            headers={**request.headers, "Authorization": f"Bearer {token}"},
            total_seconds=left,
            connect_seconds=self.connect_seconds,
        )
        if isinstance(answer, SendResult):
            return answer
        if answer.status == 401 and token == self._token:
            self._token = ""  # the next one fetches anew
        return self._result(message, answer, token)

    def _result(self, message: OutgoingMessage, answer: http.Answer, token: str) -> SendResult:
        service, status, headers = message.service, answer.status, answer.headers
        request_id = _id_in(headers, "x-line-request-id")
        if status in (200, 202) and answer.body == b"{}":  # all but a few
            return SendResult(Outcome.ACCEPTED, http_status=status, request_id=request_id)
        words, details = _words_of(answer.body)

        def result(outcome: Outcome, code: str = "", **more: Any) -> SendResult:
            hidden = (token, self.given["channel_secret"], message.address)
            return SendResult(
                outcome,
                http_status=status,
                request_id=request_id,
                code=code,
                detail=http.masked("; ".join([words, *details]), hidden=hidden),
                **more,
            )

        if status in (200, 202):
            return result(Outcome.ACCEPTED)
        if service == "oa" and status == 409:  # this retry key was accepted before
            request_id = _id_in(headers, "x-line-accepted-request-id") or request_id
            return result(Outcome.ACCEPTED, "repeat")
        if service == "lon" and status == 422:
            return result(Outcome.REFUSED)
        if service == "oa" and status == 400 and words == _UNKNOWN_USER:
            return result(Outcome.REFUSED)
        if status in (400, 413):
            return result(Outcome.FAULT, scope=FaultScope.TEMPLATE)
        if status in (401, 403, 404, 405, 410, 415):
            return result(Outcome.FAULT, scope=FaultScope.ACCOUNT)
        if status == 429 and _QUOTA_WORDS in words:
            return result(Outcome.FAULT, "quota", scope=FaultScope.ACCOUNT)
        if status == 429:
            return result(
                Outcome.THROTTLED,
                retry_after_seconds=_seconds(headers.get("Retry-After")),
            )
        return result(Outcome.UNCERTAIN)

    async def _access_token(
        self, session: aiohttp.ClientSession, ends_at: float
    ) -> str | SendResult:
        """Return a token, or why there is none; one fetch at a time for all senders."""
        if self.given["channel_access_token"]:
            return self.given["channel_access_token"]
        fetches = self._fetches
        async with self._token_lock:
            if self._token and self.clock() < self._token_until:
                return self._token
            # Who waited for a fetch that failed takes its failure; else each would wait in turn.
            if self._fetches == fetches:
                self._fetched = await self._fetch_token(session, ends_at)
                self._fetches += 1
            return self._fetched

    async def _fetch_token(
        self, session: aiohttp.ClientSession, ends_at: float
    ) -> str | SendResult:
        answer = await http.post(
            session,
            f"{self.base}{TOKEN_PATH}",
            data={
                "grant_type": "client_credentials",
                "client_id": self.given["channel_id"],
                "client_secret": self.given["channel_secret"],
            },
            headers={},
            total_seconds=max(ends_at - self.clock(), 0.001),
            connect_seconds=self.connect_seconds,
        )
        if isinstance(answer, SendResult):
            return answer if answer.outcome is Outcome.FAULT else _no_token(None)
        if answer.status != 200:
            return _no_token(answer.status)
        try:
            given = json.loads(answer.body)
            token, life = given["access_token"], float(given.get("expires_in", 900))
        except _UNREADABLE:
            return _no_token(None)
        if not isinstance(token, str) or not token or _NOT_VISIBLE.search(token):
            return _no_token(None)
        reserve = _TOKEN_RESERVE_SECONDS
        self._token, self._token_until = token, self.clock() + min(life - reserve, _TOKEN_LIFE)
        return token

    async def check(
        self, session: aiohttp.ClientSession, *, service: str, webhook_url: str
    ) -> list[Check]:
        """Look whether LINE gives an access token for the channel."""
        token = await self._access_token(session, self.clock() + self.total_seconds)
        if isinstance(token, SendResult):
            return [Check("token", False, token.detail)]
        return [Check("token", True, "LINE gave an access token for the channel.")]

    async def counted(self, session: aiohttp.ClientSession, *, service: str, day: date) -> Count:
        """Return LINE's count of a day in UTC+9; for notifications both kinds together."""
        total, is_final = 0, True
        for path in COUNT_PATHS[service]:
            count = await self._count(session, path, day)
            if count.messages is None:
                return count
            total, is_final = total + count.messages, is_final and count.is_final
        return Count(total, is_final)

    async def _count(self, session: aiohttp.ClientSession, path: str, day: date) -> Count:
        token = await self._access_token(session, self.clock() + self.total_seconds)
        if isinstance(token, SendResult):
            return Count(problem=token.detail)
        answer = await http.request(
            session, "GET", f"{self.base}{path}", params={"date": f"{day:%Y%m%d}"},
            headers={"Authorization": f"Bearer {token}"}, total_seconds=self.total_seconds,
            connect_seconds=self.connect_seconds,
        )  # fmt: skip
        if isinstance(answer, SendResult):
            return Count(problem=answer.detail)
        if answer.status != 200:
            words = http.masked(_words_of(answer.body)[0], hidden=[token])
            return Count(problem=f"LINE answered {answer.status}: {words}")
        try:
            given = json.loads(answer.body)
            status, success = given["status"], given.get("success", 0)
        except _UNREADABLE:
            return Count(problem="LINE's count could not be read.")
        if status == "ready" and isinstance(success, int):
            return Count(success, is_final=True)
        if status == "out_of_service":
            return Count(is_final=True, problem="LINE counts no days before 2018-03-31.")
        return Count(problem="")

    @staticmethod
    def verify(
        body: bytes, headers: Mapping[str, str], signers: Sequence[Mapping[str, str]]
    ) -> None:
        """Raise BadSignature unless one of the channel secrets signed the raw body."""
        lowered = {name.lower(): value for name, value in headers.items()}
        given = lowered.get("x-line-signature", "").encode(errors="replace")
        # A blank secret is none: anybody could sign with it.
        is_signed = [
            hmac.compare_digest(signature(body, secret).encode(), given)
            for signer in signers
            if (secret := signer.get("channel_secret"))
        ]
        if not any(is_signed):
            raise BadSignature

    @staticmethod
    def events(body: bytes) -> list[Event]:
        """Return the events of a verified body; types we do not know come as "other"."""
        try:
            items = json.loads(body)["events"]
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise UnreadableWebhook(type(error).__name__) from error
        if not isinstance(items, list):
            raise UnreadableWebhook("events is not a list")
        found, problem = [], ""
        for item in items:
            try:
                found.append(_event(item))
            except _UNREADABLE as error:
                problem = type(error).__name__
        if problem:
            raise UnreadableWebhook(problem, found)
        return found


def phone_hash(e164: str) -> str:
    """Return LINE's `to`: SHA-256, lower-case hex, of the number with its plus sign."""
    return hashlib.sha256(e164.encode("ascii")).hexdigest()


def signature(body: bytes, secret: str) -> str:
    """Return LINE's webhook signature: base64 of HMAC-SHA256 over the raw body."""
    return base64.b64encode(hmac.new(secret.encode(), body, hashlib.sha256).digest()).decode()


def _event(item: Mapping[str, Any]) -> Event:
    kind = _KINDS.get(str(item["type"]), "other")
    reference = None
    if kind == "delivered":
        reference = _uuid(str(item["delivery"]["data"]))
    canonical = json.dumps(item, sort_keys=True, ensure_ascii=False, allow_nan=False).encode()
    # LINE sends no NUL, and PostgreSQL stores none; two backslashes are the text of one.
    if b"\\u0000" in canonical.replace(b"\\\\", b""):
        raise ValueError("NUL")
    event_id = str(item.get("webhookEventId") or "")
    if not 0 < len(event_id) <= _EVENT_ID_LIMIT:
        event_id = hashlib.sha256(canonical).hexdigest()
    user_id = (item.get("source") or {}).get("userId")
    return Event(
        event_id=event_id,
        kind=kind,
        occurred_at=datetime.fromtimestamp(int(item["timestamp"]) / 1000, UTC),
        reference=reference,
        line_user_id=user_id if isinstance(user_id, str) and _USER_ID.fullmatch(user_id) else "",
        payload=dict(item),
    )


def _uuid(text: str) -> UUID | None:
    """Return our tag; None for one that is not ours, or for the phone hash."""
    return UUID(text) if _TAG.fullmatch(text) else None


def _no_token(status: int | None) -> SendResult:
    if status in (400, 401, 403):
        return SendResult(
            Outcome.FAULT,
            http_status=status,
            code=_TOKEN_CODE,
            detail="LINE gives no access token for this channel id and secret.",
            scope=FaultScope.ACCOUNT,
        )
    return SendResult(
        Outcome.UNAVAILABLE,
        http_status=status,
        code=_TOKEN_CODE,
        detail="LINE's token address did not answer; nothing was sent.",
    )


def _words_of(body: bytes) -> tuple[str, list[str]]:
    """Return `message` and the `details` of LINE's error body; blank where it is another."""
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        return "", []
    if not isinstance(answer, dict):
        return "", []
    details = answer.get("details")
    found = [
        f"{each.get('message', '')} @ {each.get('property', '')}"
        for each in (details if isinstance(details, list) else [])
        if isinstance(each, dict)
    ]
    return str(answer.get("message", "")), found


def _id_in(headers: Mapping[str, str], name: str) -> str:
    return http.printable(headers.get(name, ""))[:100]


def _seconds(text: str | None) -> float | None:
    try:
        seconds = float(text or "")
    except ValueError:
        return None
    return min(seconds, _RETRY_AFTER_LIMIT) if seconds > 0 else None
