"""Read a CSV or XLSX file as rows of named text cells, with the spreadsheet's own row numbers.

Whatever is wrong with the file as a whole is said before any row is used: `open_sheet` reads it
once from end to end. Rows are then streamed.
"""

from __future__ import annotations

import csv
import io
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, time
from typing import Any, BinaryIO

import openpyxl
from charset_normalizer import from_bytes
from defusedxml import DefusedXmlException
from django.utils.translation import gettext as _
from openpyxl.utils import get_column_letter

COLUMNS_LIMIT = 200
CELL_LIMIT = 10_000  # characters
XLSX_PART_LIMIT = 400_000_000  # bytes of one part, unpacked
# Old encodings that a file may be in, each tried whole.
OLD_ENCODINGS = ("cp874", "big5hkscs", "shift_jis")
_DETECTED = {"cp874": "cp874", "tis_620": "cp874", "iso8859_11": "cp874", "big5": "big5hkscs",
             "big5hkscs": "big5hkscs", "cp950": "big5hkscs", "cp932": "shift_jis",
             "shift_jis": "shift_jis", "shift_jis_2004": "shift_jis",
             "shift_jisx0213": "shift_jis"}  # fmt: skip

csv.field_size_limit(CELL_LIMIT * 4)


class UnreadableFile(Exception):
    """The file as a whole cannot be read; the sentence says how to save it."""


@dataclass(frozen=True, slots=True)
class Row:
    """One filled row: its number in the spreadsheet, and its filled cells by column name."""

    number: int
    cells: dict[str, str]
    problem: str = ""  # why the row itself cannot be used
    problem_column: str = ""


@dataclass(slots=True)
class Sheet:
    kind: str  # "csv" or "xlsx"
    header: list[str]  # as written, outer spaces removed
    encoding: str = ""
    delimiter: str = ""
    _file: BinaryIO = field(default_factory=io.BytesIO, repr=False)
    _worksheet: str = ""

    def rows(self) -> Iterator[Row]:
        """Yield the filled rows, from row 2 on."""
        for number, cells in self._records():
            if number == 1 or not any(cells):
                continue
            yield self._row(number, cells)

    def letter(self, name: str) -> str:
        """Return the spreadsheet's letter of a column: "C"; empty for a name that is not here."""
        names = [known.casefold() for known in self.header]
        return get_column_letter(names.index(name) + 1) if name in names else ""

    def _row(self, number: int, cells: list[str]) -> Row:
        for index, cell in enumerate(cells):
            if cell and index >= len(self.header):
                return Row(number, {}, _("this cell is beyond the header; give its column a name"
                                         " in row 1, or empty it"), get_column_letter(index + 1))  # fmt: skip
            if len(cell) > CELL_LIMIT:
                return Row(number, {}, _("this cell has more than %(limit)d characters")
                           % {"limit": CELL_LIMIT}, get_column_letter(index + 1))  # fmt: skip
        named = zip((name.casefold() for name in self.header), self.header, cells, strict=False)
        keys = {"phone", "line_user_id", "consent", "friend_status"}
        return Row(
            number,
            {low if low in keys else name: cell for low, name, cell in named if cell},
        )

    def _records(self) -> Iterator[tuple[int, list[str]]]:
        self._file.seek(0)
        if self.kind == "csv":
            yield from enumerate(_csv_records(self._file, self.encoding, self.delimiter), start=1)
        else:
            yield from _xlsx_records(self._file, self._worksheet)


def open_sheet(file: BinaryIO) -> Sheet:
    """Return the file as a sheet, checked from end to end. Raises UnreadableFile."""
    file.seek(0)
    start = file.read(4)
    if not start:
        raise UnreadableFile(_("The file is empty; save the sheet again and choose that file."))
    sheet = _open_xlsx(file) if start == b"PK\x03\x04" else _open_csv(file)
    _check_header(sheet)
    filled = 0
    blank_names = {index for index, name in enumerate(sheet.header) if not name}
    try:
        for number, cells in sheet._records():
            if number == 1 or not any(cells):
                continue
            filled += 1
            if any(index < len(cells) and cells[index] for index in blank_names):
                raise UnreadableFile(
                    _("Row %(row)d has a value in a column without a name; name every column in"
                      " row 1.") % {"row": number}
                )  # fmt: skip
    except csv.Error as error:
        raise UnreadableFile(
            _("The file is not proper CSV, perhaps for a quotation mark that is never closed."
              " Save it as “CSV UTF-8” from the spreadsheet.")
        ) from error  # fmt: skip
    except UnicodeDecodeError as error:
        raise _undecodable() from error
    if not filled:
        raise UnreadableFile(_("The file has a header but no filled row under it."))
    return sheet


def recipient_columns(sheet: Sheet) -> None:
    """Raise UnreadableFile unless the sheet says whom its rows are about."""
    names = {name.casefold() for name in sheet.header}
    if not names & {"phone", "line_user_id"}:
        raise UnreadableFile(
            _("Row 1 has neither a column “phone” nor “line_user_id”; name one of them so.")
        )


def _check_header(sheet: Sheet) -> None:
    if not any(sheet.header):
        raise UnreadableFile(_("Row 1 must be the header: write the columns' names there."))
    if len(sheet.header) > COLUMNS_LIMIT:
        raise UnreadableFile(_("The file has more than %(n)d columns.") % {"n": COLUMNS_LIMIT})
    seen: dict[str, int] = {}
    for index, name in enumerate(sheet.header):
        low = name.casefold()
        if low and low in seen:
            raise UnreadableFile(
                _("Columns %(first)s and %(second)s are both named “%(name)s”; keep one, or rename"
                  " the other.")
                % {"first": get_column_letter(seen[low] + 1),
                   "second": get_column_letter(index + 1), "name": name[:40]}
            )  # fmt: skip
        seen[low] = index


# --- CSV


def _open_csv(file: BinaryIO) -> Sheet:
    encoding = _encoding(file)
    text = _text(file, encoding)
    first = text.readline(CELL_LIMIT * COLUMNS_LIMIT)
    text.detach()
    delimiter = next((mark for mark in (",", ";", "\t") if mark in first), ",")
    try:
        header = next(_csv_records(file, encoding, delimiter), [])
    except csv.Error:
        header = []
    while header and not header[-1]:
        header.pop()
    return Sheet("csv", header, encoding, delimiter, file)


def _encoding(file: BinaryIO) -> str:
    file.seek(0)
    start = file.read(4)
    if start.startswith(b"\xef\xbb\xbf"):
        return "utf-8-sig"
    if start[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return "utf-16"
    file.seek(0)
    sample = b""
    decoder_ok = True
    pending = b""
    while block := file.read(1 << 20):
        if b"\x00" in block:
            raise UnreadableFile(
                _("The file holds NUL bytes, so it is no text. Save it as “CSV UTF-8” or XLSX.")
            )
        if len(sample) < 1 << 20:
            sample += block
        if decoder_ok:
            try:
                (pending + block).decode("utf-8")
                pending = b""
            except UnicodeDecodeError as error:
                tail = (pending + block)[error.start :]
                # A character cut by the block's end is not an error yet.
                if error.reason == "unexpected end of data" and len(tail) < 4:
                    pending = tail
                else:
                    decoder_ok = False
    if decoder_ok and not pending:
        return "utf-8"
    return _old_encoding(sample)


def _old_encoding(sample: bytes) -> str:
    best = from_bytes(sample, cp_isolation=list(OLD_ENCODINGS)).best()
    found = _DETECTED.get(best.encoding, "") if best is not None else ""
    if not found:
        raise _undecodable()
    return found


def _undecodable() -> UnreadableFile:
    return UnreadableFile(
        _("The file's characters cannot be read for certain. Save it as “CSV UTF-8” from the"
          " spreadsheet and try again.")
    )  # fmt: skip


def _text(file: BinaryIO, encoding: str) -> io.TextIOWrapper:
    file.seek(0)
    return io.TextIOWrapper(file, encoding=encoding, newline="")


def _csv_records(file: BinaryIO, encoding: str, delimiter: str) -> Iterator[list[str]]:
    text = _text(file, encoding)
    try:
        for record in csv.reader(_lines(text), delimiter=delimiter, strict=True):
            yield [cell.strip() for cell in record]
    finally:
        text.detach()


def _lines(text: io.TextIOWrapper) -> Iterator[str]:
    """Yield lines that end in LF, CRLF or a lone CR; csv itself does not know the last."""
    for line in text:
        if "\x00" in line:
            raise UnreadableFile(
                _("The file holds NUL bytes, so it is no text. Save it as “CSV UTF-8” or XLSX.")
            )
        yield line


# --- XLSX


def _open_xlsx(file: BinaryIO) -> Sheet:
    _check_archive(file)
    try:
        book = openpyxl.load_workbook(file, read_only=True, data_only=True)
    except (
        DefusedXmlException,
        KeyError,
        ValueError,
        OSError,
        zipfile.BadZipFile,
    ) as error:
        raise _broken_xlsx() from error
    try:
        for worksheet in book.worksheets:
            if worksheet.sheet_state != "visible":
                continue
            first = next(_cells(worksheet), None)
            if first is not None:
                header = first[1] if first[0] == 1 else []
                while header and not header[-1]:
                    header.pop()
                return Sheet("xlsx", header, "", "", file, worksheet.title)
    except (DefusedXmlException, ValueError) as error:
        raise _broken_xlsx() from error
    finally:
        book.close()
    raise UnreadableFile(_("No visible sheet of the workbook has any data."))


def _check_archive(file: BinaryIO) -> None:
    """Refuse archives that unpack past the limit, or whose XML declares a DOCTYPE."""
    file.seek(0)
    try:
        with zipfile.ZipFile(file) as archive:
            for part in archive.infolist():
                if part.file_size > XLSX_PART_LIMIT:
                    raise UnreadableFile(
                        _("A part of the workbook unpacks to more than %(limit)d MB; save it as"
                          " CSV.") % {"limit": XLSX_PART_LIMIT // 1_000_000}
                    )  # fmt: skip
                if part.filename.endswith((".xml", ".rels")):
                    with archive.open(part) as content:
                        if re.search(rb"<!DOCTYPE|<!ENTITY", content.read(4096)):
                            raise _broken_xlsx()
    except (
        zipfile.BadZipFile,
        NotImplementedError,
        RuntimeError,
        EOFError,
        OSError,
    ) as error:
        raise _broken_xlsx() from error
    file.seek(0)


def _broken_xlsx() -> UnreadableFile:
    return UnreadableFile(
        _("The workbook cannot be read; open it in the spreadsheet and save it as XLSX again.")
    )


def _xlsx_records(file: BinaryIO, name: str) -> Iterator[tuple[int, list[str]]]:
    book = openpyxl.load_workbook(file, read_only=True, data_only=True)
    try:
        yield from _cells(book[name])
    except DefusedXmlException as error:
        raise _broken_xlsx() from error
    finally:
        book.close()


def _cells(worksheet: Any) -> Iterator[tuple[int, list[str]]]:
    for number, row in enumerate(worksheet.iter_rows(values_only=True), start=1):
        cells = [_cell_text(value) for value in row]
        if any(cells):
            yield number, cells


def _cell_text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, datetime):
        is_date = value.time() == time(0)
        return value.date().isoformat() if is_date else value.isoformat(sep=" ")
    if isinstance(value, date | time):
        return value.isoformat()
    return str(value).strip()
