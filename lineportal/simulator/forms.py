"""Reads the forms of our own pages, and refuses those that other web pages send here.

There is no log-in, so the browser of whoever runs the simulator must not be a way in.
"""

from __future__ import annotations

import base64
from urllib.parse import parse_qs, urlsplit

from aiohttp import BodyPartReader, web

from lineportal.simulator.files import LARGEST
from lineportal.simulator.given import NotUsable

_LARGEST = 64 * 1024
_MOST_FIELDS = 20
_TYPE = "application/x-www-form-urlencoded"


class Foreign(Exception):
    """Another site's page sent the form; the text is one sentence."""


async def read(request: web.Request) -> dict[str, str]:
    """Return the fields of the form, blanks at their ends removed; the empty ones are left out.

    Raises Foreign or NotUsable.
    """
    _refuse_foreign(request)
    if request.content_type == "multipart/form-data":
        return await _with_file(request)
    if request.content_type != _TYPE:
        raise NotUsable("Send a form here, as the pages under /phone/ do.")
    raw = b""
    while chunk := await request.content.read(_LARGEST + 1 - len(raw)):
        raw += chunk
        if len(raw) > _LARGEST:
            raise NotUsable("The form is too large; write less.")
    try:
        fields = parse_qs(raw.decode(), max_num_fields=_MOST_FIELDS)
    except ValueError:
        raise NotUsable("The form cannot be read; go back and try again.") from None
    given = {name: values[-1].strip() for name, values in fields.items()}
    return {name: value for name, value in given.items() if value}


async def _with_file(request: web.Request) -> dict[str, str]:
    """Return the fields of a form that sends a file, as `name` and `data` in base64."""
    given: dict[str, str] = {}
    try:
        reader = await request.multipart()
        while isinstance(part := await reader.next(), BodyPartReader):
            if part.filename and "data" in given:
                raise NotUsable("Send one file at a time.")
            if part.filename:
                given["name"] = part.filename.strip()
                given["data"] = base64.b64encode(await _read(part, LARGEST)).decode()
            elif part.name and len(given) < _MOST_FIELDS:
                given[part.name] = (await _read(part, _LARGEST)).decode().strip()
    except (ValueError, AssertionError):  # aiohttp asserts where a part has no end
        raise NotUsable("The form cannot be read; go back and try again.") from None
    return {name: value for name, value in given.items() if value}


async def _read(part: BodyPartReader, most: int) -> bytes:
    data = bytearray()
    while chunk := await part.read_chunk():
        data += chunk
        if len(data) > most:
            raise NotUsable(f"This is too large; send {most // 1024:,} KB at most.")
    return bytes(data)


def _refuse_foreign(request: web.Request) -> None:
    site = request.headers.get("Sec-Fetch-Site", "same-origin")
    origin = request.headers.get("Origin")
    # Programs that are no browsers send neither.
    if site in ("same-origin", "none") and (origin is None or _is_here(origin, request.host)):
        return
    raise Foreign("Another web page sent this form; open the phone here and use its own buttons.")


def _is_here(origin: str, host: str) -> bool:
    try:
        parts = urlsplit(origin)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and parts.netloc.lower() == host.lower()
