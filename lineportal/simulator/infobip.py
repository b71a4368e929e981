"""Infobip's side: takes requests, hands messages to LINE in time, and concludes what came of each.

What a partner can know is LINE's answer and LINE's delivery event; all else is silence, which
ends with the message's validity.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from functools import partial
from typing import Any

from lineportal.simulator import (
    infobip_messages,
    infobip_reports,
    infobip_senders,
    infobip_status,
)
from lineportal.simulator.channels import Channel
from lineportal.simulator.clock import DAY
from lineportal.simulator.infobip_messages import Sent
from lineportal.simulator.infobip_reports import Report, Reports
from lineportal.simulator.infobip_senders import Conduct, Sender
from lineportal.simulator.infobip_status import Outcome
from lineportal.simulator.partners import Event, Line
from lineportal.simulator.shapes import read_instant

KEPT_MESSAGES = 100_000
KEPT_MESSAGE_IDS = 1_000_000
REPLY_SECONDS = 60.0  # a reply token is good for a minute, once


class Infobip:
    """All senders and messages of Infobip."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self._on_the_way: dict[str, Sent] = {}
        self._message_ids: dict[tuple[str, str], float] = {}
        self._reply_tokens: dict[str, float] = {}
        self._last = 0
        self.senders: dict[str, Sender] = {}
        self.messages: deque[Sent] = deque(maxlen=KEPT_MESSAGES)
        self.reports = Reports(line, self.senders)

    @property
    def conduct(self) -> Conduct:
        """How Infobip behaves where its documentation leaves it open."""
        return self.reports.conduct

    def put_sender(self, name: str, value: Any) -> Sender:
        """Add a sender, or change what is given of it; raise NotUsable."""
        known = self.senders.get(name)
        self.senders[name] = infobip_senders.read_sender(name, value, known, self._line)
        return self.senders[name]

    def senders_of(self, api_key: str) -> list[Sender]:
        """Return the senders of the account whose key this is."""
        return [sender for sender in self.senders.values() if sender.api_key == api_key]

    def take(
        self, service: str, body: Mapping[str, Any], senders: list[Sender], at: float
    ) -> tuple[dict[str, Any], int]:
        """Take a request that has been found right; gives the answer and how many were taken."""
        schedule = (body.get("options") or {}).get("schedule") or {}
        bulk_id = schedule.get("bulkId") or infobip_reports.new_id()
        begins = max(at, read_instant(schedule.get("sendAt")) or at)
        gap = infobip_messages.gap(schedule.get("sendingSpeedLimit"))
        known = {sender.name: sender for sender in senders}
        answers: list[dict[str, Any]] = []
        taken: list[tuple[Sent, float]] = []
        for message in body["messages"]:
            sender = known.get(message["sender"])
            for destination in message["destinations"]:
                message_id = destination.get("messageId") or infobip_reports.new_id()
                refusal = self._refusal(sender, senders[0].api_key, message_id, at)
                if refusal is None:
                    self._last += 1
                    turn = begins + gap * len(taken)
                    sent = infobip_messages.read(
                        service,
                        message,
                        destination,
                        n=self._last,
                        bulk_id=bulk_id,
                        message_id=message_id,
                        accepted_at=at,
                        begins=turn,
                        default_validity=self.conduct.default_validity,
                    )
                    taken.append((sent, infobip_messages.opening(message, turn)))
                answers.append(
                    {
                        "messageId": message_id,
                        "status": infobip_status.status(refusal or _PENDING[service]),
                        "destination": destination["to"],
                    }
                )
        for sent, opens_at in taken:
            self.messages.append(sent)
            if opens_at <= at:
                self._hand_over(sent, at)
            elif opens_at < sent.expires_at:
                self._line.courier.agenda.plan(opens_at, partial(self._hand_over, sent))
            else:
                self._line.courier.agenda.plan(sent.expires_at, partial(self._expire, sent))
        return {"bulkId": bulk_id, "messages": answers}, len(taken)

    def hears(self, channel: Channel, event: Event, *, media: str) -> bool:
        """Look at an event of LINE's; True where it is about a message of Infobip's own.

        `media` is the address under which Infobip hands out the files of people.
        """
        at = event["timestamp"] / 1_000
        if event["type"] == "delivery":
            sent = self._on_the_way.pop(event["delivery"]["data"], None)
            if sent is None:
                return False
            self._is_delivered(sent, at)
            return True
        message = infobip_messages.heard(event, media=media)
        user_id = (event.get("source") or {}).get("userId")
        if message is not None and user_id:
            for sender in self.senders.values():
                if sender.channel_id == channel.id:
                    ids = infobip_messages.ids(event)
                    self.receive(sender, user_id, message, at, ids=ids)
        return False

    def receive(
        self,
        sender: Sender,
        user_id: str,
        message: dict[str, Any],
        at: float,
        *,
        ids: Mapping[str, str] | None = None,
    ) -> bool:
        """Push what somebody did or wrote; False where the sender has no address for it.

        `ids` are the result's own, where it is about a message that has one.
        """
        if token := message.get("replyToken"):
            self._reply_tokens[token] = at + REPLY_SECONDS
            while len(self._reply_tokens) > 10_000:
                del self._reply_tokens[next(iter(self._reply_tokens))]
        return self.reports.send_inbound(sender, user_id, message, at, ids=ids or {})

    def find(self, message_id: str) -> Sent | None:
        """Return the newest message of this id."""
        return next((s for s in reversed(self.messages) if s.message_id == message_id), None)

    def report(self, sent: Sent, outcome: Outcome, at: float) -> None:
        """Report about a message, whatever has been reported of it before."""
        sent.reports += 1
        body = infobip_reports.body_of(sent, outcome, at)
        report = Report(sent.service, sent.sender, sent.url, sent.notify, at, body)
        self.reports.add(report, at)

    def _refusal(self, sender: Sender | None, key: str, message_id: str, at: float) -> str | None:
        if sender is None:
            return "REJECTED_SOURCE"
        window, seen = self.conduct.duplicate_window, self._message_ids.get((key, message_id))
        if seen is not None and (window is None or at - seen < window):
            return "REJECTED_DUPLICATE_MESSAGE_ID"
        self._message_ids[key, message_id] = at
        if len(self._message_ids) > KEPT_MESSAGE_IDS:
            del self._message_ids[next(iter(self._message_ids))]
        return None

    def _hand_over(self, sent: Sent, at: float) -> None:
        sent.sent_at = at
        body = {"to": sent.to, "messages": infobip_messages.line_messages(sent)}
        channel_id = self.senders[sent.sender].channel_id
        if sent.service == "line-oa":
            token = sent.reply_token
            is_free = token is not None and self._reply_tokens.pop(token, 0.0) > at
            came_of_it = self._line.push(
                channel_id, sent.to, name=sent.message_id, body=body, free=is_free, at=at
            )
            self._conclude(sent, f"push_{came_of_it}", at)
            return
        self._on_the_way[sent.mark] = sent
        phone = f"+{sent.to}"
        if not self._line.notify(
            channel_id, phone, name=sent.message_id, mark=sent.mark, body=body, at=at
        ):
            del self._on_the_way[sent.mark]
            self._conclude(sent, "refused", at)
        elif sent.outcome is None:
            self._line.courier.agenda.plan(sent.expires_at, partial(self._expire, sent))

    def _is_delivered(self, sent: Sent, at: float) -> None:
        if sent.outcome is None:
            self._conclude(sent, "delivered", at)
        elif self.conduct.late_delivery:
            self.report(sent, self.conduct.outcome("delivered"), at)

    def _expire(self, sent: Sent, at: float) -> None:
        if sent.outcome is not None:
            return
        self._conclude(sent, "silent", at)
        # LINE may deliver it still, up to a day after it was handed over.
        if sent.sent_at is not None:
            until = max(at, sent.sent_at + DAY) + 1
            self._line.courier.agenda.plan(until, partial(self._forget, sent.mark))

    def _forget(self, mark: str, at: float) -> None:
        self._on_the_way.pop(mark, None)

    def _conclude(self, sent: Sent, what: str, at: float) -> None:
        sent.outcome, sent.concluded_at = what, at
        self.report(sent, self.conduct.outcome(what), at)


_PENDING = {"line": "PENDING_ENROUTE", "line-oa": "PENDING_ACCEPTED"}
