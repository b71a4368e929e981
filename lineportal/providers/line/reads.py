"""What LINE tells about an account, its people and its days; each answer typed, none raised."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Any, TypeVar

import aiohttp

from lineportal.providers.base import Count
from lineportal.providers.http import masked
from lineportal.providers.line import answers, told
from lineportal.providers.line.calls import Line
from lineportal.providers.line.sends import JSON
from lineportal.providers.line.webhooks import USER_ID
from lineportal.providers.outcomes import Outcome, SendResult

COUNTS = {
    "flexible": "/v2/bot/message/delivery/pnp",
    "templated": "/v2/bot/message/delivery/pnp/templated",
    "push": "/v2/bot/message/delivery/push",
    "reply": "/v2/bot/message/delivery/reply",
}
MOST_FOLLOWERS = 1000  # on one page
_ENDPOINT = "/v2/bot/channel/webhook/endpoint"

T = TypeVar("T", bound=told.Told)
LINK_TOKEN = re.compile(r"[!-~]{1,200}")


async def profile(line: Line, session: aiohttp.ClientSession, line_user_id: str) -> told.Profile:
    """Return a person's profile; no profile does not tell that they blocked the account."""
    if not USER_ID.fullmatch(line_user_id):
        problem = "This is no LINE user id."
        return told.Profile(problem=problem, code="bad_address", outcome=Outcome.FAULT)

    def read(said: dict[str, Any], request_id: str) -> told.Profile:
        return told.Profile(
            line_user_id=line_user_id,
            name=told.text(said["displayName"]),
            language=told.text(said.get("language", "")),
            picture_url=told.text(said.get("pictureUrl", "")),
            status_message=told.text(said.get("statusMessage", "")),
            request_id=request_id,
        )

    path = f"/v2/bot/profile/{line_user_id}"
    return await _get(line, session, "profile", path, told.Profile, read, hidden=(line_user_id,))


async def link_token(
    line: Line, session: aiohttp.ClientSession, line_user_id: str
) -> told.LinkToken:
    """Return a new token for a person's linking."""
    if not USER_ID.fullmatch(line_user_id):
        problem = "This is no LINE user id."
        return told.LinkToken(problem=problem, code="bad_address", outcome=Outcome.FAULT)

    def read(said: dict[str, Any], request_id: str) -> told.LinkToken:
        token = told.text(said["linkToken"])
        if not LINK_TOKEN.fullmatch(token):
            raise ValueError("linkToken")
        return told.LinkToken(token=token, request_id=request_id)

    path = f"/v2/bot/user/{line_user_id}/linkToken"
    return await _get(
        line, session, "link_token", path, told.LinkToken, read, method="POST",
        hidden=(line_user_id,),
    )  # fmt: skip


async def followers(
    line: Line, session: aiohttp.ClientSession, *, start: str, limit: int
) -> told.Followers:
    """Return a page of friends from `start` on, which is the `next` of the page before."""

    def read(said: dict[str, Any], request_id: str) -> told.Followers:
        ids = tuple(each for each in said["userIds"] if USER_ID.fullmatch(told.text(each)))
        return told.Followers(
            line_user_ids=ids, next=told.text(said.get("next") or ""), request_id=request_id
        )

    params = {"limit": str(limit), **({"start": start} if start else {})}
    return await _get(
        line, session, "followers", "/v2/bot/followers/ids", told.Followers, read,
        params=params, hidden=(start,),
    )  # fmt: skip


async def friend_count(line: Line, session: aiohttp.ClientSession, day: date) -> told.FriendCount:
    """Return how many followed and blocked by the end of a day of LINE's, which is UTC+9's."""

    def read(said: dict[str, Any], request_id: str) -> told.FriendCount:
        match said["status"]:
            case "ready":
                return told.FriendCount(
                    followers=told.number(said["followers"]),
                    targeted_reaches=told.number(said["targetedReaches"]),
                    blocks=told.number(said["blocks"]),
                    is_final=True,
                    request_id=request_id,
                )
            case "unready" | "out_of_service" as status:
                return told.FriendCount(is_final=status == "out_of_service", request_id=request_id)
            case _:
                raise ValueError("status")

    params = {"date": day.strftime("%Y%m%d")}
    return await _get(
        line, session, "friend_count", "/v2/bot/insight/followers", told.FriendCount, read,
        params=params,
    )  # fmt: skip


async def quota(line: Line, session: aiohttp.ClientSession) -> told.Quota:
    """Return the month's limit and what is used of it; LINE counts the latter roughly."""

    def limit(said: dict[str, Any], request_id: str) -> told.Quota:
        if said["type"] == "none":
            return told.Quota(request_id=request_id)
        return told.Quota(limit=told.number(said["value"]), request_id=request_id)

    def used(said: dict[str, Any], request_id: str) -> told.Quota:
        return told.Quota(used=told.number(said["totalUsage"]), request_id=request_id)

    first = await _get(line, session, "quota", "/v2/bot/message/quota", told.Quota, limit)
    if first.problem:
        return first
    second = await _get(
        line, session, "quota", "/v2/bot/message/quota/consumption", told.Quota, used
    )
    if second.problem:
        return second
    return told.Quota(limit=first.limit, used=second.used, request_id=first.request_id)


async def bot(line: Line, session: aiohttp.ClientSession) -> told.Bot:
    """Return who the account is at LINE."""

    def read(said: dict[str, Any], request_id: str) -> told.Bot:
        return told.Bot(
            user_id=told.text(said["userId"]),
            basic_id=told.text(said["basicId"]),
            name=told.text(said["displayName"]),
            chat_mode=told.text(said.get("chatMode", "")),
            request_id=request_id,
        )

    return await _get(line, session, "bot", "/v2/bot/info", told.Bot, read)


async def endpoint(line: Line, session: aiohttp.ClientSession) -> told.Endpoint:
    """Return where LINE sends this channel's webhooks."""

    def read(said: dict[str, Any], request_id: str) -> told.Endpoint:
        return told.Endpoint(
            url=told.text(said["endpoint"]), is_active=said["active"] is True, request_id=request_id
        )

    return await _get(line, session, "endpoint", _ENDPOINT, told.Endpoint, read)


async def set_endpoint(line: Line, session: aiohttp.ClientSession, url: str) -> told.Endpoint:
    """Have LINE send webhooks to this address. It does not switch them on: only a person can."""

    def read(said: dict[str, Any], request_id: str) -> told.Endpoint:
        return told.Endpoint(url=url, request_id=request_id)

    body = json.dumps({"endpoint": url}).encode()
    return await _get(
        line, session, "endpoint", _ENDPOINT, told.Endpoint, read, method="PUT", body=body
    )


async def ping(line: Line, session: aiohttp.ClientSession, url: str) -> told.Ping:
    """Have LINE post an empty webhook to this address; blank: to the one that is set there."""

    def read(said: dict[str, Any], request_id: str) -> told.Ping:
        status = said["statusCode"]  # zero or less: no answer came
        status = told.number(max(status, 0)) if isinstance(status, int) else 0
        return told.Ping(
            is_answered=said.get("success", 200 <= status <= 299) is True,
            http_status=status,
            reason=masked(told.text(said.get("reason") or "")),
            detail=masked(told.text(said.get("detail") or "")),
            request_id=request_id,
        )

    return await _get(
        line, session, "endpoint_test", "/v2/bot/channel/webhook/test", told.Ping, read,
        method="POST", body=json.dumps({"endpoint": url} if url else {}).encode(),
    )  # fmt: skip


async def validate(
    line: Line, session: aiohttp.ClientSession, messages: Sequence[str], *, as_reply: bool
) -> told.Validated:
    """Ask LINE whether it would take these message objects, given as JSON texts."""

    def read(said: dict[str, Any], request_id: str) -> told.Validated:
        return told.Validated(is_valid=True, request_id=request_id)

    path = f"/v2/bot/message/validate/{'reply' if as_reply else 'push'}"
    body = f'{{"messages":[{",".join(messages)}]}}'.encode(errors="replace")
    heard = await line.ask(session, "POST", path, headers=JSON, body=body)
    if isinstance(heard, SendResult) or heard.answer.status != 400:
        return told.read(line, "validate", heard, told.Validated, read)
    words = answers.words_of(heard.answer.body)
    return told.Validated(
        faults=tuple((masked(what), masked(where)) for what, where in words.details)
        or ((masked(words.message), ""),),
        request_id=answers.id_in(heard.answer.headers),
    )


async def count(line: Line, session: aiohttp.ClientSession, call: str, day: date) -> Count:
    """Return how many messages of a call people got on a day of LINE's, which is UTC+9's."""
    told_of = await counted(line, session, call, day)
    return Count(problem=told_of.problem) if told_of.problem else told_of.count


async def notifications(line: Line, session: aiohttp.ClientSession, day: date) -> Count:
    """Return how many notifications of both kinds people got on a day.

    A kind that LINE has not opened for the account is none: nothing of it can have been sent.
    """
    kinds = ("flexible", "templated")
    both = await asyncio.gather(*(counted(line, session, kind, day) for kind in kinds))
    opened = [each for each in both if each.code != "not_enabled"]
    if not opened:
        return Count(problem=both[0].problem)
    for each in opened:
        if each.problem:
            return Count(problem=each.problem)
    counts = [each.count for each in opened]
    known = [each.messages for each in counts if each.messages is not None]
    return Count(
        messages=sum(known) if len(known) == len(counts) else None,
        is_final=all(each.is_final for each in counts),
        problem=next((each.problem for each in counts if each.problem), ""),
    )


async def counted(line: Line, session: aiohttp.ClientSession, call: str, day: date) -> told.Counted:
    """Return a day's number of one of LINE's calls, or what LINE says in its place."""

    def read(said: dict[str, Any], request_id: str) -> told.Counted:
        match said["status"]:
            case "ready":
                return told.Counted(
                    count=Count(told.number(said["success"]), is_final=True), request_id=request_id
                )
            case "unready":
                problem = "LINE has not counted this day yet; it does so within about a day."
                return told.Counted(count=Count(problem=problem), request_id=request_id)
            case "out_of_service" | "unavailable_for_privacy" as status:
                problem = {
                    "out_of_service": "LINE counted nothing yet on this day; it is too long ago.",
                    "unavailable_for_privacy": "LINE does not tell a number as small as that.",
                }[status]
                return told.Counted(
                    count=Count(is_final=True, problem=problem), request_id=request_id
                )
            case _:
                raise ValueError("status")

    params = {"date": day.strftime("%Y%m%d")}
    return await _get(line, session, "count", COUNTS[call], told.Counted, read, params=params)


async def _get(
    line: Line,
    session: aiohttp.ClientSession,
    call: str,
    path: str,
    kind: type[T],
    read: Callable[..., T],
    *,
    method: str = "GET",
    body: bytes | None = None,
    params: Mapping[str, str] | None = None,
    hidden: Sequence[str] = (),
) -> T:
    headers = JSON if body is not None else None
    heard = await line.ask(session, method, path, headers=headers, body=body, params=params)
    return told.read(line, call, heard, kind, read, hidden=hidden)
