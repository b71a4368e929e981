"""An XLSX workbook as records: openpyxl reads it, behind a check of the archive.

Rows come from openpyxl's own row parser, not from `iter_rows`, which fills gaps row by row (a
row numbered 10**12 never ends) and drops rows that are out of order without a word.
"""

from __future__ import annotations

import math
import zipfile
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, BinaryIO
from xml.etree.ElementTree import ParseError

from defusedxml.common import DTDForbidden
from defusedxml.ElementTree import iterparse
from django.utils.translation import gettext as _
from openpyxl.worksheet._reader import WorkSheetParser

from recipients.sheets import shared_texts
from recipients.sheets.csv_file import OUTER
from recipients.sheets.refusals import (
    PART_LIMIT,
    PARTS_LIMIT,
    RATIO_FREE,
    RATIO_LIMIT,
    ROWS_LIMIT,
    ROWS_PART_LIMIT,
    STRINGS_PART_LIMIT,
    UnreadableFile,
    broken_workbook,
)

_COLUMNS_STANDARD = 16_384
# What a formula shows when it fails; never to be sent to people.
_ERRORS = ("#NULL!", "#DIV/0!", "#VALUE!", "#REF!", "#NAME?", "#NUM!", "#N/A", "#SPILL!", "#CALC!",
           "#GETTING_DATA")  # fmt: skip


class XlsxFile:
    """Records of the first visible sheet with data; hidden rows are records like any other."""

    kind = "xlsx"
    encoding = ""
    delimiter = ""

    def __init__(self, file: BinaryIO) -> None:
        """Check the archive and find the sheet. Raises UnreadableFile."""
        _check_archive(file)
        try:
            file.seek(0)
            self._book: Any = shared_texts.open_workbook(file)
        except Exception as error:  # openpyxl has no class for what it cannot read
            raise broken_workbook() from error
        for worksheet in self._book.worksheets:
            if worksheet.sheet_state != "visible":
                continue
            self._worksheet: Any = worksheet
            number, cells = next(self.records(), (0, []))
            if number:
                self.header = cells if number == 1 else []
                return
        raise UnreadableFile(
            _("No visible sheet of the workbook has any data; unhide the sheet, or fill it.")
        )

    def records(self) -> Iterator[tuple[int, list[str]]]:
        """Yield (row number, cells without outer spaces) of filled rows. Raises UnreadableFile."""
        earlier = 0
        try:
            for number, cells in self._parsed_rows():
                if not earlier < number <= ROWS_LIMIT:
                    raise broken_workbook()
                earlier = number
                texts = _texts(cells)
                if texts:
                    yield number, texts
        except UnreadableFile:
            raise
        except Exception as error:  # as above
            raise broken_workbook() from error

    def error_cell(self, cells: list[str]) -> int | None:
        """Return the index of the first cell that shows a spreadsheet error, if any."""
        return next((index for index, cell in enumerate(cells) if cell in _ERRORS), None)

    def share_read(self) -> None:
        """Return nothing: how far a packed sheet has been read is not known."""

    def _parsed_rows(self) -> Iterator[tuple[int, list[dict[str, Any]]]]:
        with self._worksheet._get_source() as source:
            parser = WorkSheetParser(
                source,
                self._worksheet._shared_strings,
                data_only=True,
                epoch=self._book.epoch,
                date_formats=self._book._date_formats,
                timedelta_formats=self._book._timedelta_formats,
            )
            yield from parser.parse()


def _texts(cells: list[dict[str, Any]]) -> list[str]:
    """Return a row's cells by position, up to the last filled one."""
    texts: list[str] = []
    for cell in cells:
        text = _text(cell["value"])
        if not text:
            continue
        column = int(cell["column"])
        if column > _COLUMNS_STANDARD or column <= len(texts):
            raise broken_workbook()
        texts += [""] * (column - 1 - len(texts))
        texts.append(text)
    return texts


def _text(value: object) -> str:
    """Return a value as text: ISO dates, whole numbers without `.0`, numbers never as 1E+11."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        if not math.isfinite(value):
            return "#NUM!"
        # Spreadsheets keep and show 15 digits; the rest is noise of the binary fraction.
        return f"{Decimal(f'{value:.15g}'):f}"
    if isinstance(value, datetime):
        value = value + timedelta(microseconds=500_000)
        return value.date().isoformat() if value.time().replace(microsecond=0) == time(0) else (
            value.isoformat(timespec="seconds")
        )  # fmt: skip
    if isinstance(value, time):
        return value.isoformat(timespec="seconds")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, timedelta):
        minutes, seconds = divmod(round(value.total_seconds()), 60)
        return f"{minutes // 60:02d}:{minutes % 60:02d}:{seconds:02d}"
    return str(value).strip(OUTER)


def _check_archive(file: BinaryIO) -> None:
    """Refuse what unpacks past a limit, is encrypted, or declares a DOCTYPE.

    Sizes are the directory's; zipfile never unpacks a part beyond the size that stands there, and
    fails on its checksum if the directory lied.
    """
    file.seek(0)
    try:
        with zipfile.ZipFile(file) as archive:
            parts = archive.infolist()
            if len(parts) > PARTS_LIMIT:
                raise broken_workbook()
            for part in parts:
                _check_size(part)
            for part in parts:
                _check_prolog(archive, part)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, OSError, ValueError) as error:
        raise broken_workbook() from error


def _check_size(part: zipfile.ZipInfo) -> None:
    name = part.filename.lower()
    limit = PART_LIMIT
    if "worksheets/" in name or not name.endswith((".xml", ".rels")):
        limit = ROWS_PART_LIMIT
    elif "sharedstrings" in name:
        limit = STRINGS_PART_LIMIT
    is_bomb = part.file_size > RATIO_FREE and (
        part.file_size > RATIO_LIMIT * max(part.compress_size, 1)
    )
    if part.file_size > limit or is_bomb:
        raise UnreadableFile(
            _(
                "A part of the workbook unpacks to %(size)d MB, which is more than is accepted."
                " Copy the list alone into a new workbook, or save it as “CSV UTF-8”."
            )
            % {"size": part.file_size // 1_000_000}
        )


def _check_prolog(archive: zipfile.ZipFile, part: zipfile.ZipInfo) -> None:
    """Refuse a DOCTYPE; it can only stand before the first element. Not XML is not our matter."""
    with archive.open(part) as content:
        try:
            next(iterparse(content, events=("start",), forbid_dtd=True), None)
        except DTDForbidden as error:
            raise UnreadableFile(
                _(
                    "The workbook's XML declares a DOCTYPE, which no spreadsheet program writes."
                    " Open it in yours, save it as “Excel workbook (.xlsx)”, and choose that file."
                )
            ) from error
        except ParseError:
            return
