"""The requests that write to somebody, byte for byte: notifications, pushes and replies.

Notifications have no idempotency key (`X-Line-Retry-Key` answers 400), nor have replies; pushes
have one. A notification is addressed by the hash of the phone number.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence

from lineportal.providers.base import CannotWire, OutgoingMessage, WireRequest
from lineportal.providers.line.webhooks import USER_ID

PATHS = {
    "flexible": "/bot/pnp/push",
    "templated": "/v2/bot/message/pnp/templated/push",
    "push": "/v2/bot/message/push",
    "reply": "/v2/bot/message/reply",
}
JSON = {"Content-Type": "application/json"}
MOST_MESSAGES = 5  # message objects in one call
_PHONE = re.compile("[+][0-9]{7,15}")
_REPLY_TOKEN = re.compile("[!-~]{1,200}")


def call_of(message: OutgoingMessage) -> str:
    """Return which of LINE's calls carries this message."""
    if message.service == "oa":
        return "reply" if message.reply_token else "push"
    return "templated" if message.is_catalogue else "flexible"


def outgoing(message: OutgoingMessage) -> WireRequest:
    """Return the request of a notification, a push or a reply. Raises CannotWire."""
    # The message object is JSON already; it is set into the request as it stands.
    if message.reply_token and message.service != "oa":
        raise CannotWire("A notification answers nobody.")
    if message.reply_token:
        return reply(message.reply_token, [message.body])
    unit = f',"customAggregationUnits":["{message.unit}"]' if message.unit else ""
    call, address = call_of(message), message.address
    if call == "push":
        if not USER_ID.fullmatch(address):
            raise CannotWire("The person has no LINE user id that LINE can send to.")
        headers = {"X-Line-Retry-Key": str(message.reference)}
        text = f'{{"to":"{address}","messages":[{message.body}]{unit}}}'
    else:
        if not _PHONE.fullmatch(address):
            raise CannotWire("The person has no phone number that LINE can send to.")
        headers = {"X-Line-Delivery-Tag": message.reference.hex}
        to = phone_hash(address)
        if call == "templated":
            if not message.body.startswith('{"'):
                raise CannotWire("The template has no keys of LINE's.")
            text = f'{{"to":"{to}",{message.body[1:-1]}{unit}}}'
        else:
            text = f'{{"to":"{to}","messages":[{message.body}]{unit}}}'
    return WireRequest("POST", PATHS[call], {**JSON, **headers}, _encoded(text))


def reply(token: str, messages: Sequence[str]) -> WireRequest:
    """Return the request that answers somebody who wrote; messages are JSON texts.

    Raises CannotWire.
    """
    if not _REPLY_TOKEN.fullmatch(token):
        raise CannotWire("What was written came without a reply token of LINE's.")
    if not 1 <= len(messages) <= MOST_MESSAGES:
        raise CannotWire(f"A reply has one to {MOST_MESSAGES} messages.")
    text = f'{{"replyToken":{json.dumps(token)},"messages":[{",".join(messages)}]}}'
    return WireRequest("POST", PATHS["reply"], JSON, _encoded(text))


def phone_hash(e164: str) -> str:
    """Return LINE's `to`: SHA-256, lower-case hex, of the number with its plus sign."""
    return hashlib.sha256(e164.encode("ascii")).hexdigest()


def _encoded(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise CannotWire("The message has half a character in it.") from error
