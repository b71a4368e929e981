"""Whom messages reach: by phone number, as a friend, or because they wrote of late."""

from __future__ import annotations

from lineportal.simulator.people import Person

# Calling codes of the countries whose numbers LINE notification messages reach: JP, TH, TW.
SERVED_CALLING_CODES = ("+81", "+66", "+886")
# Whoever wrote can be answered by push for so long, friend or not.
ANSWERABLE_SECONDS = 7 * 86_400.0


def by_phone(person: Person) -> bool:
    """Whether LINE answers 200 or 202 rather than 422, blocked or not."""
    return (
        not person.deleted
        and person.phone is not None
        and person.phone.startswith(SERVED_CALLING_CODES)
        and person.privacy_policy
        and person.consent != "rejected"
    )


def as_friend(person: Person, channel_id: str) -> bool:
    """Whether a message to many reaches the person: friends only."""
    return not person.deleted and person.friend_status_for(channel_id) == "friend"


def by_push(person: Person, channel_id: str, at: float) -> bool:
    """Whether a push reaches the person: a friend, or who wrote within seven days."""
    if as_friend(person, channel_id):
        return True
    wrote_at = (person.wrote_at or {}).get(channel_id)
    is_answerable = wrote_at is not None and at - wrote_at <= ANSWERABLE_SECONDS
    return is_answerable and by_reply(person, channel_id)


def by_reply(person: Person, channel_id: str) -> bool:
    """Whether an answer reaches the person: unless they have blocked or left since."""
    return not person.deleted and not person.has_blocked(channel_id)


def by_profile(person: Person, channel_id: str) -> bool:
    """Whether the channel may see the profile: of friends, and of strangers who wrote."""
    knows = as_friend(person, channel_id) or channel_id in (person.wrote_at or {})
    return knows and by_reply(person, channel_id)
