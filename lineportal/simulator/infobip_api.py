"""Infobip's calls: send official notifications and LINE OA messages, and fetch their reports.

https://www.infobip.com/docs/api/channels/line
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from aiohttp import web

from lineportal.simulator import infobip_reports, infobip_requests
from lineportal.simulator.infobip_senders import Sender
from lineportal.simulator.partner_calls import (
    Answer,
    PartnerCall,
    PartnerEndpoint,
    PartnerRefused,
    PartnerSide,
)
from lineportal.simulator.world import World

_PAGES = "https://www.infobip.com/docs/essentials/"
# For each status its description, action and resources.
_TEXTS: dict[int, tuple[str, str, list[dict[str, str]]]] = {
    400: ("Request cannot be processed.", "Mend what the violations name.", []),
    401: (
        "The request has no valid credentials.",
        "Check the credentials of the request.",
        [{"name": "API Authentication", "url": f"{_PAGES}api-authentication"}],
    ),
    403: (
        "The credentials do not allow this.",
        "Use other credentials.",
        [{"name": "API Scopes", "url": f"{_PAGES}api-essentials/api-authorization#api-scopes"}],
    ),
    404: ("There is no such resource.", "Check the address of the request.", []),
    429: (
        "Too many requests sent.",
        "Send fewer requests.",
        [{"name": "Throttling", "url": f"{_PAGES}integration-best-practices"}],
    ),
    500: ("Something went wrong.", "Contact the support.", []),
}
# What older Infobip APIs call them; not in the specifications of LINE.
_OLD_NAMES = {
    400: "BAD_REQUEST",
    401: "UNAUTHORIZED",
    403: "FORBIDDEN",
    404: "NOT_FOUND",
    429: "TOO_MANY_REQUESTS",
}


def routes(world: World) -> list[web.RouteDef]:
    """Return the routes of Infobip's side, answering from this world."""
    side = PartnerSide(world, failure)
    endpoints = []
    for service in ("line", "line-oa"):
        send, fetch = partial(_send, service), partial(_fetch, service)
        endpoints += [
            PartnerEndpoint("POST", f"/{service}/1/messages", send, recipients=_recipients),
            PartnerEndpoint("GET", f"/{service}/1/reports", fetch),
        ]
    endpoints.append(PartnerEndpoint("GET", "/line-oa/1/media/{message_id}", _media))
    known = [web.route(e.method, e.path, side.handler(e)) for e in endpoints]
    unknown = side.handler(PartnerEndpoint("*", "unknown", _not_found))
    paths = ("/line/{_:.*}", "/line-oa/{_:.*}")
    return [*known, *(web.route("*", path, unknown) for path in paths)]


def failure(world: World, refused: PartnerRefused, at: float) -> dict[str, Any]:
    """Return an error body, of the shape that is switched on."""
    status = refused.status
    description, action, resources = _TEXTS.get(status, _TEXTS[400 if status < 500 else 500])
    if world.infobip.conduct.errors == "old":
        text = refused.text or "; ".join(f"{where}: {what}" for where, what in refused.found)
        exception = {
            "messageId": _OLD_NAMES.get(status, "GENERAL_ERROR"),
            "text": text or description,
        }
        return {"requestError": {"serviceException": exception}}
    return {
        "errorCode": f"E{status}",
        "description": refused.text or description,
        "action": action,
        "violations": [{"property": where, "violation": what} for where, what in refused.found],
        "resources": resources,
    }


def _send(service: str, call: PartnerCall) -> Answer:
    senders = _let_in(call)
    infobip = call.world.infobip
    if call.request.content_type != "application/json" or call.json is None:
        raise PartnerRefused(400, found=[("", "the body must be JSON")])
    strict = infobip.conduct.strict
    found = infobip_requests.violations(service, call.json, strict=strict, at=call.at)
    if found:
        raise PartnerRefused(400, found=found)
    named = {message["sender"] for message in call.json["messages"]}
    for sender in senders:
        if sender.name in named and not sender.may_send:
            raise PartnerRefused(403)
    first = call.json["messages"][0]
    call.entry.tag = first["destinations"][0].get("messageId")
    chosen = next((sender for sender in senders if sender.name in named), None)
    call.entry.channel_id = chosen.channel_id if chosen else None
    answer, taken = infobip.take(service, call.json, senders, call.at)
    if taken:
        call.world.log.accepted(call.entry)
    return 200, answer


def _fetch(service: str, call: PartnerCall) -> Answer:
    senders = _let_in(call)
    query = dict(call.request.query)
    text = query.pop("limit", "") or str(infobip_reports.FEWEST_DEFAULT)
    is_number = text.isascii() and text.isdigit() and len(text) <= 9
    if not is_number or not 1 <= int(text) <= infobip_reports.MOST:
        what = f"must be a whole number from 1 to {infobip_reports.MOST}"
        raise PartnerRefused(400, found=[("limit", what)])
    reports = call.world.infobip.reports
    return 200, {"results": reports.fetch(service, senders, query, int(text), call.at)}


def _media(call: PartnerCall) -> Answer:
    """Give the file that somebody sent to one of the account's senders."""
    files, message_id = call.world.delivery.files, call.request.match_info["message_id"]
    for sender in _let_in(call):
        if file := files.get(message_id, sender.channel_id):
            return 200, file
    raise PartnerRefused(404)


def _not_found(call: PartnerCall) -> Answer:
    raise PartnerRefused(404)


def _let_in(call: PartnerCall) -> list[Sender]:
    """Return the senders of the account whose key came with the call, or refuse."""
    key = call.token("App")
    senders = call.world.infobip.senders_of(key) if key else []
    if not senders:
        raise PartnerRefused(401)
    if any(sender.bucket and not sender.bucket.take() for sender in senders):
        raise PartnerRefused(429)
    return senders


def _recipients(body: Any) -> Iterator[object]:
    messages = body.get("messages") if isinstance(body, dict) else None
    for message in messages if isinstance(messages, list) else ():
        listed = message.get("destinations") if isinstance(message, dict) else None
        for destination in listed if isinstance(listed, list) else ():
            if isinstance(destination, dict):
                yield destination.get("to")
