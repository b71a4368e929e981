"""The refusal of a whole file, and the limits that docs/recipients-file.md tells of."""

from __future__ import annotations

from django.utils.translation import gettext as _

COLUMNS_LIMIT = 200
NAME_LIMIT = 100  # characters of a column's name
CELL_LIMIT = 10_000  # characters of a cell; longer refuses its row
LINE_LIMIT = COLUMNS_LIMIT * CELL_LIMIT  # characters of a line of CSV; longer refuses the file
ROWS_LIMIT = 1_048_576  # of an XLSX sheet, by its own standard
PARTS_LIMIT = 10_000  # files inside an XLSX file
# Bytes of one part of an XLSX file once unpacked. Rows are streamed; shared strings are kept in
# memory while the file is read; anything else is read whole.
ROWS_PART_LIMIT = 400_000_000
STRINGS_PART_LIMIT = 150_000_000
PART_LIMIT = 20_000_000
# A part that unpacks to this many times its size is no sheet that a person saved.
RATIO_LIMIT = 500
RATIO_FREE = 5_000_000  # bytes unpacked, up to which any ratio will do


class UnreadableFile(Exception):
    """The file as a whole cannot be used; the sentence says how to save it, or what row 1 lacks."""

    def __init__(self, sentence: str, *, is_about_columns: bool = False) -> None:
        super().__init__(sentence)
        self.is_about_columns = is_about_columns


def undecodable() -> UnreadableFile:
    return UnreadableFile(
        _(
            "The file's characters cannot be read with certainty. Save it as “CSV UTF-8”, or as an"
            " Excel workbook (.xlsx), and choose that file."
        )
    )


def not_text() -> UnreadableFile:
    return UnreadableFile(
        _(
            "The file holds NUL bytes, so it is not a text file. Save it as “CSV UTF-8”, or as an"
            " Excel workbook (.xlsx), and choose that file."
        )
    )


def broken_workbook() -> UnreadableFile:
    return UnreadableFile(
        _(
            "The file is not an Excel workbook that can be read. Open it in your spreadsheet"
            " program, save it as “Excel workbook (.xlsx)”, and choose that file."
        )
    )
