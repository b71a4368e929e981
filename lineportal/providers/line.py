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
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import aiohttp

from lineportal.providers import http
from lineportal.providers.base import (
    BadSignature,
    Event,
    FaultScope,
    Outcome,
    OutgoingMessage,
    SendResult,
    UnreadableWebhook,
    WireRequest,
)

API = "https://api.line.me"
FLEXIBLE_PATH = "/bot/pnp/push"
TEMPLATED_PATH = "/v2/bot/message/pnp/templated/push"
PUSH_PATH = "/v2/bot/message/push"
TOKEN_PATH = "/oauth2/v3/token"  # noqa: S105 - an address

REQUIRED = frozenset({"channel_id", "channel_secret"})
OPTIONAL = frozenset({"channel_access_token"})

_TOKEN_RESERVE_SECONDS = 300  # a stateless token lives 15 minutes; renewed after 10
_QUOTA_WORDS = "monthly limit"  # LINE's two kinds of 429 differ in their text only
_UNKNOWN_USER = "Failed to send messages"  # push 400: the user id is unknown to this channel
_USER_ID = re.compile("U[0-9a-f]{32}")
# What reading an event of another shape than LINE documents can raise.
_UNREADABLE = (ValueError, KeyError, TypeError, AttributeError, OverflowError, OSError,
               RecursionError)  # fmt: skip
_KINDS = {"delivery": "delivered", "follow": "follow", "unfollow": "unfollow"}


class BadCredentials(Exception):
    """The credentials are not what this provider needs; the text says which."""


class LineProvider:
    name = "line"
    ceiling_per_second = 2000
    may_repeat = frozenset({"oa"})

    def __init__(
        self,
        credentials: Mapping[str, str],
        *,
        api_base_url: str = "",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        check_credentials(credentials)
        self._channel_id = credentials["channel_id"]
        self._channel_secret = credentials["channel_secret"]
        self._fixed_token = credentials.get("channel_access_token", "")
        self._base = (api_base_url or API).rstrip("/")
        self._clock = clock
        self._token = ""
        self._token_until = 0.0
        self._token_lock = asyncio.Lock()

    def wire(self, message: OutgoingMessage) -> WireRequest:
        units = {"customAggregationUnits": [message.unit]} if message.unit else {}
        headers = {"Content-Type": "application/json"}
        body: dict[str, Any]
        if message.service == "oa":
            path = PUSH_PATH
            headers["X-Line-Retry-Key"] = str(message.reference)
            body = {"to": message.address, "messages": [message.body], **units}
        else:
            headers["X-Line-Delivery-Tag"] = message.reference.hex
            to = phone_hash(message.address)
            if "templateKey" in message.body:
                path = TEMPLATED_PATH
                body = {"to": to, **message.body, **units}
            else:
                path = FLEXIBLE_PATH
                body = {"to": to, "messages": [message.body]}
        raw = json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
        return WireRequest("POST", path, headers, raw)

    async def send(self, session: aiohttp.ClientSession, message: OutgoingMessage) -> SendResult:
        token = await self._access_token(session)
        if isinstance(token, SendResult):
            return token
        request = self.wire(message)
        try:
            async with session.request(
                request.method,
                f"{self._base}{request.path}",
                data=request.body,
                headers={**request.headers, "Authorization": f"Bearer {token}"},
                allow_redirects=False,
            ) as response:
                status, headers = response.status, response.headers
                try:
                    text = await response.text(errors="replace")
                except (aiohttp.ClientError, TimeoutError):
                    text = ""  # the status line and headers are whole; they decide
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
            return http.failure(error)
        if status == 401 and token == self._token:
            self._token = ""  # the next message fetches a new one
        return self._result(message.service, status, headers, text)

    def _result(
        self, service: str, status: int, headers: Mapping[str, str], text: str
    ) -> SendResult:
        words = _message_of(text)
        request_id = headers.get("x-line-request-id", "")[:100]

        def result(outcome: Outcome, code: str = "", **more: Any) -> SendResult:
            return SendResult(
                outcome,
                http_status=status,
                request_id=request_id,
                code=code,
                detail=http.masked(_detail_of(text)),
                **more,
            )

        if status in (200, 202):
            return result(Outcome.ACCEPTED)
        if service == "oa" and status == 409:  # this retry key was accepted before
            request_id = headers.get("x-line-accepted-request-id", request_id)[:100]
            return result(Outcome.ACCEPTED, "repeat")
        if service == "lon" and status == 422:
            return result(Outcome.REFUSED)
        if service == "oa" and status == 400 and words == _UNKNOWN_USER:
            return result(Outcome.REFUSED)
        if status == 400 or status == 413:
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

    async def _access_token(self, session: aiohttp.ClientSession) -> str | SendResult:
        """Return a token, or why there is none; one fetch at a time for all senders."""
        if self._fixed_token:
            return self._fixed_token
        async with self._token_lock:
            if self._token and self._clock() < self._token_until:
                return self._token
            try:
                async with session.post(
                    f"{self._base}{TOKEN_PATH}",
                    data={
                        "grant_type": "client_credentials",
                        "client_id": self._channel_id,
                        "client_secret": self._channel_secret,
                    },
                    allow_redirects=False,
                ) as response:
                    status = response.status
                    answer = await response.json(content_type=None) if status == 200 else {}
                self._token = str(answer["access_token"]) if status == 200 else ""
                life = float(answer.get("expires_in", 900)) - _TOKEN_RESERVE_SECONDS
            except (
                aiohttp.ClientError,
                OSError,
                TimeoutError,
                ValueError,
                KeyError,
                TypeError,
            ):
                return _no_token(None)
            if not self._token:
                return _no_token(status)
            self._token_until = self._clock() + max(life, 0)
            return self._token

    @staticmethod
    def verify(body: bytes, headers: Mapping[str, str], secrets: Sequence[str]) -> None:
        """Raise BadSignature unless one of the channel secrets signed the raw body."""
        lowered = {name.lower(): value for name, value in headers.items()}
        given = lowered.get("x-line-signature", "").encode()
        is_signed = [
            hmac.compare_digest(signature(body, secret).encode(), given) for secret in secrets
        ]
        if not any(is_signed):
            raise BadSignature

    @staticmethod
    def events(body: bytes) -> list[Event]:
        """Return the events of a verified body; types we do not know come as "other"."""
        try:
            items = list(json.loads(body)["events"])
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise UnreadableWebhook(type(error).__name__) from error
        found, problem = [], ""
        for item in items:
            try:
                found.append(_event(item))
            except _UNREADABLE as error:
                problem = type(error).__name__
        if problem:
            raise UnreadableWebhook(problem, found)
        return found


def check_credentials(credentials: Mapping[str, str]) -> None:
    """Raise BadCredentials unless these are LINE's."""
    if missing := sorted(name for name in REQUIRED if not credentials.get(name)):
        raise BadCredentials(f"LINE needs the credential {' and '.join(missing)}.")
    if unknown := sorted(set(credentials) - REQUIRED - OPTIONAL):
        raise BadCredentials(
            f"LINE has no credential {', '.join(unknown)}; give"
            f" {', '.join(sorted(REQUIRED | OPTIONAL))}."
        )


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
    if b"\\u0000" in canonical:
        raise ValueError("NUL")  # LINE sends none, and PostgreSQL stores none
    user_id = (item.get("source") or {}).get("userId")
    return Event(
        event_id=str(item.get("webhookEventId") or hashlib.sha256(canonical).hexdigest())[:64],
        kind=kind,
        occurred_at=datetime.fromtimestamp(int(item["timestamp"]) / 1000, UTC),
        reference=reference,
        line_user_id=user_id if isinstance(user_id, str) and _USER_ID.fullmatch(user_id) else "",
        payload=dict(item),
    )


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None  # a tag that is not ours, or the phone hash


def _no_token(status: int | None) -> SendResult:
    if status in (400, 401, 403):
        return SendResult(
            Outcome.FAULT,
            http_status=status,
            code="token",
            detail="LINE gives no access token for this channel id and secret.",
            scope=FaultScope.ACCOUNT,
        )
    return SendResult(
        Outcome.UNAVAILABLE,
        http_status=status,
        code="token",
        detail="LINE's token address did not answer; nothing was sent.",
    )


def _message_of(text: str) -> str:
    try:
        return str(json.loads(text).get("message", ""))
    except (ValueError, AttributeError):
        return ""


def _detail_of(text: str) -> str:
    try:
        answer = json.loads(text)
        details = answer.get("details") or []
        return "; ".join(
            [
                str(answer.get("message", "")),
                *(f"{d.get('message', '')} @ {d.get('property', '')}" for d in details),
            ]
        )
    except (ValueError, AttributeError, TypeError):
        return ""


def _seconds(text: str | None) -> float | None:
    try:
        return max(0.0, float(text)) if text else None
    except ValueError:
        return None
