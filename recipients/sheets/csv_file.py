"""A CSV file as records: its encoding and delimiter are found, the rest is Python's csv module."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import BinaryIO

from django.utils.translation import gettext as _

from recipients.sheets import encodings
from recipients.sheets.refusals import LINE_LIMIT, UnreadableFile, not_text, undecodable

_DELIMITERS = (",", ";", "\t")
# Cells end where what is seen ends: spaces of every script, and what cannot be seen at all.
OUTER = " \t\r\n\v\f\x1c\x1d\x1e\x1f\x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000\u00ad" + "".join(
    map(chr, (*range(0x2000, 0x2010), *range(0x202A, 0x202F), *range(0x2060, 0x2065), 0xFEFF))
)


class CsvFile:
    """Records of a file, as often as asked for; nothing but the record at hand is in memory."""

    kind = "csv"

    def __init__(self, file: BinaryIO) -> None:
        """Find encoding and delimiter. Raises UnreadableFile."""
        self._file = file
        self._size = max(file.seek(0, io.SEEK_END), 1)
        self._codec = encodings.find(file)
        self.encoding = encodings.NAMES[self._codec]
        self.delimiter, self.header = self._read_header()

    def records(self) -> Iterator[tuple[int, list[str]]]:
        """Yield (row number, cells without outer spaces), the header too. Raises UnreadableFile."""
        yield from self._records(self.delimiter)

    def error_cell(self, cells: list[str]) -> int | None:
        """Return nothing: text holds no spreadsheet errors (see `xlsx_file`)."""

    def share_read(self) -> float:
        """Return which share of the file's bytes has been read."""
        return self._file.tell() / self._size

    def _read_header(self) -> tuple[str, list[str]]:
        """Return the delimiter that splits row 1, and its names: the comma if it does."""
        found: list[tuple[str, list[str]]] = []
        refusal: UnreadableFile | None = None
        for delimiter in _DELIMITERS:
            try:
                _number, header = next(self._records(delimiter), (1, []))
            except UnreadableFile as error:  # with another delimiter the quotes may be right
                refusal = refusal or error
                continue
            if delimiter == "," and len(header) > 1:
                return delimiter, header
            found.append((delimiter, header))
        if refusal and not any(len(header) > 1 for _delimiter, header in found):
            raise refusal
        return max(found, key=lambda item: len(item[1]))

    def _records(self, delimiter: str) -> Iterator[tuple[int, list[str]]]:
        self._file.seek(0)
        text = io.TextIOWrapper(self._file, encoding=self._codec, newline="")
        number = 0
        try:
            # A space after the delimiter would hide the quotation mark that follows it.
            reader = csv.reader(
                _lines(text), delimiter=delimiter, strict=True, skipinitialspace=True
            )
            for number, record in enumerate(reader, start=1):
                yield number, [cell.strip(OUTER) for cell in record]
        except csv.Error as error:
            raise _misquoted(number + 1, error) from error
        except UnicodeError as error:
            raise undecodable() from error
        finally:
            text.detach()


def _lines(text: io.TextIOWrapper) -> Iterator[str]:
    """Yield lines that end in LF, CRLF or a lone CR (so `newline=""` splits them)."""
    while line := text.readline(LINE_LIMIT):
        if "\x00" in line:
            raise not_text()
        if len(line) == LINE_LIMIT:
            raise UnreadableFile(
                _(
                    "The file has a line of more than %(limit)d characters, so it is not a list of"
                    " people. Save the sheet as “CSV UTF-8” and choose that file."
                )
                % {"limit": LINE_LIMIT}
            )
        yield line


def _misquoted(row: int, error: csv.Error) -> UnreadableFile:
    if "unexpected end of data" in str(error) or "field larger" in str(error):
        return UnreadableFile(
            _(
                "A quotation mark opened in row %(row)d is never closed. Close or remove it, or"
                " save the sheet again as “CSV UTF-8”."
            )
            % {"row": row}
        )
    return UnreadableFile(
        _(
            "Row %(row)d has text after a closing quotation mark. Double the quotation marks inside"
            " a quoted cell, or save the sheet again as “CSV UTF-8”."
        )
        % {"row": row}
    )
