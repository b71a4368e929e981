"""What a file is, by its first bytes: neither its name nor its sender's word is asked. Pure.

Archives and office files are never unpacked, so one that would unfold to anything is just bytes.
"""

from __future__ import annotations

import codecs

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
    (b"OggS", "audio/ogg"),
    (b"ID3", "audio/mpeg"),
    (b"\xff\xfb", "audio/mpeg"),
    (b"\xff\xf3", "audio/mpeg"),
    (b"\xff\xf2", "audio/mpeg"),
    (b"\xff\xf1", "audio/aac"),
    (b"\xff\xf9", "audio/aac"),
)
# Containers that begin alike are told by their brand (ISO/IEC 14496-12); most others are MP4.
_BRANDS = (
    (b"M4A", "audio/mp4"), (b"qt", "video/quicktime"), (b"avif", "image/avif"),
    (b"avis", "image/avif"), (b"heic", "image/heic"), (b"heix", "image/heic"),
    (b"hevc", "image/heic"), (b"heim", "image/heic"), (b"mif1", "image/heif"),
    (b"msf1", "image/heif"),
)  # fmt: skip
_OFFICE = "application/vnd.openxmlformats-officedocument"
# Of these one stands at the beginning, by whichever program it was written.
_OF_OFFICE_FILES = (b"[Content_Types].xml", b"_rels/.rels", b"docProps/")
_IN_OFFICE_FILES = (
    (b"word/", f"{_OFFICE}.wordprocessingml.document"),
    (b"xl/", f"{_OFFICE}.spreadsheetml.sheet"),
    (b"ppt/", f"{_OFFICE}.presentationml.presentation"),
)
_TEXT_LOOKED_AT = 4096  # bytes
_EXTENSIONS = {
    "image/jpeg": ".jpg", "image/png": ".png", "image/gif": ".gif", "image/webp": ".webp",
    "image/avif": ".avif", "image/heic": ".heic", "image/heif": ".heif", "video/mp4": ".mp4",
    "video/quicktime": ".mov", "audio/mp4": ".m4a", "audio/mpeg": ".mp3", "audio/ogg": ".ogg",
    "audio/aac": ".aac", "application/pdf": ".pdf", "application/zip": ".zip", "text/plain": ".txt",
    **dict(zip((kind for _, kind in _IN_OFFICE_FILES), (".docx", ".xlsx", ".pptx"), strict=True)),
}  # fmt: skip


def extension(kind: str) -> str:
    """Return how the name of a file of this media type ends; blank where that is not known."""
    return _EXTENSIONS.get(kind, "")


def of(first: bytes) -> str:
    """Return the media type of a file that begins so; the more bytes, the surer."""
    if first.startswith(b"PK\x03\x04"):
        return _archive(first)
    for beginning, kind in _BEGINNINGS:
        if first.startswith(beginning):
            return kind
    if first[:4] == b"RIFF" and first[8:12] == b"WEBP":
        return "image/webp"
    if first[4:8] == b"ftyp":
        brand = first[8:12]
        return next((kind for name, kind in _BRANDS if brand.startswith(name)), "video/mp4")
    return "text/plain" if _is_text(first[:_TEXT_LOOKED_AT]) else UNKNOWN


def _archive(first: bytes) -> str:
    """Tell an office file from other archives by the names that stand before its packed parts."""
    if any(name in first for name in _OF_OFFICE_FILES):
        for folder, kind in _IN_OFFICE_FILES:
            if folder in first:
                return kind
    return "application/zip"


def _is_text(first: bytes) -> bool:
    try:
        words = codecs.getincrementaldecoder("utf-8-sig")().decode(first)  # its end may be cut
    except UnicodeDecodeError:
        return False
    return bool(words) and all(each.isprintable() or each in "\t\r\n\f" for each in words)
