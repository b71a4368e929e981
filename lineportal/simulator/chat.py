"""The conversation as the person sees it: LINE's own notes, prompts and SMS, and the messages.

Only what cannot be read off the inbox is kept, per person and bounded; the rest is put together
when somebody looks. Kinds, by sender:

* "line", LINE's system account: `notice` ("LINE notification message received"),
  `consent_prompt`, `sms_prompt`, `sms_code`, `confirmation`;
* "account": `message`, whose `message` holds LINE's request;
* "person": the kinds in SAID, `postback`, `unsent`.

https://developers.line.biz/en/docs/partner-docs/line-notification-messages/flow-when-receiving-message/
"""

from __future__ import annotations

import time
from itertools import count
from operator import attrgetter
from typing import Any

from lineportal.simulator.clock import written
from lineportal.simulator.people import KEPT_PER_PERSON, ChatEntry, Message, Person

NOTICE = "LINE notification message received."
CONSENT_PROMPT = (
    "Set up to receive LINE notification messages: agree within 24 hours to get the message that"
    " waits. Your answer counts for every account."
)
SMS_PROMPT = (
    "Phone number authentication: LINE asks every 180 days for a code that it sends by SMS. You can"
    " change your number here."
)
SMS_CODE = "SMS to {phone}: your LINE verification code is {code}."
AGREED = "You receive LINE notification messages now, from every account."
REFUSED = "You do not receive LINE notification messages, from any account."
VERIFIED = "Your phone number is verified, for 180 days."
PHONE_CHANGED = (
    "Your phone number has been changed. Messages to your old number do not reach you any more."
)
UNSENT = "You unsent a message."
# What a person says and can take back: LINE's kinds of message.
SAID = ("text", "image", "video", "audio", "file", "sticker", "location")
PROMPTS = ("consent_prompt", "sms_prompt")

_CONTENT_GONE = "(the content is no longer kept)"
# Goes on counting where another simulator stopped, so that message ids never come twice.
_order = count(time.time_ns() // 1_000)


def placed(message: Message) -> None:
    """Give the message its place, and the place before it to the notice that comes with it."""
    next(_order)
    message.n = next(_order)


def prompt(person: Person, message: Message, kind: str, at: float) -> None:
    """Show LINE's notice of a message that waits, and what the person is to do for it."""
    next(_order)  # the notice's place
    text = CONSENT_PROMPT if kind == "consent_prompt" else SMS_PROMPT
    _keep(person, ChatEntry(at, "line", message.channel_id, kind, text, message, next(_order)))


def tell(person: Person, kind: str, text: str, at: float) -> None:
    """Show a note of LINE's system account."""
    _keep(person, ChatEntry(at, "line", None, kind, text, None, next(_order)))


def write(person: Person, channel_id: str, kind: str, text: str, at: float) -> ChatEntry:
    """Show what the person wrote or pressed."""
    entry = ChatEntry(at, "person", channel_id, kind, text, None, next(_order))
    _keep(person, entry)
    return entry


def entries(person: Person) -> list[ChatEntry]:
    """Return everything the person sees, oldest first."""
    found = []
    for entry in person.chat or ():
        if entry.message is not None:
            found.append(_notice(entry.message, entry.at, entry.n - 1))
        found.append(entry)
    for message in person.inbox or ():
        assert message.delivered_at is not None, "only what was delivered is in the inbox"
        at, n, text = message.delivered_at, message.n, words(message)
        if message.is_notification:
            found.append(_notice(message, at, n - 1))
        found.append(ChatEntry(at, "account", message.channel_id, "message", text, message, n))
    # The clock may have leapt over an answer that was given in between.
    return sorted(found, key=attrgetter("at", "n"))


def awaiting(person: Person, at: float) -> str | None:
    """Return what LINE waits for: "consent", "sms_code", or None."""
    if person.sms is not None:
        return "sms_code"
    if not person.waiting:
        return None
    if person.consent == "not_set":
        return "consent"
    return "sms_code" if person.sms_check_is_due(at) else None


def words(message: Message) -> str:
    """Return in plain words what a message says: its text, its alternative text, or its items."""
    body = message.content.body()
    if not isinstance(body, dict):
        return _CONTENT_GONE
    if message.kind == "templated":
        return "\n".join([str(body.get("templateKey")), *_items(body.get("body"))])
    objects = body.get("messages")
    listed = objects if isinstance(objects, list) else []
    return "\n".join(_words(one) for one in listed if isinstance(one, dict))


def shown(entry: ChatEntry) -> dict[str, Any]:
    """Return the entry as JSON."""
    body = entry.message.content.body() if entry.message and entry.kind == "message" else None
    return {
        "id": entry.id,
        "at": written(entry.at),
        "sender": entry.sender,
        "channel": entry.channel_id,
        "kind": entry.kind,
        "text": entry.text,
        "body": body,
    }


def _notice(message: Message, at: float, n: int) -> ChatEntry:
    return ChatEntry(at, "line", message.channel_id, "notice", NOTICE, None, n)


def _keep(person: Person, entry: ChatEntry) -> None:
    person.chat = [*(person.chat or ())[-KEPT_PER_PERSON + 1 :], entry]


def _items(body: Any) -> list[str]:
    if not isinstance(body, dict):
        return []
    parts = [body.get("emphasizedItem"), *(body.get("items") or ())]
    return [f"{part['itemKey']}: {part['content']}" for part in parts if isinstance(part, dict)]


def _words(message: dict[str, Any]) -> str:
    return str(message.get("text") or message.get("altText") or f"[{message.get('type')}]")
