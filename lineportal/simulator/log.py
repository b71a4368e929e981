"""The numbered log of everything the LINE side received; bounded in entries and in bytes.

Entries stay until there are too many of them; bodies and headers, which weigh most, only
while all of them together stay under a budget of bytes.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

from lineportal.simulator.clock import written

# What the headers and the objects of one request weigh, roughly.
_OVERHEAD_BYTES = 1_500

_SCHEMES = ("bearer", "app", "basic")

RawHeaders = tuple[tuple[bytes, bytes], ...]


@dataclass(slots=True, eq=False)
class Content:
    """Body and headers of one request; emptied when the budget is spent."""

    raw: bytes | None
    headers: RawHeaders

    def body(self) -> Any:
        """Return the body as JSON where it is that, else as text; None when no longer kept."""
        if self.raw is None:
            return None
        try:
            return json.loads(self.raw)
        except (ValueError, RecursionError):
            return self.raw.decode("utf-8", "replace")


@dataclass(slots=True, eq=False)
class Entry:
    """One request to the LINE side, and what became of it."""

    n: int
    at: float
    method: str
    path: str
    query: str
    label: str
    digest: bytes
    content: Content
    channel_id: str | None = None
    request_id: str = ""
    status: int | None = None  # None: the connection was closed without an answer
    phone: str | None = None
    user_id: str | None = None
    tag: str | None = None
    retry_key: str | None = None
    accepted: bool = False
    fault: str | None = None

    def shown(self) -> dict[str, Any]:
        """Return the entry as JSON, with tokens and keys masked."""
        kept = self.content.raw is not None
        return {
            "n": self.n,
            "at": written(self.at),
            "method": self.method,
            "path": self.path,
            "query": self.query,
            "headers": _masked(self.content.headers) if kept else None,
            "body": self.content.body(),
            "raw_sha256": self.digest.hex(),
            "status": self.status,
            "channel": self.channel_id,
            "request_id": self.request_id,
            "phone": self.phone,
            "user_id": self.user_id,
            "tag": self.tag,
            "retry_key": self.retry_key,
            "accepted": self.accepted,
            "fault": self.fault,
        }


class RequestLog:
    """The requests, oldest first; numbers go on counting after a clear."""

    def __init__(self, *, keep: int = 1_000_000, keep_bytes: int = 256_000_000) -> None:
        self._keep_bytes = keep_bytes
        self._entries: deque[Entry] = deque(maxlen=keep)
        self._contents: deque[Content] = deque()
        self._bytes = 0
        self._last = 0
        self._counts: Counter[str] = Counter()
        self._accepted: Counter[str] = Counter()

    def content(self, raw: bytes, headers: RawHeaders) -> Content:
        """Return the content to be held by entry and message, making room for it."""
        content = Content(raw, headers)
        self._contents.append(content)
        self._bytes += len(raw) + _OVERHEAD_BYTES
        while self._bytes > self._keep_bytes and len(self._contents) > 1:
            oldest = self._contents.popleft()
            self._bytes -= len(oldest.raw or b"") + _OVERHEAD_BYTES
            oldest.raw, oldest.headers = None, ()
        return content

    def open(
        self,
        raw: bytes,
        content: Content,
        *,
        at: float,
        method: str,
        path: str,
        query: str,
        label: str,
    ) -> Entry:
        """Add the entry of a request that has just been read; the caller fills in the rest.

        `label` is what it is counted under: the path, without what differs from call to call.
        """
        self._last += 1
        digest = hashlib.sha256(raw).digest()
        entry = Entry(self._last, at, method, path, query, label, digest, content)
        self._entries.append(entry)
        self._counts[label] += 1
        return entry

    def accepted(self, entry: Entry) -> None:
        """Note that LINE took the message of this request."""
        entry.accepted = True
        self._accepted[entry.label] += 1

    def after(self, n: int, *, path: str, limit: int) -> list[Entry]:
        """Return entries numbered above `n` whose path starts with `path`, oldest first."""
        if not self._entries:
            return []
        skipped = max(0, n - self._entries[0].n + 1)
        found = (
            entry for entry in islice(self._entries, skipped, None) if entry.path.startswith(path)
        )
        return list(islice(found, limit))

    def newest(self, limit: int) -> Iterator[Entry]:
        """Return the last entries, newest first."""
        return islice(reversed(self._entries), limit)

    def counted(self) -> dict[str, Any]:
        """Return totals since the last clear, also of entries no longer kept."""
        return {
            "count": self._counts.total(),
            "accepted": self._accepted.total(),
            "last_n": self._last,
            "kept": len(self._entries),
            "by_path": {
                path: {"count": count, "accepted": self._accepted[path]}
                for path, count in sorted(self._counts.items())
            },
        }

    def clear(self) -> None:
        """Forget the entries and the totals."""
        self._entries.clear()
        self._counts.clear()
        self._accepted.clear()


def _masked(headers: RawHeaders) -> dict[str, str]:
    shown = {}
    for name, value in headers:
        text = name.decode("latin-1")
        is_secret = text.lower() == "authorization"
        shown[text] = _scheme(value) if is_secret else value.decode("utf-8", "replace")
    return shown


def _scheme(value: bytes) -> str:
    word, _, secret = value.decode("latin-1").partition(" ")
    return f"{word} ***" if secret and word.lower() in _SCHEMES else "Bearer ***"
