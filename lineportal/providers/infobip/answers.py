"""What Infobip's answers mean, for each message of a request; errors come in two shapes."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from lineportal.providers import http
from lineportal.providers.base import Check
from lineportal.providers.infobip import pages, statuses
from lineportal.providers.infobip.batches import Entry
from lineportal.providers.outcomes import FaultScope, Outcome, SendResult

_REQUEST_ID_LIMIT = 100
_ACCOUNT_STATUSES = (401, 403, 404, 405, 410, 415)
_VIOLATIONS_SHOWN = 5


def results(
    answer: http.Answer | SendResult, batch: Sequence[Entry], hidden: Sequence[str]
) -> list[SendResult]:
    """Return what the answer, or the lack of one, means for each entry, in their order."""
    if isinstance(answer, SendResult):
        return [replace(answer) for _entry in batch]
    hidden = (*hidden, *_addresses(batch))
    if answer.status == 200:
        return _taken(answer, batch, hidden)
    return [_refused(answer, hidden) for _entry in batch]


def check_of_key(answer: http.Answer | SendResult, hidden: Sequence[str]) -> Check:
    """Return what the answer to a call that changes nothing says of the key."""
    if isinstance(answer, SendResult):
        return Check("key", None, f"Infobip could not be asked. {answer.detail}")
    if answer.status == 200:
        return Check("key", True, "Infobip takes the API key.")
    told = sentence(answer, hidden)
    known = {
        401: "Infobip does not know the API key.",
        403: "The API key may not send by LINE; give it the scope message:send.",
    }
    if answer.status in known:
        return Check("key", False, f"{known[answer.status]} {told}")
    return Check("key", None, f"Infobip answered something else. {told}")


def sentence(answer: http.Answer, hidden: Sequence[str]) -> str:
    """Return an answer that is no success in one sentence, with Infobip's own words."""
    words, _properties = _words_of(answer.body)
    told = http.masked(words, hidden=hidden)
    return f"Infobip answered {answer.status}{f': {told}' if told else ''}".rstrip(". ") + "."


def _taken(answer: http.Answer, batch: Sequence[Entry], hidden: Sequence[str]) -> list[SendResult]:
    listed, problem = pages.listed(answer.body, "messages")
    told = {
        str(each.get("messageId")).lower(): each for each in listed if isinstance(each, Mapping)
    }
    request_id = _bulk_id(answer.body)
    found = []
    for entry in batch:
        if entry.message_id not in told:
            words = "Infobip's answer does not name this message"
            reason = f" ({problem})" if problem else ""
            told_words = http.masked(_words_of(answer.body)[0], hidden=hidden)
            found.append(
                SendResult(
                    Outcome.UNCERTAIN,
                    http_status=answer.status,
                    request_id=request_id,
                    code="not_named",
                    detail=told_words or f"{words}{reason}.",
                )
            )
            continue
        status = told[entry.message_id].get("status")
        reading = statuses.read(status, hidden=tuple(hidden))
        is_fine = reading.outcome is Outcome.ACCEPTED
        found.append(
            SendResult(
                reading.outcome,
                http_status=answer.status,
                request_id=request_id,
                code=reading.code,
                detail="" if is_fine else f"{reading.code}: {reading.detail}"[: http.DETAIL_LIMIT],
                scope=reading.meaning.scope,
            )
        )
    return found


def _refused(answer: http.Answer, hidden: Sequence[str]) -> SendResult:
    status = answer.status
    words, properties = _words_of(answer.body)

    def result(outcome: Outcome, **more: Any) -> SendResult:
        detail = http.masked(words, hidden=hidden)
        return SendResult(outcome, http_status=status, detail=detail, **more)

    if status == 400 and properties and all(map(_is_of_number, properties)):
        return result(Outcome.REFUSED)
    if status == 400 and properties and all(map(_is_of_account, properties)):
        return result(Outcome.FAULT, scope=FaultScope.ACCOUNT)
    if status in (400, 413):
        return result(Outcome.FAULT, scope=FaultScope.TEMPLATE)
    if status in _ACCOUNT_STATUSES:
        return result(Outcome.FAULT, scope=FaultScope.ACCOUNT)
    if status == 429:
        return result(Outcome.THROTTLED, retry_after_seconds=http.wait_of(answer.headers))
    return result(Outcome.UNCERTAIN)


def _is_of_number(place: str) -> bool:
    return "destinations" in place and place.endswith("to")


def _is_of_account(place: str) -> bool:
    return "content" not in place and any(
        each in place for each in ("sender", "options", "webhooks")
    )


def _words_of(body: bytes) -> tuple[str, list[str]]:
    """Return an error's words, and the places in the request that it names."""
    try:
        told = json.loads(body)
    except (ValueError, RecursionError):
        return "", []
    if not isinstance(told, Mapping):
        return "", []
    old = told.get("requestError")
    old = old.get("serviceException") if isinstance(old, Mapping) else None
    if isinstance(old, Mapping):
        listed = old.get("validationErrors")
        more = json.dumps(listed, ensure_ascii=False) if listed else ""
        return "; ".join(filter(None, [_text(old, "text"), _text(old, "messageId"), more])), []
    violations = list(_violations(told.get("violations")))
    words = [_text(told, "description"), *(f"{what} @ {place}" for place, what in violations)]
    return "; ".join(filter(None, words)), [place for place, _what in violations]


def _violations(listed: Any) -> Iterator[tuple[str, str]]:
    for each in (listed if isinstance(listed, list) else [])[:_VIOLATIONS_SHOWN]:
        if isinstance(each, Mapping):
            yield _text(each, "property"), _text(each, "violation")


def _bulk_id(body: bytes) -> str:
    try:
        told = json.loads(body)
    except (ValueError, RecursionError):
        return ""
    return (
        http.printable(_text(told, "bulkId"))[:_REQUEST_ID_LIMIT]
        if isinstance(told, Mapping)
        else ""
    )


def _addresses(batch: Sequence[Entry]) -> Iterator[str]:
    for entry in batch:
        yield entry.address
        yield entry.address.removeprefix("+")


def _text(told: Mapping[str, Any], name: str) -> str:
    value = told.get(name)
    return value if isinstance(value, str) else ""
