"""What every provider is: one file that speaks one company's wire format, in both directions.

Nothing here knows Django. A provider reports outcomes as values and never raises for what the
network or the other side does.
"""

from __future__ import annotations

import re
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, ClassVar
from uuid import UUID

import aiohttp

from lineportal.providers import http
from lineportal.providers.downloads import Download, Keep
from lineportal.providers.outcomes import FaultScope, Outcome, SendResult

__all__ = [
    "BadCredentials", "BadSignature", "CannotWire", "Check", "Count", "Event", "FaultScope",
    "Outcome", "OutgoingMessage", "Provider", "Reports", "Said", "SendResult", "Serves", "Setting",
    "UnreadableWebhook", "WireRequest",
]  # fmt: skip

_NOT_VISIBLE = re.compile("[^!-~]")  # in no id, secret or token; breaks an HTTP header


@dataclass(frozen=True, slots=True)
class Setting:
    """One thing that an account is set up with at a provider; all are encrypted at rest.

    `pattern` is what a value must match whole; blank: any visible characters. With `default`, a
    value that is not given is that.
    """

    name: str
    label: str  # as the provider's own pages call it
    is_required: bool = False
    is_secret: bool = True
    default: str = ""
    choices: tuple[str, ...] = ()
    pattern: str = ""
    help: str = ""


@dataclass(frozen=True, slots=True)
class Serves:
    """For whom a service is supported: countries of accounts, and kinds of template content.

    Kinds are those of `templates_app.content.kind`.
    `has_receipts`: the provider tells later what became of a message that it took.
    """

    countries: tuple[str, ...]
    contents: frozenset[str]
    has_receipts: bool


# Not frozen, like all that is made for every message: freezing makes an object slow to build.
@dataclass(slots=True)
class OutgoingMessage:
    """One message, ready for the wire.

    `address` is `+E.164` for `lon`, a LINE user id for `oa`. `body` is JSON text: the approved and
    frozen drawing with its placeholders filled (for `lon` bubbles and `oa` a LINE message object,
    for catalogue content `{"templateKey", "body"}`, where `is_catalogue` is set), or for a
    provider that `draws_itself` the approved content.
    `reference` identifies the attempt: delivery tag, retry key or message id. `unit` is the
    stable name under which LINE counts this template. With a `reply_token` it answers what the
    person just did, where the provider `takes_reply_tokens`; the token is good once.
    """

    service: str  # "lon" or "oa"
    address: str
    body: str
    reference: UUID
    unit: str = ""
    is_catalogue: bool = False
    reply_token: str = field(default="", repr=False)


@dataclass(slots=True)
class WireRequest:
    """The exact request that goes out; credentials are added when it is sent."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Said:
    """What somebody wrote to an account, or did in the chat with it.

    `kind`: "text", "sticker", "image", "video", "audio", "file", "location", "button" or "other".
    `text` is what it says: of a place its title and address, of a button what the chat shows.
    """

    kind: str
    message_id: str = ""  # the provider's; an edit, an unsend and the file are found by it
    text: str = ""
    data: str = ""  # of a button
    file_name: str = ""  # as its sender called it
    claimed_size: int | None = None  # bytes, as its sender's app said
    content_url: str = ""  # where the provider keeps the file; blank: asked for by `message_id`
    quote_token: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)  # of a sticker, a place, a quote


@dataclass(frozen=True, slots=True)
class Event:
    """One thing a provider told us, in our words; `occurred_at` is the provider's time.

    `kind`: what became of the message under `reference` ("accepted", "delivered", "refused",
    "failed", "expired"); "follow" or "unfollow" of `line_user_id`; what they `said` ("said",
    "edited", or "unsent", of which only the id is told); the end of linking ("linked", by the
    `nonce`; blank: it failed); or "other".
    `reply_token` is good for one reply within a minute. `is_standby`: another module of the channel
    is in charge, and nothing may be sent (LINE, "Channel state").
    `code` and `detail` are the provider's words, without secrets, numbers and ids of people;
    `scope` says what a "failed" concerns. `sender` is ours at the provider, where it is told.
    `payload` holds no phone number.
    """

    event_id: str
    kind: str
    occurred_at: datetime
    reference: UUID | None = None
    line_user_id: str = ""
    payload: Mapping[str, Any] = field(default_factory=dict)
    code: str = ""
    detail: str = ""
    scope: FaultScope = FaultScope.MESSAGE
    sender: str = ""
    said: Said | None = None
    nonce: str = ""
    is_unblocked: bool = False  # a follow by who had blocked the account; not always told
    reply_token: str = ""
    is_standby: bool = False


@dataclass(frozen=True, slots=True)
class Check:
    """One thing looked at when an account is checked: a plain sentence, good news or bad.

    `is_ok` None: it could not be found out, or the provider has no call for it.
    """

    name: str
    is_ok: bool | None
    sentence: str


@dataclass(frozen=True, slots=True)
class Reports:
    """A page of delivery reports that was asked for, raw; `is_last`: there are no more now.

    `problem` is why there is no page, in a sentence.
    """

    body: bytes = b""
    is_last: bool = True
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Count:
    """How many messages people got on one day of the provider's.

    `messages` None: not told; `is_final`: it will not be told otherwise later. `problem` is why.
    """

    messages: int | None = None
    is_final: bool = False
    problem: str = ""


class BadCredentials(Exception):
    """The credentials are not what this provider needs; the text says which."""


class BadSignature(Exception):
    """The webhook body was not signed by the provider with a secret we know."""


class CannotWire(Exception):
    """This one message cannot be said in the provider's format; nothing of it was sent."""


class UnreadableWebhook(Exception):
    """The body is signed, but is not, or not all, what the provider documents.

    `readable` holds the events that could be read nevertheless.
    """

    def __init__(self, problem: str, readable: Sequence[Event] = ()) -> None:
        super().__init__(problem)
        self.readable = list(readable)


class Provider(ABC):
    """One road's connection to one company. Built from credentials; holds no Django object."""

    name: ClassVar[str]  # in accounts, commands and webhook addresses
    title: ClassVar[str]  # as people know it
    api: ClassVar[str]  # its own public address
    own_hosts: ClassVar[re.Pattern[str]]  # hosts of its own, which need not be allowed one by one
    serves: ClassVar[Mapping[str, Serves]]  # by service
    settings: ClassVar[tuple[Setting, ...]]
    sender_setting: ClassVar[str]  # the setting that says who we are there
    key_setting: ClassVar[str] = ""  # the key, where one may serve several senders
    webhook_settings: ClassVar[frozenset[str]]  # those that a webhook is verified with
    signature_headers: ClassVar[tuple[str, ...]] = ()  # what vouches for a webhook's body
    ceiling_per_second: ClassVar[int]  # the provider's own rate limit per endpoint
    default_rate: ClassVar[int]  # messages a second, where an account names none
    may_repeat: ClassVar[frozenset[str]] = frozenset()  # services with an idempotency key
    # Services in which an answer goes by a reply token. REFUSED with the code
    # "invalid_reply_token": surely not sent. No key makes such a call repeatable.
    takes_reply_tokens: ClassVar[frozenset[str]] = frozenset()
    draws_itself: ClassVar[bool] = False  # it is given content, not our drawing of it
    # Counted days begin at this offset from UTC, in hours; None: it counts none for us.
    counts_in_zone: ClassVar[int | None] = None

    def __init__(
        self,
        credentials: Mapping[str, str],
        *,
        api_base_url: str = "",
        clock: Callable[[], float] = time.monotonic,
        total_seconds: float = http.TOTAL_SECONDS,
        connect_seconds: float = http.CONNECT_SECONDS,
    ) -> None:
        """`total_seconds` bounds a whole `send`, with all that belongs to it.

        Raises BadCredentials.
        """
        self.check_credentials(credentials)
        self.given = {each.name: each.default for each in self.settings} | {
            name: value for name, value in credentials.items() if value
        }
        self.base = (api_base_url or self.api).rstrip("/")
        self.clock = clock
        self.total_seconds = total_seconds
        self.connect_seconds = connect_seconds

    def masked(self, words: object, *, address: str = "") -> str:
        """Return a provider's words without our secrets, numbers, tokens and the address."""
        hidden = (*self.secrets(), address, address.removeprefix("+"))
        return http.masked("" if words is None else str(words), hidden=hidden)

    def secrets(self) -> tuple[str, ...]:
        """Return what nobody may read in a provider's words."""
        return tuple(self.given[each.name] for each in self.settings if each.is_secret)

    @classmethod
    def check_credentials(cls, credentials: Mapping[str, str]) -> None:
        """Raise BadCredentials unless these are the provider's."""
        required = {each.name for each in cls.settings if each.is_required}
        if missing := sorted(name for name in required if not credentials.get(name)):
            raise BadCredentials(f"{cls.title} needs the credential {' and '.join(missing)}.")
        known = {each.name: each for each in cls.settings}
        if unknown := sorted(set(credentials) - set(known)):
            raise BadCredentials(
                f"{cls.title} has no credential {', '.join(unknown)}; give"
                f" {', '.join(sorted(known))}."
            )
        given = {name: value for name, value in credentials.items() if value}
        if broken := sorted(name for name, value in given.items() if _NOT_VISIBLE.search(value)):
            raise BadCredentials(
                f"{cls.title}'s credential {' and '.join(broken)} has a space, a line break or a"
                f" letter that none of {cls.title}'s has; copy it again from {cls.title}."
            )
        for name, value in given.items():
            setting = known[name]
            if setting.choices and value not in setting.choices:
                raise BadCredentials(f"{name} is one of {', '.join(setting.choices)}.")
            if setting.pattern and not re.fullmatch(setting.pattern, value):
                raise BadCredentials(f"{name} is not as {cls.title} has it. {setting.help}".strip())

    @classmethod
    def unfit(
        cls, *, service: str, kind: str, content: Mapping[str, Any], drawing: Mapping[str, Any]
    ) -> str:
        """Return why a template cannot be sent here, as a sentence; blank: it can."""
        served = cls.serves.get(service)
        if served is None or kind not in served.contents:
            what = {
                "bubble": "the fields of the editor",
                "catalogue": "LINE's own template keys",
                "flex": "a Flex message of its own",
                "text": "plain text",
                "picture": "a picture",
            }[kind]
            return f"{cls.title} does not take templates made of {what}."
        return ""

    @abstractmethod
    def wire(self, message: OutgoingMessage) -> WireRequest:
        """Return the bytes that `send` would post; preview and wire are the same.

        Raises CannotWire.
        """

    @abstractmethod
    async def send(
        self,
        session: aiohttp.ClientSession,
        message: OutgoingMessage,
        request: WireRequest | None = None,
    ) -> SendResult:
        """Post one message. Never raises for the network or the answer; never logs a secret.

        `request` is what `wire` made of it, where the caller has that already.
        """

    @staticmethod
    @abstractmethod
    def verify(
        body: bytes, headers: Mapping[str, str], signers: Sequence[Mapping[str, str]]
    ) -> None:
        """Raise BadSignature unless one of the signers vouches for the raw body.

        Signers are credentials, the replaced ones of the last 72 hours too.
        """

    @classmethod
    def vouching_headers(cls, signers: Sequence[Mapping[str, str]]) -> tuple[str, ...]:
        """Return the names of the headers that go with a webhook when it is passed on.

        Signatures of the body only: credentials would open our own door to whoever sees them.
        """
        return cls.signature_headers

    @staticmethod
    @abstractmethod
    def events(body: bytes) -> list[Event]:
        """Return the events of a verified body, or of a page of reports.

        Unknown types and statuses are kept, as "other". Raises UnreadableWebhook.
        """

    @abstractmethod
    async def check(
        self, session: aiohttp.ClientSession, *, service: str, webhook_url: str
    ) -> list[Check]:
        """Look whether the account is set up at the provider as this road needs it."""

    def pulls_reports(self) -> bool:
        """Return whether reports are to be asked for, as none are pushed to us."""
        return False

    async def reports(self, session: aiohttp.ClientSession, *, service: str) -> Reports:
        """Return the next page of delivery reports. A page may be given once only: keep it."""
        return Reports(problem=f"{self.title} has no reports to ask for.")

    async def content(
        self, session: aiohttp.ClientSession, *, message_id: str, url: str, limit: int, keep: Keep
    ) -> Download:
        """Read a file of at most `limit` bytes that a customer sent, each piece given to `keep`.

        `url` is what the event named, if it did; never raises for the network or the answer.
        """
        return Download("refused", problem=f"{self.title} gives us no files of customers.")

    async def counted(self, session: aiohttp.ClientSession, *, service: str, day: date) -> Count:
        """Return how many messages of the service people got on a day of the provider's."""
        return Count(problem=f"{self.title} counts no days.")
