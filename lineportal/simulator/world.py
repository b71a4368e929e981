"""Who exists in the simulated LINE: channels, people, what waits for their consent, the log.

The rules are LINE's, from "LINE notification messages: technical specifications".
"""

from __future__ import annotations

import hashlib
import secrets
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from lineportal.simulator.clock import Clock

WAIT_SECONDS = 24 * 3600  # a person who never set consent has this long to agree
SMS_SECONDS = 180 * 24 * 3600  # a phone check counts for this long
LOG_LIMIT = 2_000_000
LINE_DAY = timedelta(hours=9)  # LINE counts days in UTC+9

CONSENTS = ("agreed", "not_set", "rejected")
FRIENDS = ("friend", "not_friend", "blocked")
ANSWERS = ("agree", "silent", "reject")


class Unusable(Exception):
    """A control request cannot be carried out; the sentence says why."""


@dataclass(slots=True)
class Channel:
    id: str
    secret: str
    access_token: str = ""
    webhook_url: str = ""
    has_pnp: bool = True
    rate_per_second: int = 2000
    monthly_limit: int | None = None
    redelivers: bool = False
    used_this_month: int = 0
    counts: dict[tuple[str, str], int] = field(default_factory=dict)  # (kind, day) -> delivered
    tokens: dict[str, float] = field(default_factory=dict)  # stateless token -> expires
    retry_keys: dict[str, tuple[float, str, str]] = field(default_factory=dict)
    buckets: dict[str, tuple[float, float]] = field(default_factory=dict)

    @property
    def bot_user_id(self) -> str:
        return "U" + hashlib.sha256(self.id.encode()).hexdigest()[:32]


@dataclass(slots=True)
class Person:
    phone: str
    line_user_id: str
    consent: str = "not_set"
    friend_status: str = "not_friend"
    friend_by_channel: dict[str, str] = field(default_factory=dict)
    when_asked: str = "silent"
    answers_after_seconds: float = 60.0
    sms_verified_at: float | None = None  # None: verified as of now
    has_privacy_policy: bool = True
    inbox: list[dict[str, Any]] = field(default_factory=list)

    def friend(self, channel: str) -> str:
        return self.friend_by_channel.get(channel, self.friend_status)


@dataclass(slots=True)
class Waiting:
    """An accepted message that its person has not yet let through."""

    channel: str
    person: Person
    tag: str
    message: Any
    kind: str
    since: float
    needs: str  # "consent" or "sms"


class World:
    """The state of one simulator. `emit(channel, event)` sends a webhook event."""

    def __init__(self, clock: Clock, emit: Callable[[Channel, dict[str, Any]], None]) -> None:
        self.clock = clock
        self.emit = emit
        self.channels: dict[str, Channel] = {}
        self.by_hash: dict[str, Person] = {}
        self.by_user_id: dict[str, Person] = {}
        self.waiting: list[Waiting] = []
        self.faults: list[dict[str, Any]] = []
        self.log: deque[dict[str, Any]] = deque(maxlen=LOG_LIMIT)
        self.logged = 0

    def reset(self) -> None:
        """Forget everything; the clock runs on."""
        for part in (self.channels, self.by_hash, self.by_user_id, self.waiting, self.faults):
            part.clear()
        self.log.clear()
        self.logged = 0

    # --- set-up

    def put_channel(self, channel_id: str, given: dict[str, Any]) -> Channel:
        if not given.get("channel_secret"):
            raise Unusable("Give the channel a “channel_secret”.")
        channel = self.channels.get(channel_id) or Channel(channel_id, "")
        channel.secret = str(given["channel_secret"])
        channel.access_token = str(given.get("channel_access_token") or "")
        channel.webhook_url = str(given.get("webhook_url") or "")
        channel.has_pnp = bool(given.get("pnp", True))
        channel.rate_per_second = int(given.get("rate_per_second", 2000))
        channel.monthly_limit = given.get("monthly_limit")
        channel.redelivers = bool(given.get("redelivery", False))
        self.channels[channel_id] = channel
        return channel

    def put_person(self, given: dict[str, Any]) -> None:
        phone = str(given.get("phone", ""))
        if not (phone.startswith("+") and phone[1:].isdigit()):
            raise Unusable("Every person needs a “phone” in E.164, such as +66812345678.")
        for name, known in (
            ("consent", CONSENTS),
            ("friend_status", FRIENDS),
            ("when_asked", ANSWERS),
        ):
            if name in given and given[name] not in known:
                raise Unusable(f"“{name}” is one of: {', '.join(known)}.")
        key = hashlib.sha256(phone.encode()).hexdigest()
        user_id = str(given.get("line_user_id") or "U" + key[:32])
        person = self.by_hash.get(key) or Person(phone, user_id)
        self.by_user_id.pop(person.line_user_id, None)
        person.line_user_id = user_id
        person.consent = given.get("consent", person.consent)
        if "channel" in given:
            person.friend_by_channel[str(given["channel"])] = given.get("friend_status", "friend")
        else:
            person.friend_status = given.get("friend_status", person.friend_status)
        person.when_asked = given.get("when_asked", person.when_asked)
        person.answers_after_seconds = float(
            given.get("answers_after_seconds", person.answers_after_seconds)
        )
        if "sms_verified_at" in given:
            person.sms_verified_at = datetime.fromisoformat(given["sms_verified_at"]).timestamp()
        person.has_privacy_policy = bool(given.get("privacy_policy", person.has_privacy_policy))
        self.by_hash[key] = person
        self.by_user_id[user_id] = person

    def person(self, name: str) -> Person:
        found = self.by_user_id.get(name) or self.by_hash.get(
            hashlib.sha256(name.encode()).hexdigest()
        )
        if found is None:
            raise Unusable("There is no such person in the simulator.")
        return found

    # --- what LINE does

    def can_receive(self, key: str) -> Person | None:
        """Return the person a phone hash leads to, unless LINE would answer 422."""
        person = self.by_hash.get(key)
        if person is None or not person.phone.startswith(("+66", "+81", "+886")):
            return None
        if person.consent == "rejected" or not person.has_privacy_policy:
            return None
        return person

    def accept_notification(
        self, channel: Channel, person: Person, tag: str, message: Any, kind: str
    ) -> None:
        """Take a notification: it is delivered, waits for its person, or vanishes in silence."""
        now = self.clock.now()
        if person.friend(channel.id) == "blocked":
            return
        verified = person.sms_verified_at
        if person.consent == "not_set":
            needs = "consent"
        elif verified is not None and now - verified > SMS_SECONDS:
            needs = "sms"
        else:
            self.deliver(Waiting(channel.id, person, tag, message, kind, now, ""), at=now)
            return
        self.waiting.append(Waiting(channel.id, person, tag, message, kind, now, needs))

    def deliver(self, waiting: Waiting, *, at: float) -> None:
        channel = self.channels[waiting.channel]
        waiting.person.inbox.append(
            {
                "channel": channel.id,
                "tag": waiting.tag,
                "message": waiting.message,
                "at": at,
            }
        )
        self.count(channel, waiting.kind, at=at)
        event = {"type": "delivery", "delivery": {"data": waiting.tag}}
        self.send_event(channel, event, at=at)

    def count(self, channel: Channel, kind: str, *, at: float) -> None:
        key = (kind, line_day(at))
        channel.counts[key] = channel.counts.get(key, 0) + 1

    def send_event(self, channel: Channel, event: dict[str, Any], *, at: float) -> None:
        self.emit(
            channel,
            {
                **event,
                "webhookEventId": ulid(at),
                "deliveryContext": {"isRedelivery": False},
                "timestamp": int(at * 1000),
                "mode": "active",
            },
        )

    # --- what people do

    def act(self, person: Person, act: str, *, at: float, channel: str = "") -> None:
        """Let a person agree, refuse, block, unblock, follow, unfollow, or pass the SMS check."""
        if act == "agree":
            person.consent = "agreed"
            self._release(person, "consent", at=at)
        elif act in ("refuse", "reject"):
            person.consent = "rejected"
            self.waiting = [w for w in self.waiting if w.person is not person]
        elif act == "verify_sms":
            person.sms_verified_at = at
            self._release(person, "sms", at=at)
        elif act in ("block", "unfollow"):
            self._befriend(person, "blocked", {"type": "unfollow"}, at=at, channel=channel)
        elif act in ("unblock", "follow"):
            event = {"type": "follow", "follow": {"isUnblocked": act == "unblock"}}
            self._befriend(person, "friend", event, at=at, channel=channel)
        else:
            raise Unusable(
                "A person can: agree, refuse, block, unblock, follow, unfollow, verify_sms."
            )

    def answer_due(self) -> int:
        """Let everybody answer whose time has come, each at their own moment; return how many."""
        now = self.clock.now()
        due = sorted(
            (
                (w.since + w.person.answers_after_seconds, index, w)
                for index, w in enumerate(self.waiting)
                if w.needs == "consent"
                and w.person.when_asked != "silent"
                and w.since + w.person.answers_after_seconds <= now
                and w.person.answers_after_seconds < WAIT_SECONDS
            ),
        )
        answered = 0
        for moment, _index, waiting in due:
            if waiting.person.consent == "not_set":
                self.act(waiting.person, waiting.person.when_asked, at=moment)
                answered += 1
        self.waiting = [w for w in self.waiting if w.since + WAIT_SECONDS > now]
        return answered

    def _release(self, person: Person, needs: str, *, at: float) -> None:
        mine = [w for w in self.waiting if w.person is person and w.needs == needs]
        self.waiting = [w for w in self.waiting if not (w.person is person and w.needs == needs)]
        for waiting in mine:
            is_in_time = at - waiting.since < WAIT_SECONDS
            if is_in_time and person.friend(waiting.channel) != "blocked":
                self.deliver(waiting, at=at)

    def _befriend(
        self,
        person: Person,
        status: str,
        event: dict[str, Any],
        *,
        at: float,
        channel: str,
    ) -> None:
        for each in [channel] if channel else list(self.channels):
            if each not in self.channels:
                raise Unusable("There is no such channel in the simulator.")
            person.friend_by_channel[each] = status
            source = {"type": "user", "userId": person.line_user_id}
            self.send_event(self.channels[each], {**event, "source": source}, at=at)


def line_day(moment: float) -> str:
    """Return the day LINE counts a moment in: yyyyMMdd, UTC+9."""
    return (datetime.fromtimestamp(moment, UTC) + LINE_DAY).strftime("%Y%m%d")


_ULID = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def ulid(moment: float) -> str:
    """Return an id as LINE's webhookEventId: 48 bits of milliseconds, 80 random bits."""
    number = (int(moment * 1000) << 80) | secrets.randbits(80)
    return "".join(_ULID[(number >> shift) & 31] for shift in range(125, -1, -5))
