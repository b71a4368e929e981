"""LINE's calls about people: profiles, followers, and the pictures they sent.

https://developers.line.biz/en/reference/messaging-api/#get-profile
"""

from __future__ import annotations

import secrets

from lineportal.simulator import reach
from lineportal.simulator.account import limit_in
from lineportal.simulator.calls import Answer, Call, Refused
from lineportal.simulator.clock import DAY
from lineportal.simulator.files import File


def profile(call: Call) -> Answer:
    """Show the profile of a friend, or of a stranger who wrote; 404 does not tell its cause."""
    person = call.world.people.by_user_id(call.request.match_info["user_id"])
    if person is None or not reach.by_profile(person, call.caller.id):
        raise Refused(404)
    return 200, {
        "userId": person.user_id,
        "displayName": f"Person {person.user_id[-4:]}",
        "language": "en",
    }


def followers(call: Call) -> Answer:
    """List friends' user ids, page by page; a continuation token is good for 24 hours."""
    query, channel_id = call.request.query, call.caller.id
    limit = limit_in(query.get("limit", "300"), most=1_000)
    pages = call.world.follower_pages
    if start := query.get("start"):
        owner, until, user_ids = pages.pop(start, ("", 0.0, []))
        if owner != channel_id or until < call.at:
            raise Refused(400, "The value for the 'start' parameter is invalid")
    else:
        user_ids = [
            person.user_id for person in call.world.people if reach.as_friend(person, channel_id)
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


def link_token(call: Call) -> Answer:
    """Give a token with which this person can tie their LINE account to the company's."""
    person = call.world.people.by_user_id(call.request.match_info["user_id"])
    if person is None or not reach.by_profile(person, call.caller.id):
        raise Refused(404)
    return 200, {"linkToken": call.world.delivery.links.issue(person, call.caller.id, call.at)}


def content(call: Call) -> Answer:
    """Give the file that somebody sent, 202 while it is made ready; on LINE at api-data.line.me."""
    file = _file(call)
    return (200, file) if call.at >= file.ready_at else (202, {})


def transcoding(call: Call) -> Answer:
    """Tell whether a video or voice can be fetched; on LINE at api-data.line.me."""
    return 200, {"status": "succeeded" if call.at >= _file(call).ready_at else "processing"}


def _file(call: Call) -> File:
    message_id = call.request.match_info["message_id"]
    file = call.world.delivery.files.get(message_id, call.caller.id)
    if file is None:
        raise Refused(404)
    return file
