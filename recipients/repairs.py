"""The refused rows of an import: by what is wrong with them, and as a file to repair.

The file has the columns of the one that was imported, and two before them that an import passes
over: the row's number there, and why it was refused.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import IO, Any

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Count, Min
from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE

from lineportal.accounts import access
from lineportal.audit import chain
from recipients.columns import REFUSED_BECAUSE, REFUSED_ROW
from recipients.imports import IMPORT
from recipients.models import RecipientImport

CONTENT_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
ROW_LIMIT = 100_000  # rows of the file to repair
_GROUP_LIMIT = 50
_READ_AT_ONCE = 1_000


@dataclass(frozen=True, slots=True)
class Group:
    """Rows that are refused for one reason in one column."""

    reason: str
    column: str  # "C", or empty where it is about the row
    rows: int
    first_row: int


def groups(job: RecipientImport) -> list[Group]:
    """Return what is wrong with the rows of an import, the most frequent first (at most 50)."""
    found = (
        job.refusals.values("reason", "column")
        .annotate(rows=Count("id"), first_row=Min("row"))
        .order_by("-rows", "first_row")[:_GROUP_LIMIT]
    )
    return [Group(**each) for each in found]


def can_be_repaired(job: RecipientImport) -> bool:
    """Return whether the import has refused rows whose cells are still held."""
    return job.refusals.filter(cells__isnull=False).exists()


@transaction.atomic
def workbook(job: RecipientImport, *, by: User | None, at: datetime) -> IO[bytes]:
    """Return the first 100,000 refused rows as an XLSX file, every cell as text.

    `by` None is an operator at the shell. Raises PermissionDenied. The reading is audited, as the
    rows are personal.
    """
    if by is not None:
        access.require(by, IMPORT, job.account_id)
    book = Workbook(write_only=True)
    sheet = book.create_sheet("refused rows")
    names = [name for name in job.header or [] if name]
    sheet.append(_texts(sheet, [REFUSED_ROW, REFUSED_BECAUSE, *names]))
    written = 0
    for row, because, cells in _rows(job):
        known = [cells.pop(name, "") for name in names]
        # Cells beside the named columns: they may be why the row was refused.
        sheet.append(_texts(sheet, [str(row), because, *known, *cells.values()]))
        written += 1
    out = tempfile.TemporaryFile()  # noqa: SIM115  # for the caller to close
    book.save(out)
    out.seek(0)
    chain.write(
        "recipients.import_refused_rows", subject=job, by=by, at=at, account_id=job.account_id,
        rows=written,
    )  # fmt: skip
    return out


def _rows(job: RecipientImport) -> Iterator[tuple[int, str, dict[str, str]]]:
    rows = job.refusals.filter(cells__isnull=False).order_by("row")[:ROW_LIMIT]
    for row, column, reason, cells in rows.values_list("row", "column", "reason", "cells").iterator(
        chunk_size=_READ_AT_ONCE
    ):
        yield row, f"{column}{row}: {reason}" if column else reason, dict(cells or {})


def _texts(sheet: Any, values: list[str]) -> list[Any]:
    cells = []
    for value in values:
        cell = WriteOnlyCell(sheet, ILLEGAL_CHARACTERS_RE.sub("", value))
        cell.data_type = "s"  # never a formula
        cell.number_format = "@"  # a number that is repaired keeps its zeros
        cells.append(cell)
    return cells
