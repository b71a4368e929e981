"""A file that a customer sent to the account, from LINE's host for files.

https://developers.line.biz/en/reference/messaging-api/#get-content: LINE does not tell how long it
keeps one, and answers 202 while a video or voice is still made ready.
"""

from __future__ import annotations

import re
from dataclasses import replace

import aiohttp

from lineportal.providers import downloads
from lineportal.providers.downloads import Download, Keep
from lineportal.providers.line.tokens import Tokens
from lineportal.providers.outcomes import SendResult

API = "https://api.line.me"
HOST = "https://api-data.line.me"
_ID = re.compile("[0-9A-Za-z_-]{1,100}")


async def read(
    tokens: Tokens,
    session: aiohttp.ClientSession,
    message_id: str,
    *,
    base: str,
    limit: int,
    keep: Keep,
    ends_at: float,
    connect_seconds: float,
) -> Download:
    """Read the file of a message in pieces; with a token that LINE takes no more, once again."""
    if not _ID.fullmatch(message_id):
        return Download("refused", problem="The message has no id that LINE could know.")
    host = HOST if base == API else base
    found = Download("later")
    for _try in range(2):
        token = await tokens.get(session, ends_at=ends_at)
        if isinstance(token, SendResult):
            return Download("later", problem=token.detail)
        found = await downloads.read(
            session,
            f"{host}/v2/bot/message/{message_id}/content",
            headers={"Authorization": f"Bearer {token}"},
            limit=limit,
            keep=keep,
            connect_seconds=connect_seconds,
        )
        if found.status != 401:
            return found
        if not tokens.drop(token):
            break
    # It is not the file's fault: a person may put in another token.
    return replace(found, code="later")
