"""Files of customers' messages: when they are fetched, and how they are dropped again."""

from __future__ import annotations

import functools
from collections.abc import Iterable

from django.db import transaction
from django.db.models import QuerySet

from lineportal import jobs
from lineportal.conversations.models import ChatMessage, Media, MediaPart

FETCH = "lineportal.fetch_media"
_NAME = "fetch-media"


def wake() -> None:
    """Have a worker fetch the files that wait."""
    jobs.defer(FETCH, lock=_NAME, queueing_lock=_NAME)


def wake_if_any(messages: Iterable[ChatMessage]) -> None:
    """Have a worker fetch the files of these messages, once they are committed."""
    if Media.objects.filter(message__in=list(messages), state=Media.State.WAITING).exists():
        transaction.on_commit(functools.partial(wake))


def drop(messages: QuerySet[ChatMessage]) -> None:
    """Delete the files of these messages, kept or still to be fetched; that there was one stays."""
    files = Media.objects.filter(message__in=messages)
    # The rows first: who keeps a piece just now is waited for, and no piece comes after.
    files.update(
        state=Media.State.DELETED, name="", sha256="", preview=None, problem="", next_at=None
    )
    MediaPart.objects.filter(media__in=files).delete()
