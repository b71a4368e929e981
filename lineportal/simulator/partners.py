"""LINE as a partner reaches it: the same channels, people and rules, behind the partner's own API.

A partner marks each message it hands to LINE, as LINE's delivery tag does; so it knows its own in
the delivery events, and hears of nothing else: blocked, lapsed and refused later are silence.
"""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass
from typing import Any

from lineportal.simulator.channels import Channels
from lineportal.simulator.clock import month
from lineportal.simulator.courier import Courier
from lineportal.simulator.delivery import Delivery
from lineportal.simulator.given import Fields
from lineportal.simulator.log import RequestLog
from lineportal.simulator.notify import Notifier
from lineportal.simulator.people import Message, People, Person

Event = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Line:
    """What a partner has of LINE, and the way back to the companies."""

    channels: Channels
    people: People
    delivery: Delivery
    log: RequestLog
    notifier: Notifier
    courier: Courier

    def ensure_channel(self, channel_id: str, *, name: str, fields: Fields) -> None:
        """Make the channel where it is missing; set its country where that is given."""
        given: dict[str, Any] = {}
        if fields.given("country"):
            given["country"] = fields.text("country")
        if channel_id not in self.channels.by_id:
            given |= {"channel_secret": secrets.token_hex(16), "display_name": name}
        if given:
            self.channels.put(channel_id, given)

    def notify(
        self, channel_id: str, phone: str, *, name: str, mark: str, body: Any, at: float
    ) -> bool:
        """Hand a notification message to LINE; False where LINE answers 422 or 429.

        `mark` comes back in LINE's delivery event; `name` is what the person's inbox calls it.
        """
        channel = self.channels.by_id[channel_id]
        if channel.has_used_up(at):
            return False
        message = self._message(channel_id, "pnp", name, mark, body, at)
        return self.delivery.notify(message, self.people.find(phone), channel)

    def push(
        self, channel_id: str, user_id: str, *, name: str, body: Any, free: bool, at: float
    ) -> str:
        """Hand a two-way message to LINE; gives seen, unseen or refused."""
        channel = self.channels.by_id[channel_id]
        person = self.people.by_user_id(user_id)
        if person is None or (channel.has_used_up(at) and not free):
            return "refused"
        message = self._message(channel_id, "push", name, "", body, at)
        self.delivery.push(message, person, channel)
        if message.delivered_at is None:
            return "unseen"
        if free:
            channel.used[month(at)] -= 1  # a reply does not draw on the month's messages
        return "seen"

    def find(self, to: object) -> Person | None:
        """Return the person with this number (digits, with or without plus) or user id."""
        if not isinstance(to, str) or not to.isascii():
            return None
        return self.people.find(to if to.startswith(("+", "U")) else f"+{to}")

    def _message(
        self, channel_id: str, kind: str, name: str, mark: str, body: Any, at: float
    ) -> Message:
        content = self.log.content(json.dumps(body).encode(), ())
        return Message(channel_id, kind, name, mark, content, at)


def new_mark(partner: str) -> str:
    """Return a mark that no other message has; a delivery tag takes 16 to 100 characters."""
    return f"{partner}-{secrets.token_hex(16)}"
