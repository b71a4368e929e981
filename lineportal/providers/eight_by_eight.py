"""8x8: LINE Official Notifications, which 8x8 draws itself from the approved content.

Facts: 8x8 Developer Portal, "Line Official Notification (LON)" and "LON webhook". 8x8 does not say
whether a repeated `clientMessageId` is recognised, so nothing is ever sent again by machine.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, ClassVar
from urllib.parse import quote
from uuid import UUID

import aiohttp

from lineportal.providers import http, inbound
from lineportal.providers.base import (
    CannotWire,
    Check,
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

LIMIT = 500  # characters of all texts together
CHANNEL = "LineNotification"  # one address serves all of a customer's channels
ICONS = {
    "userPlus", "chatEllipsis", "phone", "note", "gear", "bell", "checkCircle", "slashCircle",
    "search", "link", "wallet", "store", "mapMarker", "idCard", "utensils", "medicalKit", "train",
    "planeDeparture", "questionCircle", "infoCircle", "boxCheck", "calendarCheck", "calendar",
    "file", "envelope", "usdCircle", "thbCircle", "usdCircleSend", "thbCircleSend", "invoice",
    "couponStar", "coupon", "creditCard", "starCard", "shoppingBag", "megaphone", "shieldCheck",
    "history",
}  # fmt: skip

# What the state of a report says of the message. "sent" and the operator's word are no delivery.
_KINDS = {
    "queued": "accepted",
    "sent": "accepted",
    "delivered": "delivered",
    "read": "delivered",
    "undelivered": "refused",
    "rejected": "refused",
}
_E164 = re.compile(r"\+[0-9]{7,15}")
_TO_OPERATOR = "delivered_to_operator"
_ABOUT_CONTENT = 2  # codes of reports that change what the state alone would say
_EXPIRED = 36
_UNREADABLE = (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError)


class EightByEightProvider(Provider):
    name = "8x8"
    title = "8x8"
    api = "https://chatapps.8x8.com"
    own_hosts = re.compile(r"chatapps\.(us\.)?8x8\.com|chatapps\.8x8\.(uk|id)")
    serves: ClassVar = {"lon": Serves(("TH",), frozenset({"bubble"}), has_receipts=True)}
    settings = (
        Setting("api_key", "API key", is_required=True),
        Setting(
            "sub_account_id",
            "Sub-account id",
            is_required=True,
            is_secret=False,
            pattern=r"[\w.~-]+",
            help="The sub-account that 8x8 opened for LINE notifications alone.",
        ),
        Setting(
            "emphasis_key",
            "Name of the emphasis's text",
            is_secret=False,
            default="Content",
            choices=("Content", "content"),
            help="8x8's guide says Content, its schema content; change it if 8x8 refuses yours.",
        ),
        *inbound.SETTINGS,
    )
    sender_setting = "sub_account_id"
    key_setting = "api_key"
    webhook_settings = inbound.NAMES
    ceiling_per_second = 2000
    default_rate = 20  # 8x8 publishes none
    draws_itself = True

    @classmethod
    def check_credentials(cls, credentials: Mapping[str, str]) -> None:
        super().check_credentials(credentials)
        inbound.check_settings(credentials)

    @classmethod
    def unfit(
        cls, *, service: str, kind: str, content: Mapping[str, Any], drawing: Mapping[str, Any]
    ) -> str:
        if problem := super().unfit(service=service, kind=kind, content=content, drawing=drawing):
            return problem
        icon = content.get("icon")
        if icon and icon not in ICONS:
            return "8x8 has no such icon; give the name of one of 8x8's, such as boxCheck, or none."
        if (length := _length(content)) > LIMIT:
            return f"All texts together have {length} characters; 8x8 takes {LIMIT}. Shorten them."
        return ""

    def wire(self, message: OutgoingMessage) -> WireRequest:
        content = _object(message.body.encode(errors="replace"))
        if message.service != "lon" or message.reply_token or "title" not in content:
            raise CannotWire("8x8 takes notifications made of the fields of the editor only.")
        if not _E164.fullmatch(message.address):
            raise CannotWire("8x8 takes a phone number with its plus sign only.")
        try:
            said, length = self._said(content), _length(content)
        except _UNREADABLE as error:
            raise CannotWire(
                "The message is not made of the fields of the editor; 8x8 takes no other."
            ) from error
        if length > LIMIT:
            raise CannotWire(
                f"With its values the message has {length} characters; 8x8 takes {LIMIT}."
            )
        body = {
            "user": {"msisdn": message.address},
            "clientMessageId": message.reference.hex,
            "content": said,
        }
        return WireRequest(
            "POST",
            f"/api/v1/subaccounts/{quote(self.given['sub_account_id'], safe='')}/lon",
            {"Content-Type": "application/json"},
            json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode(errors="replace"),
        )

    async def send(
        self,
        session: aiohttp.ClientSession,
        message: OutgoingMessage,
        request: WireRequest | None = None,
    ) -> SendResult:
        try:
            request = request or self.wire(message)
        except CannotWire as problem:
            return SendResult(Outcome.FAULT, code="cannot_be_said", detail=str(problem))
        answer = await http.post(
            session,
            f"{self.base}{request.path}",
            data=request.body,
            headers={**request.headers, "Authorization": f"Bearer {self.given['api_key']}"},
            total_seconds=self.total_seconds,
            connect_seconds=self.connect_seconds,
        )
        if isinstance(answer, SendResult):
            return answer
        return self._result(message, answer)

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
        """Return what a delivery report, or a list of them, says."""
        try:
            given = json.loads(body)
        except (ValueError, RecursionError) as error:
            raise UnreadableWebhook(type(error).__name__) from error
        found, problem = [], ""
        for item in given if isinstance(given, list) else [given]:
            try:
                found.append(_event(item))
            except _UNREADABLE as error:
                problem = type(error).__name__
        if problem:
            raise UnreadableWebhook(problem, found)
        return found

    async def check(
        self, session: aiohttp.ClientSession, *, service: str, webhook_url: str
    ) -> list[Check]:
        return [
            Check(
                "key",
                None,
                "8x8 has no call that shows whether the key is right; the first message will tell.",
            ),
            self._check_webhook(webhook_url),
        ]

    def _check_webhook(self, url: str) -> Check:
        if not inbound.is_set(self.given):
            return Check(
                "webhook",
                False,
                "No webhook credentials are set, so no report is taken and every message ends by"
                " silence: set webhook_user and webhook_password, and give 8x8 the address"
                f" {url} with them.",
            )
        return Check(
            "webhook",
            None,
            f"Webhooks are taken at {url} with their credentials; 8x8 has no call that shows which"
            " address it reports to.",
        )

    def _said(self, content: Mapping[str, Any]) -> dict[str, Any]:
        """Return approved content in 8x8's words."""
        said = {
            name: content[name]
            for name in ("title", "company", "icon", "greeting", "explanation")
            if content.get(name)
        }
        if emphasis := content.get("emphasis"):
            said["emphasis"] = {
                "label": emphasis["label"],
                self.given["emphasis_key"]: emphasis["value"],
            }
        if items := content.get("items"):
            said["list"] = [{"label": item["label"], "content": item["value"]} for item in items]
        if buttons := content.get("buttons"):
            said["actions"] = [{"title": each["label"], "url": each["url"]} for each in buttons]
        return said

    def _result(self, message: OutgoingMessage, answer: http.Answer) -> SendResult:
        told = _object(answer.body)
        words = self.masked(told.get("message"), address=message.address)
        code = self.masked(told.get("code"), address=message.address)[:40]
        request_id = http.printable(str(told.get("umid") or told.get("errorId") or ""))[:100]

        def result(outcome: Outcome, **more: Any) -> SendResult:
            more = {"code": code, "detail": words} | more
            return SendResult(outcome, http_status=answer.status, request_id=request_id, **more)

        if answer.status in (200, 202):
            status = told.get("status")
            status = status if isinstance(status, Mapping) else {}
            if not (told.get("umid") or status.get("state")):
                return result(Outcome.UNCERTAIN, detail=words or "8x8's answer cannot be read.")
            kind, scope = _meaning(status)
            if kind in ("refused", "failed"):
                return result(
                    Outcome.REFUSED if kind == "refused" else Outcome.FAULT,
                    code=self.masked(status.get("errorCode"))[:40],
                    detail=self.masked(status.get("errorMessage"), address=message.address),
                    scope=scope,
                )
            return result(Outcome.UNCERTAIN if kind == "expired" else Outcome.ACCEPTED)
        if answer.status in (400, 413):
            return result(Outcome.FAULT, scope=FaultScope.TEMPLATE)
        if answer.status in (401, 403, 404, 405, 415):
            return result(Outcome.FAULT, scope=FaultScope.ACCOUNT)
        if answer.status == 429:
            return result(Outcome.THROTTLED, retry_after_seconds=http.wait_of(answer.headers))
        return result(Outcome.UNCERTAIN)


def _length(content: Mapping[str, Any]) -> int:
    """Return the length of all texts, in UTF-16 units, as LINE counts and 8x8 does not say."""
    emphasis = content.get("emphasis") or {}
    texts = [content.get(name) for name in ("title", "company", "greeting", "explanation")]
    texts += [emphasis.get("label"), emphasis.get("value")]
    texts += [item[part] for item in content.get("items") or [] for part in ("label", "value")]
    texts += [button["label"] for button in content.get("buttons") or []]
    return sum(len(text.encode("utf-16-le")) // 2 for text in texts if text)


def _meaning(status: Mapping[str, Any]) -> tuple[str, FaultScope]:
    """Return what a status makes of a message, in an answer as in a report."""
    kind = _KINDS.get(str(status.get("state")), "other")
    if status.get("detail") == _TO_OPERATOR:
        return "accepted", FaultScope.MESSAGE
    if kind == "refused" and status.get("errorCode") == _ABOUT_CONTENT:
        return "failed", FaultScope.TEMPLATE
    if kind == "refused" and status.get("errorCode") == _EXPIRED:
        return "expired", FaultScope.MESSAGE
    return kind, FaultScope.MESSAGE


def _event(item: Mapping[str, Any]) -> Event:
    payload = item["payload"]
    status = payload["status"]
    state, detail = str(status["state"]), str(status.get("detail") or "")
    occurred_at = datetime.fromisoformat(str(status["timestamp"]))
    if occurred_at.tzinfo is None:
        occurred_at = occurred_at.replace(tzinfo=UTC)
    kind, scope = "other", FaultScope.MESSAGE
    if payload.get("channel") == CHANNEL:
        kind, scope = _meaning(status)
    known = f"8x8:{payload['umid']}:{state}:{detail}"
    kept = {name: value for name, value in payload.items() if name != "user"}
    kept["status"] = {
        name: http.masked(value) if isinstance(value, str) and name != "timestamp" else value
        for name, value in status.items()
    }
    # PostgreSQL stores no NUL, and nothing stores half a character or a number beyond all.
    canonical = json.dumps(kept, ensure_ascii=False, allow_nan=False).encode()
    if b"\\u0000" in canonical.replace(b"\\\\", b""):
        raise ValueError("NUL")
    return Event(
        event_id=hashlib.sha256(known.encode("utf-8", "replace")).hexdigest(),
        kind=kind,
        occurred_at=occurred_at.astimezone(UTC),
        reference=_uuid(str(payload.get("clientMessageId") or "")),
        payload=kept,
        code=http.masked(str(status.get("errorCode") or ""))[:40],
        detail=http.masked(" ".join(filter(None, (detail, str(status.get("errorMessage") or ""))))),
        scope=scope,
        sender=http.printable(str(payload.get("subAccountId") or ""))[:100],
    )


def _uuid(text: str) -> UUID | None:
    return UUID(text) if re.fullmatch("[0-9a-f]{32}", text) else None


def _object(body: bytes) -> Mapping[str, Any]:
    try:
        told = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return told if isinstance(told, Mapping) else {}
