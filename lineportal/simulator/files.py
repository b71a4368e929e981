"""The files that people sent, for the account they were sent to: LINE keeps them for a while.

https://developers.line.biz/en/reference/messaging-api/#get-content
"""

from __future__ import annotations

from dataclasses import dataclass

LARGEST = 25 * 1024 * 1024  # bytes that a person may send
_KEPT_BYTES = 256 * 1024 * 1024  # of all files; the oldest go first
_PREPARING_SECONDS = 2.0  # until a video or voice can be fetched


@dataclass(frozen=True, slots=True)
class File:
    """One file. `kind` is LINE's: image, video, audio, or file for all else."""

    channel_id: str
    kind: str
    media_type: str
    name: str
    data: bytes
    ready_at: float


class Files:
    """Files by the id of their message."""

    def __init__(self) -> None:
        self._files: dict[str, File] = {}
        self._size = 0

    def keep(self, message_id: str, file: File) -> None:
        """Keep a file; the oldest make room for it."""
        self._files[message_id] = file
        self._size += len(file.data)
        while self._size > _KEPT_BYTES:
            self.drop(next(iter(self._files)))

    def drop(self, message_id: str) -> None:
        """Forget a file, as when its message is taken back."""
        if file := self._files.pop(message_id, None):
            self._size -= len(file.data)

    def get(self, message_id: str, channel_id: str | None) -> File | None:
        """Return the file that was sent to this account, None where there is none."""
        file = self._files.get(message_id)
        return file if file is not None and file.channel_id == channel_id else None


def made(channel_id: str, data: bytes, name: str, at: float) -> File:
    """Return a file as LINE takes it: what it is, its first bytes tell."""
    kind, media_type = _looks(data)
    ready_at = at + _PREPARING_SECONDS if kind in ("video", "audio") else at
    return File(channel_id, kind, media_type, name, data, ready_at)


def _looks(data: bytes) -> tuple[str, str]:
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image", "image/png"
    if data.startswith(b"\xff\xd8\xff"):
        return "image", "image/jpeg"
    if data.startswith((b"GIF87a", b"GIF89a")):
        return "image", "image/gif"
    if data[4:8] == b"ftyp":
        return ("audio", "audio/x-m4a") if data[8:11] == b"M4A" else ("video", "video/mp4")
    if data.startswith((b"ID3", b"\xff\xfb", b"\xff\xf3", b"\xff\xf2")):
        return "audio", "audio/mpeg"
    return "file", "application/octet-stream"
