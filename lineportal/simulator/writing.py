"""What the person says in an open chat: how it looks, and the forms by which they say more."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lineportal.simulator import chat, files, paper
from lineportal.simulator.acts import LONGEST_TEXT
from lineportal.simulator.conversation import STICKERS
from lineportal.simulator.markup import Html, Piece, joined, tag
from lineportal.simulator.people import ChatEntry

if TYPE_CHECKING:
    from lineportal.simulator.talk import Phone


def own(phone: Phone, name: str, entry: ChatEntry) -> Html:
    """Return one thing that the person said, with what they can still do about it."""
    if entry.kind == "unsent":
        return tag("p", entry.text, class_="day")
    back = None
    if entry.kind in chat.SAID:
        label = tag("button", "Unsend", class_="quiet")
        back = phone.act("unsend", name, label, message_id=entry.id)
    aside = tag("span", back, tag("time", paper.hour(entry.at, phone.zone)), class_="when")
    edit = _edit(phone, name, entry) if entry.kind == "text" else None
    return tag("div", aside, tag("div", _drawn(phone, entry), edit, class_="own"), class_="mine")


def foot(phone: Phone, name: str, channel_id: str) -> Html:
    """Return where one writes to the account, and sends it all else."""
    if phone.person.deleted:
        return tag("p", "This person has left LINE.", class_="note")
    if phone.person.has_blocked(channel_id):
        return tag("p", "You blocked this account; unblock it to write.", class_="note")
    words = _field("Write a message", "text", id="text", maxlength=5_000)
    send = tag("button", "Send", class_="primary")
    return joined(
        [
            tag(
                "details",
                tag("summary", "More", title="A file, a sticker or a place"),
                tag("div", *_more(phone, name, channel_id), class_="more"),
            ),
            phone.act("say", name, words, send, channel=channel_id),
        ]
    )


def _drawn(phone: Phone, entry: ChatEntry) -> Html:
    file = phone.world.delivery.files.get(entry.id, entry.channel_id)
    if file is None:
        kind = {"postback": "pressed", "sticker": "says sticker"}.get(entry.kind, "says")
        return tag("div", entry.text, class_=kind, dir="auto")
    address = f"{phone.path}/file/{entry.id}"
    if file.kind == "image":
        return tag("img", src=address, alt=file.name, class_="sent")
    if file.kind == "video":
        return tag("video", src=address, controls=True, class_="sent")
    if file.kind == "audio":
        return tag("audio", src=address, controls=True, class_="sent")
    size = f"{max(1, round(len(file.data) / 1024)):,} KB"
    link = tag("a", tag("bdi", file.name), href=address, download=True)
    return tag("div", link, tag("small", f" {size}"), class_="says")


def _edit(phone: Phone, name: str, entry: ChatEntry) -> Html:
    words = tag(
        "input",
        id=f"edit-{entry.id}",
        name="text",
        value=entry.text,
        aria_label="New words",
        required=True,
        maxlength=LONGEST_TEXT,
        autocomplete="off",
    )
    save = tag("button", "Save")
    return tag(
        "details",
        tag("summary", "Edit"),
        phone.act("edit", name, words, save, message_id=entry.id),
        class_="edit",
    )


def _more(phone: Phone, name: str, channel_id: str) -> list[Html]:
    file = tag("input", type="file", id="file", name="file", required=True, aria_label="File")
    stickers = tag(
        "select",
        *(tag("option", words, value=sticker) for sticker, words in STICKERS.items()),
        id="sticker",
        name="sticker",
        aria_label="Sticker",
    )
    place: list[Piece] = [
        _field("Name of the place", "title", id="place", maxlength=100),
        _field("Latitude", "latitude", inputmode="decimal", value="13.7563"),
        _field("Longitude", "longitude", inputmode="decimal", value="100.5018"),
    ]
    limit = tag(
        "small", f"A picture, video, voice or file of {files.LARGEST // 1024**2} MB at most."
    )
    return [
        phone.act("send_file", name, file, tag("button", "Send the file"), limit,
                  with_file=True, channel=channel_id),
        phone.act("send_sticker", name, stickers, tag("button", "Send the sticker"),
                  channel=channel_id),
        phone.act("send_place", name, *place, tag("button", "Send the place"),
                  channel=channel_id),
    ]  # fmt: skip


def _field(label: str, name: str, **more: str | int) -> Html:
    return tag(
        "input",
        name=name,
        placeholder=label,
        aria_label=label,
        required=True,
        autocomplete="off",
        **more,
    )
