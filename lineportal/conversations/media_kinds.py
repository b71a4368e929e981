"""What a file is, by its first bytes: neither its name nor its sender's word is asked. Pure.

Archives and office files are never unpacked, so one that would unfold to anything is just bytes.
"""

from __future__ import annotations

UNKNOWN = "application/octet-stream"
# A browser shows or plays these by itself without running anything in them.
HARMLESS = frozenset(
    {"image/jpeg", "image/png", "image/gif", "image/webp", "video/mp4", "audio/mp4", "audio/mpeg",
     "audio/ogg", "audio/aac"}
)  # fmt: skip
_BEGINNINGS = (
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"%PDF-", "application/pdf"),
    (b"PK\x03\x04", "application/zip"),
    (b"OggS", "audio/ogg"),
    (b"ID3", "audio/mpeg"),
    (b"\xff\xfb", "audio/mpeg"),
    (b"\xff\xf1", "audio/aac"),
    (b"\xff\xf9", "audio/aac"),
)


def of(first: bytes) -> str:
    """Return the media type of a file that begins so."""
    for beginning, kind in _BEGINNINGS:
        if first.startswith(beginning):
            return kind
    if first[:4] == b"RIFF" and first[8:12] == b"WEBP":
        return "image/webp"
    if first[4:8] == b"ftyp":
        return "audio/mp4" if first[8:11] == b"M4A" else "video/mp4"
    return UNKNOWN
