"""LINE's own endpoints, answering as LINE documents them."""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
import secrets
import uuid
from typing import Any

from aiohttp import web

from lineportal.simulator.world import Channel, World, line_day

WORLD = web.AppKey("world", World)

BODY_LIMIT = 2_000_000
RETRY_KEY_SECONDS = 24 * 3600
TOKEN_SECONDS = 900
PNP, TEMPLATED, PUSH = (
    "/bot/pnp/push",
    "/v2/bot/message/pnp/templated/push",
    "/v2/bot/message/push",
)
RATE_WORDS = "The API rate limit has been exceeded. Try again later."
QUOTA_WORDS = "You have reached your monthly limit."


class Refusal(Exception):
    """LINE's answer to a request it does not take."""

    def __init__(self, status: int, message: str, place: str = "", detail: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.body: dict[str, Any] = {"message": message}
        if place or detail:
            self.body["details"] = [{"message": detail, "property": place}]


def routes() -> list[web.RouteDef]:
    return [
        web.post(PNP, send),
        web.post(TEMPLATED, send),
        web.post(PUSH, send),
        web.post("/v2/bot/message/validate/push", validate),
        web.get("/v2/bot/message/delivery/pnp", count),
        web.get("/v2/bot/message/delivery/pnp/templated", count),
        web.get("/v2/bot/message/delivery/push", count),
        web.get("/v2/bot/message/quota", quota),
        web.get("/v2/bot/message/quota/consumption", consumption),
        web.get("/v2/bot/info", info),
        web.get("/v2/bot/profile/{user_id}", profile),
        web.get("/v2/bot/followers/ids", followers),
        web.get("/v2/bot/channel/webhook/endpoint", webhook_endpoint),
        web.put("/v2/bot/channel/webhook/endpoint", webhook_endpoint),
        web.post("/oauth2/v3/token", token),
    ]


async def send(request: web.Request) -> web.StreamResponse:
    world = request.app[WORLD]
    raw = await request.read()
    request_id = str(uuid.uuid4())
    headers = {"x-line-request-id": request_id}
    entry = _log(world, request, raw)
    fault = _fault(world, request.path, entry)
    if fault and not _is_after(fault):
        entry["fault"] = fault["kind"]
        answer = await _misbehave(request, fault)
        entry["status"] = answer.status
        return answer
    try:
        channel = _channel(world, request)
        entry["channel"] = channel.id
        _limit(world, channel, request.path)
        status, body = _accept(world, channel, request, raw, entry, request_id)
        entry["accepted"] = status != 409
    except Refusal as refusal:
        status, body = refusal.status, refusal.body
    if status == 409:
        headers["x-line-accepted-request-id"] = body.pop("accepted")
    entry["status"] = status
    if fault:
        entry["fault"] = fault["kind"]
        return await _misbehave(request, fault)
    return web.json_response(body, status=status, headers=headers)


def _accept(
    world: World,
    channel: Channel,
    request: web.Request,
    raw: bytes,
    entry: dict[str, Any],
    request_id: str,
) -> tuple[int, dict[str, Any]]:
    body = _body(request, raw)
    if request.path == PUSH:
        return _push(world, channel, request, body, entry, request_id)
    if "X-Line-Retry-Key" in request.headers:
        raise Refusal(400, "The request header 'X-Line-Retry-Key' is not supported.")
    if not channel.has_pnp:
        raise Refusal(403, "Access to this API is not available for your account")
    tag = request.headers.get("X-Line-Delivery-Tag", "")
    if tag and not 16 <= len(tag) <= 100:
        raise Refusal(400, "The request header 'X-Line-Delivery-Tag' is invalid.")
    to = body.get("to")
    if not isinstance(to, str) or not re.fullmatch(r"[0-9a-f]{64}", to):
        raise _one_error("to", "The value must be a valid SHA-256 digest.")
    _check_units(body)
    if request.path == TEMPLATED:
        _check_templated(body)
        kind, status = "pnp/templated", 202
        message: Any = {
            "templateKey": body["templateKey"],
            "body": body.get("body", {}),
        }
    else:
        _check_messages(body)
        kind, status = "pnp", 200
        message = body["messages"]
    person = world.can_receive(to)
    if person is None:
        raise Refusal(422, "Failed to send messages")
    _charge(channel)
    world.accept_notification(channel, person, tag or to, message, kind)
    return status, {}


def _push(
    world: World,
    channel: Channel,
    request: web.Request,
    body: dict[str, Any],
    entry: dict[str, Any],
    request_id: str,
) -> tuple[int, dict[str, Any]]:
    key = request.headers.get("X-Line-Retry-Key", "")
    now = world.clock.now()
    if key:
        try:
            key = uuid.UUID(key).hex
        except ValueError as error:
            raise Refusal(400, "The request header 'X-Line-Retry-Key' is invalid.") from error
        known = channel.retry_keys.get(key)
        if known and now - known[0] < RETRY_KEY_SECONDS:
            sent = [{"id": known[2]}]
            answer = {
                "message": "The retry key is already accepted",
                "sentMessages": sent,
            }
            return 409, {**answer, "accepted": known[1]}
    _check_messages(body)
    _check_units(body)
    person = world.by_user_id.get(str(body.get("to")))
    if person is None:
        raise Refusal(400, "Failed to send messages")
    _charge(channel)
    message_id = str(secrets.randbelow(10**18))
    if key:
        channel.retry_keys[key] = (now, request_id, message_id)
    if person.friend(channel.id) == "friend":
        person.inbox.append(
            {"channel": channel.id, "tag": "", "message": body["messages"], "at": now}
        )
        world.count(channel, "push", at=now)
    return 200, {"sentMessages": [{"id": message_id}]}


def _body(request: web.Request, raw: bytes) -> dict[str, Any]:
    if len(raw) > BODY_LIMIT:
        raise Refusal(413, "The request body is too large")
    if request.content_type != "application/json":
        raise Refusal(415, f"The content type, {request.content_type}, is not supported")
    try:
        body = json.loads(raw)
    except ValueError as error:
        raise Refusal(400, "The request body could not be parsed as JSON") from error
    if not isinstance(body, dict):
        raise Refusal(400, "The request body could not be parsed as JSON")
    return body


def _one_error(place: str, detail: str) -> Refusal:
    return Refusal(400, "The request body has 1 error(s)", place, detail)


def units16(text: str) -> int:
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def _check_messages(body: dict[str, Any]) -> None:
    messages = body.get("messages")
    if not isinstance(messages, list) or not 1 <= len(messages) <= 5:
        raise _one_error("messages", "Size must be between 1 and 5")
    for index, message in enumerate(messages):
        place = f"messages[{index}]"
        kind = message.get("type") if isinstance(message, dict) else None
        if kind == "text":
            text = message.get("text")
            if not isinstance(text, str) or not 1 <= units16(text) <= 5000:
                raise _one_error(f"{place}.text", "Length must be between 1 and 5000")
        elif kind == "flex":
            alt = message.get("altText")
            if not isinstance(alt, str) or not 1 <= units16(alt) <= 1500:
                raise _one_error(f"{place}.altText", "Length must be between 1 and 1500")
            contents = message.get("contents")
            if not isinstance(contents, dict) or contents.get("type") not in (
                "bubble",
                "carousel",
            ):
                raise _one_error(f"{place}.contents", "must be specified")
            if len(json.dumps(contents, ensure_ascii=False).encode()) > 50_000:
                raise _one_error(f"{place}.contents", "is too large")
        elif kind not in ("sticker", "image", "video", "audio", "location", "imagemap",
                          "template", "textV2", "coupon"):  # fmt: skip
            raise _one_error(f"{place}.type", "must be specified")


def _check_units(body: dict[str, Any]) -> None:
    units = body.get("customAggregationUnits", [])
    if not isinstance(units, list) or len(units) > 1:
        raise _one_error("customAggregationUnits", "Size must be between 0 and 1")
    for unit in units:
        if not isinstance(unit, str) or not re.fullmatch(r"[A-Za-z0-9_]{1,30}", unit):
            raise _one_error(
                "customAggregationUnits[0]",
                "Invalid characters are included in custom aggregation unit",
            )


def _check_templated(body: dict[str, Any]) -> None:
    if not isinstance(body.get("templateKey"), str) or not body["templateKey"]:
        raise Refusal(
            400,
            f"Invalid templateKey: {body.get('templateKey')}",
            "templateKey",
            "The specified template doesn't exist, or you don't have the permission",
        )
    parts = body.get("body") or {}
    items, buttons = parts.get("items") or [], parts.get("buttons") or []
    emphasized = parts.get("emphasizedItem")
    if len(items) > 15:
        raise _one_error("body.items", "Size must be between 0 and 15")
    if len(buttons) > 2:
        raise _one_error("body.buttons", "Size must be between 0 and 2")
    if emphasized and units16(str(emphasized.get("content", ""))) > 15:
        raise _one_error("body.emphasizedItem.content", "Length must be between 0 and 15")
    for index, item in enumerate(items):
        if units16(str(item.get("content", ""))) > 300:
            raise _one_error(f"body.items[{index}].content", "Length must be between 0 and 300")
    for index, button in enumerate(buttons):
        if len(str(button.get("url", ""))) > 1000:
            raise _one_error(f"body.buttons[{index}].url", "Length must be between 0 and 1000")
    keys = [item.get("itemKey") for item in items]
    for key in keys:
        repeated = keys.count(key) > 1 or bool(emphasized and emphasized.get("itemKey") == key)
        if repeated:
            raise _one_error(
                "body.emphasizedItem.itemKey",
                "Duplicate itemKey in items or between emphasizedItem and items are not"
                f" allowed: {key}",
            )


def _channel(world: World, request: web.Request) -> Channel:
    scheme, _space, text = request.headers.get("Authorization", "").partition(" ")
    now = world.clock.now()
    for channel in world.channels.values():
        if scheme == "Bearer" and text and text == channel.access_token:
            return channel
        if channel.tokens.get(text, 0) > now:
            return channel
    raise Refusal(
        401,
        "Authentication failed due to the following reason: invalid token. Confirm that the"
        " access token in the authorization header is valid.",
    )


def _limit(world: World, channel: Channel, path: str) -> None:
    now = world.clock.now()
    level, since = channel.buckets.get(path, (float(channel.rate_per_second), now))
    level = min(channel.rate_per_second, level + (now - since) * channel.rate_per_second)
    if level < 1:
        channel.buckets[path] = (level, now)
        raise Refusal(429, RATE_WORDS)
    channel.buckets[path] = (level - 1, now)


def _charge(channel: Channel) -> None:
    if channel.monthly_limit is not None and channel.used_this_month >= channel.monthly_limit:
        raise Refusal(429, QUOTA_WORDS)
    channel.used_this_month += 1


def _log(world: World, request: web.Request, raw: bytes) -> dict[str, Any]:
    try:
        body: Any = json.loads(raw)
    except ValueError:
        body = raw.decode("utf-8", "replace")
    to = body.get("to") if isinstance(body, dict) else None
    person = world.by_hash.get(str(to)) or world.by_user_id.get(str(to))
    world.logged += 1
    headers = {name: value for name, value in request.headers.items() if name != "Authorization"}
    entry: dict[str, Any] = {
        "n": world.logged,
        "at": world.clock.iso(),
        "method": request.method,
        "path": request.path,
        "headers": headers,
        "body": body,
        "raw_sha256": hashlib.sha256(raw).hexdigest(),
        "phone": person.phone if person else None,
        "user_id": person.line_user_id if person else None,
        "tag": request.headers.get("X-Line-Delivery-Tag"),
        "retry_key": request.headers.get("X-Line-Retry-Key"),
        "status": None,
        "accepted": False,
        "fault": None,
    }
    world.log.append(entry)
    return entry


# --- faults on demand


def _fault(world: World, path: str, entry: dict[str, Any]) -> dict[str, Any] | None:
    for fault in world.faults:
        matches = path.startswith(fault.get("path", "")) and all(
            fault.get(name) in (None, entry[name]) for name in ("phone", "user_id")
        )
        if matches and fault["times"] > 0:
            fault["times"] -= 1
            return fault
    return None


def _is_after(fault: dict[str, Any]) -> bool:
    return fault["kind"].endswith("_after_acceptance") or bool(fault.get("after_acceptance"))


async def _misbehave(request: web.Request, fault: dict[str, Any]) -> web.StreamResponse:
    kind = fault["kind"]
    if kind.startswith("hang"):
        await asyncio.sleep(float(fault.get("seconds", 30)))
    if kind == "status":
        words = {429: RATE_WORDS, 422: "Failed to send messages"}
        message = fault.get("message") or words.get(fault["status"], "Simulated by request.")
        return web.json_response({"message": message}, status=fault["status"])
    if kind == "unreadable":
        return web.Response(body=b"\x00\xff<half an answer", status=500)
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=500)


# --- the rest of LINE's API


async def validate(request: web.Request) -> web.Response:
    try:
        _channel(request.app[WORLD], request)
        _check_messages(_body(request, await request.read()))
    except Refusal as refusal:
        return web.json_response(refusal.body, status=refusal.status)
    return web.json_response({})


async def count(request: web.Request) -> web.Response:
    world = request.app[WORLD]
    try:
        channel = _channel(world, request)
    except Refusal as refusal:
        return web.json_response(refusal.body, status=refusal.status)
    day = request.query.get("date", "")
    if not re.fullmatch(r"[0-9]{8}", day):
        return web.json_response(
            {"message": "The value for the 'date' parameter is invalid"}, status=400
        )
    if day >= line_day(world.clock.now()):
        return web.json_response({"status": "unready"})
    kind = request.path.removeprefix("/v2/bot/message/delivery/")
    return web.json_response({"status": "ready", "success": channel.counts.get((kind, day), 0)})


async def quota(request: web.Request) -> web.Response:
    return _for_channel(
        request,
        lambda channel: (
            {"type": "none"}
            if channel.monthly_limit is None
            else {"type": "limited", "value": channel.monthly_limit}
        ),
    )


async def consumption(request: web.Request) -> web.Response:
    return _for_channel(request, lambda channel: {"totalUsage": channel.used_this_month})


async def info(request: web.Request) -> web.Response:
    return _for_channel(
        request,
        lambda channel: {
            "userId": channel.bot_user_id,
            "basicId": f"@{channel.id[:8]}",
            "displayName": f"Simulated {channel.id}",
            "chatMode": "bot",
            "markAsReadMode": "auto",
        },
    )


async def profile(request: web.Request) -> web.Response:
    person = request.app[WORLD].by_user_id.get(request.match_info["user_id"])

    def answer(channel: Channel) -> dict[str, Any]:
        if person is None or person.friend(channel.id) != "friend":
            raise Refusal(404, "Not found")
        return {"userId": person.line_user_id, "displayName": "Simulated person"}

    return _for_channel(request, answer)


async def followers(request: web.Request) -> web.Response:
    world = request.app[WORLD]
    size = min(int(request.query.get("limit", "300")), 1000)
    start = int(request.query.get("start", "0") or 0)

    def answer(channel: Channel) -> dict[str, Any]:
        ids = sorted(u for u, p in world.by_user_id.items() if p.friend(channel.id) == "friend")
        page: dict[str, Any] = {"userIds": ids[start : start + size]}
        if start + size < len(ids):
            page["next"] = str(start + size)
        return page

    return _for_channel(request, answer)


async def webhook_endpoint(request: web.Request) -> web.Response:
    given = await request.json() if request.method == "PUT" else None

    def answer(channel: Channel) -> dict[str, Any]:
        if given is not None:
            channel.webhook_url = str(given["endpoint"])
            return {}
        return {"endpoint": channel.webhook_url, "active": bool(channel.webhook_url)}

    return _for_channel(request, answer)


async def token(request: web.Request) -> web.Response:
    world = request.app[WORLD]
    form = await request.post()
    channel = world.channels.get(str(form.get("client_id")))
    if form.get("grant_type") != "client_credentials" or channel is None:
        return web.json_response({"error": "invalid_request"}, status=400)
    if form.get("client_secret") != channel.secret:
        return web.json_response({"error": "invalid_client"}, status=401)
    now = world.clock.now()
    channel.tokens = {text: until for text, until in channel.tokens.items() if until > now}
    text = secrets.token_urlsafe(48)
    channel.tokens[text] = now + TOKEN_SECONDS
    return web.json_response(
        {"token_type": "Bearer", "access_token": text, "expires_in": TOKEN_SECONDS}
    )


def _for_channel(request: web.Request, answer: Any) -> web.Response:
    headers = {"x-line-request-id": str(uuid.uuid4())}
    try:
        body = answer(_channel(request.app[WORLD], request))
    except Refusal as refusal:
        return web.json_response(refusal.body, status=refusal.status, headers=headers)
    return web.json_response(body, headers=headers)
