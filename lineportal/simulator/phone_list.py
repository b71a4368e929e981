"""The list of phones at /phone/: whom one can play, and a form for one more."""

from __future__ import annotations

import asyncio
from itertools import islice
from urllib.parse import quote

from aiohttp import web

from lineportal.simulator import chat, paper
from lineportal.simulator.markup import Html, joined, tag
from lineportal.simulator.people import Person
from lineportal.simulator.world import World

SHOWN = 100
_PATH = "/phone/"
# People looked at between two answers to others, while one searches among a million.
_AT_ONCE = 5_000
# Requests looked through for who was lately written to.
_LATEST_REQUESTS = 300
_LATEST_PEOPLE = 8

_CONSENTS = {
    "not_set": "Not set: LINE asks first",
    "agreed": "Agreed",
    "rejected": "Rejected",
}
_FRIENDS = {"not_friend": "No", "friend": "Yes"}
CONSENT_WORDS = {"agreed": "LON on", "not_set": "LON not set", "rejected": "LON off"}


def key_of(person: Person) -> str:
    """Return the part of an address that names the person."""
    return quote(person.phone or person.user_id, safe="+")


async def found(world: World, sought: str) -> list[Person]:
    """Return those whose phone or user id holds what is sought, SHOWN and one more at most."""
    if not sought:
        return list(islice(world.people, SHOWN + 1))
    exact = world.people.find(sought)
    if exact is not None:
        return [exact]
    digits = "".join(filter(str.isdigit, sought)).lstrip("0")
    is_phone = bool(digits) and not sought.startswith("U")
    everyone: list[Person] = list(world.people)
    matches: list[Person] = []
    for start in range(0, len(everyone), _AT_ONCE):
        for person in islice(everyone, start, start + _AT_ONCE):
            if (is_phone and digits in (person.phone or "")) or sought in person.user_id:
                matches.append(person)
                if len(matches) > SHOWN:
                    return matches
        await asyncio.sleep(0)
    return matches


async def drawn(world: World, sought: str) -> web.Response:
    """Return the page."""
    people, at = await found(world, sought), world.clock.now()
    more = [_adding({}, is_open=not people), _latest(world, at)]
    return _page(
        200,
        _search(sought),
        *([] if sought else more),
        _listed(people, len(world.people), sought, at),
    )


async def refused(world: World, fields: dict[str, str], sentence: str) -> web.Response:
    """Return the page with what is wrong with a new person, and what was given of them."""
    people, at = await found(world, ""), world.clock.now()
    return _page(
        400,
        tag("p", sentence, class_="error", role="alert"),
        _adding(fields, is_open=True),
        _listed(people, len(world.people), "", at),
    )


def _page(status: int, *parts: Html | None) -> web.Response:
    words = (
        "Play the customer: open somebody's phone, and agree, refuse, block or answer as they"
        " would. Nobody real gets a message."
    )
    main = tag("main", tag("h1", "Phones"), tag("p", words), *parts, class_="sheet")
    return paper.page("Phones · LINE simulator", paper.top(), main, status=status, refresh=_PATH)


def _search(sought: str) -> Html:
    return tag(
        "form",
        tag("label", "Phone or LINE user id", for_="sought"),
        tag("input", id="sought", name="q", value=sought, type="search", maxlength=60),
        tag("button", "Search"),
        tag("a", "Show all", href="/phone/") if sought else None,
        method="get",
        action="/phone/",
        class_="search",
        role="search",
    )


def _latest(world: World, at: float) -> Html:
    people: dict[str, Person] = {}
    for entry in world.log.newest(_LATEST_REQUESTS):
        person = world.people.find(entry.phone or entry.user_id or "")
        if person is not None and entry.accepted:
            people.setdefault(person.user_id, person)
        if len(people) == _LATEST_PEOPLE:
            break
    rows = [_row(person, at) for person in people.values()]
    listed = joined([tag("h2", "Lately written to"), tag("ul", *rows, class_="people")])
    return tag("section", listed if rows else None, id="latest", data_live=True)


def _listed(people: list[Person], total: int, sought: str, at: float) -> Html:
    if not people:
        words = "Nobody here has this." if sought else "Nobody is here yet; add somebody."
        return tag("section", tag("h2", "Everyone"), tag("p", words))
    shown = people[:SHOWN]
    if len(people) > SHOWN:
        of = "more" if sought else f"{total:,}"
        words = f"The first {SHOWN} of {of}; search for others."
    else:
        words = f"{len(shown)} of {total:,}."
    rows = [_row(person, at) for person in shown]
    head = tag("h2", "Found" if sought else "Everyone")
    return tag("section", head, tag("p", words, class_="note"), tag("ul", *rows, class_="people"))


def _row(person: Person, at: float) -> Html:
    is_asked = chat.awaiting(person, at) is not None
    count = len(person.inbox or ())
    words = "no messages" if not count else "1 message" if count == 1 else f"{count} messages"
    return tag(
        "li",
        tag(
            "a",
            tag("strong", person.phone or "no phone number"),
            tag("small", person.user_id, class_="id"),
            tag("span", CONSENT_WORDS[person.consent], class_=f"pill {person.consent}"),
            tag("span", "LINE is asking", class_="pill asked") if is_asked else None,
            tag("small", words, class_="note"),
            href=f"/phone/{key_of(person)}",
        ),
    )


def _adding(given: dict[str, str], *, is_open: bool) -> Html:
    phone = tag(
        "input",
        id="phone",
        name="phone",
        type="tel",
        value=given.get("phone"),
        placeholder="+66855538125",
        required=True,
        maxlength=20,
        autocomplete="off",
    )
    is_due = tag(
        "input",
        id="sms_due",
        name="sms_due",
        type="checkbox",
        value="1",
        checked="sms_due" in given or not given,
    )
    due_words = "LINE asks for an SMS code first (every 180 days)"
    return tag(
        "details",
        tag("summary", "Add a person"),
        tag(
            "form",
            tag("p", tag("label", "Phone, with its plus sign", for_="phone"), phone),
            _choice("consent", "LINE notification messages", _CONSENTS, given),
            _choice("friend_status", "Friend of the accounts here", _FRIENDS, given),
            tag("p", is_due, tag("label", due_words, for_="sms_due"), class_="check"),
            tag("button", "Add", class_="primary"),
            method="post",
            action="/phone/",
            class_="adding",
        ),
        open=is_open,
    )


def _choice(name: str, label: str, words: dict[str, str], given: dict[str, str]) -> Html:
    options = [
        tag("option", text, value=value, selected=given.get(name) == value)
        for value, text in words.items()
    ]
    return tag("p", tag("label", label, for_=name), tag("select", *options, id=name, name=name))
