"""The calls that write to phone numbers: LINE notification messages, flexible and templated.

https://developers.line.biz/en/reference/line-notification-messages/
"""

from __future__ import annotations

import re
from typing import Any

from lineportal.simulator import messages
from lineportal.simulator.calls import Answer, Call, Refused, refuse_if_any
from lineportal.simulator.findings import Findings
from lineportal.simulator.people import Message

MONTHLY_LIMIT = "You have reached your monthly limit."
RETRY_KEY = "X-Line-Retry-Key"
DELIVERY_TAG = "X-Line-Delivery-Tag"

_HASH = re.compile(r"[0-9a-f]{64}")


def push_flexible(call: Call) -> Answer:
    """Take message objects for a hashed phone number."""
    tag, body = _begun(call)
    findings = Findings()
    _check_hash(body, findings)
    messages.check_objects(body, findings, notification=True, size=len(call.raw))
    messages.check_silence(body, findings)
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
    if units := body.get("customAggregationUnits"):
        message.unit = units[0]
    if not call.world.delivery.notify(message, call.person, channel):
        raise Refused(422)
    call.world.log.accepted(call.entry)
