"""The open chat of a phone: what was said, what LINE asks for, and where one answers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timezone
from functools import lru_cache
from typing import Any
from urllib.parse import quote

from lineportal.simulator import chat, drawing, paper, writing
from lineportal.simulator.clock import DAY
from lineportal.simulator.log import Content
from lineportal.simulator.markup import Html, Piece, joined, tag
from lineportal.simulator.people import ChatEntry, Person
from lineportal.simulator.taps import Taps
from lineportal.simulator.world import World

LINE = "line"
SMS = "sms"
ACCOUNT = "account/"  # then the channel's id
BADGE = "Important notification"

# A chat of hundreds of bubbles would be a page that nobody reads to its top.
_SHOWN = 50
_PRESS_FORM = "press"


@dataclass(frozen=True, slots=True)
class Phone:
    """One person's phone at one instant, and where its acts are sent."""

    world: World
    person: Person
    at: float
    zone: timezone
    path: str  # /phone/{who}

    def name_of(self, channel_id: str | None) -> str:
        """Return what an account is called."""
        channel = self.world.channels.by_id.get(channel_id or "")
        return channel.display_name if channel else f"Account {channel_id}"

    def address(self, name: str) -> str:
        """Return where a chat is shown."""
        return f"{self.path}/{quote(name, safe='/')}"

    def act(
        self, name: str, in_chat: str, *inner: Piece, with_file: bool = False, **fields: str
    ) -> Html:
        """Return a form for one act, which comes back to this chat."""
        hidden = [
            tag("input", type="hidden", name=key, value=value)
            for key, value in {"chat": in_chat, **fields}.items()
        ]
        return tag(
            "form",
            *hidden,
            *inner,
            method="post",
            action=f"{self.path}/do/{name}",
            enctype="multipart/form-data" if with_file else None,
        )


def name_of(entry: ChatEntry) -> str:
    """Return the name of the chat that shows the entry."""
    if entry.kind == "sms_code":
        return SMS
    return LINE if entry.sender == "line" else f"{ACCOUNT}{entry.channel_id}"


def drawn(phone: Phone, name: str, entries: list[ChatEntry], error: str) -> Html:
    """Return the open chat; `error` is what was wrong with the last answer."""
    own = [entry for entry in entries if name_of(entry) == name]
    return tag(
        "main",
        _head(phone, name, own),
        _hint(phone, name),
        tag(
            "div",
            tag(
                "div",
                tag("p", "Earlier messages are not shown.", class_="day")
                if len(own) > _SHOWN
                else None,
                *_entries(phone, name, own[-_SHOWN:]),
                None if own else tag("p", _empty(name), class_="day"),
                _question(phone, entries) if name == LINE else None,
                id="said",
                class_="said",
                data_live=True,
                role="log",
            ),
            class_="scroll",
            tabindex=0,
            role="region",
            aria_label="Messages",
        ),
        tag("p", error, class_="error", role="alert") if error else None,
        _foot(phone, name),
        class_="talk",
    )


def action_of(person: Person, value: str) -> tuple[str, dict[str, Any]] | None:
    """Return channel and action of a button in a message, None when it is not there any more."""
    entry_id, _, number = value.partition(".")
    if not (number.isascii() and number.isdigit() and len(number) < 6):
        return None
    for entry in chat.entries(person):
        if entry.id == entry_id and entry.message and entry.kind == "message":
            taps = Taps(form=_PRESS_FORM)
            drawing.body(entry.message.content.body(), entry.message.kind, taps)
            action = taps.action(int(number))
            return (entry.message.channel_id, dict(action)) if action else None
    return None


def _head(phone: Phone, name: str, own: list[ChatEntry]) -> Html:
    back = tag("a", "‹", href=phone.path, class_="up", aria_label="Back to the chats")
    if name == LINE:
        title, more = _title("LINE"), None
    elif name == SMS:
        title, more = _title("SMS"), None
    else:
        channel_id = name.removeprefix(ACCOUNT)
        is_noted = any(entry.message and entry.message.is_notification for entry in own)
        badge = tag("span", BADGE, class_="badge") if is_noted else None
        title, more = _title(phone.name_of(channel_id), badge), _relation(phone, channel_id, name)
    return tag("div", back, title, more, id="head", class_="head", data_live=True)


def _hint(phone: Phone, name: str) -> Html:
    """Return the way to LINE's question, where another chat is open."""
    asks = name != LINE and chat.awaiting(phone.person, phone.at) is not None
    link = tag("a", "LINE asks you something", href=phone.address(LINE)) if asks else None
    return tag("div", link, id="hint", class_="hint", data_live=True)


def _title(words: str, mark: Html | None = None) -> Html:
    return tag("h1", tag("bdi", words), mark)


def _relation(phone: Phone, channel_id: str, name: str) -> Html:
    """Return what the person can do about the account: add, block, unblock."""
    status = phone.person.friend_status_for(channel_id)
    buttons = []
    if status == "not_friend":
        buttons.append(_button(phone, "follow", "Add friend", name, channel_id))
    if status == "blocked":
        buttons.append(_button(phone, "unblock", "Unblock", name, channel_id))
    else:
        buttons.append(_button(phone, "block", "Block", name, channel_id))
    words = {"friend": "Friend", "not_friend": "Not a friend", "blocked": "Blocked"}[status]
    return tag("div", tag("span", words, class_="status"), *buttons, class_="relation")


def _button(phone: Phone, act: str, label: str, name: str, channel_id: str) -> Html:
    return phone.act(act, name, tag("button", label), channel=channel_id)


def _entries(phone: Phone, name: str, own: list[ChatEntry]) -> Iterator[Html]:
    shown_day = ""
    for entry in own:
        if (day := paper.day(entry.at, phone.zone)) != shown_day:
            shown_day = day
            yield tag("p", day, class_="day")
        if entry.sender == "person":
            yield writing.own(phone, name, entry)
        elif entry.sender == "account":
            yield _of_account(phone, entry)
        else:
            yield _of_line(phone, entry)


def _of_account(phone: Phone, entry: ChatEntry) -> Html:
    assert entry.message is not None, "what an account says is a message"
    message = entry.message
    name = phone.name_of(message.channel_id)
    badge = tag("span", BADGE, class_="badge") if message.is_notification else None
    return _theirs(
        phone,
        entry,
        name,
        badge,
        *_bubbles(message.content, message.kind, entry.id),
    )


# A phone that is watched is drawn anew every second.
@lru_cache(maxsize=200)
def _bubbles(content: Content, kind: str, entry_id: str) -> tuple[Html, ...]:
    return tuple(drawing.body(content.body(), kind, Taps(form=_PRESS_FORM, entry=entry_id)))


def _of_line(phone: Phone, entry: ChatEntry) -> Html:
    where = None
    if entry.kind == "notice" and entry.channel_id:
        name = tag("bdi", phone.name_of(entry.channel_id))
        address = phone.address(f"{ACCOUNT}{entry.channel_id}")
        where = tag("p", "From ", tag("a", name, href=address), class_="from")
    sender = "SMS" if entry.kind == "sms_code" else "LINE"
    text = tag("div", tag("span", entry.text, dir="auto"), where, class_=f"says {entry.kind}")
    return _theirs(phone, entry, sender, None, text)


def _theirs(phone: Phone, entry: ChatEntry, name: str, badge: Html | None, *bubbles: Html) -> Html:
    return tag(
        "div",
        face(name),
        tag(
            "div",
            tag("p", tag("bdi", name), badge, class_="who"),
            *bubbles,
            tag("time", paper.hour(entry.at, phone.zone)),
            class_="bubbles",
        ),
        class_=f"theirs {entry.sender}",
    )


def face(name: str) -> Html:
    """Return the round picture of a chat."""
    kind = {"LINE": "face line", "SMS": "face sms"}.get(name, "face")
    return tag("span", name[:1].upper(), class_=kind, aria_hidden="true")


def _question(phone: Phone, entries: list[ChatEntry]) -> Html | None:
    """Return what LINE waits for, with the buttons to answer it."""
    awaiting = chat.awaiting(phone.person, phone.at)
    if awaiting == "consent":
        return _consent(phone)
    return _code(phone, entries) if awaiting == "sms_code" else None


def _consent(phone: Phone) -> Html:
    first = (phone.person.waiting or [])[0]
    until = first.accepted_at + DAY
    return tag(
        "section",
        tag("h2", "Receive LINE notification messages?"),
        tag(
            "p",
            tag("bdi", phone.name_of(first.channel_id)),
            f" has a message for you. It waits until {paper.hour(until, phone.zone)},"
            f" {paper.day(until, phone.zone)}.",
        ),
        tag(
            "div",
            phone.act("agree", LINE, tag("button", "Agree", class_="primary")),
            phone.act("refuse", LINE, tag("button", "Refuse")),
            class_="choices",
        ),
        class_="question",
    )


def _code(phone: Phone, entries: list[ChatEntry]) -> Html:
    person = phone.person
    if person.sms is None:
        ask = tag("button", "Send me a code by SMS", class_="primary")
        inner = joined([tag("p", "A message waits for it."), phone.act("ask_sms_code", LINE, ask)])
    else:
        sent = [entry for entry in entries if entry.kind == "sms_code"]
        enter = joined(
            [
                tag("label", "Code from the SMS", for_="code"),
                tag(
                    "input",
                    id="code",
                    name="code",
                    inputmode="numeric",
                    autocomplete="one-time-code",
                    maxlength=6,
                    required=True,
                ),
                tag("button", "Verify", class_="primary"),
            ]
        )
        inner = joined(
            [
                tag(
                    "a",
                    tag("strong", "SMS"),
                    tag("span", sent[-1].text, dir="auto"),
                    href=phone.address(SMS),
                    class_="arrived",
                )
                if sent
                else None,
                phone.act("enter_sms_code", LINE, enter),
                phone.act("ask_sms_code", LINE, tag("button", "Send a new code", class_="quiet"))
                if person.sms_check_is_due(phone.at)
                else None,
            ]
        )
    return tag(
        "section",
        tag("h2", "Verify your phone number"),
        inner,
        _other_number(phone),
        class_="question",
    )


def _other_number(phone: Phone) -> Html:
    ask = joined(
        [
            tag("label", "New number, with its plus sign", for_="new-phone"),
            tag("input", id="new-phone", name="phone", type="tel", required=True, maxlength=20),
            tag("button", "Send a code there"),
        ]
    )
    words = "Messages to the old number do not arrive any more then."
    return tag(
        "details",
        tag("summary", "I have another number now"),
        phone.act("ask_sms_code", LINE, ask),
        tag("p", words, class_="note"),
    )


def _foot(phone: Phone, name: str) -> Html | None:
    """Return where one writes to the account."""
    if not name.startswith(ACCOUNT):
        return None
    channel_id = name.removeprefix(ACCOUNT)
    press = tag(
        "form",
        tag("input", type="hidden", name="chat", value=name),
        id=_PRESS_FORM,
        method="post",
        action=f"{phone.path}/press",
    )
    inner = writing.foot(phone, name, channel_id)
    return tag("div", press, tag("div", inner, id="foot", class_="foot", data_live=True))


def _empty(name: str) -> str:
    if name == LINE:
        return "LINE has said nothing yet. Send this phone a notification message."
    if name == SMS:
        return "No SMS yet."
    return "Nothing here yet. Write first, or wait for a message."
