"""The page that is one person's phone: its chats, the open one, and what is set behind it."""

from __future__ import annotations

from urllib.parse import quote

from aiohttp import web

from lineportal.simulator import chat, paper, talk
from lineportal.simulator.markup import Html, joined, tag
from lineportal.simulator.people import ChatEntry, Person
from lineportal.simulator.phone_list import CONSENT_WORDS, key_of
from lineportal.simulator.talk import ACCOUNT, LINE, SMS, Phone
from lineportal.simulator.world import World

# Let pass at the press of a button: a while, the time a message waits, and that of the SMS check.
LEAPS = {"1 hour": 3_600, "24 hours": 86_400, "180 days": 180 * 86_400}
_MOST_ACCOUNTS = 50


def drawn(
    world: World, person: Person, name: str | None, *, error: str = "", status: int = 200
) -> web.Response:
    """Return the phone with this chat open, or with its list of chats."""
    path = f"/phone/{key_of(person)}"
    phone = Phone(world, person, world.clock.now(), paper.zone_of(person), path)
    entries = chat.entries(person)
    latest = {talk.name_of(entry): entry for entry in entries}
    is_open = name is not None
    # A wide screen always has a chat open beside the list.
    shown = name or (talk.name_of(entries[-1]) if entries else LINE)
    title = person.phone or person.user_id
    return paper.page(
        f"{title} · LINE simulator",
        paper.top(tag("strong", title, class_="whose")),
        tag(
            "div",
            tag(
                "div",
                tag(
                    "nav",
                    _bar(phone),
                    _chats(phone, latest, shown),
                    class_="side",
                    aria_label="Chats",
                ),
                talk.drawn(phone, shown, entries, error),
                class_="handset",
            ),
            tag("aside", _clock(phone, shown), _settings(phone, shown), class_="behind"),
            class_="stage is-open" if is_open else "stage",
        ),
        refresh=phone.address(name) if name else path,
        status=status,
    )


def address_of(person: Person, name: str) -> str:
    """Return where a chat of the person's phone is shown."""
    return f"/phone/{key_of(person)}/{quote(name, safe='/')}"


def _bar(phone: Phone) -> Html:
    return tag(
        "div",
        tag("strong", "Chats"),
        tag("time", paper.hour(phone.at, phone.zone)),
        id="bar",
        class_="bar",
        data_live=True,
    )


def _chats(phone: Phone, latest: dict[str, ChatEntry], shown: str) -> Html:
    names = sorted(latest, key=lambda name: (latest[name].at, latest[name].n), reverse=True)
    if LINE not in latest:
        names.append(LINE)
    channels = list(phone.world.channels.by_id)[:_MOST_ACCOUNTS]
    others = [f"{ACCOUNT}{one}" for one in channels if f"{ACCOUNT}{one}" not in latest]
    is_asked = chat.awaiting(phone.person, phone.at) is not None
    rows = [_chat(phone, name, latest.get(name), shown, is_asked) for name in names]
    silent = [_chat(phone, name, None, shown, is_asked) for name in others]
    return tag(
        "div",
        tag("ul", *rows),
        tag("h2", "More Official Accounts") if silent else None,
        tag("ul", *silent) if silent else None,
        None
        if channels
        else tag("p", "No Official Account is connected to this simulator yet.", class_="note"),
        id="chats",
        class_="chats",
        data_live=True,
    )


def _chat(phone: Phone, name: str, last: ChatEntry | None, shown: str, is_asked: bool) -> Html:
    title = {LINE: "LINE", SMS: "SMS"}.get(name) or phone.name_of(name.removeprefix(ACCOUNT))
    marks: list[Html] = []
    if name.startswith(ACCOUNT):
        status = phone.person.friend_status_for(name.removeprefix(ACCOUNT))
        if last is not None and last.message and last.message.is_notification:
            marks.append(tag("span", talk.BADGE, class_="badge"))
        if status == "blocked":
            marks.append(tag("span", "Blocked", class_="pill rejected"))
    elif name == LINE and is_asked:
        marks.append(tag("span", "asks you", class_="pill asked"))
    words = " ".join(last.text.split())[:80] if last else ""
    return tag(
        "li",
        tag(
            "a",
            talk.face(title),
            tag(
                "span",
                tag("strong", tag("bdi", title)),
                *marks,
                tag("small", words, dir="auto") if words else None,
                class_="about",
            ),
            tag("time", paper.hour(last.at, phone.zone)) if last else None,
            href=phone.address(name),
            aria_current="page" if name == shown else None,
        ),
    )


def _clock(phone: Phone, shown: str) -> Html:
    leaps = [phone.act("pass", shown, tag("button", words), leap=words) for words in LEAPS]
    now = f"{paper.day(phone.at, phone.zone)}, {paper.hour(phone.at, phone.zone)}"
    return tag(
        "section",
        tag("h2", "Let time pass"),
        tag("p", tag("strong", now), f" ({phone.zone})", id="clock", data_live=True),
        tag("div", *leaps, class_="choices"),
        tag("p", "For everybody here. Messages wait 24 hours for an answer.", class_="note"),
    )


def _settings(phone: Phone, shown: str) -> Html:
    person = phone.person
    is_on, has_agreed = person.consent == "agreed", person.privacy_policy
    return tag(
        "section",
        tag("h2", "Settings of this phone"),
        _setting(
            "LINE notification messages",
            CONSENT_WORDS[person.consent].removeprefix("LON "),
            None if is_on else phone.act("agree", shown, tag("button", "Turn on")),
            None
            if person.consent == "rejected"
            else phone.act("refuse", shown, tag("button", "Turn off")),
        ),
        _setting(
            "LINE's privacy policy",
            "agreed" if has_agreed else "not agreed",
            phone.act(
                "set",
                shown,
                tag("button", "Withdraw" if has_agreed else "Agree to it"),
                privacy_policy="no" if has_agreed else "yes",
            ),
        ),
        _setting("Phone number check by SMS", _checked(phone)),
        _setting("When LINE asks", _scripted(phone), _by_hand(phone, shown)),
        tag("p", f"LINE user id {person.user_id}", class_="note id"),
        id="settings",
        data_live=True,
    )


def _setting(name: str, value: str, *acts: Html | None) -> Html:
    return tag(
        "div",
        tag("span", name),
        tag("strong", value),
        tag("span", joined(acts), class_="choices"),
        class_="setting",
    )


def _checked(phone: Phone) -> str:
    verified_at = phone.person.sms_verified_at
    if verified_at is None:
        return "never done"
    day = paper.day(verified_at, phone.zone)
    return f"due, last {day}" if phone.person.sms_check_is_due(phone.at) else f"done {day}"


def _scripted(phone: Phone) -> str:
    answer = {"agree": "agrees by itself", "reject": "refuses by itself"}
    return answer.get(phone.person.when_asked, "you answer")


def _by_hand(phone: Phone, shown: str) -> Html | None:
    if phone.person.when_asked == "silent":
        return None
    return phone.act("set", shown, tag("button", "Answer by hand"), when_asked="silent")
