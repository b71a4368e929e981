"""What people say to an account, friends or not: texts, files, stickers, places, buttons pressed.

And what they edit or take back.
"""

from __future__ import annotations

import base64

from lineportal.simulator import chat, events, files
from lineportal.simulator.channels import Channel
from lineportal.simulator.delivery import Delivery
from lineportal.simulator.given import NotUsable
from lineportal.simulator.people import ChatEntry, Person

# LINE's own package of stickers that bots may send too; what they mean are our words.
STICKER_PACKAGE = "11537"
STICKERS = {"52002734": "Hello", "52002735": "OK", "52002738": "Thank you", "52002739": "Please"}
PICTURE = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNoAAAAggCBd81ytgAAAABJRU5ErkJggg=="
)


def say(delivery: Delivery, person: Person, channel: Channel, words: str, at: float) -> ChatEntry:
    """The person writes a text; raises NotUsable where they cannot."""
    entry = _written(person, channel, "text", words, at)
    content = events.text(entry.id, words)
    _tell(delivery, person, channel, content, at)
    return entry


def send_file(
    delivery: Delivery, person: Person, channel: Channel, data: bytes, name: str, at: float
) -> ChatEntry:
    """The person sends a picture, video, voice or file; raises NotUsable where they cannot."""
    if not 1 <= len(data) <= files.LARGEST:
        raise NotUsable(f"A file has 1 byte to {files.LARGEST // 1024**2} MB.")
    file = files.made(channel.id, data, name, at)
    entry = _written(person, channel, file.kind, name, at)
    delivery.files.keep(entry.id, file)
    _tell(delivery, person, channel, events.file(entry.id, file), at)
    return entry


def send_picture(delivery: Delivery, person: Person, channel: Channel, at: float) -> ChatEntry:
    """The person sends a single grey point; raises NotUsable where they cannot."""
    return send_file(delivery, person, channel, PICTURE, "picture.png", at)


def send_sticker(
    delivery: Delivery, person: Person, channel: Channel, sticker_id: str, at: float
) -> ChatEntry:
    """The person sends one of STICKERS; raises NotUsable where they cannot."""
    if sticker_id not in STICKERS:
        raise NotUsable(f"Send one of these stickers: {', '.join(STICKERS)}.")
    entry = _written(person, channel, "sticker", STICKERS[sticker_id], at)
    content = events.sticker(entry.id, STICKER_PACKAGE, sticker_id, [STICKERS[sticker_id]])
    _tell(delivery, person, channel, content, at)
    return entry


def send_place(
    delivery: Delivery,
    person: Person,
    channel: Channel,
    place: events.Place,
    at: float,
) -> ChatEntry:
    """The person sends where something is; raises NotUsable where they cannot."""
    words = "\n".join(filter(None, (place.title, place.address))) or (
        f"{place.latitude:.5f}, {place.longitude:.5f}"
    )
    entry = _written(person, channel, "location", words, at)
    _tell(delivery, person, channel, events.location(entry.id, place), at)
    return entry


def edit(delivery: Delivery, person: Person, message_id: str, words: str, at: float) -> ChatEntry:
    """The person writes a text of theirs anew; raises NotUsable where that is not known."""
    entry = _own(person, message_id, ("text",))
    channel = delivery.channel(entry.channel_id)
    if channel is None or person.deleted or person.has_blocked(channel.id):
        raise NotUsable("This person does not write to the account any more; unblock it first.")
    entry.text = words
    delivery.tell(channel, events.edited(person.user_id, message_id, words, at=at))
    return entry


def press(
    delivery: Delivery, person: Person, channel: Channel, data: str, words: str, at: float
) -> ChatEntry:
    """The person presses a button with postback data; `words` is what the chat shows of it."""
    entry = _written(person, channel, "postback", words or data, at)
    token = delivery.replies.issue(person, channel.id, at)
    delivery.tell(channel, events.postback(person.user_id, data, reply_token=token, at=at))
    return entry


def link(
    delivery: Delivery, person: Person, channel: Channel, token: str, nonce: str, at: float
) -> None:
    """The person ties their LINE account to the company's; a token not theirs or old fails."""
    is_ok = delivery.links.holder(token, channel.id, at) is person
    delivery.links.use(token)
    reply_token = delivery.replies.issue(person, channel.id, at)
    delivery.tell(
        channel,
        events.account_link(person.user_id, nonce, is_ok=is_ok, reply_token=reply_token, at=at),
    )


def unsend(delivery: Delivery, person: Person, message_id: str, at: float) -> ChatEntry:
    """The person takes back what they wrote; raises NotUsable where that is not known."""
    entry = _own(person, message_id, chat.SAID)
    entry.kind, entry.text = "unsent", chat.UNSENT
    delivery.files.drop(message_id)
    channel = delivery.channel(entry.channel_id)
    if channel is not None and not person.has_blocked(channel.id):
        delivery.tell(channel, events.unsend(person.user_id, message_id, at=at))
    return entry


def _own(person: Person, message_id: str, kinds: tuple[str, ...]) -> ChatEntry:
    for entry in person.chat or ():
        if entry.id == message_id and entry.kind in kinds:
            return entry
    raise NotUsable("This person wrote no such message, or it is no longer kept.")


def _written(person: Person, channel: Channel, kind: str, words: str, at: float) -> ChatEntry:
    if person.deleted:
        raise NotUsable("This person has left LINE and cannot write.")
    if person.has_blocked(channel.id):
        raise NotUsable("This person has blocked the account; unblock it first.")
    person.wrote_at = {**(person.wrote_at or {}), channel.id: at}
    return chat.write(person, channel.id, kind, words, at)


def _tell(
    delivery: Delivery, person: Person, channel: Channel, content: events.Event, at: float
) -> None:
    token = delivery.replies.issue(person, channel.id, at)
    delivery.tell(channel, events.message(person.user_id, content, reply_token=token, at=at))
