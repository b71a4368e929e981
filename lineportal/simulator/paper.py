"""What all pages under /phone/ share: their frame, their headers, how they write times."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from functools import cache
from hashlib import sha256
from pathlib import Path

from aiohttp import web

from lineportal.simulator.markup import Html, Piece, tag
from lineportal.simulator.people import Person

_ASSETS = Path(__file__).with_name("assets")
_TYPES = {"phone.css": "text/css", "phone.js": "text/javascript"}
# Styles of single elements are those of Flex messages, value by value checked; see styles.py.
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; style-src-attr 'unsafe-inline'; script-src 'self';"
        " connect-src 'self'; img-src 'self' data:; media-src 'self'; form-action 'self';"
        " base-uri 'none'; frame-ancestors 'none'"
    ),
    # Not no-referrer: browsers would then send our own forms with Origin "null".
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}
_ICON = (
    "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E"
    "%3Crect width='16' height='16' rx='4' fill='%2306863f'/%3E"
    "%3Cpath d='M4 5h8v5H8l-2 2v-2H4z' fill='white'/%3E%3C/svg%3E"
)
# Phones show the time of where they are; these countries have one zone each and no summer time.
_ZONES = {"+66": 7, "+81": 9, "+886": 8}


def page(title: str, *inner: Piece, status: int = 200, refresh: str | None = None) -> web.Response:
    """Return a whole page; `refresh` is the address the script looks at for what is new."""
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("title", title),
        tag("link", rel="icon", href=_ICON),
        tag("link", rel="stylesheet", href=_address("phone.css")),
        tag("script", src=_address("phone.js"), defer=True) if refresh else None,
    )
    body = tag("body", *inner, data_refresh=refresh)
    return web.Response(
        text=f"<!doctype html>\n{tag('html', head, body, lang='en')}\n",
        content_type="text/html",
        status=status,
        headers=_HEADERS,
    )


def file(data: bytes, media_type: str, *, is_saved: bool) -> web.Response:
    """Return a file that somebody sent; `is_saved`: no browser opens it."""
    headers = {**_HEADERS, "Content-Security-Policy": "default-src 'none'; sandbox"}
    if is_saved:
        headers["Content-Disposition"] = "attachment"
    return web.Response(body=data, content_type=media_type, headers=headers)


def sentence(words: str, status: int) -> web.Response:
    """Return a page that says why there is nothing else to show."""
    return page(
        "LINE simulator",
        top(),
        tag("main", tag("p", words, class_="error", role="alert"), back(), class_="sheet"),
        status=status,
    )


def top(*inner: Piece) -> Html:
    """Return the bar over every page."""
    return tag(
        "header",
        tag("a", "LINE simulator", href="/", class_="brand"),
        tag("a", "Phones", href="/phone/"),
        *inner,
        class_="top",
    )


def back() -> Html:
    """Return the way to the list of phones."""
    return tag("p", tag("a", "All phones", href="/phone/"))


def asset(name: str) -> web.Response | None:
    """Return the style or script of this name, None when there is none."""
    if name not in _TYPES:
        return None
    # The address changes with the content.
    headers = {"Cache-Control": "max-age=31536000", "X-Content-Type-Options": "nosniff"}
    return web.Response(text=_read(name), content_type=_TYPES[name], headers=headers)


def zone_of(person: Person) -> timezone:
    """Return the time zone of the person's number, UTC where it is not one of LINE's countries."""
    for code, hours in _ZONES.items():
        if person.phone and person.phone.startswith(code):
            return timezone(timedelta(hours=hours), f"UTC+{hours}")
    return UTC


def hour(at: float, zone: timezone) -> str:
    """Return the time of day, such as 09:05."""
    return datetime.fromtimestamp(at, zone).strftime("%H:%M")


def day(at: float, zone: timezone) -> str:
    """Return the day, such as Wed 25 Nov 2026."""
    moment = datetime.fromtimestamp(at, zone)
    return f"{moment:%a} {moment.day} {moment:%b %Y}"


def _address(name: str) -> str:
    return f"/phone/static/{name}?{sha256(_read(name).encode()).hexdigest()[:12]}"


@cache
def _read(name: str) -> str:
    return (_ASSETS / name).read_text(encoding="utf-8")
