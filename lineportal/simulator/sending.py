"""The calls that send, as LINE documents them: notification messages and two-way pushes.

https://developers.line.biz/en/reference/line-notification-messages/
https://developers.line.biz/en/reference/messaging-api/#send-push-message
"""

from __future__ import annotations

import re
import secrets
import uuid
from typing import Any

from lineportal.simulator import messages
from lineportal.simulator.calls import Answer, Call, Refused, refuse_if_any
from lineportal.simulator.channels import AcceptedKey
from lineportal.simulator.messages import Findings
from lineportal.simulator.people import Message

MONTHLY_LIMIT = "You have reached your monthly limit."
RETRY_KEY = "X-Line-Retry-Key"
DELIVERY_TAG = "X-Line-Delivery-Tag"

_HASH = re.compile(r"[0-9a-f]{64}")
_RECEIVER = re.compile(r"[UCR][0-9a-f]{32}")


def push_flexible(call: Call) -> Answer:
    """Take message objects for a hashed phone number."""
    tag, body = _begun(call)
    findings = Findings()
    _check_hash(body, findings)
    messages.check_objects(body, findings, notification=True)
    messages.check_units(body, findings)
    refuse_if_any(findings)
    _notify(call, "pnp", tag, body)
    return 200, {}


def push_templated(call: Call) -> Answer:
    """Take a message made of the keys of LINE's catalogue for a hashed phone number."""
    tag, body = _begun(call)
    catalogue = call.caller.catalogue
    findings = Findings()
    _check_hash(body, findings)
    key = findings.needs_text(body, "templateKey", "", 100)
    if catalogue and key and key not in catalogue.templates:
        raise Refused(
            400,
            f"Invalid templateKey: {key}",
            [
                {
                    "message": "The specified template doesn't exist, or you don't have the"
                    " permission",
                    "property": "templateKey",
                }
            ],
        )
    messages.check_templated(body.get("body"), findings, catalogue)
    messages.check_units(body, findings)
    refuse_if_any(findings)
    _notify(call, "templated", tag, body)
    return 202, {}


def push_two_way(call: Call) -> Answer:
    """Take message objects for a user id; repeats of an accepted retry key answer 409."""
    channel, key = call.caller, call.request.headers.get(RETRY_KEY)
    if key is not None:
        key = _read_retry_key(key)
        if accepted := channel.accepted_key(key, call.at):
            raise Refused(
                409,
                "The retry key is already accepted",
                headers={"x-line-accepted-request-id": accepted.request_id},
                extra={"sentMessages": accepted.sent_messages},
            )
    body = call.body()
    findings = Findings()
    messages.check_objects(body, findings, notification=False)
    messages.check_units(body, findings)
    to = body.get("to")
    if not isinstance(to, str) or not _RECEIVER.fullmatch(to):
        raise Refused(
            400,
            "The property, 'to', in the request body is invalid (line: -, column: -)",
        )
    refuse_if_any(findings)
    if call.person is None:
        raise Refused(400, "Failed to send messages")
    if channel.has_used_up(call.at):
        raise Refused(429, MONTHLY_LIMIT)
    sent = [{"id": str(500_000_000_000_000_000 + secrets.randbits(56))} for _ in body["messages"]]
    message = Message(channel.id, "push", None, "", call.entry.content, call.at)
    call.world.delivery.push(message, call.person, channel)
    if key is not None:
        channel.accept_key(key, AcceptedKey(call.request_id, call.at, sent))
    call.world.log.accepted(call.entry)
    return 200, {"sentMessages": sent}


def validate_push(call: Call) -> Answer:
    """Check message objects without sending them."""
    findings = Findings()
    messages.check_objects(call.body(), findings, notification=False)
    refuse_if_any(findings)
    return 200, {}


def _begun(call: Call) -> tuple[str | None, dict[str, Any]]:
    """Make the checks that both kinds of notification message share; give tag and body."""
    if not call.caller.pnp:
        raise Refused(403)
    tag = call.entry.tag
    if tag is not None and not 16 <= len(tag) <= 100:
        raise Refused(400, f"The length of {DELIVERY_TAG} must be between 16 and 100")
    return tag, call.body()


def _check_hash(body: dict[str, Any], findings: Findings) -> None:
    to = body.get("to")
    if not isinstance(to, str) or not _HASH.fullmatch(to):
        findings.add("The value must be a valid SHA-256 digest.", "to")


def _notify(call: Call, kind: str, tag: str | None, body: dict[str, Any]) -> None:
    channel = call.caller
    if channel.has_used_up(call.at):
        raise Refused(429, MONTHLY_LIMIT)
    message = Message(channel.id, kind, tag, tag or body["to"], call.entry.content, call.at)
    if not call.world.delivery.notify(message, call.person, channel):
        raise Refused(422)
    call.world.log.accepted(call.entry)


def _read_retry_key(text: str) -> str:
    try:
        return str(uuid.UUID(text))
    except ValueError:
        raise Refused(400, f"The header, {RETRY_KEY}, must be a UUID") from None
