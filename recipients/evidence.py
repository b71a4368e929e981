"""What proves a statement: the person's words, a file, or both; and the digest that outlives it.

The digest is SHA-256 in lower-case hex: of the file's bytes, or of the text in UTF-8. Of both it is
that of the two digests written one after the other, the text's first.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from django.utils.http import content_disposition_header
from django.utils.translation import gettext as _

from recipients.models import ConsentEvidence, ConsentRecord

FILE_LIMIT = 5 * 1024 * 1024  # bytes
TEXT_LIMIT = 10_000  # characters


class Unusable(Exception):
    """This cannot be kept as evidence; the text says why."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """Words, a file, or both; made by `read`."""

    text: str = ""
    file: bytes = b""
    file_name: str = ""
    content_type: str = ""

    @property
    def sha256(self) -> str:
        digests = [_sha256(part) for part in (self.text.encode(), self.file) if part]
        return digests[0] if len(digests) == 1 else _sha256("".join(digests).encode())


def read(
    text: str = "", *, file: bytes | None = None, file_name: str = "", content_type: str = ""
) -> Evidence | None:
    """Return the evidence, or None where nothing was given. Raises Unusable."""
    text = text.strip()
    if not text and file is None:
        return None
    if "\0" in text:
        raise Unusable(_("The text holds a NUL, which cannot be kept; take it out."))
    if len(text) > TEXT_LIMIT:
        raise Unusable(
            _("The text is longer than %(limit)d characters; give it as a file.")
            % {"limit": TEXT_LIMIT}
        )
    if file is not None and not file:
        raise Unusable(_("The file is empty; choose another, or leave it out."))
    if file is not None and len(file) > FILE_LIMIT:
        raise Unusable(too_large())
    name = "".join(each for each in file_name if each.isprintable()).replace("\\", "/")
    kind = content_type.partition(";")[0].strip()[:100]
    return Evidence(text, file or b"", name.rpartition("/")[2][-200:], kind if file else "")


def too_large() -> str:
    """Return why a file is too large to be kept."""
    return _("The file is larger than 5 MB; give a smaller copy of it.")


def keep(record: ConsentRecord, evidence: Evidence) -> None:
    """Keep what proves a record, once for all that one act recorded of one person."""
    ConsentEvidence.objects.create(
        record=record,
        text=evidence.text,
        file=evidence.file or None,
        file_name=evidence.file_name,
        content_type=evidence.content_type,
        size=len(evidence.file),
    )


def download(held: ConsentEvidence) -> tuple[bytes, dict[str, str]]:
    """Return the file, or the text where there is none, and the headers to send it with.

    Somebody else's file: it is saved, and never shown or guessed at by a browser.
    """
    is_file = held.file is not None
    name = (held.file_name or "evidence") if is_file else "evidence.txt"
    return bytes(held.file) if held.file is not None else held.text.encode(), {
        "Content-Type": "application/octet-stream",
        "Content-Disposition": content_disposition_header(True, name) or "attachment",
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "sandbox; default-src 'none'",
        "Cache-Control": "no-store",
    }


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
