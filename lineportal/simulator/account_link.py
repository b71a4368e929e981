"""LINE's page on which a person agrees to tie their LINE account to the company's.

On LINE it is https://access.line.me/dialog/bot/accountLink; LINE knows who opens it. Here it is the
person whom the token was made for.
https://developers.line.biz/en/docs/messaging-api/linking-accounts/
"""

from __future__ import annotations

import re

from aiohttp import web

from lineportal.simulator import conversation, forms, handset, paper
from lineportal.simulator.forms import Foreign
from lineportal.simulator.given import NotUsable
from lineportal.simulator.markup import tag
from lineportal.simulator.people import Person
from lineportal.simulator.talk import ACCOUNT
from lineportal.simulator.world import World

PATH = "/dialog/bot/accountLink"
# LINE: 10 to 255 characters of base64.
_NONCE = re.compile(r"[A-Za-z0-9+/=_-]{10,255}")
_PATIENCE_SECONDS = 1.0


def routes(world: World) -> list[web.RouteDef]:
    """Return the routes of LINE's dialogue in this world."""

    async def ask(request: web.Request) -> web.StreamResponse:
        token, nonce = request.query.get("linkToken", ""), request.query.get("nonce", "")
        person, channel_id = _found(world, token, nonce)
        if person is None:
            return paper.sentence(
                "LINE shows nothing for this address: the token was used, is older than ten"
                " minutes, or the nonce is not 10 to 255 characters of base64.",
                400,
            )
        channel = world.channels.by_id[channel_id]
        fields = (
            tag("input", type="hidden", name="linkToken", value=token),
            tag("input", type="hidden", name="nonce", value=nonce),
        )
        return paper.page(
            "Link accounts · LINE simulator",
            paper.top(tag("strong", person.phone or person.user_id, class_="whose")),
            tag(
                "main",
                tag("h1", "Link your accounts?"),
                tag("p", "Your LINE account is tied to your account at ",
                    tag("strong", tag("bdi", channel.display_name)), "."),
                tag(
                    "form", *fields, tag("button", "Link", name="answer", value="yes"),
                    method="post", action=PATH,
                ),
                tag("p", tag("a", "Cancel", href=_chat(person, channel_id))),
                class_="sheet",
            ),
        )  # fmt: skip

    async def answer(request: web.Request) -> web.StreamResponse:
        try:
            fields = await forms.read(request)
        except NotUsable as refusal:
            return paper.sentence(str(refusal), 400)
        except Foreign as refusal:
            return paper.sentence(str(refusal), 403)
        token, nonce = fields.get("linkToken", ""), fields.get("nonce", "")
        person, channel_id = _found(world, token, nonce)
        if person is None:
            return paper.sentence("The token was used, or is older than ten minutes.", 400)
        channel = world.channels.by_id[channel_id]
        conversation.link(world.delivery, person, channel, token, nonce, world.clock.now())
        await world.notifier.settled(_PATIENCE_SECONDS)
        raise web.HTTPSeeOther(_chat(person, channel_id))

    return [web.get(PATH, ask), web.post(PATH, answer)]


def _found(world: World, token: str, nonce: str) -> tuple[Person | None, str]:
    """Return whom a good token is for, and of which channel; None where LINE shows an error."""
    held = world.delivery.links.held(token, world.clock.now())
    if held is None or not _NONCE.fullmatch(nonce) or held[1] not in world.channels.by_id:
        return None, ""
    return held


def _chat(person: Person, channel_id: str) -> str:
    return handset.address_of(person, f"{ACCOUNT}{channel_id}")
