"""What becomes of a message: LINE's rules of consent, blocking, SMS check and the 24 hours.

https://developers.line.biz/en/docs/partner-docs/line-notification-messages/technical-specs/
Everything here takes the virtual instant as `at`, so that answers given late in one leap of the
clock are each seen at their own time.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import count

from lineportal.simulator import chat, dialogue, events, reach
from lineportal.simulator.channels import Channel
from lineportal.simulator.clock import DAY
from lineportal.simulator.events import Event
from lineportal.simulator.files import Files
from lineportal.simulator.people import KEPT_PER_PERSON, Message, People, Person
from lineportal.simulator.tokens import LINK_SECONDS, REPLY_SECONDS, OnceTokens

Outgoing = Callable[[Channel, Event], None]


@dataclass(slots=True)
class Totals:
    """What has happened since the start."""

    answered: int = 0
    delivered: int = 0
    lapsed: int = 0
    webhooks: int = 0


class Delivery:
    """Decides who sees what and when; `outgoing` takes each event for the channel's webhook."""

    def __init__(self, channels: dict[str, Channel], people: People, outgoing: Outgoing) -> None:
        self._channels = channels
        self._people = people
        self._outgoing = outgoing
        self._answers: list[tuple[float, int, Person]] = []  # heap of scripted answers
        self._order = count()
        self._waiting: deque[tuple[Message, Person]] = deque()  # oldest first
        self.replies = OnceTokens(REPLY_SECONDS)
        self.links = OnceTokens(LINK_SECONDS)
        self.files = Files()
        self.totals = Totals()

    def notify(self, message: Message, person: Person | None, channel: Channel) -> bool:
        """Take a notification message; False is LINE's 422, which does not tell the cause."""
        if person is None or not reach.by_phone(person):
            return False
        at = message.accepted_at
        if person.has_blocked(channel.id):
            message.state = "lost"
        elif person.consent == "agreed" and not person.sms_check_is_due(at):
            self._deliver(message, person, at)
        else:
            message.state = "waiting"
            person.waiting = [*(person.waiting or ())[-KEPT_PER_PERSON + 1 :], message]
            self._waiting.append((message, person))
            is_unset = person.consent == "not_set"
            chat.prompt(person, message, "consent_prompt" if is_unset else "sms_prompt", at)
            self.plan_answer(person, at)
            if person.answer_at is not None and person.answer_at <= at:
                self.catch_up(at)
        return True

    def push(self, message: Message, person: Person, channel: Channel) -> None:
        """Take a two-way message: friends see it, and who wrote of late; no event tells which."""
        if reach.by_push(person, channel.id, message.accepted_at):
            self._deliver(message, person, message.accepted_at)
        else:
            message.state = "lost"

    def reply(self, message: Message, person: Person, channel: Channel) -> None:
        """Take the answer to what the person did: seen unless they have blocked since."""
        if reach.by_reply(person, channel.id):
            self._deliver(message, person, message.accepted_at)
        else:
            message.state = "lost"

    def plan_answer(self, person: Person, at: float) -> None:
        """Plan the scripted answer to LINE's prompt, if the person has one and is being asked."""
        person.answer_at = None
        if not person.waiting or person.when_asked == "silent":
            return
        person.answer_at = max(at, person.waiting[0].accepted_at + person.answers_after)
        heapq.heappush(self._answers, (person.answer_at, next(self._order), person))

    def is_behind(self, at: float) -> bool:
        """Whether an answer or a lapse is due by now."""
        return bool(
            (self._answers and self._answers[0][0] <= at)
            or (self._waiting and self._waiting[0][0].accepted_at + DAY < at)
        )

    def catch_up(self, at: float, *, at_most: int = 2_000) -> None:
        """Do what has fallen due by now, in order of time; call again while `is_behind`."""
        for _ in range(at_most):
            if not self._answers or self._answers[0][0] > at:
                break
            answer_at, _order, person = heapq.heappop(self._answers)
            if person.answer_at != answer_at:
                continue  # planned anew since
            person.answer_at = None
            self.totals.answered += 1
            if person.when_asked == "agree":
                self.agree(person, answer_at)
                # LINE's dialogue asks for the SMS code too, where one is due.
                if person.sms_check_is_due(answer_at):
                    person.sms = None  # a script never changes the number
                    self.verify_sms(person, answer_at)
            elif person.consent == "not_set":
                self.refuse(person, answer_at)
        if self._answers and self._answers[0][0] <= at:
            return  # lapses come after every answer that is due
        for _ in range(at_most):
            if not self._waiting or self._waiting[0][0].accepted_at + DAY >= at:
                break
            message, person = self._waiting.popleft()
            if message.state == "waiting":
                self._lapse(message)
                person.waiting = [m for m in person.waiting or () if m is not message]

    def agree(self, person: Person, at: float) -> None:
        """The person turns notification messages on; where an SMS check is due, a code goes out.

        What waits is delivered, or waits on for the code.
        """
        if person.consent != "agreed":
            person.consent = "agreed"
            chat.tell(person, "confirmation", chat.AGREED, at)
        if person.waiting and person.phone and person.sms_check_is_due(at):
            if person.sms is None:
                chat.tell(person, "sms_prompt", chat.SMS_PROMPT, at)
                dialogue.ask_code(person, self._people, at)
        else:
            self._release(person, at)

    def refuse(self, person: Person, at: float) -> None:
        """The person turns notification messages off; what waits is deleted."""
        if person.consent != "rejected":
            person.consent = "rejected"
            chat.tell(person, "confirmation", chat.REFUSED, at)
        person.sms = None
        self._give_up(person)

    def ask_sms_code(self, person: Person, at: float, *, phone: str = "") -> None:
        """The person has a code sent by SMS, to another number if they change theirs.

        Raises NotUsable.
        """
        dialogue.ask_code(person, self._people, at, phone=phone)

    def enter_sms_code(self, person: Person, code: str, at: float) -> None:
        """The person enters a code; raises NotUsable where it is not the right one."""
        dialogue.check_code(person, code)
        self.verify_sms(person, at)

    def verify_sms(self, person: Person, at: float) -> None:
        """The person enters the right SMS code; with a new number, what waits is lost."""
        if dialogue.passed(person, self._people, at):
            self._give_up(person)
        elif person.consent == "agreed":
            self._release(person, at)

    def follow(self, person: Person, channels: Iterable[Channel], at: float) -> None:
        """The person adds the account as a friend, or unblocks it."""
        for channel in channels:
            was = person.friend_status_for(channel.id)
            if was != "friend":
                person.set_friend_status("friend", channel.id)
                is_unblocked = was == "blocked"
                token = self.replies.issue(person, channel.id, at)
                self.tell(
                    channel,
                    events.follow(
                        person.user_id, is_unblocked=is_unblocked, reply_token=token, at=at
                    ),
                )

    def unblock(self, person: Person, channels: Iterable[Channel], at: float) -> None:
        """The person unblocks the account; nothing happens where it is not blocked."""
        blocked = [c for c in channels if person.has_blocked(c.id)]
        self.follow(person, blocked, at)

    def block(self, person: Person, channels: Iterable[Channel], at: float) -> None:
        """The person, friend or stranger, blocks the account; what waits is lost for good."""
        for channel in channels:
            if person.has_blocked(channel.id):
                continue
            person.set_friend_status("blocked", channel.id)
            waiting = person.waiting or []
            self._drop(m for m in waiting if m.channel_id == channel.id)
            person.waiting = [m for m in waiting if m.channel_id != channel.id]
            self.tell(channel, events.unfollow(person.user_id, at=at))

    def channel(self, channel_id: str | None) -> Channel | None:
        """Return the channel, None where there is none of this id."""
        return self._channels.get(channel_id or "")

    def tell(self, channel: Channel, event: Event) -> None:
        """Send an event to the channel's webhook."""
        self.totals.webhooks += 1
        self._outgoing(channel, event)

    def _release(self, person: Person, at: float) -> None:
        if person.sms_check_is_due(at):
            return
        person.answer_at = None
        waiting, person.waiting = person.waiting or [], None
        for message in waiting:
            if at - message.accepted_at > DAY:
                self._lapse(message)
            elif (
                person.deleted
                or person.has_blocked(message.channel_id)
                or message.channel_id not in self._channels
            ):
                message.state = "lost"
            else:
                self._deliver(message, person, at)

    def _deliver(self, message: Message, person: Person, at: float) -> None:
        message.state, message.delivered_at = "delivered", at
        chat.placed(message)
        person.inbox = [*(person.inbox or ())[-KEPT_PER_PERSON + 1 :], message]
        channel = self._channels[message.channel_id]
        channel.count(message.kind, at)
        self.totals.delivered += 1
        if message.is_notification:
            if message.unit is not None:
                channel.units.count(message.unit, at)
            self.tell(channel, events.delivery(message.data, at=at))

    def _lapse(self, message: Message) -> None:
        message.state = "lapsed"
        self.totals.lapsed += 1

    def _give_up(self, person: Person) -> None:
        person.answer_at = None
        self._drop(person.waiting or ())
        person.waiting = None

    def _drop(self, messages: Iterable[Message]) -> None:
        for message in messages:
            message.state = "lost"
