"""The bytes of a received file, kept in pieces until it is read; any worker on any machine can."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

import psycopg
from django.db import connection

from recipients.models import ImportPart, RecipientImport


def digest(file: BinaryIO) -> tuple[str, int]:
    """Return the SHA-256 (hex) of a file's content, and its size in bytes."""
    file.seek(0)
    found, size = hashlib.sha256(), 0
    while piece := file.read(ImportPart.SIZE):
        found.update(piece)
        size += len(piece)
    file.seek(0)
    return found.hexdigest(), size


def keep(job: RecipientImport, file: BinaryIO) -> None:
    """Store a file's content with its import, piece by piece."""
    file.seek(0)
    number = 0
    while piece := file.read(ImportPart.SIZE):
        ImportPart.objects.create(recipient_import=job, number=number, content=piece)
        number += 1


@contextmanager
def opened(job: RecipientImport) -> Iterator[BinaryIO]:
    """Give the kept content as a seekable file on the disk, which is gone afterwards."""
    with tempfile.TemporaryFile() as file:
        number = 0
        while piece := _piece(job, number):
            file.write(piece)
            number += 1
        file.seek(0)
        yield file


def hand_over(earlier: RecipientImport, job: RecipientImport) -> bool:
    """Move a kept file to another import of it; return whether there was one."""
    return ImportPart.objects.filter(recipient_import=earlier).update(recipient_import=job) > 0


def drop(job: RecipientImport) -> None:
    """Forget the content."""
    ImportPart.objects.filter(recipient_import=job).delete()


def _piece(job: RecipientImport, number: int) -> bytes:
    connection.ensure_connection()
    # In binary: as text a piece would take twice its size, three times over.
    with psycopg.Cursor(connection.connection) as cursor:
        cursor.execute(
            "SELECT content FROM recipients_importpart"
            " WHERE recipient_import_id = %s AND number = %s",
            [job.pk, number],
            binary=True,
        )
        row = cursor.fetchone()
    return bytes(row[0]) if row else b""
