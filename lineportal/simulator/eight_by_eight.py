"""8x8's side: sub-accounts, the messages they send, and the receipts that tell what came of each.

https://developer.8x8.com/connect/docs/line/lon-webhook
"""

from __future__ import annotations

import json
import uuid
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Any

from lineportal.simulator import eight_by_eight_requests
from lineportal.simulator.channels import Bucket
from lineportal.simulator.clock import DAY
from lineportal.simulator.clock import written as iso
from lineportal.simulator.courier import Parcel
from lineportal.simulator.eight_by_eight_requests import SPELLINGS
from lineportal.simulator.given import Fields, NotUsable
from lineportal.simulator.infobip_senders import address
from lineportal.simulator.partners import Event, Line, new_mark

RETRY_WAITS = (1.0, 10.0, 30.0, 90.0)
KEPT_MESSAGES = 100_000
# How each fate is reported unless set otherwise; for LINE 8x8 documents no codes of its own.
DEFAULTS: dict[str, dict[str, Any]] = {
    "sent": {"state": "sent", "detail": "delivered_to_operator"},
    "delivered": {"state": "delivered", "detail": "delivered_to_recipient"},
    "refused": {
        "state": "undelivered",
        "detail": "rejected_by_operator",
        "errorCode": 15,
        "errorMessage": "InvalidDestination",
    },
    "silent": {
        "state": "undelivered",
        "detail": "undelivered_to_recipient",
        "errorCode": 36,
        "errorMessage": "Expired",
    },
}
_FIELDS = (
    "api_key",
    "channel",
    "country",
    "webhook_url",
    "webhook_headers",
    "report_delay_seconds",
    "report_sent",
    "emphasis",
    "validity_seconds",
    "outcomes",
    "late_delivery",
    "rate_per_second",
)


@dataclass(slots=True, eq=False)
class SubAccount:
    """One sub-account for official notifications, with its own key."""

    id: str
    api_key: str
    channel_id: str
    webhook_url: str | None = None
    webhook_headers: dict[str, str] = field(default_factory=dict)
    report_delay: float = 0.0
    report_sent: bool = True
    emphasis: str = "Content"
    validity: float = DAY
    outcomes: dict[str, dict[str, Any]] = field(default_factory=dict)
    late_delivery: bool = False
    rate_per_second: float | None = None
    bucket: Bucket | None = None

    def shown(self) -> dict[str, Any]:
        """Return the sub-account as JSON, without its key."""
        return {
            "subaccount": self.id,
            "channel": self.channel_id,
            "webhook_url": self.webhook_url,
            "webhook_headers": sorted(self.webhook_headers),
            "report_delay_seconds": self.report_delay,
            "report_sent": self.report_sent,
            "emphasis": self.emphasis,
            "validity_seconds": self.validity,
            "outcomes": {**DEFAULTS, **self.outcomes},
            "late_delivery": self.late_delivery,
            "rate_per_second": self.rate_per_second,
        }


@dataclass(slots=True, eq=False)
class Notification:
    """One message as 8x8 took it."""

    n: int
    account_id: str
    umid: str
    client_message_id: str | None
    phone: str
    url: str | None
    accepted_at: float
    mark: str = field(default_factory=partial(new_mark, "8x8"))
    outcome: str | None = None
    concluded_at: float | None = None

    def shown(self) -> dict[str, Any]:
        """Return the message as JSON."""
        return {
            "n": self.n,
            "subaccount": self.account_id,
            "umid": self.umid,
            "client_message_id": self.client_message_id,
            "to": self.phone,
            "accepted_at": iso(self.accepted_at),
            "outcome": self.outcome,
            "concluded_at": None if self.concluded_at is None else iso(self.concluded_at),
        }


class EightByEight:
    """All sub-accounts and messages of 8x8."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self._on_the_way: dict[str, Notification] = {}
        self._last = 0
        self.accounts: dict[str, SubAccount] = {}
        self.messages: deque[Notification] = deque(maxlen=KEPT_MESSAGES)

    def put_account(self, account_id: str, value: Any) -> SubAccount:
        """Add a sub-account, or change what is given of it; raise NotUsable."""
        known = self.accounts.get(account_id)
        account = _read(account_id, value, known)
        fields = Fields(value, "The sub-account", _FIELDS)
        self._line.ensure_channel(account.channel_id, name=account_id, fields=fields)
        self.accounts[account_id] = account
        return account

    def take(self, account: SubAccount, message: Mapping[str, Any], at: float) -> dict[str, Any]:
        """Take a message that has been found right; gives the answer."""
        phone = eight_by_eight_requests.number_of(message["user"])
        assert phone is not None, "a message without a number is refused before"
        self._last += 1
        taken = Notification(
            self._last,
            account.id,
            str(uuid.uuid4()),
            message.get("clientMessageId"),
            phone,
            message.get("dlrCallbackUrl"),
            at,
        )
        self.messages.append(taken)
        self._on_the_way[taken.mark] = taken
        body = {"to": phone, "messages": [eight_by_eight_requests.as_line(message["content"])]}
        if account.report_sent:
            self.report(taken, account.outcomes.get("sent", DEFAULTS["sent"]), at)
        name = taken.client_message_id or taken.umid
        if not self._line.notify(
            account.channel_id, phone, name=name, mark=taken.mark, body=body, at=at
        ):
            del self._on_the_way[taken.mark]
            self._conclude(taken, "refused", at)
        elif taken.outcome is None:
            self._line.courier.agenda.plan(at + account.validity, partial(self._expire, taken))
        return answer(taken.umid, message, {"state": "queued", "timestamp": written(at)})

    def hears(self, event: Event) -> bool:
        """Look at an event of LINE's; True where it is about a message of 8x8's own."""
        if event["type"] != "delivery":
            return False
        message = self._on_the_way.pop(event["delivery"]["data"], None)
        if message is None:
            return False
        at, account = event["timestamp"] / 1_000, self.accounts[message.account_id]
        if message.outcome is None:
            self._conclude(message, "delivered", at)
        elif account.late_delivery:
            self.report(message, account.outcomes.get("delivered", DEFAULTS["delivered"]), at)
        return True

    def report(self, message: Notification, status: Mapping[str, Any], at: float) -> None:
        """Send a receipt once the delay has passed, whatever has been reported before."""
        due = at + self.accounts[message.account_id].report_delay
        body = {**status, "timestamp": written(at)}
        self._line.courier.agenda.plan(due, partial(self._post, message, body))

    def _conclude(self, message: Notification, what: str, at: float) -> None:
        message.outcome, message.concluded_at = what, at
        outcomes = self.accounts[message.account_id].outcomes
        self.report(message, outcomes.get(what, DEFAULTS[what]), at)

    def _expire(self, message: Notification, at: float) -> None:
        if message.outcome is None:
            self._conclude(message, "silent", at)
            # LINE may deliver it still, up to a day after it was handed over.
            until = max(at, message.accepted_at + DAY) + 1
            self._line.courier.agenda.plan(until, partial(self._forget, message.mark))

    def _forget(self, mark: str, at: float) -> None:
        self._on_the_way.pop(mark, None)

    def _post(self, message: Notification, status: Mapping[str, Any], at: float) -> None:
        account = self.accounts[message.account_id]
        url = message.url or account.webhook_url
        if url is None:
            return
        payload = {
            "umid": message.umid,
            "clientMessageId": message.client_message_id,
            "subAccountId": account.id,
            "channel": "LineNotification",
            "user": {"msisdn": message.phone},
            "status": status,
        }
        body = {
            "version": 9,
            "namespace": "ChatApps",
            "eventType": "outbound_message_status_changed",
            "description": "ChatApps outbound message delivery receipt",
            "payload": {name: value for name, value in payload.items() if value is not None},
        }
        raw = json.dumps(body).encode()
        headers = {"Content-Type": "application/json", **account.webhook_headers}
        for _ in range(2 if self._line.notifier.switches.duplicate else 1):
            self._line.courier.send(Parcel("8x8", account.id, url, raw, headers, RETRY_WAITS, at))


def answer(umid: str, message: Any, status: Mapping[str, Any]) -> dict[str, Any]:
    """Return what 8x8 says of one message at once."""
    given = message if isinstance(message, dict) else {}
    said = {
        "umid": umid,
        "user": given.get("user"),
        "clientMessageId": given.get("clientMessageId"),
        "status": status,
    }
    return {name: value for name, value in said.items() if value is not None}


def written(at: float) -> str:
    """Return an instant as 8x8 writes it, in UTC with hundredths of a second."""
    moment = datetime.fromtimestamp(at, UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 10_000:02}Z"


def _read(account_id: str, value: Any, known: SubAccount | None) -> SubAccount:
    fields = Fields(value, "The sub-account", _FIELDS)
    if known is None and "api_key" not in fields:
        raise NotUsable('A new sub-account needs "api_key".')
    was = known or SubAccount(account_id, "", f"8x8-{account_id}")
    rate = was.rate_per_second
    if "rate_per_second" in fields:
        is_given = fields.given("rate_per_second")
        rate = fields.number("rate_per_second", 1, least=0.01, most=1e6) if is_given else None
    return SubAccount(
        account_id,
        fields.text("api_key", was.api_key),
        fields.text("channel", was.channel_id),
        webhook_url=address(fields, "webhook_url", was.webhook_url),
        webhook_headers=_headers(fields, was.webhook_headers),
        report_delay=fields.number("report_delay_seconds", was.report_delay, least=0, most=1e9),
        report_sent=fields.flag("report_sent", default=was.report_sent),
        emphasis=fields.choice("emphasis", SPELLINGS, was.emphasis),
        validity=fields.number("validity_seconds", was.validity, least=1, most=1e9),
        outcomes=_outcomes(fields, was.outcomes),
        late_delivery=fields.flag("late_delivery", default=was.late_delivery),
        rate_per_second=rate,
        bucket=None if rate is None else Bucket(rate),
    )


def _headers(fields: Fields, was: dict[str, str]) -> dict[str, str]:
    if "webhook_headers" not in fields:
        return was
    given = fields.raw("webhook_headers") or {}
    if not isinstance(given, dict) or not all(isinstance(v, str) for v in given.values()):
        raise NotUsable('"webhook_headers" of The sub-account must be an object of texts.')
    return dict(given)


def _outcomes(fields: Fields, was: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    outcomes = dict(was)
    if not fields.given("outcomes"):
        return outcomes
    given = Fields(fields.raw("outcomes"), '"outcomes"', DEFAULTS)
    for what in DEFAULTS:
        if given.given(what):
            outcomes[what] = read_status(given.raw(what), f'"{what}"')
        elif what in given:
            outcomes.pop(what, None)
    return outcomes


def read_status(value: Any, what: str) -> dict[str, Any]:
    """Return a status to be sent as it is; raise NotUsable."""
    if not isinstance(value, dict) or not isinstance(value.get("state"), str):
        raise NotUsable(f'{what} must be an object with "state", such as "delivered".')
    return dict(value)
