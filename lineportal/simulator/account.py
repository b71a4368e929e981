"""LINE's calls about the account: tokens, counts, quota, webhook settings.

https://developers.line.biz/en/reference/messaging-api/
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
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


def count(kind: str) -> Callable[[Call], Answer]:
    """Return the call that counts the messages of this kind that people got on a day."""

    def counted(call: Call) -> Answer:
        if kind in ("pnp", "templated") and not call.caller.pnp:
            raise Refused(403)
        date = call.request.query.get("date", "")
        if not _is_date(date):
            raise Refused(400, "The value for the 'date' parameter is invalid")
        if date >= day(call.at):
            return 200, {"status": "unready"}
        return 200, {"status": "ready", "success": call.caller.delivered[kind, date]}

    return counted


def followers(call: Call) -> Answer:
    """Count who follows and who blocks; of every day that is over as they are now."""
    date = call.request.query.get("date", day(call.at - DAY))
    if not _is_date(date):
        raise Refused(400, "The value for the 'date' parameter is invalid")
    if date >= day(call.at):
        return 200, {"status": "unready"}
    statuses = Counter(
        person.friend_status_for(call.caller.id)
        for person in call.world.people
        if not person.deleted
    )
    return 200, {
        "status": "ready",
        "followers": statuses["friend"] + statuses["blocked"],
        "targetedReaches": statuses["friend"],
        "blocks": statuses["blocked"],
    }


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


def count_units(call: Call) -> Answer:
    """Tell how many names of aggregation units were used this month."""
    return 200, {"numOfCustomAggregationUnits": len(call.caller.units.of_month(call.at))}


def list_units(call: Call) -> Answer:
    """List the names of aggregation units used this month, page by page."""
    query = call.request.query
    limit = limit_in(query.get("limit", "100"), most=100)
    names = list(call.caller.units.of_month(call.at))
    start = query.get("start")
    if start is not None and start not in names:
        raise Refused(400, "The value for the 'start' parameter is invalid")
    first = 0 if start is None else names.index(start)
    answer: dict[str, object] = {"customAggregationUnits": names[first : first + limit]}
    if len(names) > first + limit:
        answer["next"] = names[first + limit]
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


def limit_in(text: str, *, most: int) -> int:
    """Return the number of a `limit` parameter, or refuse."""
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:9]) <= most):
        raise Refused(400, "The value for the 'limit' parameter is invalid")
    return int(text)


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
