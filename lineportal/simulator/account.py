"""LINE's calls about the account: tokens, counts, quota, profiles, followers, webhook settings.

https://developers.line.biz/en/reference/messaging-api/
"""

from __future__ import annotations

import secrets
from datetime import datetime
from urllib.parse import parse_qs

from lineportal.simulator.calls import Answer, Call, Refused
from lineportal.simulator.channels import TOKEN_SECONDS, is_web_address
from lineportal.simulator.clock import DAY, day, month, written


def issue_token(call: Call) -> Answer:
    """Issue a stateless channel access token for a channel's id and secret."""
    form = {name: values[-1] for name, values in parse_qs(call.raw.decode("latin-1")).items()}
    if call.request.content_type != "application/x-www-form-urlencoded":
        raise _token_refused("invalid_request", "The body must be a form.")
    if form.get("grant_type") != "client_credentials":
        raise _token_refused("unsupported_grant_type", "grant_type must be client_credentials")
    if "client_assertion" in form:
        raise _token_refused(
            "invalid_request",
            "The simulator issues tokens for client_id and client_secret only.",
        )
    channel = call.world.channels.by_id.get(form.get("client_id", ""))
    if channel is None or form.get("client_secret") != channel.secret:
        raise _token_refused("invalid_client", "client_id and client_secret do not match")
    call.entry.channel_id = channel.id
    token = call.world.channels.issue(channel, call.at)
    return 200, {
        "token_type": "Bearer",
        "access_token": token,
        "expires_in": TOKEN_SECONDS,
    }


def count_flexible(call: Call) -> Answer:
    """Count the flexible notification messages that people got on a day."""
    return _count(call, "pnp")


def count_templated(call: Call) -> Answer:
    """Count the templated notification messages that people got on a day."""
    return _count(call, "templated")


def count_push(call: Call) -> Answer:
    """Count the two-way pushes that people got on a day."""
    return _count(call, "push")


def quota(call: Call) -> Answer:
    """Tell the month's limit."""
    limit = call.caller.monthly_limit
    return 200, {"type": "none"} if limit is None else {
        "type": "limited",
        "value": limit,
    }


def consumption(call: Call) -> Answer:
    """Tell how many messages people got this month."""
    return 200, {"totalUsage": call.caller.used[month(call.at)]}


def bot_info(call: Call) -> Answer:
    """Tell who the bot is; its user id is the `destination` of webhooks."""
    channel = call.caller
    return 200, {
        "userId": channel.bot_user_id,
        "basicId": f"@{channel.bot_user_id[1:9]}",
        "displayName": channel.display_name,
        "chatMode": "bot",
        "markAsReadMode": "auto",
    }


def profile(call: Call) -> Answer:
    """Show a friend's profile; 404 does not tell which of its causes it has."""
    person = call.world.people.by_user_id(call.request.match_info["user_id"])
    if person is None or person.deleted or person.friend_status_for(call.caller.id) != "friend":
        raise Refused(404)
    return 200, {
        "userId": person.user_id,
        "displayName": f"Person {person.user_id[-4:]}",
        "language": "en",
    }


def followers(call: Call) -> Answer:
    """List friends' user ids, page by page; a continuation token is good for 24 hours."""
    query, channel_id = call.request.query, call.caller.id
    limit_text = query.get("limit", "300")
    if not (limit_text.isdecimal() and 1 <= int(limit_text[:9]) <= 1_000):
        raise Refused(400, "The value for the 'limit' parameter is invalid")
    limit, pages = int(limit_text), call.world.follower_pages
    if start := query.get("start"):
        owner, until, user_ids = pages.pop(start, ("", 0.0, []))
        if owner != channel_id or until < call.at:
            raise Refused(400, "The value for the 'start' parameter is invalid")
    else:
        user_ids = [
            person.user_id
            for person in call.world.people
            if person.friend_status_for(channel_id) == "friend" and not person.deleted
        ]
    answer: dict[str, object] = {"userIds": user_ids[:limit]}
    if len(user_ids) > limit:
        # The token stays good when a page is asked for again.
        token = secrets.token_urlsafe(24)
        pages[token] = (channel_id, call.at + DAY, user_ids[limit:])
        answer["next"] = token
    if start:
        pages[start] = (owner, until, user_ids)
    while len(pages) > 100:
        del pages[next(iter(pages))]
    return 200, answer


def get_webhook(call: Call) -> Answer:
    """Tell where webhooks go."""
    channel = call.caller
    if channel.webhook_url is None:
        raise Refused(404)
    return 200, {"endpoint": channel.webhook_url, "active": channel.webhook_active}


def set_webhook(call: Call) -> Answer:
    """Set where webhooks go; unlike LINE, plain http will do."""
    call.caller.webhook_url = _endpoint_in(call, call.body().get("endpoint"))
    return 200, {}


async def test_webhook(call: Call) -> Answer:
    """POST an empty, signed webhook, and tell what came of it."""
    given = call.body().get("endpoint") if call.raw else None
    url = call.caller.webhook_url if given is None else _endpoint_in(call, given)
    if url is None:
        raise Refused(404)
    record = await call.world.notifier.ping(call.caller, url)
    return 200, {
        "success": record["ok"],
        "timestamp": written(call.at),
        "statusCode": record["status"],
        "reason": record["reason"],
        "detail": str(record["status"]),
    }


def _count(call: Call, kind: str) -> Answer:
    if kind != "push" and not call.caller.pnp:
        raise Refused(403)
    date = call.request.query.get("date", "")
    if not _is_date(date):
        raise Refused(400, "The value for the 'date' parameter is invalid")
    if date >= day(call.at):
        return 200, {"status": "unready"}
    return 200, {"status": "ready", "success": call.caller.delivered[kind, date]}


def _is_date(text: str) -> bool:
    if not (len(text) == 8 and text.isascii() and text.isdigit()):
        return False
    try:
        datetime.strptime(text + "+0000", "%Y%m%d%z")
    except ValueError:
        return False
    return True


def _endpoint_in(call: Call, endpoint: object) -> str:
    if not isinstance(endpoint, str) or not is_web_address(endpoint):
        raise Refused(400, "Invalid webhook endpoint URL")
    return endpoint


def _token_refused(error: str, description: str) -> Refused:
    refused = Refused(400)
    refused.answer = {"error": error, "error_description": description}
    return refused
