"""Infobip's delivery reports and inbound webhooks: written, pushed, or kept until they are fetched.

A report goes one way only: it is pushed where there is an address, else it waits to be fetched,
once; one whose push was given up waits too.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any

from lineportal.simulator.clock import DAY
from lineportal.simulator.courier import Parcel
from lineportal.simulator.infobip_messages import Sent
from lineportal.simulator.infobip_senders import Conduct, Sender
from lineportal.simulator.infobip_status import Outcome
from lineportal.simulator.partners import Line

KEPT_SECONDS = 2 * DAY
KEPT_REPORTS = 500_000  # the newest; load tests may fetch none
FEWEST_DEFAULT, MOST = 50, 1_000
_FILTERS = ("bulkId", "messageId", "campaignReferenceId")
_PLATFORM_FILTERS = ("entityId", "applicationId")
_FREE_OF_CHARGE = {"pricePerMessage": 0.0, "currency": "EUR"}


@dataclass(frozen=True, slots=True, eq=False)
class Report:
    """One report, with what says where it goes."""

    service: str  # line or line-oa
    sender: str
    url: str | None  # None: the sender's
    notify: bool
    done_at: float
    body: dict[str, Any]

    def matches(self, query: Mapping[str, str]) -> bool:
        """Whether the report is one that is asked for."""
        platform = self.body.get("platform") or {}
        return all(self.body.get(n) == query[n] for n in _FILTERS if n in query) and all(
            platform.get(n) == query[n] for n in _PLATFORM_FILTERS if n in query
        )


class Reports:
    """The way back from Infobip to the companies."""

    def __init__(self, line: Line, senders: Mapping[str, Sender]) -> None:
        self._line = line
        self._senders = senders
        self._kept: list[Report] = []
        self._outgoing: dict[tuple[str, str], list[Report]] = {}
        self.conduct = Conduct()

    def add(self, report: Report, at: float) -> None:
        """Have the report pushed or kept, once the sender's delay has passed."""
        due = at + self._senders[report.sender].report_delay
        self._line.courier.agenda.plan(due, partial(self._let_go, report))

    def fetch(
        self,
        service: str,
        senders: Collection[Sender],
        query: Mapping[str, str],
        limit: int,
        at: float,
    ) -> list[dict[str, Any]]:
        """Return kept reports of the senders, newest first, and forget those."""
        names = {sender.name for sender in senders}
        self._kept = [r for r in self._kept if at - r.done_at <= KEPT_SECONDS]
        found: list[Report] = []
        for report in reversed(self._kept):
            if len(found) == limit:
                break
            if report.service == service and report.sender in names and report.matches(query):
                found.append(report)
        gone = set(map(id, found))
        self._kept = [r for r in self._kept if id(r) not in gone]
        return [report.body for report in found]

    def send_inbound(
        self,
        sender: Sender,
        user_id: str,
        message: dict[str, Any],
        at: float,
        *,
        ids: Mapping[str, str],
    ) -> bool:
        """Push what somebody did or wrote; False where the sender has no address for it."""
        url = sender.inbound_url or sender.webhook_url
        if not url:
            return False
        result = {
            "sender": user_id,
            "to": sender.name,
            "integrationType": "LINE_OA",
            "receivedAt": written(at),
            "messageId": new_id(),
            **ids,
            "message": message,
            "price": _FREE_OF_CHARGE,
        }
        body = {"results": [result], "messageCount": 1, "pendingMessageCount": 0}
        self._post(sender, url, body, at, [])
        return True

    def _let_go(self, report: Report, at: float) -> None:
        url = report.url or self._senders[report.sender].webhook_url
        if url is None or not report.notify:
            self._keep([report])
            return
        key = (report.sender, url)
        if key not in self._outgoing:
            # Those that fall due at the same instant go together.
            self._line.courier.agenda.plan(at, partial(self._push, key))
        self._outgoing.setdefault(key, []).append(report)

    def _keep(self, reports: list[Report]) -> None:
        self._kept += reports
        if len(self._kept) > KEPT_REPORTS * 1.1:
            del self._kept[:-KEPT_REPORTS]

    def _push(self, key: tuple[str, str], at: float) -> None:
        reports = self._outgoing.pop(key)
        sender = self._senders[key[0]]
        for start in range(0, len(reports), sender.reports_per_push):
            some = reports[start : start + sender.reports_per_push]
            self._post(sender, key[1], {"results": [r.body for r in some]}, at, some)

    def _post(
        self, sender: Sender, url: str, body: dict[str, Any], at: float, reports: list[Report]
    ) -> None:
        raw = json.dumps(body, ensure_ascii=False).encode("utf-8", "replace")
        switches = self._line.notifier.switches
        headers = {
            "Content-Type": "application/json;charset=UTF-8",
            **sender.proof(raw, wrong=switches.bad_signature),
        }
        for copy in range(2 if switches.duplicate else 1):
            self._line.courier.send(
                Parcel(
                    "infobip",
                    sender.name,
                    url,
                    raw,
                    headers,
                    self.conduct.waits,
                    at,
                    given_up=None if copy else partial(self._keep, reports),
                )
            )


def body_of(sent: Sent, outcome: Outcome, done_at: float) -> dict[str, Any]:
    """Return a report as Infobip writes it."""
    status, error = outcome
    body: dict[str, Any] = {
        "bulkId": sent.bulk_id,
        "price": _FREE_OF_CHARGE,
        "status": status,
        "error": error,
        "messageId": sent.message_id,
        "to": sent.to,
        "sender": sent.sender,
        "sentAt": written(done_at if sent.sent_at is None else sent.sent_at),
        "doneAt": written(done_at),
        "messageCount": 1,
    }
    return body | sent.echoed


def written(at: float) -> str:
    """Return an instant as Infobip writes it: with milliseconds, and no colon in the offset."""
    moment = datetime.fromtimestamp(at, UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1_000:03}+0000"


def new_id() -> str:
    """Return an id such as Infobip gives where the caller gave none."""
    return f"{secrets.randbelow(9 * 10**18) + 10**18}"
