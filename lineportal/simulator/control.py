"""The control side, /simulator/...: what tests and demos set up, make happen, and look at.

Wrong input gets 400 and {"error": "<one sentence>"}.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from lineportal.simulator import acts, chat
from lineportal.simulator.clock import written
from lineportal.simulator.given import Fields, NotUsable, parsed
from lineportal.simulator.people import Message, Person
from lineportal.simulator.world import World

# No reader of the log gets more than this at once.
_MOST_ENTRIES = 10_000
# The clock cannot be set further ahead in one go; Python's dates end in 9999.
_FURTHEST_SECONDS = 100 * 366 * 86_400.0

Act = Callable[[web.Request], Awaitable[Any]]


class NotHere(Exception):
    """What the address names does not exist; the text is one sentence."""


def routes(world: World) -> list[web.RouteDef]:
    """Return the routes of the control side, steering this world."""
    control = _Control(world)
    table: tuple[tuple[str, str, Act], ...] = (
        ("PUT", "/simulator/channels/{channel_id}", control.put_channel),
        ("GET", "/simulator/channels/", control.list_channels),
        ("PUT", "/simulator/people", control.put_people),
        ("GET", "/simulator/people", control.count_people),
        ("GET", "/simulator/people/{who}", control.show_person),
        ("GET", "/simulator/people/{who}/chat", control.show_chat),
        ("POST", "/simulator/people/{who}/{act}", control.act_of_person),
        ("GET", "/simulator/clock", control.show_clock),
        ("POST", "/simulator/clock", control.set_clock),
        ("GET", "/simulator/requests", control.list_requests),
        ("DELETE", "/simulator/requests", control.clear_requests),
        ("GET", "/simulator/requests/count", control.count_requests),
        ("GET", "/simulator/faults", control.list_faults),
        ("POST", "/simulator/faults", control.add_fault),
        ("DELETE", "/simulator/faults", control.clear_faults),
        ("GET", "/simulator/webhooks", control.show_webhooks),
        ("POST", "/simulator/webhooks", control.switch_webhooks),
        ("POST", "/simulator/webhooks/flush", control.flush_webhooks),
        ("POST", "/simulator/webhooks/redeliver", control.redeliver_webhooks),
        ("POST", "/simulator/reset", control.reset),
        ("*", "/simulator/{_:.*}", control.unknown),
    )
    return [web.route(method, path, answered(act)) for method, path, act in table]


def answered(act: Act) -> Any:
    """Return the handler that answers in JSON, with a sentence where the input is wrong."""

    async def handle(request: web.Request) -> web.Response:
        try:
            status, answer = 200, await act(request)
        except NotUsable as refusal:
            status, answer = 400, {"error": str(refusal)}
        except NotHere as refusal:
            status, answer = 404, {"error": str(refusal)}
        return web.Response(
            status=status, body=json.dumps(answer).encode(), content_type="application/json"
        )

    return handle


class _Control:
    def __init__(self, world: World) -> None:
        self._world = world

    async def put_channel(self, request: web.Request) -> Any:
        channel_id = request.match_info["channel_id"]
        return self._world.channels.put(channel_id, parsed(await request.read())).shown()

    async def list_channels(self, request: web.Request) -> Any:
        return {"channels": [c.shown() for c in self._world.channels.by_id.values()]}

    async def put_people(self, request: web.Request) -> Any:
        given = parsed(await request.read())
        at = self._world.clock.now()
        counts, changed = self._world.people.upsert(
            given, channel_ids=self._world.channels.by_id, at=at
        )
        for person in changed:
            if person.waiting:
                self._world.delivery.plan_answer(person, at)
        return counts

    async def count_people(self, request: web.Request) -> Any:
        return {"total": len(self._world.people), **self._world.people.counted()}

    async def show_person(self, request: web.Request) -> Any:
        return _shown(self._person(request), self._world.clock.now())

    async def act_of_person(self, request: web.Request) -> Any:
        world, person, act = self._world, self._person(request), request.match_info["act"]
        if act not in acts.ACTS:
            raise NotHere(f"A person can do one of these: {', '.join(acts.ACTS)}.")
        raw = await request.read()
        at, totals = world.clock.now(), world.delivery.totals
        before = totals.webhooks
        acts.perform(world, person, act, parsed(raw) if raw else {}, at)
        caused = totals.webhooks - before
        settled = await world.settled()
        return {"person": _shown(person, at), "webhooks": caused, "settled": settled}

    async def show_chat(self, request: web.Request) -> Any:
        person, at = self._person(request), self._world.clock.now()
        return {
            "awaiting": chat.awaiting(person, at),
            "entries": [chat.shown(entry) for entry in chat.entries(person)],
        }

    async def show_clock(self, request: web.Request) -> Any:
        return {"now": written(self._world.clock.now())}

    async def set_clock(self, request: web.Request) -> Any:
        world = self._world
        fields = Fields(parsed(await request.read()), "The body", ("advance_seconds", "now"))
        if ("advance_seconds" in fields) == ("now" in fields):
            raise NotUsable('Give "advance_seconds" or "now", one of the two.')
        now = world.clock.now()
        if "now" in fields:
            target = fields.instant("now")
        else:
            target = now + fields.number("advance_seconds", 0, least=0, most=_FURTHEST_SECONDS)
        if target < now:
            raise NotUsable(f"The clock only runs forward; it is {written(now)} now.")
        if target - now > _FURTHEST_SECONDS:
            raise NotUsable("The clock can be set a hundred years ahead at most.")
        totals = world.delivery.totals
        before = (totals.answered, totals.delivered, totals.lapsed, totals.webhooks)
        world.clock.forward_to(target)
        await world.catch_up()
        settled = await world.settled()
        after = (totals.answered, totals.delivered, totals.lapsed, totals.webhooks)
        names = ("answered", "delivered", "lapsed", "webhooks")
        counts = {name: b - a for name, a, b in zip(names, before, after, strict=True)}
        return {"now": written(world.clock.now()), **counts, "settled": settled}

    async def list_requests(self, request: web.Request) -> Any:
        after = query_number(request, "after", 0)
        limit = min(query_number(request, "limit", _MOST_ENTRIES), _MOST_ENTRIES)
        entries = self._world.log.after(after, path=request.query.get("path", "/"), limit=limit)
        return [entry.shown() for entry in entries]

    async def clear_requests(self, request: web.Request) -> Any:
        self._world.log.clear()
        return {}

    async def count_requests(self, request: web.Request) -> Any:
        return self._world.log.counted()

    async def list_faults(self, request: web.Request) -> Any:
        return {"faults": self._world.faults.shown()}

    async def add_fault(self, request: web.Request) -> Any:
        return self._world.faults.add(parsed(await request.read())).shown()

    async def clear_faults(self, request: web.Request) -> Any:
        self._world.faults.clear()
        return {}

    async def show_webhooks(self, request: web.Request) -> Any:
        return self._world.notifier.shown(query_number(request, "limit", 1_000))

    async def switch_webhooks(self, request: web.Request) -> Any:
        names = ("hold", "duplicate", "shuffle", "bad_signature")
        fields = Fields(parsed(await request.read()), "The body", names)
        switches = self._world.notifier.switches
        wanted = {name: fields.flag(name, default=getattr(switches, name)) for name in names}
        for name, value in wanted.items():
            setattr(switches, name, value)
        if not switches.hold:
            self._world.notifier.release()
        return wanted

    async def flush_webhooks(self, request: web.Request) -> Any:
        released = self._world.notifier.release()
        return {"webhooks": released, "settled": await self._world.settled()}

    async def redeliver_webhooks(self, request: web.Request) -> Any:
        names = ("webhook_event_id", "all")
        fields = Fields(parsed(await request.read()), "The body", names)
        event_id = fields.text("webhook_event_id") or None
        if (event_id is None) != fields.flag("all"):
            raise NotUsable('Give "webhook_event_id", or "all": true.')
        count = self._world.notifier.redeliver(event_id)
        if event_id and not count:
            raise NotHere("No webhook event has this id, or it is too old to be kept.")
        return {"webhooks": count, "settled": await self._world.settled()}

    async def reset(self, request: web.Request) -> Any:
        await self._world.reset()
        return {}

    async def unknown(self, request: web.Request) -> Any:
        raise NotHere("There is no such address or method here; see docs/simulator.md.")

    def _person(self, request: web.Request) -> Person:
        person = self._world.people.find(request.match_info["who"])
        if person is None:
            raise NotHere("Nobody here has this phone (with its plus sign) or LINE user id.")
        return person


def query_number(request: web.Request, name: str, default: int) -> int:
    """Return a number of the query, or raise NotUsable."""
    text = request.query.get(name, "")
    if not text:
        return default
    if not (text.isascii() and text.isdigit() and len(text) <= 15):
        raise NotUsable(f'"{name}" must be a whole number, not negative.')
    return int(text)


def _shown(person: Person, at: float) -> dict[str, Any]:
    verified_at = person.sms_verified_at
    return {
        "phone": person.phone,
        "line_user_id": person.user_id,
        "consent": person.consent,
        "friend_status": person.friend_status,
        "friend_status_by_channel": person.friend_status_by_channel or {},
        "when_asked": person.when_asked,
        "answers_after_seconds": person.answers_after,
        "answers_at": None if person.answer_at is None else written(person.answer_at),
        "sms_verified_at": None if verified_at is None else written(verified_at),
        "awaiting": chat.awaiting(person, at),
        "sms_codes_wrong": person.sms.wrong if person.sms else 0,
        "privacy_policy": person.privacy_policy,
        "deleted": person.deleted,
        "waiting": [_shown_message(m) for m in person.waiting or ()],
        "inbox": [_shown_message(m) for m in person.inbox or ()],
    }


def _shown_message(message: Message) -> dict[str, Any]:
    return {
        "channel": message.channel_id,
        "kind": message.kind,
        "tag": message.tag,
        "accepted_at": written(message.accepted_at),
        "delivered_at": None if message.delivered_at is None else written(message.delivered_at),
        "body": message.content.body(),
    }
