"""Files that people give with an entry: read within limits, and only ever handed out as downloads.

Somebody else's file: a browser saves it, and never shows it or guesses what it is.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from django.utils.http import content_disposition_header
from django.utils.translation import gettext as _

from templates_app.models import ReviewEntry, ReviewFile

FILE_LIMIT = 5 * 1024 * 1024  # bytes
FILES_LIMIT = 5  # of one entry
_NAME_LIMIT = 100  # characters; the column takes 200
_EXTENSION_LIMIT = 12
_RESERVED = dict.fromkeys(map(ord, '<>:"|?*%;'), "_")  # by some system's file names


class Unusable(Exception):
    """This cannot be kept as a file of the thread; the text says why."""


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file with a name that is safe to give back; made by `read`."""

    name: str
    content: bytes


def read(name: str, content: bytes) -> Attachment:
    """Return the file as it will be kept. Raises Unusable."""
    if not content:
        raise Unusable(_("A file is empty; choose another, or leave it out."))
    if len(content) > FILE_LIMIT:
        raise Unusable(too_large())
    return Attachment(safe_name(name), content)


def too_large() -> str:
    """Return why a file is too large to be kept."""
    return _("A file is larger than 5 MB; give a smaller copy of it.")


def too_many() -> str:
    """Return why there are more files than an entry takes."""
    return _("An entry takes at most %(limit)d files; write another entry for the rest.") % {
        "limit": FILES_LIMIT
    }


def safe_name(name: str) -> str:
    """Return a file name without folders, marks that turn the reading round, and the like."""
    name = name.replace("\\", "/").rpartition("/")[2]
    shown = "".join(each for each in name if each.isprintable()).translate(_RESERVED)
    shown = shown.strip(" .")
    stem, dot, extension = shown.rpartition(".")
    if not dot or len(extension) > _EXTENSION_LIMIT:
        stem, extension = shown, ""
    kept = stem.rstrip(" .")[: _NAME_LIMIT - len(extension) - 1].rstrip(" .")
    return f"{kept}.{extension}" if extension and kept else kept or "file"


def keep(entry: ReviewEntry, attachment: Attachment) -> ReviewFile:
    """Keep a file with its entry, and the SHA-256 of its bytes."""
    return ReviewFile.objects.create(
        entry=entry,
        name=attachment.name,
        content=attachment.content,
        sha256=hashlib.sha256(attachment.content).hexdigest(),
    )


def download(file: ReviewFile) -> tuple[bytes, dict[str, str]]:
    """Return the bytes, and the headers to send them with."""
    return bytes(file.content), {
        "Content-Type": "application/octet-stream",
        "Content-Disposition": content_disposition_header(True, file.name) or "attachment",
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "sandbox; default-src 'none'",
        "Cache-Control": "no-store",
    }
