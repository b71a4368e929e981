"""What people write to an account, friends or not: texts, pictures, buttons pressed, taken back."""

from __future__ import annotations

from lineportal.simulator import chat, events
from lineportal.simulator.channels import Channel
from lineportal.simulator.delivery import Delivery
from lineportal.simulator.given import NotUsable
from lineportal.simulator.people import ChatEntry, Person


def say(delivery: Delivery, person: Person, channel: Channel, words: str, at: float) -> ChatEntry:
    """The person writes a text; raises NotUsable where they cannot."""
    entry = _written(person, channel, "text", words, at)
    content = events.text(entry.id, words)
    _tell(delivery, person, channel, content, at)
    return entry


def send_picture(delivery: Delivery, person: Person, channel: Channel, at: float) -> ChatEntry:
    """The person sends a picture; raises NotUsable where they cannot."""
    entry = _written(person, channel, "image", "[picture]", at)
    delivery.keep_picture(entry.id, channel)
    _tell(delivery, person, channel, events.image(entry.id), at)
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
    for entry in person.chat or ():
        if entry.id == message_id and entry.kind in ("text", "image"):
            break
    else:
        raise NotUsable("This person wrote no such message, or it is no longer kept.")
    entry.kind, entry.text = "unsent", chat.UNSENT
    delivery.pictures.pop(message_id, None)
    channel = delivery.channel(entry.channel_id)
    if channel is not None and not person.has_blocked(channel.id):
        delivery.tell(channel, events.unsend(person.user_id, message_id, at=at))
    return entry


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
