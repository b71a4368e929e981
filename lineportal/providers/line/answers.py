"""What LINE's answers mean: by call, status and words to outcome, scope and a plain sentence.

LINE's error texts are no promise of its, so they only tell apart what a status leaves open; the
first row that fits counts. Source: LINE Developers, the two references, "Error responses".
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from lineportal.providers import http
from lineportal.providers.outcomes import FaultScope, Outcome, SendResult

NOTIFICATIONS = frozenset({"flexible", "templated"})
SENDS = NOTIFICATIONS | {"push", "reply"}
_COUNT = frozenset({"count"})
_TOLD_IDS = frozenset({"push", "reply"})  # calls whose answers hold the ids of messages
_MOST_SENT = 5  # messages of one call
_ID, _TOKEN = re.compile("[!-~]{1,100}"), re.compile("[!-~]{1,200}")


@dataclass(frozen=True, slots=True)
class Meaning:
    """What an answer means. `sentence` says what happened and what to do."""

    code: str
    outcome: Outcome
    sentence: str = ""
    scope: FaultScope = FaultScope.MESSAGE


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the table: `words` is any of these texts in LINE's, `calls` None is every call."""

    status: int
    calls: frozenset[str] | None
    words: tuple[str, ...]
    meaning: Meaning


def _row(
    status: int,
    calls: Iterable[str] | None,
    words: str | tuple[str, ...],
    code: str,
    outcome: Outcome,
    sentence: str,
    scope: FaultScope = FaultScope.MESSAGE,
) -> Row:
    return Row(
        status,
        None if calls is None else frozenset(calls),
        (words,) if isinstance(words, str) else words,
        Meaning(code, outcome, sentence, scope),
    )


_FAULT, _REFUSED = Outcome.FAULT, Outcome.REFUSED
_OF_TEMPLATE, _OF_ACCOUNT = FaultScope.TEMPLATE, FaultScope.ACCOUNT
_DEAD_ADDRESS = (
    "LINE does not know the address that was called. Empty the account's API address, so that"
    " LINE's own is used."
)
TABLE: tuple[Row, ...] = (
    _row(400, {"reply"}, "Invalid reply token", "invalid_reply_token", _REFUSED,
         "The reply token was used before, or is older than a minute: nothing was sent. Push the"
         " answer instead."),
    _row(400, {"push"}, "Failed to send messages", "unknown_user", _REFUSED,
         "LINE does not know this user id on this channel: nothing was sent. The id may come from a"
         " channel of another provider."),
    _row(400, {"templated"}, "Invalid templateKey", "unknown_template_key", _FAULT,
         "LINE has no template of this key for the account. Compare the key with LINE's list, or"
         " ask LINE to open it for the account.", _OF_TEMPLATE),
    _row(400, {"templated"}, ("invalid key(s)", "key does not exist"), "unknown_keys", _FAULT,
         "The template uses an item or button key that LINE's template has not. Make a new version"
         " with keys of LINE's list.", _OF_TEMPLATE),
    _row(400, {"templated"}, "Duplicate", "duplicate_keys", _FAULT,
         "The template uses one of LINE's keys twice. Make a new version in which each key stands"
         " once.", _OF_TEMPLATE),
    _row(400, NOTIFICATIONS, "SHA-256 digest", "bad_digest", _FAULT,
         "LINE cannot read the hash of the phone number. This is a mistake in the portal: tell"
         " those who run it."),
    _row(400, SENDS, "aggregation unit", "bad_unit", _FAULT,
         "LINE does not take the name under which this template is counted. Make the template anew"
         " under a key of letters, digits and underscores.", _OF_TEMPLATE),
    _row(400, SENDS, ("'to'", "@ to;"), "bad_address", _FAULT,
         "LINE does not take this address. Correct the person's LINE user id or number."),
    _row(400, SENDS, "parsed as JSON", "not_json", _FAULT,
         "LINE cannot read the message. This is a mistake in the portal: tell those who run it.",
         _OF_TEMPLATE),
    _row(400, SENDS, ("error(s)", "The property"), "invalid_message", _FAULT,
         "LINE does not take a part of the message, named by LINE below. Make a new version of the"
         " template without it.", _OF_TEMPLATE),
    _row(400, SENDS, "", "bad_request", _FAULT,
         "LINE does not take messages of this template. Mend what LINE says in a new version.",
         _OF_TEMPLATE),
    _row(400, {"validate"}, "", "invalid_message", _FAULT,
         "LINE would not take this message; it says why."),
    _row(400, {"followers"}, "", "bad_page", _FAULT,
         "LINE knows this page of the list no more; begin the list anew."),
    _row(400, _COUNT, "", "bad_day", _FAULT, "LINE does not count this day."),
    _row(400, {"endpoint", "endpoint_test"}, "", "bad_webhook_address", _FAULT,
         "LINE does not take this webhook address. It must begin with https:// and have a"
         " certificate that is known everywhere."),
    _row(400, None, "", "bad_request", _FAULT, "LINE does not take this request."),
    _row(401, None, "", "token_refused", _FAULT,
         "LINE does not take an access token that it issued for this channel. Check the channel id"
         " and that the channel was not deleted.", _OF_ACCOUNT),
    _row(403, NOTIFICATIONS | _COUNT, "", "not_enabled", _FAULT,
         "LINE has not opened notification messages of this kind for the account. Ask your contact"
         " at LINE to open them.", _OF_ACCOUNT),
    _row(403, {"followers"}, "", "not_verified", _FAULT,
         "LINE lists friends for verified and premium accounts only.", _OF_ACCOUNT),
    _row(403, None, "", "not_allowed", _FAULT,
         "LINE does not allow this account this call. Look up its plan and state in LINE Official"
         " Account Manager.", _OF_ACCOUNT),
    _row(404, {"profile"}, "", "no_profile", _REFUSED,
         "LINE shows no profile: nobody of this id, a person who blocked the account, or one who is"
         " no friend and never wrote. It does not say which."),
    _row(404, {"link_token"}, "", "no_profile", _REFUSED,
         "LINE gives no token to link this person: they blocked the account, or are no friend and"
         " never wrote."),
    _row(404, {"endpoint", "endpoint_test"}, "", "no_webhook_address", _FAULT,
         "No webhook address is set at LINE."),
    _row(404, None, "", "unknown_address", _FAULT, _DEAD_ADDRESS, _OF_ACCOUNT),
    _row(405, None, "", "unknown_address", _FAULT, _DEAD_ADDRESS, _OF_ACCOUNT),
    _row(409, {"push"}, "", "repeat", Outcome.ACCEPTED,
         "LINE had taken this message before; it was not sent a second time."),
    _row(410, None, "", "gone", _FAULT,
         "LINE has taken this call out of service. The portal needs a newer version.", _OF_ACCOUNT),
    _row(413, SENDS | {"validate"}, "", "too_large", _FAULT,
         "The message is larger than LINE takes. Shorten the template, or what is filled in.",
         _OF_TEMPLATE),
    _row(415, None, "", "bad_content_type", _FAULT,
         "LINE got the request in another form than the portal sent it. Look what stands between"
         " the portal and LINE.", _OF_ACCOUNT),
    _row(422, NOTIFICATIONS, "", "cannot_be_sent", _REFUSED,
         "LINE cannot send to this number: no LINE user has it, its country is not served, the"
         " person switched notifications off, or did not agree to LINE's privacy policy. It does"
         " not say which."),
    # LINE's two kinds of 429 differ in their text only.
    _row(429, SENDS, "monthly limit", "quota", _FAULT,
         "The account has used up its messages of this month. Buy more in LINE Official Account"
         " Manager, or wait for the next month; then resume.", _OF_ACCOUNT),
    _row(429, SENDS, "", "rate", Outcome.THROTTLED,
         "LINE asks for fewer calls a second; nothing was sent. It is tried again, more slowly."),
    _row(429, None, "", "rate", Outcome.THROTTLED,
         "LINE asks for fewer calls of this kind; it allows more later."),
)  # fmt: skip
FIXED_TOKEN_REFUSED = Meaning(
    "token_refused",
    _FAULT,
    "LINE does not take the account's channel access token. Issue a new one in LINE Developers and"
    " put it in here, or empty the field, so that short-lived ones are fetched.",
    _OF_ACCOUNT,
)
SERVER_FAULT = Meaning(
    "server_fault",
    Outcome.UNCERTAIN,
    "LINE had a fault of its own. The message may have been sent, or not.",
)
UNDOCUMENTED = Meaning(
    "undocumented",
    Outcome.UNCERTAIN,
    "LINE answered as it nowhere says it would. The message may have been sent, or not.",
)
_NO_ANSWER = Meaning(
    "no_answer", Outcome.UNCERTAIN, "LINE did not answer the question; ask again later."
)
_ACCEPTED = Meaning("", Outcome.ACCEPTED)
_ROWS: Mapping[int, list[Row]] = {
    status: [row for row in TABLE if row.status == status]
    for status in {row.status for row in TABLE}
}


@dataclass(frozen=True, slots=True)
class Words:
    """What an error body says: LINE's message, and for each detail (what, where)."""

    message: str = ""
    details: tuple[tuple[str, str], ...] = ()

    def __str__(self) -> str:
        details = [f"{what} @ {where}" for what, where in self.details]
        return "; ".join(each for each in [self.message, *details] if each)


def meaning(call: str, status: int, words: Words, *, is_token_fixed: bool = False) -> Meaning:
    """Return what an answer to a call means; every status has a meaning."""
    if status in (200, 202):
        return _ACCEPTED
    if status == 401 and is_token_fixed:
        return FIXED_TOKEN_REFUSED
    said = f"{words};"
    for row in _ROWS.get(status, ()):
        if (row.calls is None or call in row.calls) and any(each in said for each in row.words):
            return row.meaning
    if call not in SENDS:
        return _NO_ANSWER
    return SERVER_FAULT if 500 <= status <= 599 else UNDOCUMENTED


def result(
    call: str, answer: http.Answer, *, hidden: Iterable[str], is_token_fixed: bool = False
) -> SendResult:
    """Return what came of sending a message; `hidden` is left out of LINE's words."""
    status, headers = answer.status, answer.headers
    request_id = id_in(headers)
    if status in (200, 202) and answer.body == b"{}":  # all but a few
        return SendResult(Outcome.ACCEPTED, http_status=status, request_id=request_id)
    sent = _sent(answer.body) if call in _TOLD_IDS and status in (200, 202, 409) else {}
    words = words_of(answer.body)
    means = meaning(call, status, words, is_token_fixed=is_token_fixed)
    if means.code == "repeat":
        request_id = id_in(headers, "x-line-accepted-request-id") or request_id
    return SendResult(
        means.outcome,
        http_status=status,
        request_id=request_id,
        code=means.code,
        detail=told(means.sentence, words, hidden=hidden),
        scope=means.scope,
        retry_after_seconds=(http.wait_of(headers) if means.outcome is Outcome.THROTTLED else None),
        message_ids=tuple(sent),
        quote_token=next(iter(sent.values()), ""),
    )


def _sent(body: bytes) -> dict[str, str]:
    """Return the quote tokens of the messages that were taken, by LINE's id of each."""
    try:
        listed = json.loads(body)["sentMessages"]
        return {
            each["id"]: each["quoteToken"] if _TOKEN.fullmatch(each.get("quoteToken", "")) else ""
            for each in listed[:_MOST_SENT]
            if _ID.fullmatch(each["id"])
        }
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return {}


def told(sentence: str, words: Words | str, *, hidden: Iterable[str]) -> str:
    """Return our sentence and LINE's own words, without secrets and numbers, for operators."""
    said = http.masked(str(words), hidden=hidden)
    if not sentence or not said:
        return sentence or said
    room = http.DETAIL_LIMIT - len(sentence) - len(" LINE: .")
    return f"{sentence} LINE: {said[:room].rstrip('. ')}."


def words_of(body: bytes) -> Words:
    """Return what LINE's error body says; nothing where it is another."""
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        return Words()
    if not isinstance(answer, dict):
        return Words()
    details = answer.get("details")
    return Words(
        _text(answer.get("message")),
        tuple(
            (_text(each.get("message")), _text(each.get("property")))
            for each in (details if isinstance(details, list) else [])
            if isinstance(each, dict)
        ),
    )


def id_in(headers: Mapping[str, str], name: str = "x-line-request-id") -> str:
    """Return the id that LINE gave a request: with it, LINE's support finds the call."""
    return http.printable(headers.get(name, ""))[:100]


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
