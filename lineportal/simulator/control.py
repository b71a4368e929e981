"""The simulator's own side, under /simulator/: channels, people, clock, faults, log, webhooks."""

from __future__ import annotations

import html
import json
from collections.abc import Awaitable, Callable
from datetime import datetime
from itertools import islice
from typing import Any

from aiohttp import web

from lineportal.simulator.line_api import WORLD
from lineportal.simulator.webhooks import Sender
from lineportal.simulator.world import Person, Unusable, World

SENDER = web.AppKey("sender", Sender)
FAULTS = (
    "status",
    "drop_after_acceptance",
    "hang",
    "hang_after_acceptance",
    "unreadable",
)
_PAGE = 10_000  # log entries per answer

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@web.middleware
async def say_why(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn an unusable control request into 400 and a sentence."""
    try:
        return await handler(request)
    except Unusable as refusal:
        return web.json_response({"error": str(refusal)}, status=400)
    except (
        json.JSONDecodeError,
        KeyError,
        TypeError,
        ValueError,
        AttributeError,
    ) as error:
        if request.path.startswith("/simulator/"):
            text = f"The request was not understood ({type(error).__name__}); see the docs."
            return web.json_response({"error": text}, status=400)
        raise


def routes() -> list[web.RouteDef]:
    return [
        web.get("/", page),
        web.get("/healthz", healthz),
        web.get("/simulator/channels", channels),
        web.put("/simulator/channels/{id}", put_channel),
        web.put("/simulator/people", put_people),
        web.get("/simulator/people/{name}", person),
        web.post("/simulator/people/{name}/{act}", act),
        web.get("/simulator/clock", clock),
        web.post("/simulator/clock", set_clock),
        web.get("/simulator/requests", requests),
        web.delete("/simulator/requests", clear_requests),
        web.get("/simulator/requests/count", count_requests),
        web.get("/simulator/faults", faults),
        web.post("/simulator/faults", add_fault),
        web.delete("/simulator/faults", clear_faults),
        web.get("/simulator/webhooks", webhooks),
        web.post("/simulator/webhooks", set_webhooks),
        web.post("/simulator/reset", reset),
        web.post("/simulator/webhooks/flush", flush),
        web.post("/simulator/webhooks/redeliver", redeliver),
    ]


async def healthz(request: web.Request) -> web.Response:
    return web.json_response({"status": "ok"})


async def channels(request: web.Request) -> web.Response:
    return web.json_response(
        [
            {
                "id": each.id,
                "webhook_url": each.webhook_url,
                "bot_user_id": each.bot_user_id,
            }
            for each in _world(request).channels.values()
        ]
    )


async def put_channel(request: web.Request) -> web.Response:
    channel = _world(request).put_channel(request.match_info["id"], await request.json())
    return web.json_response({"id": channel.id, "bot_user_id": channel.bot_user_id})


async def put_people(request: web.Request) -> web.Response:
    given = await request.json()
    if not isinstance(given, list):
        raise Unusable("Give a list of people.")
    for each in given:
        _world(request).put_person(each)
    return web.json_response({"people": len(_world(request).by_hash)})


async def person(request: web.Request) -> web.Response:
    return web.json_response(_shown(_world(request).person(request.match_info["name"])))


async def act(request: web.Request) -> web.Response:
    world = _world(request)
    who = world.person(request.match_info["name"])
    channel = request.query.get("channel", "")
    world.act(who, request.match_info["act"], at=world.clock.now(), channel=channel)
    await request.app[SENDER].settled()
    return web.json_response(_shown(who))


async def clock(request: web.Request) -> web.Response:
    return web.json_response({"now": _world(request).clock.iso()})


async def set_clock(request: web.Request) -> web.Response:
    world = _world(request)
    given = await request.json()
    if "advance_seconds" in given:
        world.clock.set(world.clock.now() + float(given["advance_seconds"]))
    elif "now" in given:
        world.clock.set(datetime.fromisoformat(given["now"]).timestamp())
    else:
        raise Unusable("Give “advance_seconds”, or “now” as ISO time with a zone.")
    answered = world.answer_due()
    await request.app[SENDER].settled()
    return web.json_response({"now": world.clock.iso(), "answered": answered})


async def requests(request: web.Request) -> web.Response:
    after = int(request.query.get("after", "0"))
    path = request.query.get("path", "")
    found = (
        entry
        for entry in _world(request).log
        if entry["n"] > after and entry["path"].startswith(path)
    )
    return web.json_response(list(islice(found, _PAGE)))


async def clear_requests(request: web.Request) -> web.Response:
    _world(request).log.clear()
    return web.json_response({})


async def count_requests(request: web.Request) -> web.Response:
    return web.json_response({"count": _world(request).logged})


async def faults(request: web.Request) -> web.Response:
    return web.json_response(_world(request).faults)


async def add_fault(request: web.Request) -> web.Response:
    given = await request.json()
    if given.get("kind") not in FAULTS:
        raise Unusable(f"“kind” is one of: {', '.join(FAULTS)}.")
    if given["kind"] == "status" and not 400 <= int(given.get("status", 0)) <= 599:
        raise Unusable("Give a “status” from 400 to 599.")
    fault: dict[str, Any] = {"times": 1, **given}
    _world(request).faults.append(fault)
    return web.json_response(fault, status=201)


async def clear_faults(request: web.Request) -> web.Response:
    _world(request).faults.clear()
    return web.json_response({})


async def webhooks(request: web.Request) -> web.Response:
    return web.json_response(list(request.app[SENDER].sent))


async def set_webhooks(request: web.Request) -> web.Response:
    sender = request.app[SENDER]
    given = await request.json()
    for name in ("hold", "duplicate", "shuffle", "bad_signature"):
        if name in given:
            setattr(sender, name, bool(given[name]))
    return web.json_response(
        {n: getattr(sender, n) for n in ("hold", "duplicate", "shuffle", "bad_signature")}
    )


async def flush(request: web.Request) -> web.Response:
    return web.json_response({"sent": await request.app[SENDER].flush()})


async def redeliver(request: web.Request) -> web.Response:
    given = await request.json() if request.can_read_body else {}
    sender = request.app[SENDER]
    n = sender.redeliver(_world(request).channels, given.get("webhook_event_id"))
    await sender.settled()
    return web.json_response({"sent": n})


async def reset(request: web.Request) -> web.Response:
    _world(request).reset()
    request.app[SENDER].reset()
    return web.json_response({})


async def page(request: web.Request) -> web.Response:
    world = _world(request)
    latest = list(islice(reversed(world.log), 20))
    rows = "".join(
        f"<tr><td>{entry['n']}<td>{html.escape(entry['path'])}<td>{entry['status']}"
        f"<td>{'yes' if entry['accepted'] else 'no'}</tr>"
        for entry in latest
    )
    text = f"""<!doctype html><html lang="en"><meta charset="utf-8">
        <meta name="viewport" content="width=device-width"><title>LINE simulator</title>
        <style>body{{font:16px system-ui;margin:2rem auto;max-width:50rem;padding:0 1rem}}
        td,th{{text-align:left;padding:.2rem 1rem .2rem 0}}</style>
        <h1>LINE simulator</h1>
        <p>Answers as LINE's notification, push and token endpoints do; nothing leaves this
        machine. Virtual time: {world.clock.iso()}</p>
        <p>{len(world.channels)} channels, {len(world.by_hash)} people,
        {world.logged} requests, {len(world.waiting)} messages wait for their person.</p>
        <table><tr><th>Request<th>Path<th>Answer<th>Accepted</tr>{rows}</table></html>"""
    return web.Response(text=text, content_type="text/html")


def _world(request: web.Request) -> World:
    return request.app[WORLD]


def _shown(who: Person) -> dict[str, Any]:
    return {
        "phone": who.phone,
        "line_user_id": who.line_user_id,
        "consent": who.consent,
        "friend_status": who.friend_status,
        "friend_by_channel": who.friend_by_channel,
        "inbox": who.inbox,
    }
