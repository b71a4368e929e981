"""The calls that write to user ids: push, multicast, reply, and their checks without sending.

https://developers.line.biz/en/reference/messaging-api/#send-push-message
"""

from __future__ import annotations

import re
import secrets
import uuid
from typing import Any

from lineportal.simulator import messages, reach
from lineportal.simulator.calls import Answer, Call, Refused, refuse_if_any
from lineportal.simulator.channels import AcceptedKey
from lineportal.simulator.findings import Findings
from lineportal.simulator.people import Message, Person
from lineportal.simulator.sending import MONTHLY_LIMIT, RETRY_KEY

MOST_RECEIVERS = 500  # of one multicast

_RECEIVER = re.compile(r"[UCR][0-9a-f]{32}")
_USER = re.compile(r"U[0-9a-f]{32}")


def push(call: Call) -> Answer:
    """Take message objects for a user id; repeats of an accepted retry key answer 409."""
    key = _retry_key(call)
    body = _checked(call)
    if not _is(_RECEIVER, body.get("to")):
        raise _invalid("to")
    person = call.person
    if person is None:
        raise Refused(400, "Failed to send messages")
    _refuse_over_limit(call, 1)
    sent = _sent(body)
    call.world.delivery.push(_message(call, "push"), person, call.caller)
    _count_unit(call, body, 1)
    _accept(call, key, sent)
    return 200, {"sentMessages": sent}


def multicast(call: Call) -> Answer:
    """Take message objects for up to 500 user ids; who is no friend is passed over in silence."""
    key = _retry_key(call)
    body = _checked(call)
    to = body.get("to")
    if not isinstance(to, list) or not 1 <= len(to) <= MOST_RECEIVERS:
        raise _invalid("to")
    for number, user_id in enumerate(to):
        if not _is(_USER, user_id):
            raise _invalid(f"to[{number}]")
    people, channel = call.world.people, call.caller
    found = [people.by_user_id(user_id) for user_id in dict.fromkeys(to)]
    reached = [p for p in found if p is not None and reach.as_friend(p, channel.id)]
    _refuse_over_limit(call, len(reached))
    for person in reached:
        call.world.delivery.push(_message(call, "multicast"), person, channel)
    _count_unit(call, body, len(reached))
    _accept(call, key, None)
    return 200, {}


def reply(call: Call) -> Answer:
    """Take message objects as the answer to an event, by its token, free of the month's quota."""
    body = _checked(call, needs_reply_token=True)
    token, replies = body["replyToken"], call.world.delivery.replies
    person = replies.holder(token, call.caller.id, call.at)
    if person is None:
        raise Refused(400, "Invalid reply token")
    replies.use(token)
    sent = _sent(body)
    call.world.delivery.reply(_message(call, "reply"), person, call.caller)
    call.world.log.accepted(call.entry)
    return 200, {"sentMessages": sent}


def validate(call: Call) -> Answer:
    """Check message objects without sending them, as each of the calls that send would."""
    findings = Findings()
    messages.check_objects(call.body(), findings, notification=False, size=len(call.raw))
    refuse_if_any(findings)
    return 200, {}


def whom_replied(call: Call) -> Person | None:
    """Return whom a reply is for, for the log and the faults; None where it does not tell."""
    token = call.json.get("replyToken") if isinstance(call.json, dict) else None
    return call.world.delivery.replies.whose(token)


def _checked(call: Call, *, needs_reply_token: bool = False) -> dict[str, Any]:
    body = call.body()
    findings = Findings()
    if needs_reply_token:
        findings.needs_text(body, "replyToken", "", 200)
    messages.check_objects(body, findings, notification=False, size=len(call.raw))
    messages.check_silence(body, findings)
    if not needs_reply_token:
        messages.check_units(body, findings)
    refuse_if_any(findings)
    return body


def _is(pattern: re.Pattern[str], value: object) -> bool:
    return isinstance(value, str) and pattern.fullmatch(value) is not None


def _invalid(where: str) -> Refused:
    return Refused(
        400, f"The property, '{where}', in the request body is invalid (line: -, column: -)"
    )


def _refuse_over_limit(call: Call, receivers: int) -> None:
    if call.caller.has_used_up(call.at, coming=receivers):
        raise Refused(429, MONTHLY_LIMIT)


def _sent(body: dict[str, Any]) -> list[dict[str, str]]:
    return [{"id": str(500_000_000_000_000_000 + secrets.randbits(56))} for _ in body["messages"]]


def _message(call: Call, kind: str) -> Message:
    return Message(call.caller.id, kind, None, "", call.entry.content, call.at)


def _count_unit(call: Call, body: dict[str, Any], receivers: int) -> None:
    for unit in body.get("customAggregationUnits") or ():
        call.caller.units.count(unit, call.at, messages=receivers)


def _retry_key(call: Call) -> str | None:
    text = call.request.headers.get(RETRY_KEY)
    if text is None:
        return None
    try:
        key = str(uuid.UUID(text))
    except ValueError:
        raise Refused(400, f"The header, {RETRY_KEY}, must be a UUID") from None
    if accepted := call.caller.accepted_key(key, call.at):
        raise Refused(
            409,
            "The retry key is already accepted",
            headers={"x-line-accepted-request-id": accepted.request_id},
            extra={"sentMessages": accepted.sent_messages} if accepted.sent_messages else None,
        )
    return key


def _accept(call: Call, key: str | None, sent: list[dict[str, str]] | None) -> None:
    if key is not None:
        call.caller.accept_key(key, AcceptedKey(call.request_id, call.at, sent))
    call.world.log.accepted(call.entry)
