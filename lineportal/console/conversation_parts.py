"""What a conversation's pages draw: each message as a bubble, whatever was written in it."""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

from django.urls import NoReverseMatch, reverse
from django.utils.translation import gettext_lazy as _

from lineportal.conversations import posting
from lineportal.conversations.models import (
    ChatMessage,
    Conversation,
    Media,
    MessageKind,
    Progress,
    Speaker,
    Way,
)
from recipients.models import FriendStatus

FRIENDS: dict[str, tuple[Any, str]] = {
    FriendStatus.FRIEND: (_("Friend"), "lp-good"),
    FriendStatus.NOT_FRIEND: (_("Not a friend"), "lp-wait"),
    FriendStatus.BLOCKED: (_("Blocked"), "lp-act"),
}
_LOOK = {
    Progress.WAITING: "lp-wait", Progress.SENDING: "lp-wait", Progress.SENT: "",
    Progress.REFUSED: "lp-act", Progress.FAILED: "lp-act", Progress.UNCERTAIN: "lp-act",
}  # fmt: skip
_SENT: dict[str, Any] = {Way.REPLY: _("Sent as a free reply"), Way.PUSH: _("Sent as a push")}
WHAT_TO_DO: dict[str, Any] = {
    Progress.REFUSED: _("LINE does not take messages to this person; it was not sent."),
    Progress.FAILED: _("It was not sent."),
    Progress.UNCERTAIN: _(
        "Nobody knows whether LINE took it. Ask the customer, or send it again: then they may get"
        " it twice."
    ),
}
_AGAIN = frozenset({Progress.REFUSED, Progress.FAILED, Progress.UNCERTAIN})
# A letter with more marks than this upon it covers the lines above and below.
MARKS_LIMIT = 4
_WITH_FILE = {MessageKind.IMAGE, MessageKind.VIDEO, MessageKind.AUDIO, MessageKind.FILE}


@dataclass(frozen=True, slots=True)
class Bubble:
    """One message as it is drawn."""

    message: ChatMessage
    day: date | None  # of the account's zone, where it begins with this message
    words: str
    facts: list[tuple[Any, str]]
    media: Media | None
    preview_url: str
    file_url: str
    is_ours: bool
    who: str
    progress: str
    look: str
    advice: str
    may_again: bool


def bubbles(talk: Conversation, messages: Sequence[ChatMessage], *, may: bool) -> list[Bubble]:
    """Return the messages as they are drawn, in the order given."""
    zone = ZoneInfo(talk.account.timezone)
    drawn, before = [], None
    for message in messages:
        day = message.occurred_at.astimezone(zone).date()
        drawn.append(_bubble(message, day if day != before else None, may=may))
        before = day
    return drawn


def plain(text: str) -> str:
    """Return a text that reads as it stands: no mark turns the line round or climbs over it.

    Marks of direction and other unseen controls are named in brackets, and heaps of marks on one
    letter are cut.
    """
    shown, marks = [], 0
    for letter in text:
        kind = unicodedata.category(letter)
        if kind in ("Mn", "Me"):
            marks += 1
            if marks <= MARKS_LIMIT:
                shown.append(letter)
            continue
        marks = 0
        # A joiner makes emoji of several, and letters of Indic scripts.
        is_unseen = kind in ("Cc", "Cf") and letter not in "\n\t\u200c\u200d\ufeff\u00ad"
        is_tag = "\U000e0020" <= letter <= "\U000e007f"  # in flags of regions
        shown.append(f"[U+{ord(letter):04X}]" if is_unseen and not is_tag else letter)
    return "".join(shown)


def digest(facts: Iterable[Any]) -> str:
    """Return what tells one state of a part of a page from another."""
    return hashlib.sha256(repr(list(facts)).encode()).hexdigest()[:16]


def version(talk: Conversation, messages: Sequence[ChatMessage], *more: Any) -> str:
    """Return what tells whether a page shows these messages as they are now."""
    facts: list[Any] = [
        (
            each.pk, each.progress, each.way, each.edited_at, each.unsent_at, each.emptied_at,
            media.state if (media := media_of(each)) else "",
        )
        for each in messages
    ]  # fmt: skip
    return digest([*facts, talk.state, talk.standby_since, *more])


def media_of(message: ChatMessage) -> Media | None:
    """Return the file of a message, read with it; None: it has none."""
    found: Media | None = getattr(message, "media", None)
    return found


def _bubble(message: ChatMessage, day: date | None, *, may: bool) -> Bubble:
    media = media_of(message) if message.kind in _WITH_FILE else None
    is_gone = bool(message.unsent_at or message.emptied_at)
    is_kept = media is not None and media.state == Media.State.KEPT and not is_gone
    is_ours = message.speaker != Speaker.CUSTOMER
    may_again = may and message.progress in _AGAIN and not getattr(message, "is_sent_again", False)
    return Bubble(
        message=message,
        day=day,
        words="" if is_gone else plain(message.text),
        facts=[] if is_gone else _facts(message),
        media=None if is_gone else media,
        preview_url=_media_url("preview", media)
        if media and is_kept and _is_drawn(message)
        else "",
        file_url=_media_url("file", media) if media and is_kept else "",
        is_ours=is_ours,
        who=_who(message) if is_ours else "",
        progress=_progress(message) if is_ours else "",
        look=_LOOK.get(message.progress, "") if is_ours else "",  # type: ignore[call-overload]
        advice=_advice(message) if is_ours else "",
        may_again=may_again,
    )


def _advice(message: ChatMessage) -> str:
    if message.detail == posting.TOO_LATE:
        return str(_("An automatic answer is good for a minute only; it was not sent."))
    return str(WHAT_TO_DO.get(message.progress, ""))


def _is_drawn(message: ChatMessage) -> bool:
    """Return whether there is a preview; the query that read the message says so, not its bytes."""
    return bool(getattr(message, "has_preview", False))


def _media_url(name: str, media: Media) -> str:
    """Return the address of a file or of its preview, on our own host."""
    try:
        return reverse(f"admin:conversation_{name}", args=[media.pk])
    except NoReverseMatch:
        return ""


def _who(message: ChatMessage) -> str:
    if message.speaker == Speaker.MACHINE:
        return str(Speaker.MACHINE.label)
    return message.author.get_username() if message.author else str(_("Somebody of ours"))


def _progress(message: ChatMessage) -> str:
    if message.progress == Progress.SENT and message.way in _SENT:
        return str(_SENT[message.way])
    return str(message.get_progress_display())


def _facts(message: ChatMessage) -> list[tuple[Any, str]]:
    """Return what a message is beside its text, as labels and values."""
    facts = message.facts
    found: list[tuple[Any, Any]] = []
    if message.kind == MessageKind.STICKER:
        numbers = (facts.get("packageId"), facts.get("stickerId"))
        found = [(_("Package and sticker"), " / ".join(str(each) for each in numbers if each))]
    elif message.kind == MessageKind.LOCATION:
        numbers = (facts.get("latitude"), facts.get("longitude"))
        found = [(_("Latitude, longitude"), ", ".join(str(n) for n in numbers if n is not None))]
    elif message.kind == MessageKind.BUTTON:
        found = [(name, value) for name, value in facts.items() if name != "quoted"]
    elif message.kind in (MessageKind.VIDEO, MessageKind.AUDIO):
        duration = facts.get("duration")
        if isinstance(duration, int | float) and 0 <= duration < 10**10:
            found = [(_("Seconds"), f"{duration / 1000:.0f}")]
    return [(plain(str(label)), plain(str(value))[:300]) for label, value in found if value]
