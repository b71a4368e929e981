"""What a person can do with the phone, by name: for the control side and for whoever plays them."""

from __future__ import annotations

import base64
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from lineportal.simulator import conversation
from lineportal.simulator.channels import Channel
from lineportal.simulator.events import Place
from lineportal.simulator.given import Fields, NotUsable
from lineportal.simulator.people import Person
from lineportal.simulator.world import World

LONGEST_TEXT = 10_000  # characters a person may write
LONGEST_NAME = 200  # characters of a file's name or a place
LONGEST_DATA = 300  # characters of postback data


@dataclass(frozen=True, slots=True)
class Act:
    """One act; `do` gets world, person, what was given, and the instant."""

    do: Callable[[World, Person, Fields, float], None]
    known: tuple[str, ...] = ()


def perform(world: World, person: Person, name: str, value: Any, at: float) -> None:
    """Let the person do what `name` says, one of ACTS, with the JSON object `value`.

    Raises NotUsable, also where the person cannot do that now.
    """
    act = ACTS[name]
    # Acts that need no channel have always taken one.
    act.do(world, person, Fields(value, "The body", ("channel", *act.known)), at)


def _agree(world: World, person: Person, given: Fields, at: float) -> None:
    world.delivery.agree(person, at)


def _refuse(world: World, person: Person, given: Fields, at: float) -> None:
    world.delivery.refuse(person, at)


def _ask_sms_code(world: World, person: Person, given: Fields, at: float) -> None:
    world.delivery.ask_sms_code(person, at, phone=given.text("phone"))


def _enter_sms_code(world: World, person: Person, given: Fields, at: float) -> None:
    if "code" not in given:
        raise NotUsable('Give the "code" that came by SMS.')
    world.delivery.enter_sms_code(person, given.text("code"), at)


def _verify_sms(world: World, person: Person, given: Fields, at: float) -> None:
    world.delivery.verify_sms(person, at)


def _follow(world: World, person: Person, given: Fields, at: float) -> None:
    world.delivery.follow(person, _channels(world, given), at)


def _unblock(world: World, person: Person, given: Fields, at: float) -> None:
    world.delivery.unblock(person, _channels(world, given), at)


def _block(world: World, person: Person, given: Fields, at: float) -> None:
    world.delivery.block(person, _channels(world, given), at)


def _say(world: World, person: Person, given: Fields, at: float) -> None:
    text = _text(given, "text", LONGEST_TEXT)
    conversation.say(world.delivery, person, _channel(world, given), text, at)


def _send_picture(world: World, person: Person, given: Fields, at: float) -> None:
    conversation.send_picture(world.delivery, person, _channel(world, given), at)


def _send_file(world: World, person: Person, given: Fields, at: float) -> None:
    name = _text(given, "name", LONGEST_NAME)
    try:
        data = base64.b64decode(given.text("data"), validate=True)
    except ValueError:
        raise NotUsable('"data" is the file in base64.') from None
    conversation.send_file(world.delivery, person, _channel(world, given), data, name, at)


def _send_sticker(world: World, person: Person, given: Fields, at: float) -> None:
    sticker = given.text("sticker")
    conversation.send_sticker(world.delivery, person, _channel(world, given), sticker, at)


def _send_place(world: World, person: Person, given: Fields, at: float) -> None:
    place = Place(
        title=given.text("title")[:LONGEST_NAME],
        address=given.text("address")[:LONGEST_NAME],
        latitude=_degrees(given, "latitude", 90),
        longitude=_degrees(given, "longitude", 180),
    )
    conversation.send_place(world.delivery, person, _channel(world, given), place, at)


def _edit(world: World, person: Person, given: Fields, at: float) -> None:
    text = _text(given, "text", LONGEST_TEXT)
    conversation.edit(world.delivery, person, given.text("message_id"), text, at)


def _press(world: World, person: Person, given: Fields, at: float) -> None:
    data, words = _text(given, "data", LONGEST_DATA), given.text("display_text")
    conversation.press(world.delivery, person, _channel(world, given), data, words, at)


def _link(world: World, person: Person, given: Fields, at: float) -> None:
    token, nonce = _text(given, "link_token", 100), _text(given, "nonce", 255)
    conversation.link(world.delivery, person, _channel(world, given), token, nonce, at)


def _unsend(world: World, person: Person, given: Fields, at: float) -> None:
    if "message_id" not in given:
        raise NotUsable('Give "message_id", the "id" of what the person wrote in the chat.')
    conversation.unsend(world.delivery, person, given.text("message_id"), at)


ACTS: dict[str, Act] = {
    "agree": Act(_agree),
    "refuse": Act(_refuse),
    "ask_sms_code": Act(_ask_sms_code, ("phone",)),
    "enter_sms_code": Act(_enter_sms_code, ("code",)),
    "verify_sms": Act(_verify_sms),
    "follow": Act(_follow),
    "unblock": Act(_unblock),
    "block": Act(_block),
    # LINE's event of a block is called unfollow.
    "unfollow": Act(_block),
    "say": Act(_say, ("text",)),
    "send_picture": Act(_send_picture),
    "send_file": Act(_send_file, ("name", "data")),
    "send_sticker": Act(_send_sticker, ("sticker",)),
    "send_place": Act(_send_place, ("title", "address", "latitude", "longitude")),
    "edit": Act(_edit, ("message_id", "text")),
    "press": Act(_press, ("data", "display_text")),
    "link": Act(_link, ("link_token", "nonce")),
    "unsend": Act(_unsend, ("message_id",)),
}


def _text(given: Fields, name: str, most: int) -> str:
    text = given.text(name)
    if not 1 <= len(text) <= most:
        raise NotUsable(f'"{name}" is needed, with 1 to {most} characters.')
    return text


def _degrees(given: Fields, name: str, most: int) -> float:
    """Return degrees, which a form sends as text."""
    try:
        degrees = float(given.raw(name))
    except (TypeError, ValueError):
        degrees = math.inf
    if not -most <= degrees <= most:
        raise NotUsable(f'"{name}" is needed, in degrees from -{most} to {most}.')
    return degrees


def _channels(world: World, given: Fields) -> list[Channel]:
    known = world.channels.by_id
    channel_id = given.text("channel")
    if not channel_id:
        return list(known.values())
    if channel_id not in known:
        raise NotUsable('"channel" is not a channel here; PUT it first.')
    return [known[channel_id]]


def _channel(world: World, given: Fields) -> Channel:
    channels = _channels(world, given)
    if len(channels) != 1:
        raise NotUsable('Say which "channel": there are several here, or none.')
    return channels[0]
