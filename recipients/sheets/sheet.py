"""A file of people as rows of named text cells, with the spreadsheet's own row numbers.

`open_sheet` reads a file once from end to end, so that whatever is wrong with it as a whole is said
before any row is used; `begin` leaves that to the one reading of who uses nothing before the end.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

from django.utils.translation import gettext as _
from openpyxl.utils import get_column_letter

from recipients.sheets.csv_file import CsvFile
from recipients.sheets.refusals import (
    CELL_LIMIT,
    COLUMNS_LIMIT,
    NAME_LIMIT,
    UnreadableFile,
    broken_workbook,
)
from recipients.sheets.xlsx_file import XlsxFile

# Columns with a meaning; every other one is an attribute, under its name as given.
KEYS = ("phone", "line_user_id", "consent", "friend_status")


@dataclass(frozen=True, slots=True)
class Row:
    """One filled row: its number in the spreadsheet, and its filled cells by column name.

    The names of KEYS are lower-case here, the others as in the header.
    """

    number: int
    cells: dict[str, str]
    problem: str = ""  # why the row itself cannot be used
    problem_column: str = ""  # the letter of the cell at fault, "C"


@dataclass(frozen=True, slots=True)
class Sheet:
    """A file with a header that can be used. `encoding` and `delimiter` are empty for XLSX."""

    kind: str  # "csv" or "xlsx"
    header: list[str]  # as written, outer spaces removed
    encoding: str  # as people know it, "UTF-8"
    delimiter: str
    _source: CsvFile | XlsxFile = field(repr=False)

    def records(self) -> Iterator[tuple[int, list[str]]]:
        """Yield (row number, cells) of the filled rows, from row 2 on; may be called again.

        Raises UnreadableFile, also in the midst of the rows: what was yielded before counts for
        nothing then.
        """
        nameless = [index for index, name in enumerate(self.header) if not name]
        has_rows = False
        for number, cells in self._source.records():
            if number == 1 or not any(cells):
                continue
            has_rows = True
            for index in nameless:
                if index < len(cells) and cells[index]:
                    raise UnreadableFile(
                        _(
                            "Row %(row)d has a value in column %(column)s, which has no name. Name"
                            " every filled column in row 1, or empty that one."
                        )
                        % {"row": number, "column": get_column_letter(index + 1)},
                        is_about_columns=True,
                    )
            yield number, cells
        if not has_rows:
            raise UnreadableFile(
                _("The file has a header but no filled row under it. Add the people, one row each.")
            )

    def rows(self) -> Iterator[Row]:
        """Yield the filled rows as `records` does, their cells by name."""
        names = [_folded(name) if _folded(name) in KEYS else name for name in self.header]
        for number, cells in self.records():
            if fault := self.fault(cells):
                yield Row(number, {}, *fault)
            else:
                filled = {name: cell for name, cell in zip(names, cells, strict=False) if cell}
                yield Row(number, filled)

    def fault(self, cells: list[str]) -> tuple[str, str] | None:
        """Return why a row cannot be used and the letter of its first cell at fault, if so."""
        width = len(self.header)
        error = self._source.error_cell(cells)
        if error is None and len(cells) <= width and max(map(len, cells)) <= CELL_LIMIT:
            return None
        for index, cell in enumerate(cells):
            problem = ""
            if cell and index >= width:
                problem = _(
                    "this cell is beyond the header; empty it, or give its column a name in row 1"
                )
            elif len(cell) > CELL_LIMIT:
                problem = _("this cell has more than %(limit)d characters; shorten it") % {
                    "limit": CELL_LIMIT
                }
            elif index == error:
                problem = _("this cell shows a spreadsheet error; correct its formula")
            if problem:
                return problem, get_column_letter(index + 1)
        return None

    def share_read(self) -> float | None:
        """Return which share of the file has been read, from 0 to 1; None where nothing tells."""
        return self._source.share_read()

    def letter(self, name: str) -> str:
        """Return the spreadsheet's letter of a column: "C"; empty for a name that is not here."""
        names = [_folded(known) for known in self.header]
        folded = _folded(name)
        return get_column_letter(names.index(folded) + 1) if folded and folded in names else ""


def begin(file: BinaryIO) -> Sheet:
    """Return a seekable file as a sheet; only its header is read. Raises UnreadableFile.

    Its content decides what it is, not its name.
    """
    source = _source(file)
    _check_header(source.header)
    return Sheet(source.kind, source.header, source.encoding, source.delimiter, source)


def open_sheet(file: BinaryIO) -> Sheet:
    """Return a seekable file as a sheet, checked from end to end. Raises UnreadableFile."""
    sheet = begin(file)
    for _record in sheet.records():
        pass
    return sheet


def recipient_columns(sheet: Sheet) -> None:
    """Raise UnreadableFile unless the sheet says whom its rows are about."""
    if not (sheet.letter("phone") or sheet.letter("line_user_id")):
        raise UnreadableFile(
            _("Row 1 has neither a column “phone” nor “line_user_id”; name one of them so."),
            is_about_columns=True,
        )


def _source(file: BinaryIO) -> CsvFile | XlsxFile:
    file.seek(0)
    start = file.read(8)
    if not start:
        raise UnreadableFile(_("The file is empty. Save the sheet again and choose that file."))
    if start[:2] == b"PK" and start[2:4] in (b"\x03\x04", b"\x05\x06", b"\x07\x08"):
        return XlsxFile(file)
    if start == b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1":  # an .xls, or a workbook with a password
        raise UnreadableFile(
            _(
                "The file is an old Excel workbook (.xls) or is protected by a password. Save it"
                " without a password as “Excel workbook (.xlsx)” and choose that file."
            )
        )
    if start.startswith(b"%PDF"):
        raise broken_workbook()
    return CsvFile(file)


def _check_header(header: list[str]) -> None:
    """Raise UnreadableFile with every problem of row 1 at once, a sentence each."""
    if not any(header):
        raise UnreadableFile(
            _("Row 1 is empty. Write the columns' names there: phone, consent and so on."),
            is_about_columns=True,
        )
    if len(header) > COLUMNS_LIMIT:
        raise UnreadableFile(
            _("The file has more than %(limit)d columns. Delete those that messages do not need.")
            % {"limit": COLUMNS_LIMIT},
            is_about_columns=True,
        )
    problems = []
    seen: dict[str, int] = {}
    for index, name in enumerate(header):
        column = get_column_letter(index + 1)
        if len(name) > NAME_LIMIT:
            problems.append(
                _("The name of column %(column)s has more than %(limit)d characters; shorten it.")
                % {"column": column, "limit": NAME_LIMIT}
            )
        folded = _folded(name)
        if folded and folded in seen:
            problems.append(
                _(
                    "Columns %(first)s and %(second)s are both named “%(name)s”. Delete one of"
                    " them, or give it another name."
                )
                % {"first": get_column_letter(seen[folded] + 1), "second": column, "name": name}
            )
        seen.setdefault(folded, index)
    if problems:
        raise UnreadableFile("\n".join(problems), is_about_columns=True)


def _folded(name: str) -> str:
    """Letter case and outer spaces of a column's name do not count."""
    return name.strip().casefold()
