"""A customer's file, read in pieces within limits: whatever its sender or server claims of it.

Nothing is unpacked: a body that says to be compressed is refused, so that a few bytes cannot become
many. No redirect is followed.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

import aiohttp

PIECE = 1024 * 1024  # bytes that are held at once
TOTAL_SECONDS = 120.0
Keep = Callable[[bytes], Awaitable[bool]]  # False: nobody wants the rest any more

_GONE = (404, 410)
# That our key is not taken is not the file's fault: a person may put in another.
_LATER = (202, 401, 403, 408, 425, 429)


@dataclass(frozen=True, slots=True)
class Download:
    """What came of asking for a file.

    `code`: blank (all of it came), "later" (ask again), "gone", "refused" (it will never be taken),
    "unwanted" (`keep` said so). `problem` is a sentence for people.
    """

    code: str = ""
    size: int = 0
    problem: str = ""
    status: int = 0


async def read(
    session: aiohttp.ClientSession,
    url: str,
    *,
    headers: Mapping[str, str],
    limit: int,
    keep: Keep,
    connect_seconds: float,
    total_seconds: float = TOTAL_SECONDS,
) -> Download:
    """Read a file of at most `limit` bytes, giving each piece to `keep`."""
    try:
        async with session.get(
            url,
            headers={**headers, "Accept-Encoding": "identity"},
            allow_redirects=False,
            auto_decompress=False,
            timeout=aiohttp.ClientTimeout(total=total_seconds, connect=connect_seconds),
        ) as response:
            if early := _judged(response, limit):
                return early
            return await _read(response, limit=limit, keep=keep)
    except (TimeoutError, aiohttp.ClientError, OSError, ValueError) as error:
        return Download("later", problem=f"The file did not come whole ({type(error).__name__}).")


def _judged(response: aiohttp.ClientResponse, limit: int) -> Download | None:
    status = response.status
    if status in _GONE:
        return Download("gone", status=status, problem="The file is no longer there.")
    if status != 200:
        is_refused = 300 <= status < 500 and status not in _LATER
        return Download(
            "refused" if is_refused else "later",
            status=status,
            problem=f"The file's server answered {status}.",
        )
    if response.headers.get("Content-Encoding", "identity").strip().lower() != "identity":
        return Download(
            "refused", status=status, problem="The file came compressed, and is not unpacked."
        )
    if (response.content_length or 0) > limit:
        return Download("refused", status=status, problem=too_large(limit))
    return None


async def _read(response: aiohttp.ClientResponse, *, limit: int, keep: Keep) -> Download:
    size, held = 0, bytearray()
    async for chunk in response.content.iter_any():
        size += len(chunk)
        if size > limit:
            return Download("refused", status=200, problem=too_large(limit))
        held += chunk
        while len(held) >= PIECE:
            if not await keep(bytes(held[:PIECE])):
                return Download("unwanted")
            del held[:PIECE]
    if held and not await keep(bytes(held)):
        return Download("unwanted")
    if not size:
        return Download("refused", status=200, problem="The file is empty.")
    return Download(size=size, status=200)


def too_large(limit: int) -> str:
    """Return why a file of more than `limit` bytes is not kept."""
    return f"The file is larger than {limit // 1024 // 1024} MB, the most that is kept."
