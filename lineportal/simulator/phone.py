"""Everything under /phone/: pages by which somebody plays a person, without curl.

What they do goes through the same functions as the control side, so there is one set of rules.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from lineportal.simulator import acts, forms, handset, paper, phone_list, talk
from lineportal.simulator.forms import Foreign
from lineportal.simulator.given import NotUsable
from lineportal.simulator.people import Person, checked_phone
from lineportal.simulator.world import World

# Webhooks are sent behind the page; it waits for a quick endpoint, not for a broken one.
_PATIENCE_SECONDS = 1.0

Act = Callable[[web.Request], Awaitable[web.StreamResponse]]


class NotHere(Exception):
    """What the address names does not exist; the text is one sentence."""


def routes(world: World) -> list[web.RouteDef]:
    """Return the routes of the phones of this world."""
    phones = _Phones(world)
    table: tuple[tuple[str, str, Act], ...] = (
        ("GET", "/phone", phones.move),
        ("GET", "/phone/", phones.list_people),
        ("POST", "/phone/", phones.add_person),
        ("GET", "/phone/static/{name}", phones.asset),
        ("GET", "/phone/{who}", phones.show),
        ("GET", "/phone/{who}/{chat:line|sms|account/.+}", phones.show),
        ("GET", "/phone/{who}/file/{message_id}", phones.file),
        ("POST", "/phone/{who}/do/{act}", phones.act),
        ("POST", "/phone/{who}/press", phones.press),
        ("*", "/phone/{_:.*}", phones.unknown),
    )
    return [
        # web.get answers HEAD too.
        web.get(path, _answered(act))
        if method == "GET"
        else web.route(method, path, _answered(act))
        for method, path, act in table
    ]


def _answered(act: Act) -> Act:
    async def handle(request: web.Request) -> web.StreamResponse:
        try:
            return await act(request)
        except NotUsable as refusal:
            return paper.sentence(str(refusal), 400)
        except Foreign as refusal:
            return paper.sentence(str(refusal), 403)
        except NotHere as refusal:
            return paper.sentence(str(refusal), 404)

    return handle


class _Phones:
    def __init__(self, world: World) -> None:
        self._world = world

    async def move(self, request: web.Request) -> web.StreamResponse:
        raise web.HTTPSeeOther("/phone/")

    async def asset(self, request: web.Request) -> web.StreamResponse:
        found = paper.asset(request.match_info["name"])
        if found is None:
            raise NotHere("There is no such file here.")
        return found

    async def list_people(self, request: web.Request) -> web.StreamResponse:
        return await phone_list.drawn(self._world, request.query.get("q", "").strip()[:60])

    async def add_person(self, request: web.Request) -> web.StreamResponse:
        fields = await forms.read(request)
        try:
            person = self._added(fields)
        except NotUsable as refusal:
            return await phone_list.refused(self._world, fields, str(refusal))
        raise web.HTTPSeeOther(f"/phone/{phone_list.key_of(person)}")

    async def show(self, request: web.Request) -> web.StreamResponse:
        person, name = self._person(request), request.match_info.get("chat")
        if name:
            self._check_chat(name)
        return handset.drawn(self._world, person, name)

    async def file(self, request: web.Request) -> web.StreamResponse:
        """Show what the person sent; all that is no picture, video or voice is only saved."""
        message_id = request.match_info["message_id"]
        for entry in self._person(request).chat or ():
            file = self._world.delivery.files.get(message_id, entry.channel_id)
            if entry.id == message_id and file is not None:
                return paper.file(file.data, file.media_type, is_saved=file.kind == "file")
        raise NotHere("There is no such file here; it was taken back, or made room for newer ones.")

    async def act(self, request: web.Request) -> web.StreamResponse:
        person, act = self._person(request), request.match_info["act"]
        fields = await forms.read(request)
        name = fields.pop("chat", talk.LINE)
        self._check_chat(name)
        try:
            if act == "pass":
                await self._let_pass(fields)
            elif act == "set":
                self._set(person, fields)
            elif act in acts.ACTS:
                acts.perform(self._world, person, act, fields, self._world.clock.now())
            else:
                raise NotHere("A phone cannot do that; go back and use its buttons.")
        except NotUsable as refusal:
            return handset.drawn(self._world, person, name, error=str(refusal), status=400)
        return await self._done(person, name)

    async def press(self, request: web.Request) -> web.StreamResponse:
        person, fields = self._person(request), await forms.read(request)
        name = fields.get("chat", talk.LINE)
        self._check_chat(name)
        found = talk.action_of(person, fields.get("press", ""))
        try:
            if found is None:
                raise NotUsable("This button is not here any more; look at the newest messages.")
            act, given = _answer_of(*found)
            acts.perform(self._world, person, act, given, self._world.clock.now())
        except NotUsable as refusal:
            return handset.drawn(self._world, person, name, error=str(refusal), status=400)
        return await self._done(person, name)

    async def unknown(self, request: web.Request) -> web.StreamResponse:
        raise NotHere("There is no such page here; the list of phones is at /phone/.")

    def _person(self, request: web.Request) -> Person:
        person = self._world.people.find(request.match_info["who"])
        if person is None:
            raise NotHere("Nobody here has this phone (with its plus sign) or LINE user id.")
        return person

    def _check_chat(self, name: str) -> None:
        channel_id = name.removeprefix(talk.ACCOUNT)
        if name not in (talk.LINE, talk.SMS) and (
            channel_id == name or channel_id not in self._world.channels.by_id
        ):
            raise NotHere("There is no such chat on this phone; its account may be gone.")

    def _added(self, fields: dict[str, str]) -> Person:
        phone = checked_phone(fields.get("phone", "").replace(" ", "").replace("-", ""))
        if self._world.people.find(phone) is not None:
            raise NotUsable("Somebody here has this number already; search for it.")
        row: dict[str, Any] = {
            "phone": phone,
            "consent": fields.get("consent", "not_set"),
            "friend_status": fields.get("friend_status", "not_friend"),
            "when_asked": "silent",
        }
        if "sms_due" in fields:
            row["sms_verified_at"] = None
        self._upsert(row)
        person = self._world.people.find(phone)
        assert person is not None, "they have just been added"
        return person

    def _set(self, person: Person, fields: dict[str, str]) -> None:
        row: dict[str, Any] = {"line_user_id": person.user_id}
        if "privacy_policy" in fields:
            row["privacy_policy"] = fields["privacy_policy"] == "yes"
        if "when_asked" in fields:
            row["when_asked"] = fields["when_asked"]
        self._upsert(row)
        if person.waiting:
            self._world.delivery.plan_answer(person, self._world.clock.now())

    def _upsert(self, row: dict[str, Any]) -> None:
        world = self._world
        world.people.upsert([row], channel_ids=world.channels.by_id, at=world.clock.now())

    async def _let_pass(self, fields: dict[str, str]) -> None:
        seconds = handset.LEAPS.get(fields.get("leap", ""))
        if seconds is None:
            raise NotUsable(f"Let one of these pass: {', '.join(handset.LEAPS)}.")
        world = self._world
        world.clock.forward_to(world.clock.now() + seconds)
        await world.catch_up()

    async def _done(self, person: Person, name: str) -> web.StreamResponse:
        await self._world.notifier.settled(_PATIENCE_SECONDS)
        # A relative address of ours, never one that came with the form.
        raise web.HTTPSeeOther(handset.address_of(person, name))


def _answer_of(channel_id: str, action: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """Return the act, and what is given with it, by which an action answers the account."""
    if action.get("type") == "message":
        return "say", {"channel": channel_id, "text": action.get("text")}
    if action.get("type") != "postback":
        raise NotUsable("This button does not answer the account.")
    given = {"channel": channel_id, "data": action.get("data")}
    if words := action.get("displayText") or action.get("text"):
        given["display_text"] = words
    return "press", given
