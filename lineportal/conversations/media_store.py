"""Customers' files as they are fetched: claimed, kept piece by piece, finished or put off.

A file is its rows: pieces of a try that was not finished are nobody's, and go with the next one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from lineportal.conversations import media_kinds, previews
from lineportal.conversations.models import Media, MediaPart
from lineportal.providers.downloads import Download

LEASE = timedelta(minutes=5)  # longer than a download may take
GIVEN_UP = timedelta(days=1)  # after the message; LINE does not tell how long it keeps files
_WAITS = (5, 30, 120, 600, 3600)  # seconds before try 2, 3, ...
_MOST_TRIES = 40
PREVIEWED = 10 * 1024 * 1024  # bytes of a picture that is drawn anew; a larger one is a file only


@dataclass(frozen=True, slots=True)
class Claimed:
    """A file that one worker fetches: `attempt` tells its pieces from those of other tries."""

    media_id: int
    attempt: int
    account_id: int
    message_id: str
    url: str


def claim(*, at: datetime) -> Claimed | None:
    """Take the file that has waited longest, for as long as the lease; None: none is due."""
    while row := _leased(at=at):
        if row.state == Media.State.WAITING:
            message = row.message
            return Claimed(
                row.pk, row.attempts, message.account_id, message.provider_message_id or "",
                str(message.facts.get("content_url", "")),
            )  # fmt: skip
    return None


def _leased(*, at: datetime) -> Media | None:
    """Take the next file; one that was tried too often comes back refused."""
    with transaction.atomic():
        due = Media.objects.filter(state=Media.State.WAITING, next_at__lte=at)
        row = (
            due.filter(Q(leased_until__isnull=True) | Q(leased_until__lt=at))
            .select_related("message")
            .order_by("next_at")
            .select_for_update(of=("self",), skip_locked=True)
            .first()
        )
        if row is None:
            return None
        MediaPart.objects.filter(media=row).delete()
        row.attempts += 1
        row.leased_until = at + LEASE
        if row.attempts > _MOST_TRIES:  # whatever ends those who try, this does not go on for ever
            row.state, row.next_at = Media.State.REFUSED, None
            row.problem = row.problem or _("The file could not be fetched.")
        row.save(update_fields=["attempts", "leased_until", "state", "next_at", "problem"])
    return row


def is_due(*, at: datetime) -> bool:
    """Return whether a file waits to be fetched."""
    waiting = Media.objects.filter(state=Media.State.WAITING, next_at__lte=at)
    return waiting.filter(Q(leased_until__isnull=True) | Q(leased_until__lt=at)).exists()


@transaction.atomic
def keep(claimed: Claimed, piece: bytes) -> bool:
    """Keep the next piece; False where the file is not wanted any more, or another worker's."""
    row = _mine(claimed)
    if row is None:
        return False
    number = MediaPart.objects.filter(media=row).count()
    MediaPart.objects.create(media=row, number=number, data=piece)
    return True


def finish(claimed: Claimed, came: Download, *, at: datetime) -> None:
    """Write down what came of a try: kept, put off, or never to be had."""
    kind, preview = ("", None) if came.code else _looked_at(claimed)
    with transaction.atomic():
        row = _mine(claimed)
        if row is None:
            return
        row.leased_until = None
        if not came.code:
            row.state, row.size, row.problem = Media.State.KEPT, came.size, ""
            row.sha256 = _sha256(row)
            row.content_type, row.preview = kind, preview
            row.fetched_at, row.next_at = at, None
        else:
            MediaPart.objects.filter(media=row).delete()
            row.problem = came.problem[:300]
            is_over = at - row.message.occurred_at > GIVEN_UP
            if came.code == "later" and not is_over:
                wait = _WAITS[min(row.attempts, len(_WAITS)) - 1]
                row.next_at = at + timedelta(seconds=wait)
            else:
                is_gone = came.code == "gone"
                row.state = Media.State.GONE if is_gone else Media.State.REFUSED
                row.next_at = None
        row.save()


def pieces(media: Media) -> Iterator[bytes]:
    """Yield a kept file, piece by piece."""
    for number in range(media.parts.count()):
        yield bytes(media.parts.values_list("data", flat=True).get(number=number))


def name_of(media: Media) -> str:
    """Return the name to save a file under: its sender's, else what it is."""
    word = {"image": "picture", "video": "video", "audio": "voice"}.get(media.message.kind, "file")
    return media.name or f"{word}-{media.pk}{media_kinds.extension(media.content_type)}"


def why_not(media: Media) -> str:
    """Return why a file cannot be had, as a sentence; it is not kept."""
    if media.state == Media.State.WAITING:
        return _("This file is being fetched still; try again in a minute.")
    if media.state == Media.State.DELETED:
        return _("This file was deleted: it was taken back, or its period is over.")
    return _("This file is not here: %(why)s Ask the customer to send it again.") % {
        "why": media.problem
    }


def _mine(claimed: Claimed) -> Media | None:
    rows = Media.objects.select_related("message").select_for_update(of=("self",))
    return rows.filter(
        pk=claimed.media_id, attempts=claimed.attempt, state=Media.State.WAITING
    ).first()


def _looked_at(claimed: Claimed) -> tuple[str, bytes | None]:
    """Return what the pieces are, and a small picture of them; with no row locked meanwhile."""
    parts = MediaPart.objects.filter(media=claimed.media_id).order_by("number")
    first = parts.values_list("data", flat=True).first()
    kind = media_kinds.of(bytes(first) if first is not None else b"")
    if kind not in previews.KINDS or parts.count() * len(first or b"") > PREVIEWED:
        return kind, None
    whole = b"".join(bytes(part) for part in parts.values_list("data", flat=True))
    return kind, previews.draw(whole)


def _sha256(row: Media) -> str:
    digest = hashlib.sha256()
    for piece in pieces(row):
        digest.update(piece)
    return digest.hexdigest()
