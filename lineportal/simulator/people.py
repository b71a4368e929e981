"""The people who have LINE, what they have set there, and what they have been sent.

LON consent is one setting per person, for all channels; friend status is per channel.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from lineportal.simulator.given import Fields, NotUsable, items
from lineportal.simulator.log import Content

CONSENTS = ("agreed", "not_set", "rejected")
FRIEND_STATUSES = ("friend", "not_friend", "blocked")
ANSWERS = ("agree", "silent", "reject")
SMS_CHECK_SECONDS = 180 * 86_400.0
TWO_WAY_KINDS = frozenset({"push", "reply", "multicast"})
# Inbox, waiting list and chat keep the newest; load tests write to few people very often.
KEPT_PER_PERSON = 200

_PHONE = re.compile(r"\+[1-9][0-9]{6,14}")
_USER_ID = re.compile(r"U[0-9a-f]{32}")
_FIELDS = frozenset(
    {
        "phone",
        "line_user_id",
        "consent",
        "friend_status",
        "channel",
        "when_asked",
        "answers_after_seconds",
        "sms_verified_at",
        "privacy_policy",
        "deleted",
    }
)


@dataclass(slots=True, eq=False)
class Message:
    """One accepted message to one person."""

    channel_id: str
    kind: str  # pnp, templated, push, reply or multicast: the names of LINE's delivery counts
    tag: str | None
    data: str  # what the delivery event carries: the tag, or the phone hash without one
    content: Content
    accepted_at: float
    state: str = "accepted"  # then waiting, delivered, lapsed or lost
    delivered_at: float | None = None
    unit: str | None = None  # what it is counted under once a person gets it
    n: int = 0  # its place in the chat; a notification message has LINE's notice at n - 1

    @property
    def is_notification(self) -> bool:
        """Whether it came by phone number; LINE's system account tells of those."""
        return self.kind not in TWO_WAY_KINDS


@dataclass(slots=True, eq=False)
class ChatEntry:
    """One thing the phone shows; see chat.py."""

    at: float
    sender: str  # "line" (LINE's own system account), "account" (an Official Account), "person"
    channel_id: str | None
    kind: str
    text: str
    message: Message | None
    n: int

    @property
    def id(self) -> str:
        """The entry's own name; of what a person wrote also LINE's message id."""
        return str(500_000_000_000_000_000 + self.n)


@dataclass(slots=True, eq=False)
class SmsCheck:
    """An SMS with a code has gone out."""

    code: str
    phone: str  # another than the person's own where they are changing it
    wrong: int = 0  # codes entered that were not this one


@dataclass(slots=True, eq=False)
class Person:
    """One LINE user."""

    phone: str | None
    user_id: str
    sms_verified_at: float | None
    consent: str = "not_set"
    friend_status: str = "not_friend"
    friend_status_by_channel: dict[str, str] | None = None
    when_asked: str = "silent"
    answers_after: float = 60.0
    privacy_policy: bool = True
    deleted: bool = False
    answer_at: float | None = None  # when the scripted answer to LINE's prompt falls due
    waiting: list[Message] | None = None
    inbox: list[Message] | None = None
    # What the phone shows besides the inbox; see chat.py.
    chat: list[ChatEntry] | None = None
    sms: SmsCheck | None = None
    wrote_at: dict[str, float] | None = None  # by channel: when they last wrote to it

    def friend_status_for(self, channel_id: str) -> str:
        """Return friend, not_friend or blocked."""
        if self.friend_status_by_channel:
            return self.friend_status_by_channel.get(channel_id, self.friend_status)
        return self.friend_status

    def set_friend_status(self, status: str, channel_id: str | None) -> None:
        """Set the status for one channel, or for every channel."""
        if channel_id is None:
            self.friend_status = status
            self.friend_status_by_channel = None
        else:
            self.friend_status_by_channel = {
                **(self.friend_status_by_channel or {}),
                channel_id: status,
            }

    def sms_check_is_due(self, at: float) -> bool:
        """Whether LINE asks for an SMS code first; it does so every 180 days."""
        return self.sms_verified_at is None or at - self.sms_verified_at >= SMS_CHECK_SECONDS

    def has_blocked(self, channel_id: str) -> bool:
        """Whether the account is blocked."""
        return self.friend_status_for(channel_id) == "blocked"


def digest(phone: str) -> bytes:
    """Return SHA-256 of the E.164 number with its plus sign, as LINE wants it in `to`."""
    return hashlib.sha256(phone.encode()).digest()


def checked_phone(phone: str) -> str:
    """Return the number if it is written as E.164 with its plus sign, or raise NotUsable."""
    if not _PHONE.fullmatch(phone):
        raise NotUsable('"phone" must be E.164 with its plus sign, such as +66855538125.')
    return phone


def is_user_id(text: str) -> bool:
    """Whether the text has the form of a LINE user id."""
    return _USER_ID.fullmatch(text) is not None


class People:
    """Everyone, found by phone, by hash of the phone, or by LINE user id."""

    def __init__(self) -> None:
        self._by_digest: dict[bytes, Person] = {}
        self._by_user_id: dict[str, Person] = {}

    def __len__(self) -> int:
        return len(self._by_user_id)

    def __iter__(self) -> Any:
        return iter(self._by_user_id.values())

    def by_digest(self, hashed: bytes) -> Person | None:
        """Return the person whose phone has this SHA-256."""
        return self._by_digest.get(hashed)

    def by_user_id(self, user_id: str) -> Person | None:
        """Return the person with this LINE user id."""
        return self._by_user_id.get(user_id)

    def find(self, key: str) -> Person | None:
        """Return the person with this phone (`+66...`) or LINE user id."""
        return self._by_digest.get(digest(key)) if key.startswith("+") else self.by_user_id(key)

    def change_phone(self, person: Person, phone: str) -> None:
        """Give the person another number; raise NotUsable where it is wrong or taken."""
        hashed = digest(checked_phone(phone))
        if self._by_digest.get(hashed, person) is not person:
            raise NotUsable("Somebody else here has this phone number.")
        if person.phone:
            self._by_digest.pop(digest(person.phone), None)
        person.phone = phone
        self._by_digest[hashed] = person

    def upsert(
        self, value: Any, *, channel_ids: Collection[str], at: float
    ) -> tuple[dict[str, int], list[Person]]:
        """Add or change people from a JSON list; all of it or, with NotUsable, nothing.

        Fields that are absent stay as they were. Gives the counts and the people changed.
        """
        rows = [
            _read(row, f"person {number}", channel_ids)
            for number, row in enumerate(items(value, "The body"), start=1)
        ]
        self._refuse_conflicts(rows)
        counts: Counter[str] = Counter(created=0, updated=0)
        changed = []
        for fields in rows:
            person, is_new = self._person_for(fields, at)
            _apply(fields, person)
            counts["created" if is_new else "updated"] += 1
            if not is_new:
                changed.append(person)
        return {**counts, "total": len(self)}, changed

    def counted(self) -> dict[str, dict[str, int]]:
        """Return how many people there are by consent and by friend status."""
        return {
            "consent": dict(Counter(person.consent for person in self)),
            "friend_status": dict(Counter(person.friend_status for person in self)),
        }

    def _refuse_conflicts(self, rows: list[Fields]) -> None:
        owners: dict[str, str] = {}  # user id -> phone, as this list gives them
        for number, fields in enumerate(rows, start=1):
            phone, user_id = fields.text("phone"), fields.text("line_user_id")
            if not (phone and user_id):
                continue
            holder = self._by_user_id.get(user_id)
            owner = owners.setdefault(user_id, (holder.phone or phone) if holder else phone)
            by_phone = self._by_digest.get(digest(phone))
            if owner != phone or (holder and by_phone and holder is not by_phone):
                raise NotUsable(
                    f"The line_user_id of person {number} belongs to somebody else;"
                    " one id is one person."
                )

    def _person_for(self, fields: Fields, at: float) -> tuple[Person, bool]:
        phone, user_id = fields.text("phone"), fields.text("line_user_id")
        hashed = digest(phone) if phone else None
        person = self._by_digest.get(hashed) if hashed else None
        if person is None and user_id:
            person = self._by_user_id.get(user_id)
        if is_new := person is None:
            # New LINE accounts have just passed the SMS check.
            person = Person(phone or None, user_id or _user_id_of(phone), sms_verified_at=at)
        elif user_id and person.user_id != user_id:
            del self._by_user_id[person.user_id]
            person.user_id = user_id
        if hashed:
            if person.phone and person.phone != phone:
                del self._by_digest[digest(person.phone)]
            person.phone = phone
            self._by_digest[hashed] = person
        self._by_user_id[person.user_id] = person
        return person, is_new


def _read(row: Any, what: str, channel_ids: Collection[str]) -> Fields:
    fields = Fields(row, what, _FIELDS)
    if not fields.given("phone") and not fields.given("line_user_id"):
        raise NotUsable(f'{what} needs "phone" or "line_user_id".')
    if "phone" in fields and not _PHONE.fullmatch(fields.text("phone")):
        raise NotUsable(
            f'"phone" of {what} must be E.164 with its plus sign, such as +66855538125.'
        )
    if "line_user_id" in fields and not is_user_id(fields.text("line_user_id")):
        raise NotUsable(f'"line_user_id" of {what} must be U and 32 hex digits in lower case.')
    fields.choice("consent", CONSENTS)
    fields.choice("friend_status", FRIEND_STATUSES)
    fields.choice("when_asked", ANSWERS)
    fields.number("answers_after_seconds", 0, least=0, most=1e9)
    fields.flag("privacy_policy")
    fields.flag("deleted")
    if fields.given("sms_verified_at"):
        fields.instant("sms_verified_at")
    if "channel" in fields:
        if fields.text("channel") not in channel_ids:
            raise NotUsable(f'"channel" of {what} is not a channel here; PUT it first.')
        if "friend_status" not in fields:
            raise NotUsable(f'"channel" of {what} says for whom "friend_status" is; give that too.')
    return fields


def _apply(fields: Fields, person: Person) -> None:
    person.consent = fields.choice("consent", CONSENTS, person.consent)
    person.when_asked = fields.choice("when_asked", ANSWERS, person.when_asked)
    person.answers_after = fields.number(
        "answers_after_seconds", person.answers_after, least=0, most=1e9
    )
    person.privacy_policy = fields.flag("privacy_policy", default=person.privacy_policy)
    person.deleted = fields.flag("deleted", default=person.deleted)
    if "friend_status" in fields:
        status = fields.choice("friend_status", FRIEND_STATUSES)
        person.set_friend_status(status, fields.text("channel") or None)
    if "sms_verified_at" in fields:
        given = fields.given("sms_verified_at")
        person.sms_verified_at = fields.instant("sms_verified_at") if given else None


def _user_id_of(phone: str) -> str:
    return "U" + hashlib.sha256(b"user" + phone.encode()).hexdigest()[:32]
