"""Who sends by Infobip, what proves its webhooks, and how it behaves where that is left open."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

from lineportal.simulator import infobip_status
from lineportal.simulator.channels import Bucket, web_address
from lineportal.simulator.clock import DAY
from lineportal.simulator.given import Fields, NotUsable
from lineportal.simulator.infobip_messages import LONGEST_VALIDITY
from lineportal.simulator.infobip_status import Outcome
from lineportal.simulator.partners import Line

ALGORITHMS = {
    "HMAC_MD5": hashlib.md5,
    "HMAC_SHA_1": hashlib.sha1,
    "HMAC_SHA_224": hashlib.sha224,
    "HMAC_SHA_256": hashlib.sha256,
    "HMAC_SHA_384": hashlib.sha384,
    "HMAC_SHA_512": hashlib.sha512,
}
ENCODINGS = ("hex", "base64")

_FIELDS = (
    "api_key",
    "channel",
    "country",
    "webhook_url",
    "inbound_url",
    "webhook_user",
    "webhook_password",
    "hmac",
    "report_delay_seconds",
    "reports_per_push",
    "may_send",
    "rate_per_second",
)
_CONDUCT_FIELDS = (
    "errors",
    "unknown_fields",
    "outcomes",
    "late_delivery",
    "default_validity_seconds",
    "duplicate_window_seconds",
    "push_retries",
)


@dataclass(frozen=True, slots=True)
class Hmac:
    """How the raw body of a webhook is signed; Infobip publishes neither header nor encoding."""

    secret: str
    header: str
    algorithm: str
    encoding: str

    def signature(self, raw: bytes) -> str:
        """Return what the header holds."""
        digest = hmac.new(self.secret.encode(), raw, ALGORITHMS[self.algorithm]).digest()
        return digest.hex() if self.encoding == "hex" else base64.b64encode(digest).decode()


@dataclass(slots=True, eq=False)
class Sender:
    """One sender that Infobip has registered for an account; senders of a key are one account."""

    name: str
    api_key: str
    channel_id: str
    webhook_url: str | None = None
    inbound_url: str | None = None
    webhook_user: str = ""
    webhook_password: str = ""
    hmac: Hmac | None = None
    report_delay: float = 0.0
    reports_per_push: int = 100
    may_send: bool = True
    rate_per_second: float | None = None
    bucket: Bucket | None = None

    def proof(self, raw: bytes, *, wrong: bool) -> dict[str, str]:
        """Return the headers that prove a webhook; wrong ones on demand."""
        headers = {}
        tail = b"-another" if wrong else b""
        if self.webhook_user:
            pair = f"{self.webhook_user}:{self.webhook_password}".encode() + tail
            headers["Authorization"] = "Basic " + base64.b64encode(pair).decode()
        if self.hmac:
            headers[self.hmac.header] = self.hmac.signature(raw + tail)
        return headers

    def shown(self) -> dict[str, Any]:
        """Return the sender as JSON, without its secrets."""
        return {
            "sender": self.name,
            "channel": self.channel_id,
            "webhook_url": self.webhook_url,
            "inbound_url": self.inbound_url,
            "webhook_user": self.webhook_user or None,
            "hmac": self.hmac
            and {
                "header": self.hmac.header,
                "algorithm": self.hmac.algorithm,
                "encoding": self.hmac.encoding,
            },
            "report_delay_seconds": self.report_delay,
            "reports_per_push": self.reports_per_push,
            "may_send": self.may_send,
            "rate_per_second": self.rate_per_second,
        }


@dataclass(slots=True)
class Conduct:
    """How Infobip behaves where its documentation leaves it open."""

    errors: str = "new"
    strict: bool = True
    outcomes: dict[str, Outcome] = field(default_factory=dict)
    late_delivery: bool = False
    default_validity: float = DAY
    duplicate_window: float | None = None
    push_retries: int = 10

    def outcome(self, what: str) -> Outcome:
        """Return the status and the error by which this is reported."""
        return self.outcomes.get(what) or infobip_status.outcome(what)

    @property
    def waits(self) -> tuple[float, ...]:
        """Seconds before each retry of a push: one minute, and n squared minutes more."""
        return tuple(60.0 + 60.0 * n * n for n in range(self.push_retries))

    def shown(self) -> dict[str, Any]:
        """Return the conduct as JSON."""
        outcomes = {what: self.outcome(what) for what in infobip_status.DEFAULTS}
        return {
            "errors": self.errors,
            "unknown_fields": "refused" if self.strict else "ignored",
            "outcomes": {w: {"status": s, "error": e} for w, (s, e) in outcomes.items()},
            "late_delivery": self.late_delivery,
            "default_validity_seconds": self.default_validity,
            "duplicate_window_seconds": self.duplicate_window,
            "push_retries": self.push_retries,
        }


def read_sender(name: str, value: Any, known: Sender | None, line: Line) -> Sender:
    """Return the sender as given, the rest as it was; raise NotUsable.

    Its channel is made where it is missing.
    """
    fields = Fields(value, "The sender", _FIELDS)
    if known is None and "api_key" not in fields:
        raise NotUsable('A new sender needs "api_key".')
    was = known or Sender(name, "", f"infobip-{name}")
    sender = Sender(
        name,
        fields.text("api_key", was.api_key),
        fields.text("channel", was.channel_id),
        webhook_url=address(fields, "webhook_url", was.webhook_url),
        inbound_url=address(fields, "inbound_url", was.inbound_url),
        webhook_user=_optional(fields, "webhook_user", was.webhook_user),
        webhook_password=_optional(fields, "webhook_password", was.webhook_password),
        hmac=_hmac(fields, was.hmac),
        report_delay=fields.number("report_delay_seconds", was.report_delay, least=0, most=1e9),
        reports_per_push=fields.whole(
            "reports_per_push", was.reports_per_push, least=1, most=2_000
        ),
        may_send=fields.flag("may_send", default=was.may_send),
        rate_per_second=_rate(fields, was.rate_per_second),
    )
    if bool(sender.webhook_user) != bool(sender.webhook_password):
        raise NotUsable('"webhook_user" and "webhook_password" go together; give both.')
    if sender.rate_per_second is not None:
        sender.bucket = Bucket(sender.rate_per_second)
    line.ensure_channel(sender.channel_id, name=name, fields=fields)
    return sender


def read_conduct(value: Any, was: Conduct) -> Conduct:
    """Return the conduct as given, the rest as it was; raise NotUsable."""
    fields = Fields(value, "The body", _CONDUCT_FIELDS)
    outcomes = dict(was.outcomes)
    if fields.given("outcomes"):
        given = Fields(fields.raw("outcomes"), '"outcomes"', infobip_status.DEFAULTS)
        for what in infobip_status.DEFAULTS:
            if given.given(what):
                outcomes[what] = infobip_status.read_outcome(given.raw(what), f'"{what}"')
            elif what in given:
                outcomes.pop(what, None)
    unknown = fields.choice(
        "unknown_fields", ("refused", "ignored"), "refused" if was.strict else "ignored"
    )
    window = was.duplicate_window
    if "duplicate_window_seconds" in fields:
        window = None
        if fields.given("duplicate_window_seconds"):
            window = fields.number("duplicate_window_seconds", 0, least=0, most=1e9)
    return Conduct(
        errors=fields.choice("errors", ("new", "old"), was.errors),
        strict=unknown == "refused",
        outcomes=outcomes,
        late_delivery=fields.flag("late_delivery", default=was.late_delivery),
        default_validity=fields.number(
            "default_validity_seconds", was.default_validity, least=1, most=LONGEST_VALIDITY
        ),
        duplicate_window=window,
        push_retries=fields.whole("push_retries", was.push_retries, least=0, most=30),
    )


def address(fields: Fields, name: str, was: str | None) -> str | None:
    """Return a web address, None where null is given; raise NotUsable."""
    if name not in fields:
        return was
    return web_address(fields, name) if fields.given(name) else None


def _optional(fields: Fields, name: str, was: str) -> str:
    if name not in fields:
        return was
    return fields.text(name) if fields.given(name) else ""


def _rate(fields: Fields, was: float | None) -> float | None:
    if "rate_per_second" not in fields:
        return was
    if not fields.given("rate_per_second"):
        return None
    return fields.number("rate_per_second", 1, least=0.01, most=1_000_000)


def _hmac(fields: Fields, was: Hmac | None) -> Hmac | None:
    if "hmac" not in fields:
        return was
    if not fields.given("hmac"):
        return None
    names: Collection[str] = ("secret", "header", "algorithm", "encoding")
    given = Fields(fields.raw("hmac"), '"hmac"', names)
    if not given.given("secret") or not given.given("header"):
        raise NotUsable('"hmac" needs "secret" and "header", such as X-Signature.')
    return Hmac(
        given.text("secret"),
        given.text("header"),
        given.choice("algorithm", ALGORITHMS, "HMAC_SHA_256"),
        given.choice("encoding", ENCODINGS, "hex"),
    )
